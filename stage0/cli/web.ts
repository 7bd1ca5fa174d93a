/** The client for everything that is fetched, made of the flags, the environment and auth.d. */
import type { ConfigDirs } from '../config/dirs';
import { loadKind } from '../config/load';
import { credentialTable } from '../image/fetch/http/authorization';
import { HttpClient } from '../image/fetch/http/client';
import type { HttpSettings } from '../image/fetch/http/settings';
import type { Globals } from './globals';

export const webClient = (
  { insecureOptions }: Globals,
  env: HttpSettings['env'],
  dirs: ConfigDirs,
  settings: Pick<HttpSettings, 'signal' | 'onRetry'>,
): HttpClient =>
  new HttpClient({
    env,
    insecure: { http: insecureOptions.has('http'), tls: insecureOptions.has('tls') },
    credentials: credentialTable(loadKind(dirs, 'auth')),
    ...settings,
  });
