/** What the benchmarks of pods start from: one busybox tree for everybody, and podctl with a data directory of its own. */
import fs from 'node:fs';
import path from 'node:path';
import { busyboxAci } from '../fixtures/aci';
import { runCommand, type Target } from './harness';

const DIST = path.resolve(__dirname, '../..');
export const PODCTL = path.join(DIST, 'podctl');
const CLOCK = path.join(__dirname, 'clock');

/** What one benchmark has to say. */
export interface Part {
  /** Markdown. */
  readonly text: string;
  readonly targets: readonly Target[];
}

export interface Stage {
  /** A directory on a real disk, for whatever a benchmark needs; it goes at the end. */
  readonly work: string;
  readonly aci: string;
  /** The same tree as a directory, for systemd-nspawn. */
  readonly tree: string;
  /** The same tree as an image of podman. */
  readonly podmanImage: string;
  /** A command line of podctl. */
  readonly podctl: (...args: string[]) => string[];
}

export const podman = (...args: string[]): string[] => ['podman', '--runtime', 'runc', ...args];

/** IDs for the users of pods (subuid(5)); the container host's /etc is gone with it. */
const SUBORDINATE_IDS = 'podctl:1879048192:16777216\n';

export function setUp(): Stage {
  for (const file of ['/etc/subuid', '/etc/subgid']) fs.appendFileSync(file, SUBORDINATE_IDS);
  const work = fs.mkdtempSync('/var/lib/podctl/bench-');
  const aci = `${work}/true.aci`;
  const files = [{ name: 'rootfs/bin/clock', mode: 0o755, content: fs.readFileSync(CLOCK) }];
  fs.writeFileSync(aci, busyboxAci({ name: 'example.com/true', exec: ['/bin/true'], files }));
  const tree = '/var/lib/machines/bench';
  fs.mkdirSync(tree, { recursive: true });
  runCommand(['tar', '-xf', aci, '-C', tree, '--strip-components=1', 'rootfs']);
  fs.writeFileSync(`${tree}/etc/os-release`, 'ID=bench\n');
  runCommand(['sh', '-c', `tar -C ${tree} -c . | podman import - bench`]);
  const podctl = (...args: string[]): string[] => [
    PODCTL,
    `--dir=${work}/data`,
    `--local-config=${work}/etc`,
    '--insecure-options=image',
    ...args,
  ];
  return { work, aci, tree, podmanImage: 'bench', podctl };
}

export function tearDown({ work, podctl }: Stage): void {
  runCommand(podctl('gc', '--grace-period=0'));
  fs.rmSync(work, { recursive: true, force: true });
}

/** Host pids of everything in a pod's unit but its apps. */
export function residentPids(uuid: string): readonly number[] {
  const unit = `podctl-${uuid}.service`;
  const group = runCommand(['systemctl', 'show', '--value', '-p', 'ControlGroup', unit]).stdout.trim();
  const procs = ['-name', 'cgroup.procs', '-not', '-path', '*/apps/*', '-exec', 'cat', '{}', '+'];
  return runCommand(['find', `/sys/fs/cgroup${group}`, ...procs])
    .stdout.split('\n')
    .filter((line) => line !== '')
    .map(Number);
}
