/** From the flags of `run`, `prepare` and `run-prepared` to what the use cases take. */
import { PodctlError } from '#kernel/errors';
import { parseVariable, type Variable } from '../../../stage2/environment';
import type { Relaxations } from '../../pod/launch';
import { machineName } from '../../systemd/machined';
import type { FetchPolicy } from '../../usecases/images';
import type { AppRequest, PrepareRequest } from '../../usecases/prepare';
import type { StartOptions } from '../../usecases/start';
import type { ImageArgs } from '../command';
import type { FlagValues } from '../flag';
import type { Globals } from '../globals';
import type { APP_FLAGS, FETCH_FLAGS, PREPARE_FLAGS, START_FLAGS } from './pod-flags';

export const relaxationsOf = ({ insecureOptions }: Globals): Relaxations => ({
  capabilities: insecureOptions.has('capabilities'),
  paths: insecureOptions.has('paths'),
});

/** @throws PodctlError `usage` if a signature is demanded and waived at once */
export function fetchPolicyOf({ insecureOptions }: Globals, { signed }: FlagValues<typeof FETCH_FLAGS>): FetchPolicy {
  const insecure = insecureOptions.has('image');
  if (signed && insecure) throw new PodctlError('usage', '--signed and --insecure-options=image contradict each other');
  return insecure ? 'unverified' : signed ? 'signed' : 'verified';
}

export function prepareRequestOf(
  globals: Globals,
  flags: FlagValues<typeof PREPARE_FLAGS>,
  apps: readonly ImageArgs<typeof APP_FLAGS>[],
): PrepareRequest {
  return {
    name: flags.name,
    apps: apps.map(appRequestOf),
    environment: variables('--set-env', flags.setEnv),
    policy: fetchPolicyOf(globals, flags),
    relaxed: relaxationsOf(globals),
  };
}

const appRequestOf = ({ image, flags, args }: ImageArgs<typeof APP_FLAGS>): AppRequest => ({
  image,
  signature: flags.signature,
  name: flags.name,
  exec: flags.exec,
  args,
  user: flags.user,
  group: flags.group,
  supplementaryGIDs: flags.supplementaryGids,
  workingDirectory: flags.workingDir,
  environment: variables('--environment', flags.environment),
});

function variables(flag: string, written: readonly string[]): readonly Variable[] {
  return written.map((text) => {
    const variable = parseVariable(text);
    if (variable !== undefined) return variable;
    throw new PodctlError('usage', `${flag}=${text}: not NAME=VALUE with a valid name`);
  });
}

export function startOptionsOf(flags: FlagValues<typeof START_FLAGS>): StartOptions {
  return {
    detach: flags.detach,
    network: networkOf(flags.net ?? 'host'),
    hostname: flags.hostname === undefined ? undefined : machineName(flags.hostname),
    stopGraceMs: flags.stopTimeout,
  };
}

function networkOf(written: string): StartOptions['network'] {
  if (written === 'host' || written === 'none') return written;
  throw new PodctlError('usage', `there is no network "${written}"`, {
    hint: 'pods have --net=host or --net=none so far',
  });
}
