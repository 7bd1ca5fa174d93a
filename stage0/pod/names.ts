/**
 * Names of pods: one symbolic link per name, `<dir>/names/NAME` → UUID. A pod that is over keeps its name until another one wants
 * it; of two that want one at once, one gets it: names change hands under the lock of their directory. They follow machined's
 * rules, since they name machines too.
 */
import fs from 'node:fs';
import type { AbsPath, PodId } from '#kernel/brand';
import { PodctlError } from '#kernel/errors';
import { namesIn } from '../files/names-in';
import { isMachineName, machineName } from '../systemd/machined';
import { podOfLink } from './pod-link';
import type { LockPort } from './pods';

export const namesRoot = (dataDir: AbsPath): string => `${dataDir}/names`;

/** The pod that has this name, or had it last. */
export function podOfName(dataDir: AbsPath, name: string): PodId | undefined {
  return isMachineName(name) ? podOfLink(`${namesRoot(dataDir)}/${name}`) : undefined;
}

/** All names that were given and not freed. */
export const namesInUse = (dataDir: AbsPath): readonly string[] => namesIn(namesRoot(dataDir)).filter(isMachineName);

/**
 * Gives the name to a pod. A name whose pod is over (`isOver`) is free.
 * @throws PodctlError `pod-name-taken`, `invalid-name`
 */
export function claimName(
  dataDir: AbsPath,
  locks: LockPort,
  name: string,
  id: PodId,
  isOver: (holder: PodId) => boolean,
): void {
  machineName(name);
  const link = `${namesRoot(dataDir)}/${name}`;
  withNames(dataDir, locks, () => {
    const holder = podOfName(dataDir, name);
    if (holder === id) return;
    if (holder !== undefined && !isOver(holder))
      throw new PodctlError('pod-name-taken', `the name "${name}" belongs to pod ${holder}`);
    fs.rmSync(link, { force: true });
    fs.symlinkSync(id, link);
  });
}

/** Frees a name, if `holder` is still the one that has it. */
export function releaseName(dataDir: AbsPath, locks: LockPort, name: string, holder: PodId | undefined): void {
  if (podOfName(dataDir, name) !== holder) return;
  withNames(dataDir, locks, () => {
    if (podOfName(dataDir, name) === holder) fs.rmSync(`${namesRoot(dataDir)}/${name}`, { force: true });
  });
}

/** As the only one who changes names. Nobody waits in there for anything but the disk. */
function withNames(dataDir: AbsPath, locks: LockPort, act: () => void): void {
  const root = namesRoot(dataDir);
  fs.mkdirSync(root, { recursive: true, mode: 0o755 });
  const lock = fs.openSync(root, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
  try {
    locks.flock(lock, 'exclusive', true);
    act();
  } finally {
    fs.closeSync(lock);
  }
}

/** Frees the names of pods that are gone, and what is no name. */
export function sweepNames(dataDir: AbsPath, locks: LockPort, isThere: (id: PodId) => boolean): void {
  for (const { name, holder } of deadNames(dataDir, isThere)) releaseName(dataDir, locks, name, holder);
}

/** What sweepNames() frees, as file names in `<dir>/names`. */
export function deadNames(
  dataDir: AbsPath,
  isThere: (id: PodId) => boolean,
): readonly { readonly name: string; readonly holder: PodId | undefined }[] {
  return namesIn(namesRoot(dataDir))
    .map((name) => ({ name, holder: podOfName(dataDir, name) }))
    .filter(({ holder }) => holder === undefined || !isThere(holder));
}
