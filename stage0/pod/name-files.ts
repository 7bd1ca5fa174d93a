/** Text of /etc/resolv.conf and /etc/hosts as the apps of a pod see them (appc O13–O15, rkt-cli.md §1.3). */
import { PodctlError } from '#kernel/errors';
import type { NameFiles, PodSpec } from '../../stage1/plan/spec';
import { readBounded } from '../files/read-bounded';

/** `default`: the host's with the host's network, else what the image has. */
export type DnsOptions =
  | { readonly kind: 'default' | 'host' | 'none' }
  | {
      readonly kind: 'own';
      readonly servers: readonly string[];
      readonly search: readonly string[];
      readonly options: readonly string[];
      readonly domain: string | undefined;
    };

export type HostsOptions =
  | { readonly kind: 'host' }
  /** Without entries an image's own file stays (O15). */
  | { readonly kind: 'own'; readonly entries: readonly HostsEntry[] };

export interface HostsEntry {
  readonly address: string;
  readonly names: readonly string[];
}

const RESOLV_CONF = '/etc/resolv.conf';
const HOSTS = '/etc/hosts';
/** Hosts files that block advertisers have some hundred kilobytes; a plan has at most 4 MiB, its quoting included. */
const MAX_BYTES = 1024 * 1024;

/** @throws PodctlError `io` if a file of the host is asked for and cannot be read */
export function nameFiles(
  hostname: string,
  network: PodSpec['network'],
  dns: DnsOptions,
  hosts: HostsOptions,
): NameFiles {
  return {
    resolvConf: resolvConf(network, dns),
    hosts: hosts.kind === 'host' ? hostFile(HOSTS) : hostsText(hostname, hosts.entries),
    replaceHosts: hosts.kind === 'host' || hosts.entries.length > 0,
  };
}

function resolvConf(network: PodSpec['network'], dns: DnsOptions): string | undefined {
  if (dns.kind === 'own') return resolvText(dns);
  if (dns.kind === 'host') return hostFile(RESOLV_CONF);
  return dns.kind === 'default' && network === 'host' ? hostFileIfThere(RESOLV_CONF) : undefined;
}

export function resolvText({ servers, search, options, domain }: Extract<DnsOptions, { kind: 'own' }>): string {
  const lines = [
    ...(domain === undefined ? [] : [`domain ${domain}`]),
    ...(search.length === 0 ? [] : [`search ${search.join(' ')}`]),
    ...servers.map((server) => `nameserver ${server}`),
    ...(options.length === 0 ? [] : [`options ${options.join(' ')}`]),
  ];
  return `${lines.join('\n')}\n`;
}

/** 127.0.1.1 is where Debian puts a host's own name if it has no address that lasts. */
export function hostsText(hostname: string, entries: readonly HostsEntry[]): string {
  const lines = [
    '127.0.0.1\tlocalhost',
    '::1\tlocalhost ip6-localhost ip6-loopback',
    `127.0.1.1\t${hostname}`,
    ...entries.map(({ address, names }) => `${address}\t${names.join(' ')}`),
  ];
  return `${lines.join('\n')}\n`;
}

function hostFileIfThere(path: string): string | undefined {
  try {
    return hostFile(path);
  } catch (error) {
    // ignored: a host without the file has no answer to give, and the image's own is as good as any
    if (error instanceof PodctlError) return undefined;
    throw error;
  }
}

function hostFile(path: string): string {
  let content: Buffer | undefined;
  try {
    content = readBounded(path, MAX_BYTES);
  } catch (cause) {
    throw new PodctlError('io', `cannot read the host's ${path}`, { cause });
  }
  if (content === undefined) throw new PodctlError('io', `the host's ${path} is larger than ${MAX_BYTES} bytes`);
  // A plan is text without NUL, and so are these files.
  return content.toString('utf8').replaceAll('\0', '');
}
