/**
 * Ranges of host IDs that pods have: one symbolic link each, `<dir>/users/BOOT/FIRST-COUNT` → UUID, so that choosing one costs
 * the same for ten pods and for ten thousand. The pods' records say the same and survive a power cut; the links of a boot are
 * made of them when its first pod asks. Whoever asks or adds holds the lock of users.ts.
 */
import fs from 'node:fs';
import type { AbsPath, PodId } from '#kernel/brand';
import { uniqueName } from '#kernel/unique';
import type { UserRange } from '../../stage1/plan/spec';
import { namesIn } from '../files/names-in';
import { podOfLink } from './pod-link';
import type { Pods } from './pods';
import { recordIfReadable } from './record';

interface UsedRange extends UserRange {
  readonly pod: PodId;
}

const BOOT_ID = '/proc/sys/kernel/random/boot_id';

const usersRoot = (dataDir: AbsPath): string => `${dataDir}/users`;

const rangesOfBoot = (dataDir: AbsPath): string =>
  `${usersRoot(dataDir)}/${fs.readFileSync(BOOT_ID, 'latin1').trimEnd()}`;

const linkOf = (directory: string, { first, count }: UserRange): string => `${directory}/${first}-${count}`;

/** Undefined for a name that is none of ours. */
function rangeOf(name: string): UserRange | undefined {
  const [, first, count] = /^(\d{1,10})-(\d{1,10})$/.exec(name) ?? [];
  return first === undefined || count === undefined ? undefined : { first: Number(first), count: Number(count) };
}

/** All ranges that were given to pods and not given back; the pod of one may be gone (sweepRanges). */
export function rangesInUse(dataDir: AbsPath, pods: Pods): readonly UserRange[] {
  const directory = rangesOfBoot(dataDir);
  if (!fs.existsSync(directory)) gatherRanges(dataDir, directory, pods);
  return namesIn(directory).flatMap((name) => rangeOf(name) ?? []);
}

/** @param range overlaps with no other: the caller has seen to that */
export function takeRange(dataDir: AbsPath, range: UserRange, pod: PodId): void {
  fs.symlinkSync(pod, linkOf(rangesOfBoot(dataDir), range));
}

/** Nothing happens if the range is no longer that pod's. */
export function giveRangeBack(dataDir: AbsPath, range: UserRange, pod: PodId): void {
  const link = linkOf(rangesOfBoot(dataDir), range);
  if (podOfLink(link) === pod) fs.rmSync(link, { force: true });
}

/** The pod that has exactly this range, or had it last. */
export const podOfRange = (dataDir: AbsPath, range: UserRange): PodId | undefined =>
  podOfLink(linkOf(rangesOfBoot(dataDir), range));

/** Gives back what pods have that are gone, and forgets earlier boots. Needs no lock: a pod is there before it gets a range. */
export function sweepRanges(dataDir: AbsPath, isThere: (id: PodId) => boolean): void {
  const directory = rangesOfBoot(dataDir);
  for (const name of namesIn(directory)) {
    const holder = podOfLink(`${directory}/${name}`);
    if (holder === undefined || !isThere(holder)) fs.rmSync(`${directory}/${name}`, { force: true });
  }
  for (const name of namesIn(usersRoot(dataDir))) {
    const path = `${usersRoot(dataDir)}/${name}`;
    if (path !== directory) fs.rmSync(path, { recursive: true, force: true });
  }
}

/** The directory appears with everything that is in it. */
function gatherRanges(dataDir: AbsPath, directory: string, pods: Pods): void {
  const temporary = `${usersRoot(dataDir)}/${uniqueName()}`;
  fs.mkdirSync(temporary, { recursive: true, mode: 0o700 });
  for (const { pod, ...range } of recordedRanges(pods)) {
    const link = linkOf(temporary, range);
    // Two pods with one range are an old mistake; the range is taken either way.
    if (podOfLink(link) === undefined) fs.symlinkSync(pod, link);
  }
  fs.renameSync(temporary, directory);
}

/** What the records of all pods say that there is anything left of. */
function recordedRanges(pods: Pods): readonly UsedRange[] {
  for (;;) {
    let moved = false;
    const used = pods.list().flatMap(({ id, path }): UsedRange[] => {
      const users = recordIfReadable(path)?.users;
      // A pod that moves on between the two looks must not be missed.
      if (users === undefined && !fs.existsSync(path)) moved = true;
      return users === undefined ? [] : [{ pod: id, ...users }];
    });
    if (!moved) return used;
  }
}
