/** The client for everything that is fetched, made of the flags, the environment and auth.d. */
import type { ConfigDirs } from '../config/dirs';
import { loadKind } from '../config/load';
import { credentialTable } from '../image/fetch/http/authorization';
import { HttpClient } from '../image/fetch/http/client';
import type { HttpSettings } from '../image/fetch/http/settings';
import type { WebSettings } from '../usecases/services';
import type { Globals } from './globals';

export const webClient = (
  { insecureOptions }: Globals,
  env: HttpSettings['env'],
  dirs: ConfigDirs,
  { forKeys = false, plainHttp = false, ...settings }: WebSettings,
): HttpClient =>
  new HttpClient({
    env,
    insecure: forKeys
      ? {
          http: plainHttp || insecureOptions.has('pubkey'),
          tls: insecureOptions.has('pubkey') && insecureOptions.has('tls'),
        }
      : { http: plainHttp || insecureOptions.has('http'), tls: insecureOptions.has('tls') },
    credentials: credentialTable(loadKind(dirs, 'auth')),
    ...settings,
  });
