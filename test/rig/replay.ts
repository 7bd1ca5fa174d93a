/** A unit in which a pod is started again and again, by a podctl that counts how often it needs Node for that. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { DIST, output, PODCTL } from './rig';
import type { OwnUnits } from './suite';

export const UNIT = 't-again.service';
export const RECORD = '/run/podctl/replay/|system.slice|t-again.service';
export const IDLE = 'trap "exit 0" TERM; echo up; while :; do sleep 0.1; done';

export interface Pod {
  readonly name: string;
  readonly pod_name: string;
  readonly unit: string;
  readonly state: string;
}

export class Again {
  readonly #own: OwnUnits;

  /** To be made in `describe`. */
  constructor(own: OwnUnits) {
    this.#own = own;
    before(() => this.#makeProgram());
  }

  get program(): string {
    return `${this.#own.rig.root}/counting/podctl`;
  }

  nodeStarts(): number {
    return fs.readFileSync(`${this.#own.rig.root}/starts`, 'utf8').length;
  }

  #makeProgram(): void {
    const { rig } = this.#own;
    rig.write('starts', '');
    // A shell would add to the environment.
    const launcher = `#!${process.execPath}
require('node:fs').appendFileSync('${rig.root}/starts', 'x');
process.argv[1] = '${DIST}/lib/podctl';
require(process.argv[1]);
`;
    fs.chmodSync(rig.write('counting/lib/podctl', launcher), 0o755);
    fs.copyFileSync(PODCTL, this.program);
  }

  /** What ExecStart= says. */
  line(...args: readonly string[]): string {
    return this.#own.units.line('run', ...args).replace(PODCTL, this.program);
  }

  readonly script = (text: string): string[] => [this.#own.image, '--exec=/bin/sh', '--', '-c', text];

  write(args: readonly string[], ...lines: readonly string[]): void {
    const service = ['ExecStart=', `ExecStart=${this.line(...args)}`, ...lines];
    this.#own.units.pod(UNIT, [], service, ['StartLimitIntervalSec=0']);
  }

  /** More lines of its [Service] section, until the next call. */
  dropIn(...lines: readonly string[]): void {
    fs.mkdirSync(`/run/systemd/system/${UNIT}.d`, { recursive: true });
    fs.writeFileSync(`/run/systemd/system/${UNIT}.d/change.conf`, `[Service]\n${lines.join('\n')}\n`);
    output('systemctl', 'daemon-reload');
  }

  pods(): readonly Pod[] {
    return JSON.parse(this.#own.rig.ok('list', '--format=json')) as Pod[];
  }

  /** The UUID of the one that runs. */
  readonly running = (): string => {
    const [pod, ...others] = this.pods().filter(({ state }) => state === 'running');
    assert.deepEqual(others, []);
    assert.deepEqual([pod?.unit, pod?.pod_name], [UNIT, 't-again']);
    return pod?.name ?? '';
  };

  /** Whether Node was needed. */
  readonly restart = (): boolean => {
    const before = this.nodeStarts();
    const { status, stderr } = this.#own.units.systemctl('restart', UNIT);
    assert.equal(status, 0, `${stderr}\n${this.#own.units.journal(UNIT)}`);
    this.running();
    return this.nodeStarts() > before;
  };

  /** Until the files that were made for the first start are old enough to be told from newer ones. */
  readonly startAndSettle = (): void => {
    this.#own.units.start(UNIT);
    this.restart();
    assert.equal(this.restart(), false);
  };
}
