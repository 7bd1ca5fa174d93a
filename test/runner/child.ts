/** Child processes of the runner: each leads a session of its own, so that all of it can be ended. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

export interface Ended {
  /** `status 1`, `SIGKILL`, or undefined for success. */
  readonly failure: string | undefined;
}

export interface ChildOptions {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  /** Milliseconds after which it is ended, as a failure. */
  readonly timeout: number;
  /** Every line of stdout; stderr goes where the runner's goes. */
  readonly onLine: (line: string) => void;
}

/** Milliseconds from SIGTERM to SIGKILL: the container host needs some to come down. */
const GRACE = 10_000;
/** Milliseconds to wait for the end of the output behind the end of the process: what it left behind may hold the pipe. */
const DRAIN = 2000;

export class Children {
  readonly #running = new Set<ChildProcess>();

  run(argv: readonly [string, ...string[]], { cwd, env, timeout, onLine }: ChildOptions): Promise<Ended> {
    const [file, ...rest] = argv;
    return new Promise((resolve) => {
      const child = spawn(file, rest, { cwd, env, stdio: ['ignore', 'pipe', 'inherit'], detached: true });
      this.#running.add(child);
      const lines = createInterface({ input: child.stdout });
      lines.on('line', onLine);
      const drained = new Promise<void>((done) => lines.on('close', () => done()));
      let late = false;
      const timer = setTimeout(() => {
        late = true;
        end(child);
      }, timeout);
      const finish = (failure: string | undefined): void => {
        clearTimeout(timer);
        this.#running.delete(child);
        resolve({ failure: late ? `not done after ${timeout / 1000} s` : failure });
      };
      child.on('error', (error) => finish(error.message));
      child.on('exit', (status, signal) => {
        const timeUp = new Promise<void>((done) => setTimeout(done, DRAIN).unref());
        void Promise.race([drained, timeUp]).then(() => {
          child.stdout.destroy();
          finish(status === 0 ? undefined : (signal ?? `status ${status}`));
        });
      });
    });
  }

  endAll(): void {
    for (const child of this.#running) end(child);
  }
}

function end(child: ChildProcess): void {
  signalGroup(child, 'SIGTERM');
  setTimeout(() => signalGroup(child, 'SIGKILL'), GRACE).unref();
}

function signalGroup({ pid, exitCode, signalCode }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined || exitCode !== null || signalCode !== null) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // ignored: it ended in between
  }
}
