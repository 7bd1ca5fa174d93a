/** Why an app ended with 127 at once: the shared library that its loader did not find. Never guessed: stage2/libraries. */
import fs from 'node:fs';
import type { AbsPath, AppName } from '#kernel/brand';
import { errnoOf, PodctlError } from '#kernel/errors';
import { decodePlan } from '../../stage1/plan/codec';
import type { Op, OpName } from '../../stage1/plan/op';
import { missingLibrary } from '../../stage2/libraries/missing';
import { appFiles } from '../pod/app-files';
import { openEndedRoot, openRunningRoot } from '../pod/app-tree';
import { fragmentOf, PLAN } from '../pod/layout';
import type { PodEntry } from '../pod/pods';
import { type AppStatus, NOT_LOADED, readAppStatus, readPid, readRecord } from '../pod/record';
import { TreeView } from '../pod/tree-view';
import type { Services } from './services';

/** A loader gives up within milliseconds; a program that ran for longer has found its libraries. */
const MAX_NANOSECONDS = 5_000_000_000n;

type Host = Pick<Services, 'pods' | 'native'>;

export const mayLackLibrary = (status: AppStatus | undefined): boolean =>
  status?.exitCode === NOT_LOADED &&
  (status.reason === undefined || status.reason === 'exit') &&
  status.startedAt !== undefined &&
  status.finishedAt !== undefined &&
  status.finishedAt - status.startedAt < MAX_NANOSECONDS;

/**
 * One sentence about each app that ended so. Root only: nobody else may look into apps' roots.
 * @returns undefined for an app that lacks nothing, or of which it cannot be told
 */
export function lackOf(host: Host, entry: PodEntry, app: AppName): string | undefined {
  if (!mayLackLibrary(readAppStatus(entry.path, app))) return undefined;
  try {
    return look(host, entry, app);
  } catch (error) {
    // ignored: a pod that goes away meanwhile, an image that cannot be read: nothing can be told
    if (error instanceof PodctlError || errnoOf(error) !== undefined) return undefined;
    throw error;
  }
}

function look(host: Host, entry: PodEntry, app: AppName): string | undefined {
  const section = sectionOf(entry, app);
  // What a handler did to the root after the program nobody knows.
  if (section.some(({ name, args }) => name === 'handler' && args[0] === 'post-stop')) return undefined;
  const all = (name: OpName): readonly Op[] => section.filter((op) => op.name === name);
  const first = (name: OpName): string | undefined => all(name)[0]?.args[0];
  const mounted = [...all('bind').map(({ args }) => args[1]), ...all('mount').map(({ args }) => args[1])];
  return withRoot(host, entry, app, first('root'), (root) => {
    const files = appFiles(
      new TreeView(root, host.native),
      mounted.flatMap((path) => path ?? []),
    );
    const environment = all('env').map(({ args }) => args[0] ?? '');
    const workingDirectory = first('cwd') ?? '/';
    const programs = all('exec')[0]?.args ?? [];
    if (programs.some((path) => files.realPath(path) === undefined)) return undefined;
    const candidates = programs.filter((path) => files.kindOf(path) === 'file');
    const found = candidates.map((path) => missingLibrary({ path, environment, workingDirectory }, files));
    const [lack] = found;
    // If the first cannot be executed by the app's user, another one was.
    if (lack === undefined || found.includes(undefined) || !/^[ -~]*$/.test(lack.neededBy)) return undefined;
    return `the library ${lack.library}, which ${lack.neededBy} needs, is not in the app's root`;
  });
}

/** The operations of an app, also of one that joined the pod. */
function sectionOf(entry: PodEntry, app: AppName): readonly Op[] {
  const fragment = fragmentOf(entry.path, app);
  const path = fs.existsSync(fragment) ? fragment : `${entry.path}/${PLAN}`;
  const plan = decodePlan(fs.readFileSync(path, 'utf8'));
  const start = plan.findIndex(({ name, args }) => name === 'app' && args[0] === app);
  const end = plan.findIndex(({ name }, index) => name === 'app' && index > start);
  return start < 0 ? [] : plan.slice(start, end < 0 ? plan.length : end);
}

function withRoot<T>(
  host: Host,
  entry: PodEntry,
  app: AppName,
  target: string | undefined,
  act: (root: string) => T | undefined,
): T | undefined {
  const held = host.pods.hold(entry);
  try {
    const fd = held === undefined ? openRunning(host, entry, target) : openEnded(host, entry, app);
    if (fd === undefined) return undefined;
    try {
      return act(`/proc/self/fd/${fd}`);
    } finally {
      fs.closeSync(fd);
    }
  } finally {
    if (held !== undefined) fs.closeSync(held);
  }
}

function openEnded({ native }: Host, entry: PodEntry, name: AppName): number | undefined {
  const record = readRecord(entry.path);
  const app = record?.apps.find((one) => one.name === name);
  return app === undefined ? undefined : openEndedRoot(entry, app, record?.roots, native);
}

/** Undefined if it has ended meanwhile: then its init's number may be another's. */
function openRunning({ pods }: Host, entry: PodEntry, target: string | undefined): number | undefined {
  const init = readPid(entry.path);
  if (init === undefined || target === undefined) return undefined;
  const fd = openRunningRoot(init, target as AbsPath);
  if (pods.state(entry) === 'running') return fd;
  fs.closeSync(fd);
  return undefined;
}
