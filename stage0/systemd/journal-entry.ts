/** Entries of the journal as `journalctl --output=json` prints them, and lines made of them. */

/** A field's value: text, bytes where it is not text, several where it was given more than once; null: too large to be shown. */
export type FieldValue = string | readonly number[] | null | readonly (string | readonly number[] | null)[];
export type JournalEntry = Readonly<Record<string, FieldValue>>;

/** Formats that lines are made of here, so that their end is known. Others are journalctl's. */
export const OWN_OUTPUTS = ['short', 'cat', 'json'] as const;
export type OwnOutput = (typeof OWN_OUTPUTS)[number];

/** What the formats need of an entry; undefined: all fields. */
export const OUTPUT_FIELDS: Readonly<Record<OwnOutput, string | undefined>> = {
  short: 'MESSAGE,SYSLOG_IDENTIFIER,SYSLOG_PID,_PID,_COMM,_HOSTNAME,_SOURCE_REALTIME_TIMESTAMP',
  cat: 'MESSAGE',
  json: undefined,
};

const isBytes = (value: readonly unknown[]): value is readonly number[] => typeof value[0] === 'number';

/** The bytes of a field, of the first value if there are several. */
export function fieldBytes(entry: JournalEntry, name: string): Buffer | undefined {
  const value = entry[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string') return Buffer.from(value);
  if (isBytes(value)) return Buffer.from(value);
  const [first] = value;
  return first === undefined || first === null ? undefined : Buffer.from(first as string);
}

export const fieldText = (entry: JournalEntry, name: string): string | undefined => fieldBytes(entry, name)?.toString();

/** Microseconds since the epoch: when it happened, if the sender said so, else when the journal took it. */
export const entryMicroseconds = (entry: JournalEntry): bigint =>
  BigInt(fieldText(entry, '_SOURCE_REALTIME_TIMESTAMP') ?? fieldText(entry, '__REALTIME_TIMESTAMP') ?? 0);

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const two = (number: number): string => String(number).padStart(2, '0');

/** `Nov 29 20:31:43`, in local time. */
function shortTime(entry: JournalEntry): string {
  const time = new Date(Number(entryMicroseconds(entry) / 1000n));
  const clock = [time.getHours(), time.getMinutes(), time.getSeconds()].map(two).join(':');
  return `${MONTHS[time.getMonth()]} ${two(time.getDate())} ${clock}`;
}

const NEWLINE = 0x0a;

/** Bytes of `message`, whose further lines stand below its first. */
function indented(message: Buffer, by: number): Buffer {
  if (!message.includes(NEWLINE)) return message;
  const indent = `\n${' '.repeat(by)}`;
  const lines = message.toString('latin1').replace(/\n+$/, '').split('\n');
  return Buffer.from(lines.join(indent), 'latin1');
}

/** As `journalctl -o short` prints it, less the colours. */
function shortLine(entry: JournalEntry): Buffer {
  const who = fieldText(entry, 'SYSLOG_IDENTIFIER') ?? fieldText(entry, '_COMM') ?? 'unknown';
  const pid = fieldText(entry, '_PID') ?? fieldText(entry, 'SYSLOG_PID');
  const host = fieldText(entry, '_HOSTNAME');
  const head = `${shortTime(entry)} ${host === undefined ? '' : `${host} `}${who}${pid === undefined ? '' : `[${pid}]`}: `;
  const message = indented(fieldBytes(entry, 'MESSAGE') ?? Buffer.alloc(0), head.length);
  return Buffer.concat([Buffer.from(head), message, Buffer.from('\n')]);
}

/** @param line the entry as journalctl wrote it, without its newline */
export function renderEntry(entry: JournalEntry, line: Buffer, output: OwnOutput): Buffer {
  switch (output) {
    case 'short':
      return shortLine(entry);
    case 'cat':
      return Buffer.concat([fieldBytes(entry, 'MESSAGE') ?? Buffer.alloc(0), Buffer.from('\n')]);
    case 'json':
      return Buffer.concat([line, Buffer.from('\n')]);
  }
}
