/** Which host IDs a pod's own users are (`--private-users`): each pod has others, for as long as there is anything of it. */
import fs from 'node:fs';
import type { AbsPath, PodId } from '#kernel/brand';
import { PodctlError } from '#kernel/errors';
import type { UserRange } from '../../stage1/plan/spec';
import type { LockPort, Pods } from './pods';
import { SUBID_FILES, setAside } from './subid';
import { podOfRange, rangesInUse, sweepRanges, takeRange } from './user-ranges';

/** What is asked for: the host's users, some range that is free, or this one. */
export type WantedUsers = 'host' | 'auto' | UserRange;

/** What images expect of a host: IDs of 16 bits, `nobody` being 65534. */
export const USERS_PER_POD = 65_536;
/** A lower bound on what is handed out: below are the host's own users. */
const FIRST_FREE = 65_536;

const LOCK = 'users.lock';

export interface UsersPort {
  readonly dataDir: AbsPath;
  readonly pods: Pods;
  readonly native: LockPort;
}

/**
 * Chooses the range of a new pod, whose directory is there, and calls `record` with it, which must write it into the pod's
 * record. Other pods' choices wait meanwhile.
 * @throws PodctlError `user-range-missing`, `user-range-taken`, `user-range-invalid`
 */
export function assignUsers(
  { dataDir, pods, native }: UsersPort,
  wanted: WantedUsers,
  pod: PodId,
  record: (users: UserRange | undefined) => void,
): UserRange | undefined {
  if (wanted === 'host') {
    record(undefined);
    return undefined;
  }
  const lockFd = fs.openSync(`${dataDir}/${LOCK}`, 'a', 0o600);
  try {
    native.flock(lockFd, 'exclusive', true);
    const choose = (): UserRange => {
      const used = rangesInUse(dataDir, pods);
      return wanted === 'auto' ? freeRange(used) : unused(wanted, used, (range) => podOfRange(dataDir, range));
    };
    const users = withoutTheDead({ dataDir, pods }, choose);
    takeRange(dataDir, users, pod);
    record(users);
    return users;
  } finally {
    fs.closeSync(lockFd);
  }
}

/** Chooses again without the ranges of pods that are gone, if there is none otherwise. */
function withoutTheDead({ dataDir, pods }: Pick<UsersPort, 'dataDir' | 'pods'>, choose: () => UserRange): UserRange {
  try {
    return choose();
  } catch (error) {
    if (!(error instanceof PodctlError) || error.code !== 'user-range-taken') throw error;
    const alive = new Set(pods.list().map(({ id }) => id));
    sweepRanges(dataDir, (id) => alive.has(id));
    return choose();
  }
}

/** Most IDs that the pod will have, known before a range is chosen. */
export const countOf = (wanted: WantedUsers): number | undefined =>
  wanted === 'host' ? undefined : wanted === 'auto' ? USERS_PER_POD : wanted.count;

const overlap = (one: UserRange, other: UserRange): boolean =>
  one.first < other.first + other.count && other.first < one.first + one.count;

function unused(
  wanted: UserRange,
  used: readonly UserRange[],
  podOf: (range: UserRange) => PodId | undefined,
): UserRange {
  const other = used.find((range) => overlap(range, wanted));
  if (other === undefined) return wanted;
  const last = wanted.first + wanted.count - 1;
  throw new PodctlError('user-range-taken', `IDs ${wanted.first} to ${last} overlap with those of pod ${podOf(other)}`);
}

/**
 * The first block of the ranges set aside that no pod has.
 * @throws PodctlError `user-range-missing`, `user-range-taken`
 */
export function freeRange(
  used: readonly UserRange[],
  files: { users: string; groups: string } = SUBID_FILES,
): UserRange {
  const { owner, ranges } = setAside(files);
  let blocks = 0;
  for (const range of ranges) {
    const end = range.first + range.count;
    for (let first = Math.max(range.first, FIRST_FREE); first + USERS_PER_POD <= end; first += USERS_PER_POD) {
      blocks += 1;
      const block = { first, count: USERS_PER_POD };
      if (!used.some((other) => overlap(other, block))) return block;
    }
  }
  if (blocks === 0) {
    const why = owner === undefined ? 'name no range' : `give ${owner} no ${USERS_PER_POD} IDs in a row`;
    throw new PodctlError('user-range-missing', `${files.users} and ${files.groups} ${why} for the users of pods`);
  }
  throw new PodctlError('user-range-taken', `other pods have all ${blocks} ranges of user ${owner ?? ''}`, {
    hint: `remove pods that have ended (podctl gc), or add to ${files.users} and ${files.groups}`,
  });
}

/**
 * An app's IDs have to be among the pod's.
 * @throws PodctlError `user-outside-range`
 */
export function requireWithin(
  app: string,
  count: number | undefined,
  identity: { readonly uid: number; readonly gid: number; readonly groups: readonly number[] },
): void {
  if (count === undefined) return;
  const outside = [identity.uid, identity.gid, ...identity.groups].find((id) => id >= count);
  if (outside === undefined) return;
  throw new PodctlError(
    'user-outside-range',
    `app "${app}": ID ${outside} is none of the pod's ${count} users and groups`,
    {
      hint: 'choose another --user or --group, or give --private-users=FIRST:COUNT with more',
    },
  );
}
