/** From the flags of what fetches images to the use case's options. */
import { PodctlError } from '#kernel/errors';
import type { FetchOptions, FetchPolicy, PullPolicy } from '../../usecases/images';
import type { Context } from '../context';
import type { FlagValues } from '../flag';
import type { Globals } from '../globals';
import { fetchProgress } from './fetch-progress';
import { interrupts } from './interrupts';
import type { FETCH_FLAGS } from './pod-flags';

type Words = FlagValues<typeof FETCH_FLAGS>;

/** @param usual the pull policy if no flag says one. @throws PodctlError `usage` if flags contradict each other */
export function fetchOptionsOf(context: Context, flags: Words, usual: PullPolicy): FetchOptions {
  const given = pullOf(flags);
  return {
    policy: policyOf(context.globals, flags),
    pull: given ?? usual,
    // What an image was built upon is no newer for being fetched again.
    pullDependencies: given ?? 'new',
    trustKeys: context.globals.trustKeysFromHttps,
    platform: flags.platform,
    observe: fetchProgress(context),
    interrupts,
  };
}

function policyOf({ insecureOptions }: Globals, { signed }: Words): FetchPolicy {
  const insecure = insecureOptions.has('image');
  if (signed && insecure) throw new PodctlError('usage', '--signed and --insecure-options=image contradict each other');
  return insecure ? 'unverified' : signed ? 'signed' : 'verified';
}

/** The deprecated flags say the same in other words. */
function pullOf({ pullPolicy, storeOnly, noStore }: Words): PullPolicy | undefined {
  if (storeOnly && noStore) throw new PodctlError('usage', '--store-only and --no-store contradict each other');
  const said = storeOnly ? 'never' : noStore ? 'update' : undefined;
  if (said !== undefined && pullPolicy !== undefined && said !== pullPolicy) {
    throw new PodctlError(
      'usage',
      `--pull-policy=${pullPolicy} and --${storeOnly ? 'store-only' : 'no-store'} contradict each other`,
    );
  }
  return pullPolicy ?? said;
}
