/**
 * How fast the lines of an app get into the journal: from the time of the first entry to that of the last, as journald has them,
 * so that neither the start nor the end of a pod counts. Both sides are held back by journald alone, which is why its processor
 * time, and that of whoever brings it the lines, are shown, too.
 */
import fs from 'node:fs';
import { median, runCommand, timing, timingTable } from './harness';
import { type Part, podman, residentPids, type Stage } from './pods';

const LINES = 60_000;
const LINE = 'a line of a hundred bytes as an app may well write it, 10.0.0.1 GET /index.html 200, with some words';
const END = 'that was all';

const SETTINGS = '/run/systemd/journald.conf.d/bench.conf';
/** Without a limit, which would drop nine lines of ten, and with room for all lines. */
const NO_LIMIT = '[Journal]\nStorage=volatile\nRateLimitIntervalSec=0\nRuntimeMaxUse=2G\nRuntimeMaxFileSize=256M\n';

const SCRIPT = `yes "${LINE}" | head -n ${LINES}; echo ${END}; exec sleep 1000`;

interface Sample {
  readonly ms: number;
  /** Processor time, in ms. */
  readonly journald: number;
  readonly relay: number;
}

/** Milliseconds of processor time; a tick is 10 ms (USER_HZ). */
function cpuMs(pid: number): number {
  const fields = fs
    .readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return 10 * (Number(fields[11]) + Number(fields[12]));
}

const journaldPid = (): number =>
  Number(runCommand(['systemctl', 'show', '--value', '-p', 'MainPID', 'systemd-journald']).stdout);

/** Microseconds of the first or last entry; undefined without any. */
function entryTime(match: readonly string[], which: 'first' | 'last'): number | undefined {
  const order = which === 'first' ? ['--no-tail'] : ['--reverse'];
  const pipe = [
    'sh',
    '-c',
    '"$@" 2>&1 | head -n 1',
    'sh',
    'journalctl',
    '-q',
    '-o',
    'json',
    '--output-fields=MESSAGE',
    ...order,
  ];
  const line = runCommand([...pipe, ...match]).stdout;
  return line.startsWith('{')
    ? Number((JSON.parse(line) as { __REALTIME_TIMESTAMP: string }).__REALTIME_TIMESTAMP)
    : undefined;
}

/** @param match of the app's own lines @param relayPids who brings them to journald */
function sample(match: readonly string[], before: number, relayPids: () => readonly number[]): Sample {
  const deadline = Date.now() + 120_000;
  const isOver = (): boolean =>
    runCommand(['sh', '-c', `journalctl -q -o cat -n 1 ${match.map((m) => `'${m}'`).join(' ')} 2>&1`]).stdout.trim() ===
    END;
  while (!isOver()) {
    if (Date.now() > deadline) throw new Error(`the journal has no end of ${match.join(' ')}`);
    runCommand(['sleep', '0.3']);
  }
  const [first, last] = [entryTime(match, 'first'), entryTime(match, 'last')];
  const relay = relayPids().reduce((sum, pid) => sum + cpuMs(pid), 0);
  return { ms: ((last ?? Number.NaN) - (first ?? Number.NaN)) / 1000, journald: cpuMs(journaldPid()) - before, relay };
}

function ofPodctl({ aci, podctl }: Stage): Sample {
  const before = cpuMs(journaldPid());
  const words = ['run', '--net=none', '--detach', aci, '--name=loud', '--exec=/bin/sh', '--', '-c', SCRIPT];
  const uuid = runCommand(podctl(...words)).stdout.trim();
  try {
    return sample([`_SYSTEMD_UNIT=podctl-${uuid}.service`, 'SYSLOG_IDENTIFIER=loud'], before, () => residentPids(uuid));
  } finally {
    runCommand(podctl('stop', '--force', uuid));
  }
}

function ofPodman({ podmanImage }: Stage): Sample {
  const before = cpuMs(journaldPid());
  const flags = ['--detach', '--name=loud', '--net=none', '--pids-limit=-1', '--log-driver=journald'];
  const id = runCommand(podman('run', ...flags, podmanImage, 'sh', '-c', SCRIPT)).stdout.trim();
  try {
    const conmon = (): readonly number[] => runCommand(['pidof', 'conmon']).stdout.trim().split(' ').map(Number);
    return sample([`CONTAINER_ID_FULL=${id}`, 'PRIORITY=6'], before, conmon);
  } finally {
    runCommand(podman('rm', '--force', '--time=0', id));
  }
}

function setLimit(text: string | undefined): void {
  if (text === undefined) fs.rmSync(SETTINGS, { force: true });
  else {
    fs.mkdirSync('/run/systemd/journald.conf.d', { recursive: true });
    fs.writeFileSync(SETTINGS, text);
  }
  runCommand(['systemctl', 'restart', 'systemd-journald']);
}

export function throughput(stage: Stage, rounds: number): Part {
  setLimit(NO_LIMIT);
  const own: Sample[] = [];
  const peer: Sample[] = [];
  try {
    for (let round = 0; round < rounds; round += 1) {
      own.push(ofPodctl(stage));
      peer.push(ofPodman(stage));
      // Both write to files of the same age.
      runCommand(['journalctl', '--rotate', '--vacuum-files=1', '--quiet']);
    }
  } finally {
    setLimit(undefined);
  }
  const of = (name: string, samples: readonly Sample[], key: keyof Sample) =>
    timing(
      name,
      samples.map((each) => each[key]),
    );
  const [ownTime, peerTime] = [of(`podctl: ${LINES} lines`, own, 'ms'), of(`conmon: ${LINES} lines`, peer, 'ms')];
  const cpu = [
    of('processor time of journald for podctl', own, 'journald'),
    of('… for conmon', peer, 'journald'),
    of("processor time of podctl's init", own, 'relay'),
    of('… of conmon', peer, 'relay'),
  ];
  return {
    text: `${timingTable([ownTime, peerTime])}\n\n${timingTable(cpu)}`,
    targets: [{ what: 'conmon’s log throughput ÷ podctl’s', limit: 0.5, measured: median(ownTime) / median(peerTime) }],
  };
}
