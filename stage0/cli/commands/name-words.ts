/** `--dns`, `--dns-search`, `--dns-opt`, `--dns-domain`, `--hosts-entry` (rkt-cli.md §1.3). */
import { PodctlError } from '#kernel/errors';
import type { DnsOptions, HostsEntry, HostsOptions } from '../../pod/name-files';

interface DnsFlags {
  readonly dns: readonly string[];
  readonly dnsSearch: readonly string[];
  readonly dnsOpt: readonly string[];
  readonly dnsDomain: string | undefined;
}

/** IPv4 or IPv6, the latter with a zone. Without node:net, which costs a start 3 ms. */
function isAddress(text: string): boolean {
  const parts = text.split('.');
  if (parts.length === 4) return parts.every((part) => /^(?:0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255);
  const [address = ''] = text.split('%');
  return /^[0-9a-fA-F:.]+(?:%[\w.-]+)?$/.test(text) && text.includes(':') && URL.canParse(`http://[${address}]/`);
}

const isWord = (text: string): boolean => /^[\w.:/-]+$/.test(text);

function requireWords(flag: string, words: readonly string[]): void {
  const bad = words.find((word) => !isWord(word));
  if (bad !== undefined) throw new PodctlError('usage', `${flag}=${bad}: not one word`);
}

/** @throws PodctlError `usage` */
export function dnsOf({ dns, dnsSearch, dnsOpt, dnsDomain }: DnsFlags): DnsOptions {
  requireWords('--dns-search', dnsSearch);
  requireWords('--dns-opt', dnsOpt);
  requireWords('--dns-domain', dnsDomain === undefined ? [] : [dnsDomain]);
  const said = dns.length + dnsSearch.length + dnsOpt.length + (dnsDomain === undefined ? 0 : 1);
  const [first] = dns;
  if (said === 0) return { kind: 'default' };
  if (said === 1 && (first === 'host' || first === 'none')) return { kind: first };
  for (const server of dns) {
    if (server === 'host' || server === 'none')
      throw new PodctlError('usage', `--dns=${server} cannot be combined with other name server flags`);
    if (!isAddress(server)) throw new PodctlError('usage', `--dns=${server}: neither an IP address nor host nor none`);
  }
  return { kind: 'own', servers: dns, search: dnsSearch, options: dnsOpt, domain: dnsDomain };
}

/** Names of one address, however often it stands there, are on one line. @throws PodctlError `usage` */
export function hostsOf(written: readonly string[]): HostsOptions {
  const words = written.flatMap((text) => text.split(',')).filter((word) => word !== '');
  if (words.includes('host')) {
    if (words.every((word) => word === 'host')) return { kind: 'host' };
    throw new PodctlError('usage', '--hosts-entry=host cannot be combined with entries');
  }
  const entries = new Map<string, string[]>();
  for (const word of words) {
    const at = word.indexOf('=');
    const [address, name] = [word.slice(0, at), word.slice(at + 1)];
    if (at < 0 || !isAddress(address) || !isWord(name))
      throw new PodctlError('usage', `--hosts-entry=${word}: not IP=NAME, and not host`);
    entries.set(address, [...(entries.get(address) ?? []), name]);
  }
  return { kind: 'own', entries: [...entries].map(([address, names]): HostsEntry => ({ address, names })) };
}
