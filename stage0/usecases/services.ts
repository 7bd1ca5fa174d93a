/** What the use cases need of the world. Built once, in stage0/cli/services.ts, and passed in. */
import type { AbsPath } from '#kernel/brand';
import type { FactReader } from '../host/facts';
import type { FilterSource } from '../host/filters';
import type { Digest, ImageSource } from '../image/docker/port';
import type { Explanation } from '../image/docker/registry/explain';
import type { RegistryReference } from '../image/docker/registry/reference';
import type { FoundKey } from '../image/fetch/discovery/keys';
import type { Observe } from '../image/fetch/events';
import type { HttpClient } from '../image/fetch/http/client';
import type { HttpSettings } from '../image/fetch/http/settings';
import type { SignatureVerifier, Verification } from '../image/fetch/port';
import type { LockPort, Pods } from '../pod/pods';
import type { ViewPort } from '../pod/tree-view';
import type { ContentStore } from '../store/cas';
import type { Partials } from '../store/partials';
import type { PrepareLock } from '../store/prepare-lock';
import type { Remotes } from '../store/remotes';
import type { SourceCache } from '../store/source-cache';
import type { Trees } from '../store/trees';
import type { AskBus, Bus, MethodCall } from '../systemd/bus';
import type { JournalPort } from '../systemd/journal-events';
import type { FetchPolicy } from './images';

/** Replaces this process; stdio and `keepFds` stay open. Returns only by throwing. */
export interface ExecPort {
  execve(path: string, argv: readonly string[], env: readonly string[], keepFds: readonly number[]): never;
}

export interface WebSettings extends Pick<HttpSettings, 'signal' | 'onRetry'> {
  /** For keys that nobody will look at: `--insecure-options=pubkey` waives here what `http` and `tls` waive for images. */
  readonly forKeys?: boolean;
  /** Plain http is allowed, whatever the options say (`--insecure-allow-http`). */
  readonly plainHttp?: boolean;
}

export interface RegistrySettings extends Pick<HttpSettings, 'signal' | 'onRetry'> {
  readonly observe: Observe;
  readonly policy: FetchPolicy;
}

/** What was asked for and what the policy of this host demands, together. */
export interface RegistryPolicy {
  readonly policy: FetchPolicy;
  /** Of a signature: fingerprints, lower-case; undefined: any that is trusted for the image. */
  readonly keys: readonly string[] | undefined;
}

export interface OpenedRegistry {
  /** Aliases resolved, Docker's defaults filled in. */
  readonly reference: RegistryReference;
  readonly source: ImageSource;
  /**
   * Looks for a signature and judges it.
   * @param digests of the document that was asked for, and of the one of an index that was chosen
   * @throws PodctlError `signature-*`, `fetch-*`, `io`, `interrupted`
   */
  verify(digests: readonly Digest[]): Promise<Verification>;
}

export interface Services {
  readonly dataDir: AbsPath;
  readonly pods: Pods;
  readonly images: ContentStore;
  readonly trees: Trees;
  /** Between those who make pods and those who collect images. */
  readonly prepareLock: PrepareLock;
  readonly sources: SourceCache;
  readonly verifier: SignatureVerifier;
  /** What this host can do, read on demand. */
  readonly hostFacts: FactReader;
  readonly filters: FilterSource;
  /** What has come of downloads, and what URLs gave. */
  readonly partials: Partials;
  readonly remotes: Remotes;
  /** A client with the user's options, credentials and environment. Loading it takes 20 ms. */
  web(settings?: WebSettings): Promise<HttpClient>;
  /**
   * The repository that `docker://…` names, with the user's options, credentials, mirrors and aliases. Asks nobody yet.
   * @throws PodctlError `image-reference-invalid`, `config-invalid`, `policy-rejected`
   */
  registry(text: string, settings: RegistrySettings): Promise<OpenedRegistry>;
  /** Asks nobody. @throws PodctlError `image-reference-invalid`, `config-invalid`, `policy-rejected` */
  registryPolicy(text: string, policy: FetchPolicy): Promise<RegistryPolicy>;
  /** What `podctl image policy` tells of it. @param signed `--signed` */
  imagePolicy(text: string, signed: boolean): Promise<Explanation>;
  readonly keys: {
    /** Whether no key is trusted for images of this name in particular. */
    lacking(imageName: string): Promise<boolean>;
    /** Trusts keys for it, and says what was done. */
    learn(imageName: string, found: readonly FoundKey[]): Promise<readonly string[]>;
  };
  readonly native: LockPort &
    ViewPort &
    ExecPort &
    JournalPort & {
      syncfs(fd: number): void;
      socketPair(): Int32Array;
      /** @param processFd an open directory of /proc. @throws ESRCH */
      pidfdSendSignal(processFd: number, signal: number): void;
    };
  /** The native executor. */
  readonly executor: AbsPath;
  /** Told on stderr. */
  warn(message: string): void;
  /** Told to those who gave --debug. */
  debug(message: string): void;
  /** Told to the unit that executed podctl, as sd_notify(3); nothing happens if it does not listen. */
  notify(state: string): void;
  /** Milliseconds since the epoch. */
  now(): number;
  /** Asks the system bus something, and waits for the answer when it is needed: cheaper than the connection. */
  readonly ask: AskBus;
  /** What `ask` would send, and to which socket. */
  question(calls: readonly MethodCall[]): { readonly socket: string; readonly bytes: Buffer };
  /** The connection to the system bus, made at the first call. It is there at once, and connects meanwhile. */
  connect(): Bus;
  /** Ends that connection, if there is one: a process does not end while it is open. */
  disconnect(): void;
}
