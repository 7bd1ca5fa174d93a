/** Commands on images that meet in the same instant: each instant is held by stopping one of them there. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { createContext } from '../../stage0/cli/context';
import { createServices } from '../../stage0/cli/services';
import { discard } from '../../stage0/usecases/garbage';
import { busyboxAci } from '../fixtures/aci';
import { initialGlobals } from '../rig/globals';
import { needsHost, PODCTL, Rig, until } from '../rig/rig';

const NAME = 'example.com/app';
const INSECURE = '--insecure-options=image';

/** podctl, stopped as it makes a system call for the first time. */
class Stopped {
  readonly #log: string;
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  #stderr = '';
  static #count = 0;
  static readonly #left = new Set<Stopped>();

  constructor(rig: Rig, call: string, ...args: readonly string[]) {
    this.#log = `${rig.root}/strace-${Stopped.#count++}`;
    const inject = ['-e', `trace=${call}`, '-e', `inject=${call}:signal=STOP:when=1`];
    const argv = ['-f', '-o', this.#log, ...inject, PODCTL, ...rig.globals, ...args];
    this.#child = spawn('strace', argv, { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#child.stderr?.on('data', (chunk) => (this.#stderr += String(chunk)));
    this.#ended = once(this.#child, 'close');
    Stopped.#left.add(this);
  }

  /** Ends those that a failed test has left. */
  static killAll(): void {
    for (const one of Stopped.#left) {
      const pid = one.#pid();
      if (pid !== undefined && one.#child.exitCode === null) process.kill(pid, 'SIGKILL');
    }
    Stopped.#left.clear();
  }

  async there(): Promise<void> {
    await until(() => this.#pid(), 'the process to be stopped');
  }

  async goOn(): Promise<{ readonly status: number | null; readonly stderr: string }> {
    process.kill(this.#pid() ?? 0, 'SIGCONT');
    await this.#ended;
    return { status: this.#child.exitCode, stderr: this.#stderr };
  }

  #pid(): number | undefined {
    if (!fs.existsSync(this.#log)) return undefined;
    const pid = /^(\d+) +--- stopped by SIGSTOP/m.exec(fs.readFileSync(this.#log, 'utf8'))?.[1];
    return pid === undefined ? undefined : Number(pid);
  }
}

describe('commands on images in the same instant', function () {
  this.timeout(120_000);
  let rig: Rig;
  before(function () {
    needsHost(this);
  });
  beforeEach(() => {
    rig = new Rig();
    const exec = ['/bin/sh', '-c', 'cat /what; ls /what'];
    const files = [{ name: 'rootfs/what', content: 'sound\n' }];
    rig.ok(INSECURE, 'fetch', rig.write('app.aci', busyboxAci({ name: NAME, exec, files })));
  });
  afterEach(() => {
    Stopped.killAll();
    rig?.dispose();
  });

  const prepare = (): string => rig.ok(INSECURE, 'prepare', NAME).trim();
  const damage = (): void => {
    const [tree = ''] = fs.readdirSync(`${rig.dataDir}/trees`);
    fs.writeFileSync(`${rig.dataDir}/trees/${tree}/rootfs/what`, 'damaged\n');
  };
  /** Somebody waits for the lock on this file. */
  const isAwaited = (file: string): boolean =>
    new RegExp(`-> FLOCK .*:${fs.statSync(file).ino} `).test(fs.readFileSync('/proc/locks', 'utf8'));

  it('run-prepared waits while image verify replaces the tree that it is about to run on', async () => {
    const pod = prepare();
    damage();
    const verify = new Stopped(rig, 'syncfs', 'image', 'verify', NAME);
    await verify.there(); // it has seen that no pod runs, and replaces the tree next
    const run = rig.start('run-prepared', '--net=none', pod);
    let ended = false;
    void run.ended.then(() => {
      ended = true;
    });
    await until(() => (ended || isAwaited(`${rig.dataDir}/prepare.lock`) ? true : undefined), 'run-prepared to wait');
    const { status, stderr } = await verify.goOn();
    assert.equal(status, 0, stderr);
    assert.match(stderr, /rendered it again/);
    assert.deepEqual(await run.ended, { status: 0, signal: null, stdout: 'sound\n/what\n', stderr: '' });
  });

  it('image verify does not replace a tree that a pod is being made on', () => {
    const sample = JSON.parse(fs.readFileSync(`${rig.dataDir}/pods/prepared/${prepare()}/record.json`, 'utf8'));
    damage();
    const services = createServices(createContext('test', initialGlobals(rig.dataDir)));
    const making = services.pods.move(services.pods.create(), 'prepare');
    fs.writeFileSync(`${making.path}/record.json`, JSON.stringify(sample));
    const refused = rig.podctl('image', 'verify', NAME);
    assert.equal(refused.status, 254);
    assert.match(refused.stderr, /pod-wrong-state: .*has changed/);
    discard(services, making);
    assert.match(rig.podctl('image', 'verify', NAME).stderr, /rendered it again/);
  });

  it('image verify is content if the tree is collected meanwhile', async () => {
    rig.ok('rm', prepare());
    prepare();
    damage();
    // The first directory that it makes is the one to render into.
    const verify = new Stopped(rig, 'mknodat,mkdir', 'image', 'verify', NAME);
    await verify.there();
    rig.removeEnded();
    rig.ok('image', 'gc');
    const { status, stderr } = await verify.goOn();
    assert.equal(status, 0, stderr);
    assert.deepEqual(rig.leftovers(), []);
  });

  it('fetch, prepare and run have what they want though the image is removed as they look at it', async () => {
    for (const args of [['fetch'], ['prepare'], ['run', '--net=none']] as const) {
      rig.ok(INSECURE, 'fetch', `${rig.root}/app.aci`);
      // The use of the image is noted after it was found, and before its manifest is read.
      const using = new Stopped(rig, 'utimensat', INSECURE, ...args, `${rig.root}/app.aci`);
      await using.there();
      assert.match(rig.ok('image', 'rm', NAME), /removed/);
      const { status, stderr } = await using.goOn();
      assert.equal(status, 0, `${args.join(' ')}: ${stderr}`);
    }
    rig.removeEnded();
  });

  it('extract of an image that is removed meanwhile says so, and leaves nothing', async () => {
    const extracting = new Stopped(rig, 'mkdir', 'image', 'extract', NAME, `${rig.root}/out`);
    await extracting.there();
    rig.ok('image', 'rm', NAME);
    const { status, stderr } = await extracting.goOn();
    assert.equal(status, 254);
    assert.match(stderr, /: image-removed: image sha512-[0-9a-f]+ is no longer in the store/);
    assert.deepEqual(
      fs.readdirSync(rig.root).filter((name) => name.includes('out')),
      [],
    );
  });

  it('what cannot be had again is told: run by name, of an image that is removed meanwhile', async () => {
    const using = new Stopped(rig, 'utimensat', INSECURE, 'run', '--pull-policy=never', '--net=none', NAME);
    await using.there();
    rig.ok('image', 'rm', NAME);
    const { status, stderr } = await using.goOn();
    assert.equal(status, 254);
    assert.match(stderr, /: image-not-found: cannot find aci satisfying name: "example.com\/app"/);
    assert.deepEqual(rig.leftovers(), []);
  });
});
