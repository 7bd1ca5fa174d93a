/** Pods named on the command line, directly or by `--uuid-file`. */
import fs from 'node:fs';
import { messageOf, PodctlError } from '#kernel/errors';
import { inParallel } from '#kernel/in-parallel';
import { findPod } from '../../pod/lookup';
import type { PodEntry } from '../../pod/pods';
import type { Services } from '../../usecases/services';

/** A UUID and a line feed, with room to spare. */
const MAX_UUID_FILE = 128;

/** What the user named, from arguments and file together. @throws PodctlError `usage` if that is nothing */
export function podReferences(words: readonly string[], uuidFile: string | undefined): readonly string[] {
  const references = uuidFile === undefined ? words : [...words, readUuidFile(uuidFile)];
  if (references.length === 0)
    throw new PodctlError('usage', 'no pod is named', { hint: 'give a UUID, a name, or --uuid-file' });
  return references;
}

function readUuidFile(path: string): string {
  try {
    return fs.readFileSync(path, { encoding: 'utf8' }).slice(0, MAX_UUID_FILE).trim();
  } catch (cause) {
    throw new PodctlError('uuid-file-unreadable', `cannot read the UUID file: ${messageOf(cause)}`, { cause });
  }
}

/** The one pod a command is about. */
export function podArgument(services: Services, word: string | undefined, uuidFile?: string): PodEntry {
  const [reference, ...more] = podReferences(word === undefined ? [] : [word], uuidFile);
  if (reference === undefined || more.length > 0)
    throw new PodctlError('usage', 'a UUID and --uuid-file exclude each other');
  return findPod(services.pods, services.dataDir, reference);
}

/** A bus takes so many calls of one connection that wait for their answer (dbus-daemon(1): 128), and a pod may have two of them. */
const MOST_AT_ONCE = 32;

/** What is said of a pod once it was dealt with. */
export type Report = () => void;

/**
 * Does `act` to all pods named, to several at once as far as it waits for anything, and tells each failure. Reports come in the end,
 * in the order in which the pods were named. Closes the bus in the end.
 * @throws PodctlError `pods-failed` at the end if any failed
 */
export async function forEachPod(
  services: Pick<Services, 'pods' | 'dataDir' | 'disconnect'>,
  references: readonly string[],
  tell: (message: string) => void,
  act: (pod: PodEntry) => Report | undefined | Promise<Report | undefined>,
): Promise<number> {
  let failed = 0;
  const one = async (reference: string): Promise<Report | undefined> => {
    try {
      return await act(findPod(services.pods, services.dataDir, reference));
    } catch (error) {
      if (!(error instanceof PodctlError) || references.length === 1) throw error;
      tell(`${error.code}: ${error.message}`);
      failed += 1;
      return undefined;
    }
  };
  const reports: (Report | undefined)[] = [];
  try {
    await inParallel(references, MOST_AT_ONCE, async (reference, index) => {
      reports[index] = await one(reference);
    });
    for (const report of reports) report?.();
  } finally {
    services.disconnect();
  }
  if (failed > 0)
    throw new PodctlError('pods-failed', `${failed} of ${references.length} pods could not be dealt with`);
  return 0;
}
