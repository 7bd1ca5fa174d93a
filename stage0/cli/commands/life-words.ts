/** From flags about an app's life to the annotations that keep them with the pod. */
import { PodctlError } from '#kernel/errors';
import {
  HEALTH_CMD,
  HEALTH_INTERVAL,
  HEALTH_ON_FAILURE,
  HEALTH_RETRIES,
  HEALTH_START_INTERVAL,
  HEALTH_START_PERIOD,
  HEALTH_TIMEOUT,
  NO_CHECK,
} from '../../../stage2/health';
import { AFTER, lifeOf, READY, RELOAD_SIGNAL, RESTART, RESTART_DELAY, STOP_SIGNAL } from '../../../stage2/life';
import type { Annotation } from '../../image/schema';
import type { FlagValues } from '../flag';
import type { APP_LIFE_FLAGS } from './life-flags';

type LifeFlags = FlagValues<typeof APP_LIFE_FLAGS>;

const NAMES: Readonly<Record<Exclude<keyof LifeFlags, 'noHealthcheck'>, string>> = {
  restart: RESTART,
  restartDelay: RESTART_DELAY,
  after: AFTER,
  ready: READY,
  stopSignal: STOP_SIGNAL,
  healthCmd: HEALTH_CMD,
  healthInterval: HEALTH_INTERVAL,
  healthTimeout: HEALTH_TIMEOUT,
  healthStartPeriod: HEALTH_START_PERIOD,
  healthStartInterval: HEALTH_START_INTERVAL,
  healthRetries: HEALTH_RETRIES,
  healthOnFailure: HEALTH_ON_FAILURE,
  reloadSignal: RELOAD_SIGNAL,
};

const FLAGS = Object.keys(NAMES) as (keyof typeof NAMES)[];

/** @param annotations those of `--annotation`, over which a flag goes. @throws PodctlError `life-invalid`, `usage` */
export function withLife(annotations: readonly Annotation[], flags: LifeFlags): readonly Annotation[] {
  const said = FLAGS.flatMap((flag): Annotation[] => {
    const value = flags[flag];
    return value === undefined ? [] : [{ name: NAMES[flag], value }];
  });
  if (flags.noHealthcheck) {
    if (said.some(({ name }) => name.startsWith('podctl/health-')))
      throw new PodctlError('usage', '--no-healthcheck and other flags of health checks exclude each other');
    said.push({ name: HEALTH_CMD, value: NO_CHECK });
  }
  const all = [...annotations.filter(({ name }) => !said.some((one) => one.name === name)), ...said];
  lifeOf(all); // here, before an image is looked for
  return all;
}
