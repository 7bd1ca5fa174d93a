/** What is set on the app's first process and inherited by the rest. Resources: setrlimit(2). */
import { property } from '../../units/properties';
import { bounded } from './bounds';
import { soleLimit } from './resource';
import type { Effect, IsolatorRow } from './types';
import { boolean, integer, invalid, members } from './values';

export const oomScoreAdj: IsolatorRow = {
  scopes: ['app'],
  plan: (value) => [{ kind: 'oom-score-adj', value: integer(value, 'its value', -1000, 1000) }],
};

export const NO_NEW_PRIVILEGES = 'os/linux/no-new-privileges';

export const noNewPrivileges: IsolatorRow = {
  scopes: ['app'],
  plan: (value) => [{ kind: 'no-new-privileges', on: boolean(value, 'its value') }],
};

/** The kernel's PID_MAX_LIMIT. */
const MOST_PIDS = 4_194_304;

/** `{limit}`: processes and threads; -1 for as many as there can be. */
export const pids: IsolatorRow = {
  scopes: ['app', 'pod'],
  plan(value, place) {
    const limit = soleLimit(value, (written, what) => integer(written, what, -1, MOST_PIDS));
    if (limit === 0) throw invalid('"limit" must be at least 1, or -1 for no limit');
    if (place.scope === 'pod') {
      const most = limit < 0 ? 2n ** 64n - 1n : BigInt(limit);
      const unit: Effect = { kind: 'unit', controller: 'pids', property: property('TasksMax', most) };
      return limit < 0 ? [unit] : [{ kind: 'bound', of: 'pids', value: most }, unit];
    }
    const { value: most, notes } = bounded(place, 'pids', BigInt(limit));
    return [
      ...notes,
      { kind: 'cgroup', controller: 'pids', file: 'pids.max', value: limit < 0 ? 'max' : String(most) },
    ];
  },
};

export const RLIMITS = [
  'as', 'core', 'cpu', 'data', 'fsize', 'locks', 'memlock', 'msgqueue', 'nice', 'nofile', 'nproc', 'rss', 'rtprio', 'rttime',
  'sigpending', 'stack',
] as const; // biome-ignore format: a table

/** `{RESOURCE: {soft, hard?}}`, numbers or "unlimited"; hard is soft if it is not given. */
export const rlimits: IsolatorRow = {
  scopes: ['app'],
  plan(value) {
    const all = members(value, RLIMITS);
    if (all.size === 0) throw invalid('it limits nothing');
    return [...all].map(([resource, pair]): Effect => {
      const found = members(pair, ['soft', 'hard']);
      const soft = limitOf(found.get('soft'), `"${resource}.soft"`);
      const hard = found.has('hard') ? limitOf(found.get('hard'), `"${resource}.hard"`) : soft;
      if (hard !== 'infinity' && (soft === 'infinity' || BigInt(soft) > BigInt(hard))) {
        throw invalid(`the soft limit of ${resource} is greater than the hard one`);
      }
      return { kind: 'rlimit', resource, soft, hard };
    });
  },
};

const limitOf = (value: unknown, what: string): string =>
  value === 'unlimited' ? 'infinity' : String(integer(value, what, 0, Number.MAX_SAFE_INTEGER));
