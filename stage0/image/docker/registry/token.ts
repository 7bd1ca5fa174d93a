/** Tokens of registries (distribution "token authentication", and its OAuth 2 variant for identity tokens). */
import { PodctlError } from '#kernel/errors';
import type { HttpClient } from '../../fetch/http/client';
import { malformed, shownUrl } from '../../fetch/http/failure';
import { parseJson } from '../../json';
import type { Challenge } from './challenge';
import { basicAuthorization, type RegistryCredentials } from './credentials';
import { refusal } from './registry-error';

export interface Token {
  /** Value of the Authorization header. */
  readonly authorization: string;
  /** Ms since the epoch. */
  readonly expiresAt: number;
  /** What the next token may be had with, if the server gave a new one. */
  readonly identity: string | undefined;
}

/** Servers that say nothing mean this (distribution specification). */
const DEFAULT_SECONDS = 60;
const LONGEST_SECONDS = 24 * 3600;
const MAX_REPLY = 256 * 1024;
/** Servers take headers of some 32 KiB at most. */
const MAX_TOKEN = 30 * 1024;
const CLIENT = 'podctl';

export interface TokenRequest {
  readonly challenge: Challenge;
  /** Where the challenge came from; credentials are sent on encrypted only if they would have been there. */
  readonly registry: URL;
  /** `repository:library/busybox:pull`, if the challenge says nothing else. */
  readonly scope: string;
  readonly credentials: RegistryCredentials | undefined;
}

/** @throws PodctlError `registry-denied`, `fetch-*`, `interrupted` */
export async function fetchToken(client: HttpClient, request: TokenRequest, now: () => number): Promise<Token> {
  const { challenge, credentials, registry } = request;
  const realm = realmOf(challenge, registry);
  const what = `token for ${request.scope}`;
  const reply =
    credentials?.kind === 'identity'
      ? await client.ask(realm, { accept: 'application/json' }, { form: form(request, credentials.token) })
      : await client.ask(query(realm, request), { accept: 'application/json' }, { authorization: basic(credentials) });
  if (reply.status !== 200) throw await refusal(client, reply, what);
  const { bytes, cut } = await client.head(reply, MAX_REPLY);
  if (cut) throw malformed(realm, `its token has more than ${MAX_REPLY} bytes`);
  return decodeToken(bytes, realm, now());
}

/** @throws PodctlError `registry-denied` */
function realmOf({ parameters }: Challenge, registry: URL): URL {
  const written = parameters.get('realm') ?? '';
  const realm = URL.canParse(written) ? new URL(written) : undefined;
  const refuse = (why: string): PodctlError =>
    new PodctlError('registry-denied', `${registry.host} asks for a token from ${why}`);
  if (realm === undefined || !['http:', 'https:'].includes(realm.protocol)) throw refuse('what is not an http URL');
  if (realm.username !== '' || realm.password !== '') throw refuse('a URL with a password');
  if (registry.protocol === 'https:' && realm.protocol !== 'https:') {
    throw new PodctlError('fetch-insecure', `${registry.host} asks for a token from ${shownUrl(realm)}, unencrypted`);
  }
  return realm;
}

const scopesOf = ({ challenge, scope }: TokenRequest): readonly string[] => {
  const asked = (challenge.parameters.get('scope') ?? '').split(' ').filter((one) => one !== '');
  return asked.length === 0 ? [scope] : asked;
};

function query(realm: URL, request: TokenRequest): URL {
  const url = new URL(realm);
  const service = request.challenge.parameters.get('service');
  if (request.credentials?.kind === 'basic') url.searchParams.set('account', request.credentials.user);
  if (service !== undefined) url.searchParams.set('service', service);
  for (const scope of scopesOf(request)) url.searchParams.append('scope', scope);
  return url;
}

function form(request: TokenRequest, identity: string): URLSearchParams {
  const service = request.challenge.parameters.get('service');
  return new URLSearchParams({
    grant_type: 'refresh_token',
    client_id: CLIENT,
    refresh_token: identity,
    scope: scopesOf(request).join(' '),
    ...(service === undefined ? {} : { service }),
  });
}

const basic = (credentials: RegistryCredentials | undefined): string | undefined =>
  credentials?.kind === 'basic' ? basicAuthorization(credentials) : undefined;

/** @throws PodctlError `fetch-response-invalid` */
function decodeToken(bytes: Buffer, realm: URL, now: number): Token {
  let document: Readonly<Record<string, unknown>>;
  try {
    const value = parseJson(bytes);
    if (typeof value !== 'object' || value === null) throw new Error('not an object');
    document = value as Readonly<Record<string, unknown>>;
  } catch (cause) {
    throw new PodctlError('fetch-response-invalid', `${shownUrl(realm)}: the token server's answer is not JSON`, {
      cause,
    });
  }
  const token = [document['token'], document['access_token']].find((one) => typeof one === 'string' && one !== '');
  if (typeof token !== 'string' || token.length > MAX_TOKEN || !/^[\x21-\x7e]+$/.test(token)) {
    throw malformed(realm, 'there is no usable token in the answer of the token server');
  }
  const { expires_in: seconds, refresh_token: identity } = document;
  const life = typeof seconds === 'number' && seconds > 0 ? Math.min(seconds, LONGEST_SECONDS) : DEFAULT_SECONDS;
  return {
    authorization: `Bearer ${token}`,
    expiresAt: now + life * 1000,
    identity: typeof identity === 'string' && identity !== '' ? identity : undefined,
  };
}
