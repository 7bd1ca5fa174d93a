/** podman with a store of its own in a rig: what podctl is compared with. */
import fs from 'node:fs';
import { skip } from '../runner/skip';
import { command, type Outcome, type Rig } from './rig';

/** Skips the suite where there is none. */
export function needsPodman(context: Mocha.Context): void {
  if (command(['sh', '-c', 'command -v podman runc']).status !== 0) skip(context, 'podman and runc are not installed');
}

export class Podman {
  readonly #store: string;
  readonly #runRoot: string;

  /** @param name of its directory in /run, which no other test has */
  constructor(rig: Rig, name: string) {
    this.#store = `${rig.root}/podman`;
    this.#runRoot = `/run/${name}`;
    fs.mkdirSync(this.#store);
  }

  /** The command line, for a test that runs it itself. */
  line(...args: readonly string[]): readonly string[] {
    const place = ['--root', this.#store, '--runroot', this.#runRoot, '--runtime', 'runc'];
    const how = ['--cgroup-manager', 'cgroupfs', '--log-level=error', '--storage-driver=overlay'];
    return ['podman', ...place, ...how, ...args];
  }

  run(...args: readonly string[]): Outcome {
    return command(this.line(...args));
  }

  /** Before the rig's directory is removed: what runs has mounts there, and podman keeps one for as long as the host is up. */
  dispose(): void {
    this.run('rm', '--all', '--force', '--time=0');
    command(['umount', '--recursive', '--quiet', `${this.#store}/overlay`]);
    fs.rmSync(this.#runRoot, { recursive: true, force: true });
  }
}
