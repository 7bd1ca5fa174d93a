/**
 * npm run bench -- start: how long a warm pod of /bin/true takes, beside the peers; how soon an app's first instruction runs;
 * what stays resident for an idle pod; what `--version` costs.
 */
import fs from 'node:fs';
import path from 'node:path';
import { busyboxAci } from '../fixtures/aci';
import {
  type Contender,
  machineLine,
  median,
  proportionalSetKiB,
  quantile,
  race,
  runCommand,
  type Target,
  targetTable,
  timingTable,
} from './harness';

const DIST = path.resolve(__dirname, '../..');
const PODCTL = path.join(DIST, 'podctl');
const CLOCK = path.join(__dirname, 'clock');
const rounds = Number(process.argv[2] ?? 30);

const work = fs.mkdtempSync('/var/lib/podctl/bench-');
const podctl = (...args: string[]): string[] => [
  PODCTL,
  `--dir=${work}/data`,
  `--local-config=${work}/etc`,
  '--insecure-options=image',
  ...args,
];

/** The same busybox tree for everybody: an ACI, a directory for nspawn, an image for podman. */
function setUp(): { aci: string; tree: string; podmanImage: string } {
  const aci = `${work}/true.aci`;
  const files = [{ name: 'rootfs/bin/clock', mode: 0o755, content: fs.readFileSync(CLOCK) }];
  fs.writeFileSync(aci, busyboxAci({ name: 'example.com/true', exec: ['/bin/true'], files }));
  const tree = '/var/lib/machines/bench';
  fs.mkdirSync(tree, { recursive: true });
  runCommand(['tar', '-xf', aci, '-C', tree, '--strip-components=1', 'rootfs']);
  fs.writeFileSync(`${tree}/etc/os-release`, 'ID=bench\n');
  runCommand(['sh', '-c', `tar -C ${tree} -c . | podman import - bench`]);
  return { aci, tree, podmanImage: 'bench' };
}

function startTimes(aci: string, tree: string, image: string): { text: string; targets: Target[] } {
  const contenders: Contender[] = [
    { name: 'podctl run --net=none', argv: podctl('run', '--net=none', aci) },
    { name: 'systemd-nspawn -q -D', argv: ['systemd-nspawn', '-q', '-D', tree, '/bin/true'] },
    {
      name: 'podman --runtime runc run --rm --net=none',
      argv: ['podman', '--runtime', 'runc', 'run', '--rm', '--net=none', '--pids-limit=-1', image, '/bin/true'],
    },
    { name: 'systemd-run --wait', argv: ['systemd-run', '--wait', '--quiet', 'true'] },
    { name: 'node -e 0', argv: ['node', '-e', '0'] },
  ];
  const timings = race(contenders, rounds);
  const [own, nspawn, podman] = timings.map(median);
  return {
    text: timingTable(timings),
    targets: [
      { what: 'warm run ÷ systemd-nspawn', limit: 1.0, measured: (own ?? Number.NaN) / (nspawn ?? Number.NaN) },
      { what: 'warm run ÷ podman', limit: 0.45, measured: (own ?? Number.NaN) / (podman ?? Number.NaN) },
    ],
  };
}

/**
 * From the moment StartTransientUnit leaves (which --debug prints, on the monotonic clock) to the app's first instruction
 * (which the app prints, on the same clock), beside a whole `systemd-run --wait true`.
 */
function firstInstruction(aci: string): { text: string; targets: Target[] } {
  const own: number[] = [];
  const peer: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const { stdout } = runCommand([
      'sh',
      '-c',
      '"$@" 2>&1',
      'sh',
      ...podctl('--debug', 'run', '--net=none', aci, '--exec=/bin/clock'),
    ]);
    const asked = /StartTransientUnit at (\d+)/.exec(stdout)?.[1];
    const ran = /^(\d{6,})$/m.exec(stdout)?.[1];
    if (asked === undefined || ran === undefined) throw new Error(`no times in: ${stdout}`);
    own.push(Number(BigInt(ran) - BigInt(asked)) / 1e6);
    peer.push(runCommand(['systemd-run', '--wait', '--quiet', 'true']).ms);
  }
  const sorted = [
    { name: 'StartTransientUnit → first instruction', samples: own.sort((a, b) => a - b) },
    { name: 'systemd-run --wait true', samples: peer.sort((a, b) => a - b) },
  ] as const;
  const over = median(sorted[0]) - median(sorted[1]);
  return {
    text: timingTable(sorted),
    targets: [{ what: 'first instruction over systemd-run --wait, ms', limit: 20, measured: over }],
  };
}

/** Everything in the unit's cgroup but the app itself. */
function residentSet(aci: string): { text: string; targets: Target[] } {
  const uuid = runCommand(
    podctl('run', '--net=none', '--detach', aci, '--exec=/bin/sleep', '--', '1000'),
  ).stdout.trim();
  try {
    const group = runCommand([
      'systemctl',
      'show',
      '--value',
      '-p',
      'ControlGroup',
      `podctl-${uuid}.service`,
    ]).stdout.trim();
    const pids = runCommand([
      'find',
      `/sys/fs/cgroup${group}`,
      '-name',
      'cgroup.procs',
      '-not',
      '-path',
      '*/apps/*',
      '-exec',
      'cat',
      '{}',
      '+',
    ]);
    const resident = pids.stdout
      .split('\n')
      .filter((line) => line !== '')
      .map(Number);
    const own = proportionalSetKiB(resident);
    runCommand([
      'podman',
      '--runtime',
      'runc',
      'run',
      '--detach',
      '--name=bench',
      '--net=none',
      '--pids-limit=-1',
      'bench',
      '/bin/sleep',
      '1000',
    ]);
    const conmon = proportionalSetKiB(runCommand(['pidof', 'conmon']).stdout.trim().split(' ').map(Number));
    return {
      text: `| idle pod | processes | PSS KiB |\n|---|---|---|\n| podctl | ${resident.length} | ${own} |\n| podman (conmon) | 1 | ${conmon} |`,
      targets: [{ what: 'PSS beyond the app, MiB', limit: 0.25, measured: own / 1024 }],
    };
  } finally {
    runCommand(podctl('stop', '--force', uuid));
    runCommand(['podman', 'rm', '--force', '--time=0', '--ignore', 'bench']);
  }
}

function version(): { text: string; targets: Target[] } {
  const timings = race(
    [
      { name: 'podctl --version', argv: [PODCTL, '--version'] },
      { name: 'node -e 0', argv: ['node', '-e', '0'] },
    ],
    2 * rounds,
  );
  const [own, node] = timings;
  const ratio = own && node ? median(own) / median(node) : Number.NaN;
  const fastest = own && node ? quantile(own, 0) / quantile(node, 0) : Number.NaN;
  return {
    text: `${timingTable(timings)}\n\nOf the fastest runs: ${fastest.toFixed(2)}`,
    targets: [{ what: '--version ÷ node -e 0', limit: 1.25, measured: ratio }],
  };
}

const { aci, tree, podmanImage } = setUp();
try {
  const parts = [startTimes(aci, tree, podmanImage), firstInstruction(aci), residentSet(aci), version()];
  const verdict = targetTable(parts.flatMap(({ targets }) => targets));
  process.stdout.write(
    `## start, ${rounds} rounds: ${machineLine()}\n\n${[verdict.text, ...parts.map(({ text }) => text)].join('\n\n')}\n`,
  );
  process.exitCode = verdict.met ? 0 : 1;
} finally {
  runCommand(podctl('gc', '--grace-period=0'));
  fs.rmSync(work, { recursive: true, force: true });
}
