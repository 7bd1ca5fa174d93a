/** What the suites of `podctl enter` share: a rig, an image, a pod to enter, and looks at its processes from the host. */
import { type ChildProcess, spawn } from 'node:child_process';
import fs from 'node:fs';
import { busyboxAci } from '../fixtures/aci';
import { type Outcome, PODCTL, Rig, until } from './rig';
import { inTerminal, type Session, type Step } from './terminal';

export const SLEEP = ['--exec=/bin/sleep', '--', '100000'];

export class Entering extends Rig {
  readonly image: string;
  /** A pod with one app, root's, called enter. */
  readonly plain: string;

  constructor() {
    super();
    const app = { environment: [{ name: 'GREETING', value: 'hello from the image' }] };
    this.image = this.write('enter.aci', busyboxAci({ name: 'example.com/enter', app }));
    this.plain = this.run(this.image, ...SLEEP);
  }

  /** Its UUID. */
  run(...args: readonly string[]): string {
    return this.ok('--insecure-options=image', 'run', '--detach', '--net=none', ...args).trim();
  }

  enter(...args: readonly string[]): Outcome {
    return this.podctl('enter', ...args);
  }

  sh(uuid: string, script: string, ...flags: readonly string[]): Outcome {
    return this.enter(...flags, uuid, 'sh', '-c', script);
  }

  entering(...args: readonly string[]): ChildProcess {
    return spawn(PODCTL, [...this.globals, 'enter', ...args]);
  }

  terminal(steps: readonly Step[], args: readonly string[], stderr?: string): Session {
    return inTerminal([PODCTL, ...this.globals, 'enter', ...args], steps, stderr);
  }

  /** For a shell. */
  line(...args: readonly string[]): string {
    return [PODCTL, ...this.globals, 'enter', ...args].join(' ');
  }

  cgroupOf(uuid: string): string {
    return `/sys/fs/cgroup/machine.slice/podctl-${uuid}.service`;
  }

  /** Host pids in the app's cgroup. */
  pidsOf(uuid: string, app = 'enter'): readonly string[] {
    return fs
      .readFileSync(`${this.cgroupOf(uuid)}/apps/app-${app}/cgroup.procs`, 'utf8')
      .trim()
      .split('\n');
  }

  appPid(uuid: string, app = 'enter'): string {
    return this.pidsOf(uuid, app)[0] ?? '';
  }

  /** Waits for a `sleep` beside the app's own process, and says its host pid. */
  commandOf(uuid: string): Promise<string> {
    const own = this.appPid(uuid);
    return until(() => this.pidsOf(uuid).find((pid) => pid !== own && commOf(pid) === 'sleep'), 'the command');
  }
}

export function commOf(pid: string): string | undefined {
  try {
    return fs.readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return undefined; // ignored: it has ended
  }
}

export const ended = (child: ChildProcess): Promise<{ status: number | null; signal: string | null }> =>
  new Promise((resolve) => child.on('close', (status, signal) => resolve({ status, signal })));
