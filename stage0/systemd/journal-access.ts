/** Whether there is a journal, and whether we may read it: journalctl says neither by its status. */
import fs from 'node:fs';
import { isErrno, PodctlError } from '#kernel/errors';

/** Where journald keeps its files (journald.conf(5), Storage=), each below a directory of the machine's ID. */
const PLACES = ['/var/log/journal', '/run/log/journal'] as const;

function filesBelow(place: string): readonly string[] {
  try {
    return fs
      .readdirSync(place, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .flatMap(({ name }) => journalsIn(`${place}/${name}`));
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return [];
    if (isErrno(error, 'EACCES')) return [place];
    throw error;
  }
}

/** A directory that we may not look into stands for the files in it. */
function journalsIn(directory: string): readonly string[] {
  try {
    return fs
      .readdirSync(directory)
      .filter((name) => name.endsWith('.journal'))
      .map((name) => `${directory}/${name}`);
  } catch (error) {
    if (isErrno(error, 'EACCES')) return [directory];
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return [];
    throw error;
  }
}

function isReadable(path: string): boolean {
  try {
    fs.accessSync(path, fs.constants.R_OK);
    return true;
  } catch (error) {
    if (isErrno(error, 'EACCES', 'ENOENT')) return false;
    throw error;
  }
}

/** @throws PodctlError `journal-missing`, `journal-unreadable` */
export function requireJournal(places: readonly string[] = PLACES): void {
  const files = places.flatMap(filesBelow);
  if (files.length === 0)
    throw new PodctlError(
      'journal-missing',
      `there is no journal in ${places.join(' or ')}: journald has not run, or keeps nothing`,
    );
  // A user's own file is readable to all; pods' lines are in the system's.
  const ofSystem = files.filter((file) => !/\/user-\d+[^/]*\.journal$/.test(file));
  if (!ofSystem.some(isReadable))
    throw new PodctlError('journal-unreadable', `not allowed to read ${ofSystem[0] ?? places[0]}`);
}
