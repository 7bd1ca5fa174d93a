/** podctl's own events in the journal: what happened to which pod, findable by MESSAGE_ID. */
import type { PodId } from '#kernel/brand';

/** Stable identifiers, as `journalctl MESSAGE_ID=…` and a journal catalog know them. Never reused. */
export const MESSAGE_IDS = {
  prepared: '50d27cebdf744580a28f64170352062b',
  started: '355d264c27c140e8b7b4ac7b3bf227ae',
  exited: 'cb97f5d3f59b4961aa4e21e0ee7d554c',
  collected: '3cc34476a86d421483ef7cffb355aca6',
  'library-missing': 'ce3b554dbbad40dba4b4b3a31c7c861d',
} as const;

/** What the pod's init enters itself (stage1/native/entry.cc), with APP=, and of an end REASON=, EXIT_STATUS=, RESTARTS= and DETAIL=. */
export const INIT_MESSAGE_IDS = {
  'app-ready': '541e887924434ab7a420fe33f8916b44',
  'app-restarting': '1ab09fbbfd114da7a65dc07e2c2af43a',
  'app-exited': 'e1e1a6905055451fb28843792f16b548',
  'handler-failed': 'b7cdc5f0657941bfa0702cead21ab1c9',
  'app-healthy': 'd828eb0b882c453c98f30e11f527e062',
  /** With HEALTH_FAILURES= and HEALTH_OUTPUT=, of the last check. */
  'app-unhealthy': '354a5ef0cb7c47f6b64ffcc8a080bda1',
} as const;

export type PodEvent = keyof typeof MESSAGE_IDS;

export interface EventEntry {
  readonly event: PodEvent;
  readonly pod: PodId;
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

export const eventFields = (entry: EventEntry): Readonly<Record<string, string>> => ({
  MESSAGE: entry.message,
  MESSAGE_ID: MESSAGE_IDS[entry.event],
  PRIORITY: String(entry.priority ?? 6),
  SYSLOG_IDENTIFIER: 'podctl',
  PODCTL_EVENT: entry.event,
  POD_UUID: entry.pod,
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
