/** Operations of what isolators come down to (stage2/isolators). */
import type { Effect } from '../../stage2/isolators/types';
import { type Op, op } from './op';

/**
 * Of an app, from the start of its section. Its capabilities and privileges have fields of their own in the AppSpec; `devices`
 * are those of its volumes.
 */
export const appIsolation = (effects: readonly Effect[], devices: readonly string[]): readonly Op[] =>
  effects.flatMap((effect): readonly Op[] => {
    switch (effect.kind) {
      case 'cgroup':
        return [op('cgroup', effect.file, effect.value)];
      case 'rlimit':
        return [op('rlimit', effect.resource, effect.soft, effect.hard)];
      case 'filter':
        return [op('seccomp', effect.program)];
      case 'label':
        return [op(effect.module, effect.value)];
      case 'devices':
        return effect.rules.length === 0 ? [] : [op('devices', ...effect.rules, ...devices)];
      case 'oom-score-adj':
        return [op('oom-score-adj', String(effect.value))];
      default:
        return [];
    }
  });

/** Of the pod. What its unit gets, its unit gets (units/pod.ts). */
export const podIsolation = (effects: readonly Effect[]): readonly Op[] =>
  effects.flatMap((effect) => (effect.kind === 'sysctl' ? [op('sysctl', effect.key, effect.value)] : []));
