/** What a client is made of: limits, times, and the few things of the world that it needs. All times in milliseconds. */
import type { Credentials } from '../../../config/kinds';
import type { HostCertificates } from './certificates';

export interface Timeouts {
  /** Name resolution, TCP, the proxy and TLS together. */
  readonly connectMs: number;
  /** From the request to the end of the response's header. */
  readonly headersMs: number;
  /** The body has to bring MIN_BYTES in every span of this length. */
  readonly idleMs: number;
  /** A small document has to be complete after this. */
  readonly documentMs: number;
}

export interface RetryPolicy {
  /** How often a request is made in all. */
  readonly attempts: number;
  /** The first pause; each further one may be twice as long, up to `capMs`. The real one is a random part of it. */
  readonly baseMs: number;
  readonly capMs: number;
  /** A server that asks for more patience than this (Retry-After) is taken to have refused. */
  readonly longestRetryAfterMs: number;
}

export interface Place {
  readonly host: string;
  readonly port: number;
}

/** Where a host and port are found; tests lead names to servers of their own. */
export type Dial = (host: string, port: number) => Place;

export interface HttpSettings {
  /** Names proxies (http_proxy, https_proxy, no_proxy) and certificates (SSL_CERT_FILE, NODE_EXTRA_CA_CERTS). */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Whether plain http may be used at all, and whether certificates need not be valid. */
  readonly insecure: { readonly http: boolean; readonly tls: boolean };
  /** What the operator configured for a `host` or `host:port` (auth.d). */
  readonly credentials: (authority: string) => Credentials | undefined;
  /** What is configured for a server, by the `host` or `host:port` of its URLs. */
  readonly certificates?: (authority: string) => HostCertificates | undefined;
  readonly timeouts?: Timeouts;
  readonly retry?: RetryPolicy;
  readonly dial?: Dial;
  /** Ends everything under way with the error `interrupted`. */
  readonly signal?: AbortSignal | undefined;
  /** Told before each pause. */
  readonly onRetry?: (url: string, why: string, delayMs: number) => void;
}

export const TIMEOUTS: Timeouts = { connectMs: 30_000, headersMs: 60_000, idleMs: 30_000, documentMs: 60_000 };
export const RETRY: RetryPolicy = { attempts: 4, baseMs: 1000, capMs: 15_000, longestRetryAfterMs: 60_000 };

/** 136 bytes a second: the worst link that is worth waiting for. Less is a server that holds on to its clients. */
export const MIN_BYTES = 4096;
/** Twice what Node and most servers take. */
export const MAX_HEADER_BYTES = 32 * 1024;
/** As many as browsers follow within a site and its mirrors; more is a loop. */
export const MAX_REDIRECTS = 10;
