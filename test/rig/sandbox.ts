/** A pod without apps, and the `app` commands on it. */
import fs from 'node:fs';
import path from 'node:path';
import { DIST, type Outcome, output, type Rig } from './rig';

export interface AppJson {
  readonly name: string;
  readonly state: string;
  readonly exit_code: number | null;
}

export class Sandbox {
  readonly pod: string;
  readonly #rig: Rig;

  constructor(rig: Rig, ...flags: readonly string[]) {
    this.#rig = rig;
    this.pod = rig.ok('app', 'sandbox', '--net=none', '--detach', ...flags).trim();
  }

  get directory(): string {
    return `${this.#rig.dataDir}/pods/run/${this.pod}`;
  }

  /** `podctl app VERB ARGS…`, whatever becomes of it. */
  app(...args: readonly string[]): Outcome {
    return this.#rig.podctl('--insecure-options=image', 'app', ...args);
  }

  /** One that must succeed, on this pod: `ok('start', '--app=one')`. */
  ok(verb: string, ...args: readonly string[]): string {
    return this.#rig.ok('--insecure-options=image', 'app', verb, this.pod, ...args);
  }

  apps(): readonly AppJson[] {
    return JSON.parse(this.ok('list', '--format=json')) as AppJson[];
  }

  names(): readonly string[] {
    return this.apps().map(({ name }) => name);
  }

  /** What the pod's init says of its apps. */
  live(): string {
    return output(path.join(DIST, 'native/podctl-stage1'), 'control', this.directory, 'list');
  }

  /** Mount points of the pod-level root. */
  mounts(): readonly string[] {
    const pid = fs.readFileSync(`${this.directory}/pid`, 'utf8').trim();
    const lines = fs.readFileSync(`/proc/${pid}/mounts`, 'utf8').split('\n');
    return lines.map((line) => line.split(' ')[1] ?? '').filter((target) => target !== '');
  }

  dispose(): void {
    this.#rig.podctl('stop', '--force', this.pod);
    this.#rig.podctl('rm', this.pod);
  }
}
