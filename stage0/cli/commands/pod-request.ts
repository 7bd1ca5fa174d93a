/** From the flags of `run`, `prepare` and `run-prepared` to what the use cases take. */
import { PodctlError } from '#kernel/errors';
import { namespaceFile } from '../../net/namespace';
import type { Relaxations } from '../../pod/launch';
import { NO_FACTS } from '../../pod/manifest';
import { isUserRange } from '../../pod/subid';
import { USERS_PER_POD } from '../../pod/users';
import { machineName } from '../../systemd/machined';
import type { PlaceWish } from '../../usecases/place';
import type { PrepareRequest } from '../../usecases/prepare';
import type { StartOptions } from '../../usecases/start';
import type { AppRequest, SharedEnvironment } from '../../usecases/wanted';
import type { ImageArgs } from '../command';
import type { Context } from '../context';
import type { FlagValues } from '../flag';
import type { Globals } from '../globals';
import { fetchOptionsOf } from './fetch-words';
import { POD_ISOLATOR_FLAGS } from './isolator-flags';
import { appIsolatorsOf, podIsolatorsOf } from './isolator-words';
import { withLife } from './life-words';
import { dnsOf, hostsOf } from './name-words';
import type { APP_FLAGS, PREPARE_FLAGS, START_FLAGS } from './pod-flags';
import {
  annotationsOf,
  inheritedVariables,
  readEnvironmentFile,
  readPodManifest,
  textMapOf,
  variables,
} from './pod-words';
import { interactionOf, withStdio } from './stdio-words';
import { readMount, readVolume, wordsOf } from './volume-words';

export const relaxationsOf = ({ insecureOptions }: Globals): Relaxations => ({
  capabilities: insecureOptions.has('capabilities'),
  paths: insecureOptions.has('paths'),
  seccomp: insecureOptions.has('seccomp'),
  isolators: insecureOptions.has('isolators'),
});

/** What `run` and `prepare` were called with. */
export interface PrepareWords {
  readonly flags: FlagValues<typeof PREPARE_FLAGS>;
  /** Names of the flags that stood there. */
  readonly given: ReadonlySet<string>;
  readonly apps: readonly ImageArgs<typeof APP_FLAGS>[];
}

/** What a pod manifest says itself: none of it may be said beside it. */
const SAID_BY_MANIFEST = [
  'exitPolicy',
  'setEnv',
  'setEnvFile',
  'inheritEnv',
  'volume',
  'mount',
  'port',
  ...Object.keys(POD_ISOLATOR_FLAGS).filter((flag) => flag !== 'strictIsolators'),
];

export function prepareRequestOf(
  context: Context,
  { flags, given, apps }: PrepareWords,
  unit: PrepareRequest['unit'] = () => undefined,
): PrepareRequest {
  const { globals } = context;
  const manifest = flags.podManifest === undefined ? undefined : readPodManifest(flags.podManifest);
  if (manifest !== undefined && (apps.length > 0 || SAID_BY_MANIFEST.some((flag) => given.has(flag))))
    throw new PodctlError('usage', 'conflicting flags set with --pod-manifest (see --help)', {
      hint: 'say it in the manifest',
    });
  return {
    name: flags.name,
    apps: apps.map(appRequestOf),
    manifest,
    facts: NO_FACTS,
    environment: sharedEnvironmentOf(context, flags),
    volumes: wordsOf('--volume', flags.volume, readVolume),
    mounts: wordsOf('--mount', flags.mount, readMount),
    fetch: { ...fetchOptionsOf(context, flags, 'new'), render: true },
    relaxed: relaxationsOf(globals),
    isolators: podIsolatorsOf(flags),
    exitPolicy: flags.exitPolicy,
    strictIsolators: flags.strictIsolators,
    users: usersOf(flags.privateUsers),
    logNamespace: flags.logNamespace,
    roots: flags.noOverlay ? 'copy' : 'overlay',
    unit,
  };
}

const sharedEnvironmentOf = (
  context: Context,
  flags: Pick<FlagValues<typeof PREPARE_FLAGS>, 'inheritEnv' | 'setEnv' | 'setEnvFile'>,
): SharedEnvironment => ({
  inherited: flags.inheritEnv ? inheritedVariables(context.env) : [],
  file: flags.setEnvFile.flatMap(readEnvironmentFile),
  pod: variables('--set-env', flags.setEnv),
});

export const appRequestOf = ({ image, flags, args }: ImageArgs<typeof APP_FLAGS>): AppRequest => ({
  image,
  signature: flags.signature,
  name: flags.name,
  exec: flags.exec,
  args,
  user: flags.user,
  group: flags.group,
  supplementaryGIDs: flags.supplementaryGids,
  workingDirectory: flags.workingDir,
  environment: { app: variables('--environment', flags.environment) },
  annotations: withStdio(withLife(annotationsOf(flags.annotation), flags), flags),
  isolators: appIsolatorsOf(flags),
  userAnnotations: textMapOf('--user-annotation', flags.userAnnotation),
  userLabels: textMapOf('--user-label', flags.userLabel),
  readOnlyRootFS: flags.readonlyRootfs,
  mounts: wordsOf('--mount', flags.mount, readMount),
});

/** rkt's is a plain boolean flag, so its words are understood, too. */
export function usersOf(written: string | undefined): PrepareRequest['users'] {
  if (written === undefined || written === 'false') return 'host';
  if (written === 'auto' || written === 'true') return 'auto';
  const match = /^([0-9]{1,10})(?::([0-9]{1,10}))?$/.exec(written);
  const range = { first: Number(match?.[1] ?? 0), count: Number(match?.[2] ?? USERS_PER_POD) };
  if (isUserRange(range)) return range;
  throw new PodctlError('usage', `--private-users=${written}: not FIRST[:COUNT] with IDs from 1 to 2^32 - 2`);
}

export function startOptionsOf(flags: FlagValues<typeof START_FLAGS>, env: Context['env']): StartOptions {
  return {
    detach: flags.detach,
    network: networkOf(flags.net ?? 'host'),
    ipc: flags.ipc === 'parent' ? 'parent' : 'private',
    hostname: flags.hostname === undefined ? undefined : machineName(flags.hostname),
    stopGraceMs: flags.stopTimeout,
    dns: dnsOf(flags),
    hosts: hostsOf(flags.hostsEntry),
    interaction: interactionOf(flags, env),
  };
}

function networkOf(written: string): StartOptions['network'] {
  if (written === 'host' || written === 'none') return written;
  if (written.startsWith('ns:')) return { namespace: namespaceFile(written.slice('ns:'.length)) };
  throw new PodctlError('usage', `there is no network "${written}"`, {
    hint: 'pods have --net=host, --net=none or --net=ns:PATH so far',
  });
}

/** Whether the pod is to run in place; not if this process has something else to do meanwhile. */
export const placeWishOf = ({ inPlace, detach, interactive, tty }: FlagValues<typeof START_FLAGS>): PlaceWish => ({
  wanted: inPlace,
  apart: detach
    ? '--detach'
    : interactive
      ? '--interactive'
      : tty === undefined || tty === 'false'
        ? undefined
        : '--tty',
});
