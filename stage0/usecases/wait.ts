/** Waits for what becomes of a pod: told by the kernel and by systemd, never by asking again and again. */
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import type { PodId } from '#kernel/brand';
import { PodctlError } from '#kernel/errors';
import { podsRoot } from '../pod/layout';
import type { PodEntry } from '../pod/pods';
import { POD_DIRECTORIES, type PodState } from '../pod/state';
import { unitOf } from '../pod/unit';
import { watchActiveState } from '../systemd/active-state';
import type { Services } from './services';

export interface WaitRequest {
  readonly until: 'ready' | 'ended';
  /** Milliseconds; undefined: as long as it takes. */
  readonly timeoutMs: number | undefined;
}

/** Ends what a wait began. */
type Cancel = () => void;

/**
 * A pod that does not run yet is waited for, too.
 * @throws PodctlError `wait-timeout`, `pod-not-ready` if it ended before, `pod-not-found` if it was removed, `no-systemd`
 */
export async function waitForPod(services: Services, { id }: PodEntry, request: WaitRequest): Promise<void> {
  const cancels: Cancel[] = [];
  const { until, timeoutMs } = request;
  const late = new Promise<never>((_, reject) => {
    if (timeoutMs === undefined) return;
    const fail = (): void => reject(new PodctlError('wait-timeout', `pod ${id} was not ${until} in ${timeoutMs} ms`));
    const timer = setTimeout(fail, timeoutMs);
    cancels.push(() => clearTimeout(timer));
  });
  try {
    await Promise.race([late, waitUntil(services, id, until, cancels)]);
  } finally {
    for (const cancel of cancels) cancel();
    services.disconnect();
  }
}

async function waitUntil(services: Services, id: PodId, until: WaitRequest['until'], cancels: Cancel[]): Promise<void> {
  const [running, found] = await untilItRan(services, id, cancels);
  const ended = running === 'running' ? lockIsFree(services, found, cancels) : Promise.resolve();
  if (until === 'ended') return ended;
  const notReady = ended.then(() => {
    throw new PodctlError('pod-not-ready', `pod ${id} has ended`);
  });
  // Of a pod that ends at once, its end may be heard of before its readiness: it is asked for first.
  await Promise.race([watchActiveState(services.connect(), unitOf(found), 'active'), notReady]);
}

/** Once it runs or has run. */
function untilItRan({ pods, dataDir }: Services, id: PodId, cancels: Cancel[]): Promise<readonly [PodState, PodEntry]> {
  return new Promise((resolve, reject) => {
    const directories = POD_DIRECTORIES.map((name) => `${podsRoot(dataDir)}/${name}`).filter((path) =>
      fs.existsSync(path),
    );
    const watchers = directories.map((path) => fs.watch(path, look));
    cancels.push(() => {
      for (const watcher of watchers) watcher.close();
    });
    look();

    function look(): void {
      const entry = pods.get(id);
      const state = entry && pods.state(entry);
      if (entry === undefined) reject(new PodctlError('pod-not-found', `pod ${id} was removed`));
      else if (state !== undefined && ['run', 'exited-garbage', 'garbage'].includes(entry.directory))
        resolve([state, entry]);
    }
  });
}

/** The death of the last holder of the pod's lock is its end. A child waits for it: this thread has a clock to watch. */
function lockIsFree({ executor }: Services, { path, id }: PodEntry, cancels: Cancel[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const waiting = spawn(executor, ['wait', path], { stdio: 'ignore' });
    cancels.push(() => waiting.kill('SIGKILL'));
    waiting.on('error', reject);
    waiting.on('close', (status, signal) => {
      if (status === 0 || !fs.existsSync(path)) resolve();
      else reject(new PodctlError('io', `waiting for pod ${id} ended with ${signal ?? status}`));
    });
  });
}
