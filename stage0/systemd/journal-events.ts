/** podctl's own events in the journal: what happened to which pod, findable by MESSAGE_ID. */
import type { PodId } from '#kernel/brand';
import { errnoOf } from '#kernel/errors';

/** Stable identifiers, as `journalctl MESSAGE_ID=…` and units/files/podctl.catalog know them. Never reused. */
export const MESSAGE_IDS = {
  prepared: '50d27cebdf744580a28f64170352062b',
  paused: '48d63a0bc1184c0fb8a8633f935af256',
  resumed: 'b49e534674be46d2bd6b43d475a7eee3',
  updated: '50b3cc46cb4740ebbbde1b901bc6bcb6',
  renamed: '784a97c9c6154f7981bc8faf86198486',
  collected: '3cc34476a86d421483ef7cffb355aca6',
  'library-missing': 'ce3b554dbbad40dba4b4b3a31c7c861d',
} as const;

/** What the pod's init enters itself (stage1/native/entry.cc), in the order of its table. */
export const INIT_MESSAGE_IDS = {
  'app-started': '909c295fd9574c25a17f1903e3b7fdad',
  'app-ready': '541e887924434ab7a420fe33f8916b44',
  'app-restarting': '1ab09fbbfd114da7a65dc07e2c2af43a',
  'app-exited': 'e1e1a6905055451fb28843792f16b548',
  'app-oom': 'd6a9c6c13ff549678347e440275f5ae2',
  'handler-failed': 'b7cdc5f0657941bfa0702cead21ab1c9',
  'app-healthy': 'd828eb0b882c453c98f30e11f527e062',
  /** With HEALTH_FAILURES= and HEALTH_OUTPUT=, of the last check. */
  'app-unhealthy': '354a5ef0cb7c47f6b64ffcc8a080bda1',
  'output-lost': '41d3a99a9fa143e08ab539a087264081',
  started: '355d264c27c140e8b7b4ac7b3bf227ae',
  stopping: '39f905c96f1a4895bec78f8224326e31',
  exited: 'cb97f5d3f59b4961aa4e21e0ee7d554c',
} as const;

/** What stage0 enters; `paused`, `resumed` and `library-missing` may be about one app (APP=). */
export type PodEvent = keyof typeof MESSAGE_IDS;
export type AnyEvent = PodEvent | keyof typeof INIT_MESSAGE_IDS;

export const ALL_MESSAGE_IDS: Readonly<Record<AnyEvent, string>> = { ...MESSAGE_IDS, ...INIT_MESSAGE_IDS };

export interface EventEntry {
  readonly event: PodEvent;
  readonly pod: PodId;
  /** Its name, for those who look for it by that when the pod is gone. */
  readonly name?: string;
  readonly message: string;
  /** syslog(3) priority: 6 is informational (the default), 3 an error. */
  readonly priority?: number;
  /** More fields: names of upper-case letters, digits and `_`. */
  readonly fields?: Readonly<Record<string, string>>;
}

/** The one call of the addon that is needed here (stage1/native/addon.d.ts). */
export interface JournalPort {
  journalSend(payload: Buffer): void;
}

export function sendEvent(journal: JournalPort, entry: EventEntry): void {
  journal.journalSend(encodeEntry(eventFields(entry)));
}

/**
 * As sendEvent(), for what has happened whether or not the journal has it: one that is away, full or not ours to write to is no
 * failure of the command.
 */
export function enterEvent(journal: JournalPort, entry: EventEntry): void {
  try {
    sendEvent(journal, entry);
  } catch (error) {
    if (errnoOf(error) === undefined) throw error; // ignored: see above
  }
}

export const eventFields = (entry: EventEntry): Readonly<Record<string, string>> => ({
  MESSAGE: entry.message,
  MESSAGE_ID: MESSAGE_IDS[entry.event],
  PRIORITY: String(entry.priority ?? 6),
  SYSLOG_IDENTIFIER: 'podctl',
  PODCTL_EVENT: entry.event,
  POD_UUID: entry.pod,
  ...(entry.name === undefined ? {} : { POD_NAME: entry.name }),
  ...entry.fields,
});

/** A letter first: names that begin with `_` are the journal's own. */
const FIELD_NAME = /^[A-Z][A-Z0-9_]{0,63}$/;

/**
 * The journal's native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL): `NAME=value`, or for values with newlines the name
 * alone, then the length as a 64-bit little-endian number and the bytes.
 * @throws TypeError for a bad field name
 */
export function encodeEntry(fields: Readonly<Record<string, string>>): Buffer {
  const parts: Buffer[] = [];
  for (const [name, value] of Object.entries(fields)) {
    if (!FIELD_NAME.test(name)) throw new TypeError(`"${name}" cannot name a journal field`);
    if (value.includes('\n')) {
      const bytes = Buffer.from(value);
      const length = Buffer.alloc(8);
      length.writeBigUInt64LE(BigInt(bytes.length));
      parts.push(Buffer.from(`${name}\n`), length, bytes, Buffer.from('\n'));
    } else {
      parts.push(Buffer.from(`${name}=${value}\n`));
    }
  }
  return Buffer.concat(parts);
}
