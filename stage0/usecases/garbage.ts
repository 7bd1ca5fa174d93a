/** The pods of stage0 as gc's port, and their removal by hand. */
import fs from 'node:fs';
import type { PodId } from '#kernel/brand';
import { PodctlError } from '#kernel/errors';
import type { GarbagePort } from '../../gc/collect';
import type { Candidate } from '../../gc/policy';
import { podUnit } from '../../units/name';
import { machineOf, podPath, podsRoot } from '../pod/layout';
import { podOfName, releaseName, sweepNames } from '../pod/names';
import type { LockedPod, PodEntry, Pods } from '../pod/pods';
import { type HostUnit, recordIfReadable } from '../pod/record';
import { sweepReplayRecords } from '../pod/replay-records';
import { isHeld, isRemovable } from '../pod/state';
import { giveRangeBack, sweepRanges } from '../pod/user-ranges';
import { sweepMemberDownloads } from '../store/member-downloads';
import { type EventEntry, enterEvent } from '../systemd/journal-events';
import { removeLogNamespace } from '../systemd/log-namespace';
import { removeIncoming } from '../systemd/machined';
import { removeUnitFiles } from '../systemd/unit-files';
import type { Services } from './services';

export function garbagePort(services: Services): GarbagePort {
  const { pods, dataDir } = services;
  const entryOf = ({ id, directory }: Candidate): PodEntry => ({
    id,
    directory,
    path: podPath(dataDir, directory, id),
  });
  return {
    candidates: () => pods.list().flatMap((entry) => candidate(pods, entry) ?? []),
    mark: (pod, to) => {
      const locked = pods.lock(entryOf(pod));
      if (locked === undefined) return false;
      fs.closeSync(pods.move(locked, to).lockFd);
      return true;
    },
    remove: (pod) => {
      const locked = pods.lock(entryOf(pod));
      if (locked === undefined) return false;
      removeLocked(services, locked);
      return true;
    },
  };
}

function candidate(pods: Pods, entry: PodEntry): Candidate | undefined {
  const state = pods.state(entry);
  const stat = fs.statSync(entry.path, { throwIfNoEntry: false });
  if (state === undefined || stat === undefined) return undefined;
  return { id: entry.id, directory: entry.directory, lockHeld: isHeld(entry.directory, state), since: stat.ctimeMs };
}

/**
 * Removes a pod that is not in use, now.
 * @throws PodctlError `pod-wrong-state` if it is in use
 */
export function removePod(services: Services, entry: PodEntry): void {
  const state = services.pods.state(entry);
  const locked = state !== undefined && isRemovable(state) ? services.pods.lock(entry) : undefined;
  if (locked === undefined) {
    throw new PodctlError(
      'pod-wrong-state',
      `pod ${entry.id} is ${state ?? 'being removed'}, so it cannot be removed`,
      {
        ...(state === 'running' ? { hint: `stop it first: podctl stop ${entry.id}` } : {}),
      },
    );
  }
  discard(services, locked);
}

/** Removes a pod whose lock is held, from wherever it is. */
export function discard(services: Services, pod: LockedPod): void {
  const over = pod.directory === 'garbage' || pod.directory === 'exited-garbage';
  const garbage = over ? pod : services.pods.move(pod, pod.directory === 'run' ? 'exited-garbage' : 'garbage');
  // Of a pod that was never more than a preparation nobody has heard.
  removeLocked(services, garbage, pod.directory !== 'prepare');
}

/**
 * The pod that ran last in this unit of the user's, if it had this name, and is over: a service that is restarted again and again
 * leaves one pod behind, not as many as it had starts.
 */
export function discardPredecessor(services: Services, name: string, unit: HostUnit): void {
  const id = podOfName(services.dataDir, name);
  const entry = id === undefined ? undefined : services.pods.get(id);
  const isOver = entry?.directory === 'run' || entry?.directory === 'exited-garbage';
  if (entry === undefined || !isOver || recordIfReadable(entry.path)?.unit?.name !== unit.name) return;
  const locked = services.pods.lock(entry);
  if (locked !== undefined) discard(services, locked);
}

/** How long what has come of a download waits for somebody to fetch the rest. */
const PARTIAL_MS = 24 * 3_600_000;

/** What crashes left outside of pods: half-written images and trees, names and IDs of pods that are gone. */
export function sweepLeftovers(services: Services): void {
  const { images, partials, pods, dataDir, native, now } = services;
  images.sweepTemporary();
  partials.sweep(now() - PARTIAL_MS);
  if (process.geteuid?.() === 0) sweepMemberDownloads(dataDir, now() - PARTIAL_MS);
  forgetSources(services);
  const alive = new Set(pods.list().map(({ id }) => id));
  sweepNames(dataDir, native, (id) => alive.has(id));
  sweepRanges(dataDir, (id) => alive.has(id));
  sweepReplayRecords(podsRoot(dataDir), (id) => alive.has(id));
}

/** Notes on where images came from that are not in the store. */
export function forgetSources({ images, sources, remotes }: Services): void {
  const stored = new Set(images.list().map(({ id }) => id));
  remotes.sweep((id) => stored.has(id));
  sources.sweep((id) => stored.has(id));
}

/** What is elsewhere goes first: a removal cut short leaves a nameless pod in a garbage directory, which gc takes. */
function removeLocked({ pods, dataDir, native }: Services, pod: LockedPod, isToTell = true): void {
  const record = recordIfReadable(pod.path);
  if (record?.name !== undefined) {
    releaseName(dataDir, native, record.name, pod.id);
    removeIncoming(record.name);
  }
  if (record?.logNamespace === machineOf(pod.id)) removeLogNamespace(record.logNamespace);
  if (record?.users !== undefined) giveRangeBack(dataDir, record.users, pod.id);
  if (record?.unit === undefined) removeUnitFiles(podUnit(pod.id));
  pods.remove(pod);
  if (record === undefined || !isToTell) return;
  enterEvent(native, collectedEntry(pod.id, record.name));
}

/** The journal's entry of a pod that is no more. */
export const collectedEntry = (pod: PodId, name: string): EventEntry => ({
  event: 'collected',
  pod,
  name,
  message: `pod ${pod} (${name}) was removed`,
});
