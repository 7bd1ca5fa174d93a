/** Requests to one repository of one registry (OCI distribution specification 1.1): scheme, authorization, refusals. */
import { PodctlError } from '#kernel/errors';
import type { HttpClient } from '../../fetch/http/client';
import type { Reply } from '../../fetch/http/exchange';
import { Authorizer } from './authorizer';
import type { CredentialSource } from './credentials';
import type { Endpoint } from './mirrors';
import { registryHost, repositoryOf } from './reference';
import { refusal } from './registry-error';

/** Nothing sent, something sent, and once more with another token: more is a registry that asks for ever. */
const MAX_ROUNDS = 3;

export class RegistryApi {
  readonly endpoint: Endpoint;
  readonly #client: HttpClient;
  readonly #authorizer: Authorizer;
  #scheme: 'https' | 'http' = 'https';
  /** Whether the scheme is known to be right. */
  #isSure = false;

  constructor(client: HttpClient, endpoint: Endpoint, credentials: CredentialSource) {
    this.endpoint = endpoint;
    this.#client = client;
    this.#authorizer = new Authorizer(client, repositoryOf(endpoint), endpoint.path, credentials);
  }

  /** Where something below the repository lies: `manifests/latest`. */
  url(below: string): URL {
    const { domain, path } = this.endpoint;
    return new URL(`${this.#scheme}://${registryHost(domain)}/v2/${path}/${below}`);
  }

  /**
   * The answer, if its status is one of `wanted`.
   * @param what is asked for, for people
   * @throws PodctlError `registry-*`, `credentials-failed`, `config-invalid`, `fetch-*`, `interrupted`
   */
  async get(
    below: string,
    headers: Readonly<Record<string, string>>,
    wanted: readonly number[],
    what: string,
  ): Promise<Reply> {
    for (let round = 1; ; round += 1) {
      const sent = await this.#authorizer.authorization(this.url(below));
      const reply = await this.#ask(below, headers, sent);
      if (wanted.includes(reply.status)) return reply;
      const { origin } = this.url(below);
      // A question of a host that the registry sent us to is no question of the registry.
      const asks = reply.status === 401 && reply.url.origin === origin && round < MAX_ROUNDS;
      const challenge = reply.headers['www-authenticate'] ?? '';
      const refused = await refusal(this.#client, reply, what);
      if (!asks || !(await this.#authorizer.challenged(new URL(origin), sent, challenge))) throw refused;
    }
  }

  async #ask(below: string, headers: Readonly<Record<string, string>>, authorization?: string): Promise<Reply> {
    if (this.#client.settings.insecure.http && !this.#isSure) await this.#chooseScheme(this.url(below));
    try {
      const reply = await this.#client.ask(this.url(below), headers, { authorization });
      this.#isSure = true;
      return reply;
    } catch (error) {
      throw this.#isSure || !isWithoutTls(error) ? error : withHint(error);
    }
  }

  /** https; http only where it is allowed and there is nothing that speaks TLS. */
  async #chooseScheme(url: URL): Promise<void> {
    try {
      if (await this.#client.speaksPlainly(url)) this.#scheme = 'http';
    } catch (error) {
      if (!isWithoutTls(error)) throw error;
      this.#scheme = 'http';
    }
    this.#isSure = true;
  }
}

/** OpenSSL and Node say so of a server that answers a TLS greeting with something else. */
const NO_TLS =
  /^(?:ERR_SSL_(?:WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST)|EPROTO|ECONNREFUSED|ECONNRESET)$/;

const isWithoutTls = (error: unknown): error is PodctlError =>
  error instanceof PodctlError &&
  error.cause instanceof Error &&
  'code' in error.cause &&
  NO_TLS.test(String(error.cause.code));

/** A server that refuses connections needs no hint about encryption. */
const withHint = (error: PodctlError): PodctlError =>
  error.code !== 'fetch-tls'
    ? error
    : new PodctlError(error.code, error.message, {
        cause: error.cause,
        hint: 'if the registry speaks plain http only: --insecure-options=http',
      });
