/**
 * Drives the built podctl as a user would, in directories of its own. For hosts with systemd (test/host/host): a suite asks
 * `needsHost(this)` first, and is reported as skipped, with the reason, anywhere else.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { skip } from '../runner/skip';

export const DIST = path.resolve(__dirname, '../..');
export const PODCTL = path.join(DIST, 'podctl');

export interface Outcome {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Skips the suite or test where systemd is not PID 1. */
export function needsHost(context: Mocha.Context): void {
  if (fs.existsSync('/run/systemd/system')) return;
  skip(context, 'PID 1 is not systemd here; test/run runs this in the container host');
}

/** Longer than anything here takes on a slow machine, shorter than a hang. */
const TIMEOUT_MS = 60_000;
const POLL_MS = 5;

export function command(argv: readonly string[], options: { input?: string; env?: NodeJS.ProcessEnv } = {}): Outcome {
  const [program = '', ...args] = argv;
  const result = spawnSync(program, args, {
    encoding: 'utf8',
    timeout: TIMEOUT_MS,
    maxBuffer: 256 * 1024 * 1024,
    env: options.env ?? process.env,
    ...(options.input === undefined ? {} : { input: options.input }),
  });
  if (result.error !== undefined) throw result.error;
  return { status: result.status, signal: result.signal, stdout: result.stdout, stderr: result.stderr };
}

/** stdout of a command that must succeed. */
export const output = (...argv: readonly string[]): string => {
  const [program = '', ...args] = argv;
  return execFileSync(program, args, { encoding: 'utf8', timeout: TIMEOUT_MS });
};

export interface Running {
  readonly child: ChildProcess;
  /** podctl has gone, and so have all others that hold its stdout or stderr: the pod, if it is in the foreground. */
  readonly ended: Promise<Outcome>;
  /** podctl has gone. */
  readonly exited: Promise<void>;
}

export class Rig {
  /** On the host's disk: an overlay cannot be made on another one. */
  readonly root: string;
  readonly dataDir: string;
  readonly configDir: string;

  constructor() {
    fs.mkdirSync('/var/lib/podctl', { recursive: true });
    this.root = fs.mkdtempSync('/var/lib/podctl/test-');
    this.dataDir = path.join(this.root, 'data');
    this.configDir = path.join(this.root, 'etc');
  }

  /** The flags that keep podctl inside this rig. */
  get globals(): readonly string[] {
    return [`--dir=${this.dataDir}`, `--local-config=${this.configDir}`, `--system-config=${this.root}/usr`];
  }

  podctl(...args: readonly string[]): Outcome {
    return command([PODCTL, ...this.globals, ...args]);
  }

  /** podctl with something on stdin. */
  podctlWith(input: string, ...args: readonly string[]): Outcome {
    return command([PODCTL, ...this.globals, ...args], { input });
  }

  /** podctl that must succeed; its stdout. @throws with everything it said */
  ok(...args: readonly string[]): string {
    const { status, stdout, stderr } = this.podctl(...args);
    if (status !== 0) throw new Error(`podctl ${args.join(' ')}: status ${status}\n${stderr}${stdout}`);
    return stdout;
  }

  /** podctl in the background, its output collected. */
  start(...args: readonly string[]): Running {
    const child = spawn(PODCTL, [...this.globals, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout?.on('data', (chunk) => (stdout += String(chunk)));
    child.stderr?.on('data', (chunk) => (stderr += String(chunk)));
    const ended = new Promise<Outcome>((resolve) => {
      child.on('close', (status, signal) => resolve({ status, signal, stdout, stderr }));
    });
    const exited = new Promise<void>((resolve) => child.on('exit', () => resolve()));
    return { child, ended, exited };
  }

  write(name: string, content: string | Buffer): string {
    const file = path.join(this.root, name);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, content);
    return file;
  }

  /** What a failed command must not leave: pods, temporary files, units, mounts of this rig. */
  leftovers(): readonly string[] {
    const below = (directory: string): string[] => {
      const full = path.join(this.dataDir, directory);
      return fs.existsSync(full) ? fs.readdirSync(full).map((name) => `${directory}/${name}`) : [];
    };
    const pods = ['embryo', 'prepare', 'prepared', 'run', 'exited-garbage', 'garbage'].flatMap((state) =>
      below(`pods/${state}`),
    );
    // Over the bus, which tells systemd first that a command has gone that a failed unit was kept for.
    const list = ['list-units', '--all', '--plain', '--no-legend', 'podctl-*-*-*-*-*.service'];
    const units = output('env', 'SYSTEMCTL_FORCE_BUS=1', 'systemctl', ...list);
    // One that is dead and has not failed is forgotten as soon as systemd notices that the command that waited for it has gone.
    const isKept = (line: string): boolean => line !== '' && !/ loaded +inactive +dead /.test(line);
    const mounts = fs
      .readFileSync('/proc/self/mounts', 'utf8')
      .split('\n')
      .filter((line) => line.includes(this.root));
    return [...pods, ...below('tmp'), ...units.split('\n').filter(isKept), ...mounts];
  }

  /** Removes all pods that do not run; what was killed as an embryo is gc's a minute later, and nobody else's. */
  removeEnded(): void {
    const pods = JSON.parse(this.ok('list', '--format=json')) as { name: string; state: string }[];
    for (const pod of pods) if (pod.state !== 'running' && pod.state !== 'embryo') this.ok('rm', pod.name);
  }

  dispose(): void {
    for (const pod of JSON.parse(this.ok('list', '--format=json')) as { name: string; state: string }[]) {
      if (pod.state === 'running') this.ok('stop', '--force', pod.name);
    }
    fs.rmSync(this.root, { recursive: true, force: true });
  }
}

/** Waits until `test` says something other than undefined. */
export async function until<T>(test: () => T | undefined, what: string): Promise<T> {
  const deadline = Date.now() + TIMEOUT_MS;
  for (;;) {
    const found = test();
    if (found !== undefined) return found;
    if (Date.now() > deadline) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** Waits until machined knows of no machine `name`: it hears of a pod's end after systemd. */
export const untilForgotten = (name: string): Promise<true> =>
  until(
    () =>
      output('machinectl', 'list', '--no-legend')
        .split('\n')
        .some((line) => line.startsWith(`${name} `))
        ? undefined
        : true,
    'machined to forget the pod',
  );
