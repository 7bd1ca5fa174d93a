/** `podctl list` with a thousand pods, beside `podman ps -a` with as many and beside Node's own start. */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import { median, race, runCommand, timingTable } from './harness';
import { type Part, podman, type Stage } from './pods';

const PODS = 1000;
const RUNNING = 50;
/** Containers that podman makes at once: more wait for its lock. */
const MAKERS = 4;

/** Fifty pods run, the others have ended; podman's containers are created, which is the least that it can know of one. */
export async function listOfMany({ work, aci, podctl, podmanImage }: Stage, rounds: number): Promise<Part> {
  const dir = `${work}/many`;
  const own = (...args: string[]): string[] => podctl(`--dir=${dir}`, ...args);
  const started: string[] = [];
  try {
    runCommand(own('run', '--net=none', aci));
    const [ended = ''] = fs.readdirSync(`${dir}/pods/run`);
    for (let n = 0; n < RUNNING; n += 1)
      started.push(
        runCommand(own('run', '--net=none', '--detach', aci, '--exec=/bin/sleep', '--', '10000')).stdout.trim(),
      );
    for (let n = RUNNING + 1; n < PODS; n += 1) copyPod(`${dir}/pods/run`, ended);
    await fillPodman(podmanImage);
    requireCount('podctl', own('list', '--no-legend'));
    requireCount('podman', podman('ps', '-a', '--noheading'));
    const timings = race(
      [
        { name: `podctl list, ${PODS} pods`, argv: own('list') },
        { name: `podman ps -a, ${PODS} containers`, argv: podman('ps', '-a') },
        { name: 'node -e 0', argv: ['node', '-e', '0'] },
      ],
      rounds,
    );
    const [list = Number.NaN, peer = Number.NaN, node = Number.NaN] = timings.map(median);
    return {
      text: timingTable(timings),
      targets: [
        { what: `podctl list with ${PODS} pods, ms more than node -e 0`, limit: 150, measured: list - node },
        { what: `podctl list ÷ podman ps -a, ${PODS} each`, limit: 0.3, measured: list / peer },
      ],
    };
  } finally {
    if (started.length > 0) runCommand(own('stop', '--force', ...started));
    runCommand(podman('rm', '-a', '-f'));
  }
}

/** A pod that has ended, as if it had been another one. */
function copyPod(run: string, ended: string): void {
  const id = randomUUID();
  runCommand(['cp', '-a', `${run}/${ended}`, `${run}/${id}`]);
  const file = `${run}/${id}/record.json`;
  const record = JSON.parse(fs.readFileSync(file, 'utf8')) as { name: string };
  fs.writeFileSync(file, JSON.stringify({ ...record, name: `podctl-${id}` }));
}

async function fillPodman(image: string): Promise<void> {
  const script = `for n in $(seq ${PODS / MAKERS}); do ${podman('create', '--net=none', '--pids-limit=-1', image, '/bin/true').join(' ')} >/dev/null || exit 1; done`;
  const makers = Array.from(
    { length: MAKERS },
    () =>
      new Promise<void>((resolve, reject) => {
        const maker = spawn('sh', ['-c', script], { stdio: ['ignore', 'ignore', 'inherit'] });
        maker.on('close', (status) => (status === 0 ? resolve() : reject(new Error('podman create failed'))));
      }),
  );
  await Promise.all(makers);
}

function requireCount(who: string, argv: readonly string[]): void {
  const count = runCommand(argv).stdout.trimEnd().split('\n').length;
  if (count !== PODS) throw new Error(`${who} lists ${count}, not ${PODS}`);
}

if (require.main === module) void main();

async function main(): Promise<void> {
  const { setUp, tearDown } = await import('./pods.js');
  const { machineLine, targetTable } = await import('./harness.js');
  const stage = setUp();
  try {
    const { text, targets } = await listOfMany(stage, Number(process.argv[2] ?? 10));
    const { text: table, met } = targetTable(targets);
    process.stdout.write(`${machineLine()}\n\n${text}\n\n${table}\n`);
    if (!met) process.exitCode = 1;
  } finally {
    tearDown(stage);
  }
}
