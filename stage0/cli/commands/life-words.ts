/** From flags about an app's life to the annotations that keep them with the pod. */
import { AFTER, lifeOf, READY, RESTART, RESTART_DELAY, STOP_SIGNAL } from '../../../stage2/life';
import type { Annotation } from '../../image/schema';
import type { FlagValues } from '../flag';
import type { APP_LIFE_FLAGS } from './life-flags';

const NAMES: Readonly<Record<keyof typeof APP_LIFE_FLAGS, string>> = {
  restart: RESTART,
  restartDelay: RESTART_DELAY,
  after: AFTER,
  ready: READY,
  stopSignal: STOP_SIGNAL,
};

/** @param annotations those of `--annotation`, over which a flag goes. @throws PodctlError `life-invalid` */
export function withLife(
  annotations: readonly Annotation[],
  flags: FlagValues<typeof APP_LIFE_FLAGS>,
): readonly Annotation[] {
  const said = (Object.keys(NAMES) as (keyof typeof NAMES)[]).flatMap((flag): readonly Annotation[] => {
    const value = flags[flag];
    return value === undefined ? [] : [{ name: NAMES[flag], value }];
  });
  const all = [...annotations.filter(({ name }) => !said.some((one) => one.name === name)), ...said];
  lifeOf(all); // here, before an image is looked for
  return all;
}
