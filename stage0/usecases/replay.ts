/**
 * What a start in a unit of the user's leaves for the next one: all that it saw, and all that it did. If the next one sees the same,
 * stage0/front does the same, and Node is not started at all. Whatever is not known to be the same each time is a reason to leave
 * nothing.
 */
import fs from 'node:fs';
import path from 'node:path';
import type { AbsPath } from '#kernel/brand';
import { quote } from '../../stage1/plan/codec';
import type { Look, Witness } from '../files/witness';
import { MANIFEST, PLAN, podsRoot, RECORD } from '../pod/layout';
import { namesRoot } from '../pod/names';
import { writeReplayRecord } from '../pod/replay-records';
import { encodeEntry, eventFields } from '../systemd/journal-events';
import { incomingOf, removalMessage } from '../systemd/machined';
import { ownStateCalls } from '../systemd/own-unit';
import { FIT_FIELDS, field } from './fit-unit';
import { collectedEntry } from './garbage';
import type { PreparedPod } from './prepare';
import { preparedEntry } from './prepared-entry';
import type { Services } from './services';

/** A start that is being watched. */
export interface Watch {
  readonly witness: Witness;
  /** From when on the signature of an image counts no more, in milliseconds since the epoch. */
  trustUntil: number;
  /** It tells what it does (--debug), as the next one has to: there is no record, but whether there would be one is told. */
  readonly isTold: boolean;
}

/** makedev(1, 3): the kernel's devices.txt. */
const NULL_DEVICE = 0x103;

/** What systemd says anew to each process that it executes (stage0/front/looks.cc has the same list). */
const PASSING = ['INVOCATION_ID', 'JOURNAL_STREAM', 'SYSTEMD_EXEC_PID', 'WATCHDOG_PID'];

