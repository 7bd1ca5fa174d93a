/**
 * npm run bench -- start: how long a warm pod of /bin/true takes, beside the peers; how soon an app's first instruction runs;
 * what stays resident for an idle pod; what `--version` costs; and what more apps, users of its own, a big image and a crowd
 * of pods do to that. Arguments: rounds, and the name of the one function below to run alone.
 */
import { crowd, idlePods } from './crowd';
import {
  type Contender,
  machineLine,
  median,
  proportionalSetKiB,
  quantile,
  race,
  runCommand,
  targetTable,
  timingTable,
} from './harness';
import { type Part, PODCTL, podman, residentPids, type Stage, setUp, tearDown } from './pods';
import { imageSize, moreApps, userNamespace } from './scale';

const rounds = Number(process.argv[2] ?? 30);
const only = process.argv[3];

function startTimes({ aci, tree, podmanImage, podctl }: Stage): Part {
  const contenders: Contender[] = [
    { name: 'podctl run --net=none', argv: podctl('run', '--net=none', aci) },
    { name: 'systemd-nspawn -q -D', argv: ['systemd-nspawn', '-q', '-D', tree, '/bin/true'] },
    {
      name: 'podman --runtime runc run --rm --net=none',
      argv: podman('run', '--rm', '--net=none', '--pids-limit=-1', podmanImage, '/bin/true'),
    },
    { name: 'systemd-run --wait', argv: ['systemd-run', '--wait', '--quiet', 'true'] },
    { name: 'node -e 0', argv: ['node', '-e', '0'] },
  ];
  const timings = race(contenders, rounds);
  const [own, nspawnTime, podmanTime] = timings.map(median);
  return {
    text: timingTable(timings),
    targets: [
      { what: 'warm run ÷ systemd-nspawn', limit: 1.0, measured: (own ?? Number.NaN) / (nspawnTime ?? Number.NaN) },
      { what: 'warm run ÷ podman', limit: 0.45, measured: (own ?? Number.NaN) / (podmanTime ?? Number.NaN) },
    ],
  };
}

/**
 * From the moment StartTransientUnit leaves (which --debug prints, on the monotonic clock) to the app's first instruction
 * (which the app prints, on the same clock), beside a whole `systemd-run --wait true`.
 */
function firstInstruction({ aci, podctl }: Stage): Part {
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
function residentSet({ aci, podmanImage, podctl }: Stage): Part {
  const uuid = runCommand(
    podctl('run', '--net=none', '--detach', aci, '--exec=/bin/sleep', '--', '1000'),
  ).stdout.trim();
  try {
    const resident = residentPids(uuid);
    const own = proportionalSetKiB(resident);
    runCommand(
      podman('run', '--detach', '--name=bench', '--net=none', '--pids-limit=-1', podmanImage, '/bin/sleep', '1000'),
    );
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

function version(): Part {
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

type Measure = (stage: Stage, rounds: number) => Part | Promise<Part>;
const ALL: readonly Measure[] = [
  startTimes,
  firstInstruction,
  residentSet,
  version,
  moreApps,
  userNamespace,
  imageSize,
  idlePods,
  crowd,
];
const MEASURES = ALL.filter(({ name }) => only === undefined || name === only);

async function main(): Promise<void> {
  const stage = setUp();
  try {
    const parts: Part[] = [];
    for (const measure of MEASURES) parts.push(await measure(stage, rounds));
    const verdict = targetTable(parts.flatMap(({ targets }) => targets));
    process.stdout.write(
      `## start, ${rounds} rounds: ${machineLine()}\n\n${[verdict.text, ...parts.map(({ text }) => text)].join('\n\n')}\n`,
    );
    process.exitCode = verdict.met ? 0 : 1;
  } finally {
    tearDown(stage);
  }
}

void main();
