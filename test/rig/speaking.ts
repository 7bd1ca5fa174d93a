/** What the suites about stdin, stdout, stderr and terminals share: an image, and podctl between pipes or in a terminal. */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { busyboxAci } from '../fixtures/aci';
import { output, PODCTL, Rig, until } from './rig';
import { inTerminal, type Session, type Step } from './terminal';

/** An app of a shell script, as arguments of `run`. */
export const script = (text: string): readonly string[] => ['--exec=/bin/sh', '--', '-c', text];

export class Speaking extends Rig {
  readonly image: string;

  constructor() {
    super();
    this.image = this.write('bb.aci', busyboxAci({ name: 'example.com/bb' }));
  }

  /** Words of a foreground run. `words` begin with flags of the pod. */
  run(...words: readonly string[]): readonly string[] {
    return [PODCTL, ...this.globals, '--insecure-options=image', 'run', '--net=none', ...words];
  }

  /** UUID of a pod that runs detached. */
  detached(...words: readonly string[]): string {
    return this.ok('--insecure-options=image', 'run', '--net=none', '--detach', ...words).trim();
  }

  inTerminal(steps: readonly Step[], ...words: readonly string[]): Session {
    return inTerminal(this.run(...words), steps);
  }

  attachInTerminal(steps: readonly Step[], ...words: readonly string[]): Session {
    return inTerminal([PODCTL, ...this.globals, 'attach', ...words], steps);
  }

  spawn(argv: readonly string[], options: SpawnOptions = {}): ChildProcess {
    const [program = '', ...args] = argv;
    return spawn(program, args, options);
  }

  attach(...words: readonly string[]): ChildProcess {
    return this.spawn([PODCTL, ...this.globals, 'attach', ...words]);
  }

  /** For a shell. */
  line(...words: readonly string[]): string {
    return this.run(...words)
      .map((word) => `'${word.replaceAll("'", "'\\''")}'`)
      .join(' ');
  }

  /** What the journal has of the app, of this pod only. */
  journal(pod: string, app = 'bb'): string {
    output('journalctl', '--sync');
    return output('journalctl', '-o', 'cat', '-t', app, '-u', `podctl-${pod}.service`);
  }

  stateOf(pod: string): string {
    return (JSON.parse(this.ok('status', '--format=json', pod)) as { state: string }).state;
  }

  async over(pod: string): Promise<void> {
    await until(() => (this.stateOf(pod) === 'exited' ? true : undefined), 'the end of the pod');
  }
}

/** All that a process says on stdout and stderr, and how it ended. */
export function heard(
  child: ChildProcess,
): Promise<{ status: number | null; signal: string | null; stdout: string; stderr: string }> {
  let stdout = '';
  let stderr = '';
  child.stdout?.on('data', (chunk) => (stdout += String(chunk)));
  child.stderr?.on('data', (chunk) => (stderr += String(chunk)));
  return new Promise((resolve) => child.on('close', (status, signal) => resolve({ status, signal, stdout, stderr })));
}
