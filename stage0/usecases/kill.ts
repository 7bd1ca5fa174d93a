/** Sends a signal to an app of a running pod, by processes that are held: never to somebody who has got the number since. */
import type { AbsPath } from '#kernel/brand';
import { isErrno } from '#kernel/errors';
import type { PodEntry } from '../pod/pods';
import { HeldProcess, mainProcess, pidsIn } from '../pod/processes';
import { appNotRunning, liveApps } from './live';
import type { Services } from './services';

export interface KillRequest {
  /** 1–64. */
  readonly signal: number;
  /** Undefined: all apps that run. */
  readonly app: string | undefined;
  /** The process that the app's program was executed in, or every process of the app. */
  readonly whom: 'main' | 'all';
}

/** Processes made while the others were signalled are found by looking again, this often at most: a fork bomb never ends. */
const MAX_ROUNDS = 64;

/**
 * @returns how many processes got it
 * @throws PodctlError `pod-wrong-state`, `app-not-found`, `app-not-running`
 */
export function killApps(services: Services, entry: PodEntry, { signal, app, whom }: KillRequest): number {
  const apps = liveApps(services, entry, app);
  let count = 0;
  for (const { app: name, cgroup } of apps) {
    if (whom === 'all') {
      count += signalAll(services, cgroup, signal);
      continue;
    }
    const process = mainProcess(entry, cgroup, name);
    if (process !== undefined) count += signalOne(services, process, signal);
  }
  if (count === 0) throw appNotRunning(entry, app ?? apps.map((one) => one.app).join('", "'));
  return count;
}

function signalAll(services: Services, cgroup: AbsPath, signal: number): number {
  const seen = new Set<number>();
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const fresh = pidsIn(cgroup).filter((pid) => !seen.has(pid));
    if (fresh.length === 0) break;
    for (const pid of fresh) {
      const process = HeldProcess.of(pid);
      if (process?.isIn(cgroup) === true) {
        seen.add(pid);
        signalOne(services, process, signal);
      } else {
        process?.close();
      }
    }
  }
  return seen.size;
}

/** Lets go of the process. 0 if it has ended. */
function signalOne({ native }: Services, process: HeldProcess, signal: number): number {
  try {
    native.pidfdSendSignal(process.fd, signal);
    return 1;
  } catch (error) {
    if (isErrno(error, 'ESRCH')) return 0;
    throw error;
  } finally {
    process.close();
  }
}
