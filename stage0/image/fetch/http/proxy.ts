/** Which proxy the environment names for a URL (the variables of curl and of Go programs, rkt among them). */
import { BlockList, isIP } from 'node:net';
import { PodctlError } from '#kernel/errors';

type Environment = Readonly<Record<string, string | undefined>>;

/** The proxy to go through, or undefined for none. @throws PodctlError `config-invalid` */
export function proxyFor(url: URL, env: Environment): URL | undefined {
  const written = proxyVariable(url.protocol === 'https:' ? 'https_proxy' : 'http_proxy', env);
  if (written === undefined || isExcepted(url, env)) return undefined;
  const text = /^[a-z][a-z0-9+.-]*:\/\//i.test(written) ? written : `http://${written}`;
  const proxy = URL.canParse(text) ? new URL(text) : undefined;
  if (proxy !== undefined && (proxy.protocol === 'http:' || proxy.protocol === 'https:') && proxy.hostname !== '') {
    return proxy;
  }
  throw new PodctlError('config-invalid', `the environment names a proxy that is not an http or https URL`, {
    hint: 'correct or unset http_proxy, https_proxy and all_proxy',
  });
}

/**
 * A CGI program's HTTP_PROXY is a header of whoever calls it, so upper case counts for http only where there is no CGI.
 */
function proxyVariable(name: string, env: Environment): string | undefined {
  const upper = name.toUpperCase();
  const trusted = upper !== 'HTTP_PROXY' || env['REQUEST_METHOD'] === undefined;
  const found = env[name] || (trusted ? env[upper] : undefined) || env['all_proxy'] || env['ALL_PROXY'];
  return found === undefined || found === '' ? undefined : found;
}

/** no_proxy: `*`, names with all below them, addresses, networks, each with a port or without. */
function isExcepted(url: URL, env: Environment): boolean {
  const host = bare(url.hostname);
  if (host === 'localhost' || host.endsWith('.localhost') || isLoopback(host)) return true;
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  const entries = (env['no_proxy'] || env['NO_PROXY'] || '').split(',').map((entry) => entry.trim().toLowerCase());
  return entries.some((entry) => entry !== '' && excepts(entry, host, port));
}

function excepts(entry: string, host: string, port: string): boolean {
  if (entry === '*') return true;
  const [, name = entry, wantedPort] = /^(\[[^\]]*\]|[^:]*):(\d+)$/.exec(entry) ?? [];
  if (wantedPort !== undefined && wantedPort !== port) return false;
  const wanted = bare(name);
  if (wanted.includes('/')) return inNetwork(wanted, host);
  if (isIP(wanted) !== 0) return wanted === host;
  const domain = wanted.replace(/^\*?\.+/, '');
  return host === domain ? !wanted.startsWith('.') : host.endsWith(`.${domain}`);
}

const bare = (host: string): string => host.replace(/^\[|\]$/g, '');

const isLoopback = (host: string): boolean => host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));

function inNetwork(network: string, host: string): boolean {
  const [address = '', bits = ''] = network.split('/');
  const family = isIP(address);
  const length = /^\d{1,3}$/.test(bits) ? Number(bits) : -1;
  if (family === 0 || isIP(host) !== family || length < 0 || length > (family === 4 ? 32 : 128)) return false;
  const list = new BlockList();
  const kind = family === 4 ? 'ipv4' : 'ipv6';
  list.addSubnet(address, length, kind);
  return list.check(host, kind);
}
