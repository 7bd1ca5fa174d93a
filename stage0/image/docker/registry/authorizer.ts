/** What a registry is told about who asks: nothing at first, then what it asks for, and a new token when one is over. */
import { PodctlError } from '#kernel/errors';
import type { HttpClient } from '../../fetch/http/client';
import { type Challenge, parseChallenges } from './challenge';
import { basicAuthorization, type CredentialSource, type RegistryCredentials } from './credentials';
import { fetchToken } from './token';

/** A token is not used in the last moments of its life. */
const MARGIN_MS = 2000;
const HINT = 'docs/registries.md says where credentials are looked for';

interface Held {
  readonly authorization: string;
  /** Ms since the epoch; undefined: for ever. */
  readonly expiresAt: number | undefined;
  /** What it was given for. */
  readonly challenge: Challenge;
}

/** For one repository of one registry. Requests at the same time share a token. */
export class Authorizer {
  readonly #client: HttpClient;
  readonly #repository: string;
  readonly #scope: string;
  readonly #source: CredentialSource;
  readonly #now: () => number;
  #credentials: Promise<RegistryCredentials | undefined> | undefined;
  #held: Held | undefined;
  #coming: Promise<Held> | undefined;

  /** @param repository `example.com/a/b`, by which credentials are found @param path `a/b` */
  constructor(client: HttpClient, repository: string, path: string, source: CredentialSource, now = Date.now) {
    this.#client = client;
    this.#repository = repository;
    this.#scope = `repository:${path}:pull`;
    this.#source = source;
    this.#now = now;
  }

  /** What to send now. @param registry where it will be sent */
  async authorization(registry: URL): Promise<string | undefined> {
    const held = this.#held;
    if (held === undefined) return undefined;
    if (held.expiresAt === undefined || held.expiresAt - MARGIN_MS > this.#now()) return held.authorization;
    return (await this.#obtain(held.challenge, registry)).authorization;
  }

  /**
   * The registry refused a request.
   * @param sent the authorization that request had @param header its WWW-Authenticate
   * @returns false if there is nothing better to send
   * @throws PodctlError `registry-denied`, `credentials-failed`, `config-invalid`, `fetch-*`, `interrupted`
   */
  async challenged(registry: URL, sent: string | undefined, header: string): Promise<boolean> {
    // Another request has obtained something since.
    if (this.#held !== undefined && this.#held.authorization !== sent) return true;
    const challenges = parseChallenges(header);
    const challenge = challenges.find(({ scheme }) => scheme === 'bearer') ?? basicOf(challenges);
    if (challenge === undefined) {
      if (challenges.length === 0) return false;
      const schemes = challenges.map(({ scheme }) => scheme.slice(0, 40)).join(', ');
      const why = `${registry.host} asks for ${schemes} authentication; podctl knows Basic and Bearer`;
      throw new PodctlError('registry-denied', why);
    }
    // The same answer to the same question would be refused again.
    if (challenge.scheme === 'basic' && sent !== undefined) return false;
    const held = await this.#obtain(challenge, registry);
    return held.authorization !== sent;
  }

  #obtain(challenge: Challenge, registry: URL): Promise<Held> {
    this.#coming ??= this.#fresh(challenge, registry).finally(() => {
      this.#coming = undefined;
    });
    return this.#coming;
  }

  async #fresh(challenge: Challenge, registry: URL): Promise<Held> {
    this.#credentials ??= this.#source.find(this.#repository);
    const credentials = await this.#credentials;
    this.#held = await this.#answer(challenge, registry, credentials);
    return this.#held;
  }

  async #answer(challenge: Challenge, registry: URL, credentials: RegistryCredentials | undefined): Promise<Held> {
    if (credentials?.kind === 'bearer') {
      return { authorization: `Bearer ${credentials.token}`, expiresAt: undefined, challenge };
    }
    if (challenge.scheme === 'basic') {
      if (credentials?.kind === 'basic') {
        return { authorization: basicAuthorization(credentials), expiresAt: undefined, challenge };
      }
      const why = credentials === undefined ? 'there are none' : 'there is a token alone';
      throw new PodctlError('registry-denied', `${registry.host} wants a user and a password, and ${why}`, {
        hint: HINT,
      });
    }
    const request = { challenge, registry, scope: this.#scope, credentials };
    const token = await fetchToken(this.#client, request, this.#now);
    if (credentials?.kind === 'identity' && token.identity !== undefined) {
      this.#credentials = Promise.resolve({ kind: 'identity', token: token.identity });
    }
    return { authorization: token.authorization, expiresAt: token.expiresAt, challenge };
  }
}

const basicOf = (challenges: readonly Challenge[]): Challenge | undefined =>
  challenges.find(({ scheme }) => scheme === 'basic');
