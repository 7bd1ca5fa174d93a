/**
 * npm run bench -- service [ROUNDS]: `systemctl restart` of a unit whose ExecStart= is `podctl run`, beside the unit that Quadlet
 * would make of the same app and beside the app as a plain service; how fast an app's lines get into the journal, beside
 * conmon's; and, in a program of its own (list.ts), `podctl list` with a thousand pods.
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { type Contender, machineLine, measure, median, targetTable, timingTable } from './harness';
import { throughput } from './log-throughput';
import { type Part, type Stage, setUp, tearDown } from './pods';

const rounds = Number(process.argv[2] ?? 30);

/** Ends at once when it is asked to, also as PID 1, and says when it is there. */
const APP = ['sh', '-c', "trap 'exit 0' TERM; while :; do sleep 1000 & wait; done"] as const;

const UNITS = '/run/systemd/system';
const NAMES = { podctl: 'bench-podctl', podman: 'bench-podman', plain: 'bench-plain' } as const;

const quoted = (words: readonly string[]): string => words.map((word) => `"${word.replaceAll('$', '$$$$')}"`).join(' ');

function unitsOf({ aci, podctl, podmanImage, tree }: Stage): Readonly<Record<keyof typeof NAMES, readonly string[]>> {
  const [shell, ...script] = APP;
  // What Quadlet writes, with a file name that podman 4.3 does not remove by itself.
  const cid = '--cidfile=%t/%N.cid';
  const podman = ['/usr/bin/podman', '--runtime', 'runc'];
  const run = [
    'run',
    '--name=systemd-%N',
    cid,
    '--replace',
    '--rm',
    '--cgroups=split',
    '--sdnotify=conmon',
    '--net=none',
  ];
  const inPodman = [...podman, ...run, '--pids-limit=-1', '--log-driver=journald', '--detach', podmanImage, ...APP];
  const remove = [...podman, 'rm', '--force', '--ignore', cid].join(' ');
  return {
    podctl: [
      'Type=notify',
      'Delegate=yes',
      'KillMode=mixed',
      `ExecStart=${quoted(podctl('run', '--net=none', aci, `--exec=/bin/${shell}`, '--', ...script))}`,
    ],
    podman: [
      ...['Type=notify', 'NotifyAccess=all', 'Delegate=yes', 'KillMode=mixed', 'Environment=PODMAN_SYSTEMD_UNIT=%n'],
      ...['ExecStartPre=/bin/rm -f %t/%N.cid', `ExecStart=${quoted(inPodman)}`],
      ...[`ExecStop=${remove}`, `ExecStopPost=-${remove}`],
    ],
    plain: ['Type=exec', `ExecStart=${quoted([`${tree}/bin/busybox`, ...APP])}`],
  };
}

/** Every contender is stopped and started again once a round, beside the others that run on. */
function restarts(stage: Stage): Part {
  const names = Object.values(NAMES);
  for (const [key, lines] of Object.entries(unitsOf(stage)))
    fs.writeFileSync(
      `${UNITS}/${NAMES[key as keyof typeof NAMES]}.service`,
      ['[Unit]', 'StartLimitIntervalSec=0', '[Service]', ...lines, ''].join('\n'),
    );
  const systemctl = (...words: string[]): void => {
    const { status, stderr } = spawnSync('systemctl', words, { encoding: 'utf8' });
    if (status !== 0) throw new Error(`systemctl ${words.join(' ')}: ${stderr}`);
  };
  systemctl('daemon-reload');
  try {
    for (const name of names) systemctl('start', name);
    const contenders: Contender[] = names.map((name) => ({
      name: `restart of ${name}`,
      argv: ['systemctl', 'restart', name],
    }));
    const { timings } = measure(contenders, rounds);
    const [own, podman, plain] = timings.map(median);
    const value = (ms: number | undefined): number => ms ?? Number.NaN;
    return {
      text: timingTable(timings),
      targets: [
        { what: 'restart ÷ podman', limit: 0.5, measured: value(own) / value(podman) },
        { what: 'restart over a plain service, ms', limit: 60, measured: value(own) - value(plain) },
      ],
    };
  } finally {
    spawnSync('systemctl', ['stop', ...names]);
    for (const name of names) fs.rmSync(`${UNITS}/${name}.service`, { force: true });
    systemctl('daemon-reload');
  }
}

/** Runs the benchmark of `podctl list` with what it prints, and returns whether its targets are met. */
function list(): boolean {
  const program = path.join(__dirname, 'list.js');
  if (fs.existsSync(program)) return spawnSync(process.execPath, [program], { stdio: 'inherit' }).status === 0;
  process.stdout.write('podctl list was not measured: there is no list.ts\n');
  return false;
}

function main(): void {
  const stage = setUp();
  try {
    const parts = [restarts(stage), throughput(stage, Math.max(3, Math.round(rounds / 6)))];
    const verdict = targetTable(parts.flatMap(({ targets }) => targets));
    const text = [verdict.text, ...parts.map((part) => part.text)].join('\n\n');
    process.stdout.write(`## service, ${rounds} rounds: ${machineLine()}\n\n${text}\n\n`);
    process.exitCode = verdict.met ? 0 : 1;
  } finally {
    tearDown(stage);
  }
  if (!list()) process.exitCode = 1;
}

main();
