/** Many pods on one host: what they keep in memory, and how they start when everybody wants one at once. */
import { spawn } from 'node:child_process';
import { median, proportionalSetKiB, runCommand, type Timing, timingTable } from './harness';
import { type Part, podman, residentPids, type Stage } from './pods';

const IDLE_PODS = 100;
const CLIENTS = 50;
const CROWD_ROUNDS = 3;

/** Pods of two sleeping apps each. */
export function idlePods({ aci, podctl }: Stage): Part {
  const app = (name: string): string[] => [aci, `--name=${name}`, '--exec=/bin/sleep', '--', '1000', '---'];
  const pods: string[] = [];
  try {
    while (pods.length < IDLE_PODS) {
      pods.push(runCommand(podctl('run', '--net=none', '--detach', ...app('a'), ...app('b'))).stdout.trim());
    }
    const each = pods.map((uuid) => proportionalSetKiB(residentPids(uuid))).sort((a, b) => a - b);
    const most = each.at(-1) ?? Number.NaN;
    return {
      text: `${IDLE_PODS} idle pods of 2 apps: PSS beyond the apps ${each[0]}–${most} KiB each`,
      targets: [
        { what: `PSS of each of ${IDLE_PODS} pods beyond its 2 apps, MiB`, limit: 0.25, measured: most / 1024 },
      ],
    };
  } finally {
    if (pods.length > 0) runCommand(podctl('stop', '--force', ...pods));
  }
}

/** Fifty clients that want a pod of /bin/true at the same moment: the time until the last has ended. */
export async function crowd({ aci, podctl, podmanImage }: Stage): Promise<Part> {
  const own: number[] = [];
  const peer: number[] = [];
  for (let round = 0; round < CROWD_ROUNDS; round += 1) {
    own.push(await allAtOnce(podctl('run', '--net=none', aci)));
    peer.push(await allAtOnce(podman('run', '--rm', '--net=none', '--pids-limit=-1', podmanImage, '/bin/true')));
  }
  const ascending = (samples: number[]): number[] => samples.sort((a, b) => a - b);
  const timings: readonly [Timing, Timing] = [
    { name: `${CLIENTS} × podctl run at once`, samples: ascending(own) },
    { name: `${CLIENTS} × podman run at once`, samples: ascending(peer) },
  ];
  const ratio = median(timings[0]) / median(timings[1]);
  return {
    text: timingTable(timings),
    targets: [{ what: `${CLIENTS} pods at once ÷ podman`, limit: 0.4, measured: ratio }],
  };
}

/** Milliseconds until all have ended. @throws if one of them failed */
async function allAtOnce([program = '', ...args]: readonly string[]): Promise<number> {
  const began = process.hrtime.bigint();
  const ends = Array.from(
    { length: CLIENTS },
    () =>
      new Promise<void>((resolve, reject) => {
        const client = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
        let complaints = '';
        client.stderr.on('data', (piece: Buffer) => {
          complaints += piece.toString();
        });
        client.on('error', reject);
        client.on('close', (status) => {
          if (status === 0) resolve();
          else reject(new Error(`${program} ${args.join(' ')}: status ${status}\n${complaints}`));
        });
      }),
  );
  await Promise.all(ends);
  return Number(process.hrtime.bigint() - began) / 1e6;
}
