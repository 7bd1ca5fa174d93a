/** What can go wrong with a request, in podctl's terms. */
import { messageOf, PodctlError } from '#kernel/errors';

/** A URL for people: without user, password and query, which may be secrets. */
export const shownUrl = ({ protocol, host, pathname, search }: URL): string =>
  `${protocol}//${host}${pathname}${search === '' || search === '?ac-discovery=1' ? search : '?…'}`;

const codeOf = (error: unknown): string => {
  const own = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (own !== '' || !(error instanceof AggregateError)) return own;
  return codeOf(error.errors[0]);
};

const REASONS: Readonly<Record<string, string>> = {
  ENOTFOUND: 'no host has this name',
  EAI_AGAIN: 'the name cannot be resolved now',
  ECONNREFUSED: 'the connection was refused',
  ECONNRESET: 'the connection was broken off',
  EPIPE: 'the connection was broken off',
  EHOSTUNREACH: 'there is no way to the host',
  ENETUNREACH: 'there is no way to the network',
  ETIMEDOUT: 'the host does not answer',
};

/** X.509 and TLS failures of OpenSSL and Node. */
const TLS =
  /^(?:ERR_TLS_|ERR_SSL_|CERT_|CRL_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|HOSTNAME_MISMATCH|INVALID_CA|PATH_LENGTH_|EPROTO)/;

/** Anything a socket, TLS or the HTTP parser may fail with, as an error of podctl's. */
export function failureOf(error: unknown, url: URL): PodctlError {
  if (error instanceof PodctlError) return error;
  const code = codeOf(error);
  const where = shownUrl(url);
  if (TLS.test(code)) {
    return new PodctlError('fetch-tls', `${where}: the server does not prove who it is: ${messageOf(error)}`, {
      cause: error,
    });
  }
  if (code.startsWith('HPE_') || code === 'ERR_HTTP_INVALID_HEADER_VALUE') {
    const why = code === 'HPE_HEADER_OVERFLOW' ? 'its header is too large' : messageOf(error);
    return new PodctlError('fetch-response-invalid', `${where}: the answer is not HTTP: ${why}`, { cause: error });
  }
  const why = REASONS[code] ?? messageOf(error);
  return new PodctlError('fetch-unreachable', `${where}: ${why}`, { cause: error });
}

export const timedOut = (url: URL, what: string, ms: number): PodctlError =>
  new PodctlError('fetch-timeout', `${shownUrl(url)}: ${what} within ${ms / 1000} seconds`);

/** A signal ended it. */
export const interruption = (url: URL, cause?: unknown): PodctlError =>
  new PodctlError('interrupted', `${shownUrl(url)}: interrupted`, { cause });

export const refusedStatus = (url: URL, status: number): PodctlError =>
  new PodctlError('fetch-status', `${shownUrl(url)}: the server answered with status ${status}`, {
    ...(status === 401 || status === 403 || status === 407
      ? { hint: 'credentials for the host belong into auth.d (podctlKind "auth")' }
      : {}),
  });

export const malformed = (url: URL, why: string): PodctlError =>
  new PodctlError('fetch-response-invalid', `${shownUrl(url)}: ${why}`);
