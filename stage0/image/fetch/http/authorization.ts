/** From the operator's credentials (auth.d) to the headers of a request. */
import type { Credentials } from '../../../config/kinds';
import { signAws } from './aws';

/** `host`, or `host:port` where the port is not the scheme's own. */
export const authorityOf = ({ host }: URL): string => host.toLowerCase();

/** A table of auth.d by authority, its keys written in any way: `Example.COM`, `example.com:443`. */
export function credentialTable(
  configured: ReadonlyMap<string, Credentials>,
): (authority: string) => Credentials | undefined {
  const table = new Map([...configured].map(([key, value]) => [key.toLowerCase().replace(/:443$/, ''), value]));
  return (authority) => table.get(authority);
}

/** @param range value of the request's Range header, which AWS signs, too @param now ms since the epoch */
export function authorization(
  url: URL,
  range: string | undefined,
  credentials: Credentials,
  now: number,
): Record<string, string> {
  switch (credentials.type) {
    case 'basic': {
      const pair = `${credentials.user}:${credentials.password}`;
      return { authorization: `Basic ${Buffer.from(pair).toString('base64')}` };
    }
    case 'oauth':
      return { authorization: `Bearer ${credentials.token}` };
    case 'aws':
      return signAws(url, range, credentials, now);
  }
}