/** What the executor is about to be executed with. */
export interface Execution {
  readonly executor: AbsPath;
  readonly variables: readonly string[];
  /** The plan's text, and what of it is the messages to machined. */
  readonly plan: string;
  readonly messagesHex: string;
  /** The last part of these: machined's registration of this pod. */
  readonly registrationHex: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Leaves a record, if this start can be repeated, and the unit is one that may be started again. */
export function leaveRecord(
  services: Services,
  { witness, trustUntil, isTold }: Watch,
  prepared: PreparedPod,
  execution: Execution,
  env: Environment,
): void {
  const { dataDir } = services;
  if (isTransient(prepared.unit)) witness.refuse('the unit is a transient one');
  for (const file of programFiles(execution.executor)) witness.look(file, true);
  const places = placesOf(dataDir, prepared);
  for (const change of witness.changes) {
    if (!places.mayChange(change)) witness.refuse(`${change} was changed`);
  }
  witness.end();
  const looks = witness.looks.filter((look) => !places.isOwn(look.path));
  const cgroup = cgroupIn(looks);
  const plan = planForAny(execution, prepared, witness);
  const made = witness.obstacle === undefined ? madeLines(prepared, plan, witness) : [];
  if (env['JOURNAL_STREAM'] !== undefined && made.some((line) => line.includes(env['JOURNAL_STREAM'] ?? '')))
    witness.refuse('the pod was told of its journal stream');
  if (cgroup === undefined) witness.refuse('it has no cgroup');
  const { obstacle } = witness;
  services.debug(
    obstacle === undefined ? 'without --debug, the next start needs no Node' : `the next start needs Node: ${obstacle}`,
  );
  if (isTold || obstacle !== undefined || cgroup === undefined) return;
  const { socket, bytes } = services.question(ownStateCalls(prepared.unit));
  const lines = [
    'podctl-replay 1',
    words('run', prepared.pod.id, env['INVOCATION_ID'] ?? '', podsRoot(dataDir)),
    words('arguments', ...process.argv.slice(2)),
    words('environment', ...variablesOf(env)),
    words('directory', process.cwd()),
    ...[1, 2].map((fd) => words('output', String(fd), kindOfOutput(fd, env))),
    ...(trustUntil === Infinity ? [] : [words('until', String(trustUntil))]),
    ...looks.flatMap(looked),
    words('machine', prepared.name, prepared.unit),
    words('ask', socket.replace(/^\0/, '@'), bytes.toString('hex')),
    words('lock', services.prepareLock.path),
    words('name', namesRoot(dataDir), prepared.name),
    ...witness.changes.filter(places.isUse).map((file) => words('used', file)),
    words('collected', entryText(collectedEntry(prepared.pod.id, prepared.name))),
    words('prepared', entryText(preparedEntry(prepared))),
    words('incoming', incomingOf(prepared.name)),
    ...made,
    words(
      'execute',
      execution.executor,
      `${prepared.pod.path}/${PLAN}`,
      String(prepared.pod.lockFd),
      ...execution.variables,
    ),
  ];
  writeReplayRecord(cgroup, `${lines.join('\n')}\n`);
}

const words = (name: string, ...rest: readonly string[]): string => [name, ...rest.map(quote)].join(' ');

const entryText = (entry: Parameters<typeof eventFields>[0]): string => encodeEntry(eventFields(entry)).toString();

/** systemd-run(1) makes another unit each time. */
const isTransient = (unit: string): boolean => fs.existsSync(`/run/systemd/transient/${unit}`);

/** Another podctl may come to another decision. */
const programFiles = (executor: AbsPath): readonly string[] => {
  const launcher = process.argv[1] ?? '';
  const dist = path.dirname(path.dirname(launcher));
  return [launcher, `${dist}/podctl`, `${dist}/podctl.cjs`, executor];
};

const variablesOf = (env: Environment): readonly string[] =>
  Object.entries(env).flatMap(([name, value]) => (PASSING.includes(name) ? [] : [`${name}=${value}`]));

/** Where the pod's own things are, which are new each time and are spoken of line by line. */
function placesOf(dataDir: AbsPath, { name }: PreparedPod) {
  const pods = podsRoot(dataDir);
  const names = namesRoot(dataDir);
  const incoming = incomingOf(name);
  const machines = '/run/systemd/machines/';
  const isPods = (at: string): boolean => at === pods || at.startsWith(`${pods}/`);
  const isUse = (at: string): boolean =>
    path.dirname(path.dirname(at)) === `${dataDir}/images` && path.basename(at) === 'used';
  const isNames = (at: string): boolean => at === names || at === `${names}/${name}`;
  const isIncoming = (at: string): boolean => at === incoming || at === path.dirname(incoming);
  return {
    isUse,
    isOwn: (at: string): boolean =>
      isPods(at) ||
      isNames(at) ||
      isUse(at) ||
      isIncoming(at) ||
      at.startsWith(machines) ||
      at === '/proc/sys/kernel/random/uuid',
    mayChange: (at: string): boolean =>
      isPods(at) || isNames(at) || isUse(at) || isIncoming(at) || at === `${dataDir}/prepare.lock`,
  };
}

const cgroupIn = (looks: readonly Look[]): string | undefined => {
  const own = looks.find((look) => look.kind === 'text' && look.path === '/proc/self/cgroup');
  return own?.kind === 'text' ? /^0::(\/.*)$/m.exec(own.content)?.[1] : undefined;
};

/** Of the status of a process only what a start goes by. */
function looked(look: Look): readonly string[] {
  if (look.kind === 'text' && /^\/proc\/\w+\/status$/.test(look.path)) {
    return [...FIT_FIELDS, 'Umask'].map((key) => words('field', look.path, key, field(look.content, key)));
  }
  if (look.kind === 'text') return [words('text', look.path, look.content)];
  if (look.kind === 'link') return [words('link', look.path, look.target)];
  if (look.kind !== 'look') return [words(look.kind, look.path)];
  return [words('look', look.follow ? 'follow' : 'link', look.whole ? 'whole' : 'held', look.path, look.stamp)];
}

/**
 * machined may or may not have the machine of the last run when the next one is started, so the plan takes it away in any case; that
 * it is nobody else's is looked at again.
 */
function planForAny(
  { plan, messagesHex, registrationHex }: Execution,
  { name }: PreparedPod,
  witness: Witness,
): string {
  const wanted = `${removalMessage(name)}${registrationHex}`;
  if (messagesHex === wanted) return plan;
  if (messagesHex !== registrationHex) witness.refuse('the unit was another machine');
  return plan.replace(` ${messagesHex}\n`, ` ${wanted}\n`);
}

/** Everything in the pod's directory, as it is now. */
function madeLines({ pod }: PreparedPod, plan: string, witness: Witness): readonly string[] {
  const record = fs.readFileSync(`${pod.path}/${RECORD}`, 'utf8');
  const known: Readonly<Record<string, (metadata: readonly string[]) => string>> = {
    [MANIFEST]: (metadata) => words('file', MANIFEST, ...metadata, fs.readFileSync(`${pod.path}/${MANIFEST}`, 'utf8')),
    [RECORD]: (metadata) => words('file', RECORD, ...metadata, ...aroundTime(record)),
    [PLAN]: (metadata) => words('late-file', PLAN, ...metadata, plan),
  };
  const linesBelow = (prefix: string): readonly string[] =>
    fs.readdirSync(`${pod.path}/${prefix}`).flatMap((name) => {
      const below = `${prefix}${name}`;
      const { mode, uid, gid, isDirectory } = statOf(`${pod.path}/${below}`);
      const metadata = [(mode & 0o7777).toString(8), String(uid), String(gid)];
      if (isDirectory) return [words('mkdir', below, ...metadata), ...linesBelow(`${below}/`)];
      const line = known[below]?.(metadata);
      if (line === undefined) witness.refuse(`the pod has ${below}`);
      return line ?? [];
    });
  return linesBelow('');
}

function statOf(file: string) {
  const stat = fs.lstatSync(file);
  return { mode: stat.mode, uid: stat.uid, gid: stat.gid, isDirectory: stat.isDirectory() };
}

/** What stands before and behind the time of a pod's making. */
function aroundTime(record: string): readonly string[] {
  const { createdAt } = JSON.parse(record) as { readonly createdAt: number };
  const key = '"createdAt":';
  const at = record.indexOf(`${key}${createdAt}`) + key.length;
  return [record.slice(0, at), record.slice(at + String(createdAt).length)];
}

/** systemd.exec(5), JOURNAL_STREAM. */
export function kindOfOutput(fd: number, env: Environment): 'journal' | 'null' | 'elsewhere' {
  const { dev, ino, rdev } = fs.fstatSync(fd);
  if (env['JOURNAL_STREAM'] === `${dev}:${ino}`) return 'journal';
  return rdev === NULL_DEVICE ? 'null' : 'elsewhere';
}
