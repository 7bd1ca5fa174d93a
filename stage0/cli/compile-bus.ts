/**
 * Build step: a bus with a systemd on it whose units end, with status 0, as soon as they are started. A start of a pod against
 * it runs all of podctl that a real one does, so that it comes into the code cache; no program is executed.
 */
import { createServer, type Socket } from 'node:net';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { marshal } from '../systemd/dbus/marshal';
import { decodeMessage, type Message, messageLength } from '../systemd/dbus/message';
import type { Value } from '../systemd/dbus/signature';
import { MANAGER, MANAGER_PATH, PROPERTIES_CHANGED, SERVICE, UNIT } from '../systemd/names';
import { unitPath } from '../systemd/unit-path';

const GREETING = `OK ${'0'.repeat(32)}\r\n`;
const BEGIN = 'BEGIN\r\n';
const SENDER = ':1.0';
const JOB = '/org/freedesktop/systemd1/job/1';
const [RETURN, SIGNAL] = [2, 4];

/** Header fields by their codes (D-Bus specification, "Header Fields"). */
type Fields = readonly (readonly [code: number, signature: string, value: Value])[];

function encode(type: number, fields: Fields, signature: string, body: readonly Value[]): Buffer {
  const all: Fields = [...fields, [7, 's', SENDER], [8, 'g', signature]];
  const bytes = marshal(signature, body);
  const header = [
    'l'.charCodeAt(0),
    type,
    0,
    1,
    bytes.length,
    1,
    all.map(([code, of, value]) => [code, { signature: of, value }]),
  ];
  const head = marshal('yyyyuua(yv)', header);
  return Buffer.concat([head, Buffer.alloc(-head.length & 7), bytes]);
}

const signal = (path: string, of: string, member: string, signature: string, body: readonly Value[]): Buffer =>
  encode(
    SIGNAL,
    [
      [1, 'o', path],
      [2, 's', of],
      [3, 's', member],
    ],
    signature,
    body,
  );

const changed = (unit: string, of: string, properties: Readonly<Record<string, readonly [string, Value]>>): Buffer => {
  const values = Object.entries(properties).map(([name, [signature, value]]) => [name, { signature, value }]);
  const { interface: changes, member } = PROPERTIES_CHANGED;
  return signal(unitPath(unit), changes, member, 'sa{sv}as', [of, values, []]);
};

/** What systemd says of a unit that comes and goes. */
function lifeOf(unit: string): readonly Buffer[] {
  return [
    changed(unit, UNIT, { ActiveState: ['s', 'active'], Job: ['(uo)', [1, JOB]] }),
    signal(MANAGER_PATH, MANAGER, 'JobRemoved', 'uoss', [1, JOB, unit, 'done']),
    changed(unit, SERVICE, { ExecMainCode: ['i', 1], ExecMainStatus: ['i', 0], Result: ['s', 'success'] }),
    changed(unit, UNIT, { ActiveState: ['s', 'inactive'], Job: ['(uo)', [0, '/']] }),
  ];
}

/** Of the unit that executed this process, as it seems. */
const propertyOf = (name: string): Value =>
  name === 'MainPID' ? { signature: 'u', value: process.pid } : { signature: 'b', value: true };

function answers(call: Message): readonly Buffer[] {
  const reply = (signature: string, body: readonly Value[]) => encode(RETURN, [[5, 'u', call.serial]], signature, body);
  if (call.member === 'Hello') return [reply('s', [':1.1'])];
  if (call.member === 'Get') return [reply('v', [propertyOf(String(call.body[1]))])];
  if (call.member !== 'StartTransientUnit') return [reply('', [])];
  return [reply('o', [JOB]), ...lifeOf(String(call.body[0]))];
}

function serve(client: Socket): void {
  let bytes = Buffer.alloc(0);
  let begun = false;
  client.on('data', (chunk) => {
    bytes = Buffer.concat([bytes, chunk]);
    if (!begun) {
      const end = bytes.indexOf(BEGIN);
      if (end < 0) return;
      begun = true;
      bytes = bytes.subarray(end + BEGIN.length);
      client.write(GREETING);
    }
    for (let size = messageLength(bytes); size !== undefined && size <= bytes.length; size = messageLength(bytes)) {
      for (const answer of answers(decodeMessage(bytes.subarray(0, size)))) client.write(answer);
      bytes = bytes.subarray(size);
    }
  });
}

/** Listens at `path` in a thread of its own, since there is a client that waits by blocking. Resolves to what ends it. */
export function startBus(path: string): Promise<() => Promise<unknown>> {
  const worker = new Worker(__filename, { workerData: path });
  return new Promise((resolve, reject) => {
    worker.once('error', reject);
    worker.once('message', () => resolve(() => worker.terminate()));
  });
}

if (!isMainThread) createServer(serve).listen(String(workerData), () => parentPort?.postMessage('listening'));
