/**
 * Stops the processes of a pod or of an app where they are, and lets them go on: the freezer of cgroup v2. The pod as a whole is
 * systemd's to freeze; of a single app only its own cgroup is frozen, never the one that holds all apps or the init.
 */
import fs from 'node:fs';
import type { AbsPath } from '#kernel/brand';
import { isErrno, PodctlError } from '#kernel/errors';
import { isFrozen } from '../pod/cgroups';
import type { PodEntry } from '../pod/pods';
import { unitOf } from '../pod/unit';
import { freezeUnit, thawUnit } from '../systemd/manager';
import { appNotRunning, liveApps, liveCgroup } from './live';
import type { Services } from './services';

/** Longer than a process may be deep in the kernel, but for one that waits for a dead disk. */
const FREEZE_MS = 10_000;

/**
 * @param app undefined: the whole pod, its init included
 * @returns false if it was paused already
 * @throws PodctlError `pod-wrong-state`, `app-not-found`, `app-not-running`, `systemd-refused`
 */
export async function pausePod(services: Services, entry: PodEntry, app: string | undefined): Promise<boolean> {
  const pod = liveCgroup(services, entry);
  if (isFrozen(pod)) return false;
  if (app === undefined) {
    await freezeUnit(services.connect(), unitOf(entry));
    return true;
  }
  const [found] = liveApps(services, entry, app);
  if (found === undefined || isFrozen(found.cgroup)) return false;
  if (!setFrozen(found.cgroup, true)) throw appNotRunning(entry, app);
  await untilFrozen(found.cgroup, `app "${app}" of pod ${entry.id}`);
  return true;
}

/**
 * @param app undefined: all of the pod, apps that were paused by themselves included
 * @returns false if nothing was paused
 * @throws PodctlError as pausePod(); `pod-wrong-state` for an app of a pod that is paused as a whole
 */
export async function resumePod(services: Services, entry: PodEntry, app: string | undefined): Promise<boolean> {
  const pod = liveCgroup(services, entry);
  const isWhole = isFrozen(pod);
  if (isWhole && app !== undefined) {
    throw new PodctlError('pod-wrong-state', `pod ${entry.id} is paused as a whole`, {
      hint: `let all of it go on: podctl resume ${entry.id}`,
    });
  }
  const frozen = liveApps(services, entry, app).filter(({ cgroup }) => ownSetting(cgroup));
  for (const { cgroup } of frozen) setFrozen(cgroup, false);
  if (isWhole) await thawUnit(services.connect(), unitOf(entry));
  return isWhole || frozen.length > 0;
}

const ownSetting = (cgroup: AbsPath): boolean => {
  try {
    return fs.readFileSync(`${cgroup}/cgroup.freeze`, 'latin1').trim() === '1';
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENODEV')) return false;
    throw error;
  }
};

/** False if the app has ended meanwhile. */
function setFrozen(cgroup: AbsPath, frozen: boolean): boolean {
  try {
    fs.writeFileSync(`${cgroup}/cgroup.freeze`, frozen ? '1' : '0', { flag: 'r+' });
    return true;
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENODEV')) return false;
    throw error;
  }
}

/** The kernel tells of every change of cgroup.events as of one of a file. */
function untilFrozen(cgroup: AbsPath, what: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const watcher = fs.watch(`${cgroup}/cgroup.events`, look);
    const timer = setTimeout(() => {
      watcher.close();
      reject(
        new PodctlError('app-wrong-state', `${what} has processes that the kernel did not stop in ${FREEZE_MS} ms`),
      );
    }, FREEZE_MS);
    watcher.on('error', look);
    look();

    function look(): void {
      // Gone with the app, it has nothing left that could run.
      if (!isFrozen(cgroup) && fs.existsSync(cgroup)) return;
      clearTimeout(timer);
      watcher.close();
      resolve();
    }
  });
}
