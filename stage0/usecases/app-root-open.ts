/** An app's root, open to be copied from or to: of a running pod as the app sees it, of an ended one as it was left. */
import fs from 'node:fs';
import type { AbsPath } from '#kernel/brand';
import { PodctlError } from '#kernel/errors';
import { native } from '../../stage1/native/index';
import { appRoot } from '../../stage1/plan/mounts';
import { openEndedRoot, openRunningRoot } from '../pod/app-tree';
import { appCgroup } from '../pod/cgroups';
import { findApp } from '../pod/lookup';
import type { PodEntry } from '../pod/pods';
import { mainProcess } from '../pod/processes';
import { readPid, readRecord } from '../pod/record';
import { liveCgroup } from './live';
import type { Services } from './services';

export interface OpenedRoot {
  readonly fd: number;
  /** The host's ID of the pod's root, in files as they are seen there. */
  readonly firstUser: number;
  close(): void;
}

/**
 * @param app undefined: the only one
 * @param writes an ended pod is only read: nothing would run there that could use what is written
 * @throws PodctlError `pod-wrong-state`, `app-not-found`, `app-not-running`
 */
export function openAppRoot(services: Services, entry: PodEntry, app: string | undefined, writes: boolean): OpenedRoot {
  const { name, trees } = findApp(entry, app);
  const record = readRecord(entry.path);
  const state = services.pods.state(entry);
  if (state === 'running') {
    const fd = openRunning(services, entry, name, writes);
    return { fd, firstUser: record?.users?.first ?? 0, close: () => fs.closeSync(fd) };
  }
  const isOver = state === 'exited' || state === 'exited garbage';
  const held = isOver && !writes ? services.pods.hold(entry) : undefined;
  if (held === undefined) {
    const wanted = writes ? 'running' : 'running or exited';
    throw new PodctlError('pod-wrong-state', `pod ${entry.id} is ${state ?? 'being removed'}, not ${wanted}`);
  }
  // On the disk IDs are those of the pod.
  const fd = openEndedRoot(entry, { name, trees }, record?.roots, native());
  const close = (): void => {
    fs.closeSync(fd);
    fs.closeSync(held);
  };
  return { fd, firstUser: 0, close };
}

/** With the app's volumes, as long as it runs; else as the init has it mounted. */
function openRunning(
  services: Services,
  entry: PodEntry,
  name: ReturnType<typeof findApp>['name'],
  writes: boolean,
): number {
  const process = mainProcess(entry, appCgroup(liveCgroup(services, entry), name), name);
  if (process !== undefined) {
    try {
      return fs.openSync(process.path('root'), fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
    } finally {
      process.close();
    }
  }
  const init = readPid(entry.path);
  if (writes || init === undefined)
    throw new PodctlError('app-not-running', `app "${name}" of pod ${entry.id} does not run`);
  return openRunningRoot(init, appRoot(name) as AbsPath);
}
