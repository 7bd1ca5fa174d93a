/** `podctl logs --follow`: a pod's lines as they come, until it has ended and the last one is shown. */
import { execFile } from 'node:child_process';
import { isErrno } from '#kernel/errors';
import { fieldText, OUTPUT_FIELDS, type OwnOutput, renderEntry } from '../systemd/journal-entry';
import { namespaceOption } from '../systemd/journal-match';
import { JournalReader } from '../systemd/journal-reader';

export interface Following {
  /** For journalctl: which entries, from where on. */
  readonly matches: readonly string[];
  readonly from: readonly string[];
  /** The pod's journal namespace; absent: the host's journal. */
  readonly namespace?: string;
  readonly output: OwnOutput;
  readonly write: (bytes: Buffer) => void;
  /** Whether the pod has ended. */
  readonly isOver: () => boolean | Promise<boolean>;
}

/** The end of a pod is looked for so often: a lock that is let go tells nobody. */
const LOOK_MS = 200;
/** Those who may not ask journald to store all that it has been sent wait so long for it to do so by itself. */
const SETTLE_MS = 1000;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export async function followLogs(following: Following): Promise<void> {
  const shown = { cursor: '' };
  const reader = new JournalReader(['--follow', ...options(following)]);
  const watch = { isOn: true };
  const ended = untilOver(following, watch).then(() => settle(following));
  try {
    await Promise.all([show(reader, following, shown), ended.finally(() => reader.stop())]);
  } finally {
    watch.isOn = false;
  }
  // What journald stored between the last line that was read and the end.
  const rest = shown.cursor === '' ? following.from : [`--after-cursor=${shown.cursor}`];
  await show(new JournalReader(options({ ...following, from: rest })), following, shown);
}

function options({ output, from, matches, namespace }: Following): readonly string[] {
  const fields = OUTPUT_FIELDS[output];
  return [
    ...(fields === undefined ? [] : [`--output-fields=${fields}`]),
    ...namespaceOption(namespace),
    ...from,
    ...matches,
  ];
}

async function show(reader: JournalReader, { output, write }: Following, shown: { cursor: string }): Promise<void> {
  for await (const { entry, line } of reader.entries()) {
    write(renderEntry(entry, line, output));
    shown.cursor = fieldText(entry, '__CURSOR') ?? shown.cursor;
  }
}

async function untilOver({ isOver }: Following, watch: { readonly isOn: boolean }): Promise<void> {
  while (watch.isOn && !(await isOver())) await sleep(LOOK_MS);
}

/** Waits until journald has stored what the pod has sent it. */
async function settle({ namespace }: Following): Promise<void> {
  if (!(await syncJournal(namespace))) await sleep(SETTLE_MS);
}

/** Has journald store what it has been sent; false for those who may not ask for it. */
export function syncJournal(namespace: string | undefined): Promise<boolean> {
  return new Promise((resolve, reject) => {
    execFile('journalctl', ['--sync', ...(namespace === undefined ? [] : [`--namespace=${namespace}`])], (error) => {
      if (error !== null && isErrno(error, 'ENOENT')) reject(error);
      else resolve(error === null);
    });
  });
}
