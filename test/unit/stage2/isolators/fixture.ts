/** A host that can do everything and one that cannot, and what isolators come down to there. */
import assert from 'node:assert/strict';
import { PodctlError } from '../../../../stage0/kernel/errors';
import { type Isolation, planIsolators } from '../../../../stage2/isolators/plan';
import type { HostFacts, Isolator } from '../../../../stage2/isolators/types';

export const CAPABLE: HostFacts = {
  controllers: ['cpuset', 'cpu', 'io', 'memory', 'pids'],
  device: '8:16',
  path: '/var/lib/podctl',
  cpus: '0-3',
  nodes: '0',
  ioWeight: 'io.weight',
  swap: true,
};
export const BARE: HostFacts = { controllers: [] };

interface Options {
  readonly facts?: HostFacts;
  readonly pod?: Isolation;
  readonly lenient?: boolean;
}

export const isolatorsOf = (values: object): readonly Isolator[] =>
  Object.entries(values).map(([name, value]) => ({ name, value }));

export const app = (values: object, { facts = CAPABLE, pod, lenient = false }: Options = {}): Isolation =>
  planIsolators({ app: 'web', isolators: isolatorsOf(values), facts, pod: pod?.effects ?? [], lenient });
export const pod = (values: object, { facts = CAPABLE, lenient = false }: Options = {}): Isolation =>
  planIsolators({ app: undefined, isolators: isolatorsOf(values), facts, lenient });

/** Files of the cgroup and what is written to them, without the defaults. */
export const files = (isolation: Isolation): Record<string, string> =>
  Object.fromEntries(
    isolation.effects.flatMap((effect) =>
      effect.kind === 'cgroup' && effect.file !== 'memory.oom.group' ? [[effect.file, effect.value]] : [],
    ),
  );
export const limits = (values: object, options?: Options): Record<string, string> => {
  const { 'pids.max': pids, ...others } = files(app(values, options));
  return 'podctl/pids' in values && pids !== undefined ? { ...others, 'pids.max': pids } : others;
};
export const unit = (values: object): Record<string, unknown> =>
  Object.fromEntries(
    pod(values).effects.flatMap((effect) => (effect.kind === 'unit' ? [[effect.property[0], effect.property[2]]] : [])),
  );

export const refusal = (act: () => unknown): PodctlError => {
  try {
    act();
  } catch (error) {
    assert.ok(error instanceof PodctlError, String(error));
    return error;
  }
  return assert.fail('it was accepted');
};
export const refused = (values: object, message: RegExp, code: PodctlError['code'] = 'isolator-invalid'): void => {
  const error = refusal(() => app(values));
  assert.equal(error.code, code);
  assert.match(error.message, message);
};
