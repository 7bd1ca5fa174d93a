/**
 * Names of pods: one symbolic link per name, `<dir>/names/NAME` → UUID. symlink(2) is atomic and refuses to replace, so of two
 * pods that want one name at once, one gets it, without a lock. Names follow machined's rules, since they name machines too.
 */
import fs from 'node:fs';
import type { AbsPath, PodId } from '#kernel/brand';
import { isErrno, PodctlError } from '#kernel/errors';
import { namesIn } from '../files/names-in';
import { isMachineName, machineName } from '../systemd/machined';
import { podOfLink } from './pod-link';

const namesRoot = (dataDir: AbsPath): string => `${dataDir}/names`;

/** The pod that has this name, or had it last. */
export function podOfName(dataDir: AbsPath, name: string): PodId | undefined {
  return isMachineName(name) ? podOfLink(`${namesRoot(dataDir)}/${name}`) : undefined;
}

/**
 * Gives the name to a pod. A name whose pod is over (`isOver`) is free.
 * @throws PodctlError `pod-name-taken`, `invalid-name`
 */
export function claimName(dataDir: AbsPath, name: string, id: PodId, isOver: (holder: PodId) => boolean): void {
  machineName(name);
  const link = `${namesRoot(dataDir)}/${name}`;
  fs.mkdirSync(namesRoot(dataDir), { recursive: true, mode: 0o755 });
  for (;;) {
    try {
      fs.symlinkSync(id, link);
      return;
    } catch (error) {
      if (!isErrno(error, 'EEXIST')) throw error;
    }
    const holder = podOfName(dataDir, name);
    if (holder !== undefined && !isOver(holder)) {
      throw new PodctlError('pod-name-taken', `the name "${name}" belongs to pod ${holder}`);
    }
    releaseName(dataDir, name, holder);
  }
}

/** Frees a name, if `holder` is still the one that has it. */
export function releaseName(dataDir: AbsPath, name: string, holder: PodId | undefined): void {
  const link = `${namesRoot(dataDir)}/${name}`;
  // Renamed away first, so that a name another pod took in this instant is noticed and given back instead of lost.
  const aside = `${link}~${process.pid}`;
  try {
    fs.renameSync(link, aside);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return;
    throw error;
  }
  const taken = fs.readlinkSync(aside);
  if (holder !== undefined && taken !== holder) fs.renameSync(aside, link);
  else fs.unlinkSync(aside);
}

/** Frees the names of pods that are gone, and what a crash in releaseName() left. */
export function sweepNames(dataDir: AbsPath, isThere: (id: PodId) => boolean): void {
  for (const { name, holder } of deadNames(dataDir, isThere)) {
    if (holder === undefined) fs.rmSync(`${namesRoot(dataDir)}/${name}`, { force: true });
    else releaseName(dataDir, name, holder);
  }
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
