/** Whose lines `podctl logs` is to show: of a pod that is there, or of one that only the journal remembers. */
import { isPodId, type PodId } from '#kernel/brand';
import { isErrno, PodctlError } from '#kernel/errors';
import { podOfUnit, podUnit } from '../../units/name';
import { findPod } from '../pod/lookup';
import type { PodEntry } from '../pod/pods';
import { recordIfReadable } from '../pod/record';
import { fieldText, type JournalEntry } from '../systemd/journal-entry';
import { ALL_MESSAGE_IDS, type AnyEvent } from '../systemd/journal-events';
import { type LogSource, ownSource } from '../systemd/journal-match';
import { readEntries } from '../systemd/journal-reader';
import type { Services } from './services';

export interface FoundLogs extends LogSource {
  /** Undefined: only the journal knows of it. */
  readonly entry: PodEntry | undefined;
}

/**
 * @param reference UUID, a prefix of it, name, or unit
 * @throws PodctlError `pod-not-found`, `pod-ambiguous`, `journalctl-failed`
 */
export async function findLogs(services: Services, reference: string): Promise<FoundLogs> {
  const entry = knownPod(services, reference);
  const pod = entry instanceof PodctlError ? await rememberedPod(reference, entry) : entry.id;
  if (entry instanceof PodctlError) return { ...(await sourceOf(pod)), entry: undefined };
  return { ...recordedSource(entry), entry };
}

function recordedSource({ id, path }: PodEntry): LogSource {
  const { unit, logNamespace } = recordIfReadable(path) ?? {};
  return {
    ...(unit === undefined ? ownSource(id) : { pod: id, unit: unit.name, invocation: unit.invocationId }),
    ...(logNamespace === undefined ? {} : { namespace: logNamespace }),
  };
}

/** The pod, or why there is none to be found: it is gone, or we may not look. */
function knownPod({ pods, dataDir }: Services, reference: string): PodEntry | PodctlError {
  try {
    return findPod(pods, dataDir, reference);
  } catch (error) {
    if (error instanceof PodctlError && error.code === 'pod-not-found') return error;
    if (isErrno(error, 'EACCES')) return new PodctlError('pod-not-found', `the journal knows of no pod "${reference}"`);
    throw error;
  }
}

/** Entries of root's only: anybody may write one that looks like ours. */
const ofEvents = (...events: readonly AnyEvent[]): readonly string[] => [
  '_UID=0',
  ...events.map((event) => `MESSAGE_ID=${ALL_MESSAGE_IDS[event]}`),
];

async function rememberedPod(reference: string, notFound: PodctlError): Promise<PodId> {
  const uuid = podOfUnit(reference) ?? podOfUnit(`${reference}.service`) ?? reference;
  if (isPodId(uuid)) return uuid;
  const entries = await readEntries([
    '--output-fields=POD_UUID,POD_NAME',
    '--namespace=*',
    ...ofEvents('prepared', 'renamed'),
  ]);
  const named = entries.filter((entry) => fieldText(entry, 'POD_NAME') === reference).at(-1);
  const byName = named === undefined ? undefined : podOf(named);
  if (byName !== undefined) return byName;
  const known = [...new Set(entries.flatMap((entry) => podOf(entry) ?? []))].filter((pod) => pod.startsWith(reference));
  const [only, ...more] = known;
  if (only === undefined) throw notFound;
  if (more.length > 0) throw new PodctlError('pod-ambiguous', `ambiguous uuid "${reference}", ${known.length} matches`);
  return only;
}

function podOf(entry: JournalEntry): PodId | undefined {
  const pod = fieldText(entry, 'POD_UUID');
  return pod !== undefined && isPodId(pod) ? pod : undefined;
}

/** In which run of which unit it was, as journald knows it of the init's entry. */
async function sourceOf(pod: PodId): Promise<LogSource> {
  const fields = '--output-fields=_SYSTEMD_UNIT,_SYSTEMD_INVOCATION_ID';
  const about = [...ofEvents('app-started', 'started', 'exited'), `POD_UUID=${pod}`];
  const entries = await readEntries([fields, '--namespace=*', '--lines=20', ...about]);
  const units = entries.map((entry) => ({
    unit: fieldText(entry, '_SYSTEMD_UNIT') ?? '',
    invocation: fieldText(entry, '_SYSTEMD_INVOCATION_ID') ?? '',
  }));
  const own = podUnit(pod);
  // journald does not know of a process that was gone when its entry's turn came.
  const last = units.filter(({ unit }) => unit !== '').at(-1);
  if (last === undefined || units.some(({ unit }) => unit === own)) return ownSource(pod);
  return { pod, unit: last.unit, ...(last.invocation === '' ? {} : { invocation: last.invocation }) };
}
