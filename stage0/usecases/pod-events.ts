/** What happened to pods, as the journal has it: `podctl events`. */
import type { PodId } from '#kernel/brand';
import { fieldText, type JournalEntry } from '../systemd/journal-entry';
import { ALL_MESSAGE_IDS, type AnyEvent } from '../systemd/journal-events';
import { JournalReader, readEntries } from '../systemd/journal-reader';

/** The documented shape of `podctl events --format=json` (docs/logs.md). */
export interface PodEventView {
  /** ISO 8601, UTC, microseconds. */
  readonly time: string;
  readonly event: string;
  readonly pod: string;
  readonly name?: string;
  readonly app?: string;
  /** Of the pod, when it was prepared. */
  readonly apps?: readonly string[];
  readonly reason?: string;
  /** Exit status, 0–255. */
  readonly status?: number;
  readonly signal?: number;
  readonly restarts?: number;
  readonly count?: number;
  readonly bytes?: number;
  /** Health checks in a row. */
  readonly failures?: number;
  readonly detail?: string;
  readonly message: string;
}

export interface EventQuery {
  /** Of these pods only; none: of all. */
  readonly pods: readonly PodId[];
  /** Of these kinds only; none: all. */
  readonly events: readonly AnyEvent[];
  readonly follow: boolean;
  readonly since?: string;
  readonly until?: string;
}

/** Entries of root's only: anybody may write one that looks like ours. Those of pods with a log namespace are there, too. */
export function eventArguments({ pods, events, follow, since, until }: EventQuery): readonly string[] {
  const ids = (events.length > 0 ? events : (Object.keys(ALL_MESSAGE_IDS) as AnyEvent[])).map(
    (event) => ALL_MESSAGE_IDS[event],
  );
  return [
    '--namespace=*',
    '--no-tail',
    ...(follow ? ['--follow'] : []),
    ...(since === undefined ? [] : [`--since=${since}`]),
    ...(until === undefined ? [] : [`--until=${until}`]),
    '_UID=0',
    ...ids.map((id) => `MESSAGE_ID=${id}`),
    ...pods.map((pod) => `POD_UUID=${pod}`),
  ];
}

/** Entries in the order of the journal. Ends when there are no more, or, following, when `onEvent` says false. */
export async function showEvents(query: EventQuery, onEvent: (event: PodEventView) => boolean): Promise<void> {
  const names = new Names();
  const reader = new JournalReader(eventArguments(query));
  for await (const { entry } of reader.entries()) {
    const view = eventView(entry, await names.of(entry));
    if (view !== undefined && !onEvent(view)) return;
  }
}

/** Names of pods: of the entry itself, or as they were given when the pod was prepared. */
class Names {
  readonly #known = new Map<string, Promise<string | undefined>>();

  of(entry: JournalEntry): Promise<string | undefined> {
    const pod = fieldText(entry, 'POD_UUID') ?? '';
    const name = fieldText(entry, 'POD_NAME');
    if (name !== undefined) this.#known.set(pod, Promise.resolve(name));
    const known = this.#known.get(pod) ?? preparedName(pod);
    this.#known.set(pod, known);
    return known;
  }
}

/** The init of a pod in a unit of the user's knows no name. */
async function preparedName(pod: string): Promise<string | undefined> {
  const events = ['prepared', 'renamed'] as const;
  const ids = events.map((event) => `MESSAGE_ID=${ALL_MESSAGE_IDS[event]}`);
  const entries = await readEntries(['--output-fields=POD_NAME', '--namespace=*', '_UID=0', ...ids, `POD_UUID=${pod}`]);
  const [last] = entries.slice(-1);
  return last === undefined ? undefined : fieldText(last, 'POD_NAME');
}

/** ISO 8601 with microseconds, which a Date lacks. */
function isoTime(microseconds: bigint): string {
  const whole = new Date(Number(microseconds / 1000n)).toISOString();
  return whole.replace('Z', `${String(microseconds % 1000n).padStart(3, '0')}Z`);
}

/** Undefined for an entry without what every event has. */
export function eventView(entry: JournalEntry, name: string | undefined): PodEventView | undefined {
  const [event, pod, message] = ['PODCTL_EVENT', 'POD_UUID', 'MESSAGE'].map((field) => fieldText(entry, field));
  if (event === undefined || pod === undefined) return undefined;
  const text = (key: string, field: string) => given(key, fieldText(entry, field));
  const number = (key: string, field: string) => {
    const value = fieldText(entry, field);
    return given(key, value !== undefined && /^\d+$/.test(value) ? Number(value) : undefined);
  };
  return {
    time: isoTime(BigInt(fieldText(entry, '__REALTIME_TIMESTAMP') ?? 0)),
    event,
    pod,
    ...given('name', name),
    ...text('app', 'APP'),
    ...given(
      'apps',
      fieldText(entry, 'APPS')
        ?.split(' ')
        .filter((app) => app !== ''),
    ),
    ...text('reason', 'REASON'),
    ...number('status', 'EXIT_STATUS'),
    ...number('signal', 'SIGNAL'),
    ...number('restarts', 'RESTARTS'),
    ...number('count', 'COUNT'),
    ...number('bytes', 'BYTES'),
    ...number('failures', 'HEALTH_FAILURES'),
    ...text('detail', 'DETAIL'),
    ...text('detail', 'HEALTH_OUTPUT'),
    message: message ?? '',
  };
}

const given = (key: string, value: unknown): object => (value === undefined ? {} : { [key]: value });
