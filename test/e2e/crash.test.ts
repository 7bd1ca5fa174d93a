/**
 * SIGKILL at every system call that changes something, one after the other: whatever instant it hits, other commands go on
 * working, the same command succeeds afterwards, and gc leaves nothing.
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { busyboxAci } from '../fixtures/aci';
import { command, needsHost, output, PODCTL, Rig } from '../rig/rig';

/** System calls of podctl that change the file system. */
const CHANGES = [
  ...['mkdir', 'mkdirat', 'rename', 'renameat', 'renameat2', 'unlink', 'unlinkat', 'rmdir', 'symlink', 'symlinkat'],
  ...['link', 'linkat', 'write', 'pwrite64', 'fsync', 'fdatasync', 'syncfs', 'chmod', 'fchmod', 'fchmodat', 'fchownat'],
  ...['fchown', 'ftruncate', 'mknodat', 'utimensat'],
];

/** One moment: the n-th time that a system call is made. */
interface Moment {
  readonly call: string;
  readonly n: number;
}

describe('SIGKILL at any moment', function () {
  this.timeout(600_000);
  let rig: Rig;
  let image: string;

  before(function () {
    needsHost(this);
    rig = new Rig();
    image = rig.write('true.aci', busyboxAci({ name: 'example.com/true', exec: ['/bin/true'] }));
  });
  after(() => rig?.dispose());

  const podctl = (args: readonly string[]): readonly string[] => [
    PODCTL,
    ...rig.globals,
    '--insecure-options=image',
    ...args,
  ];

  /** Every moment of one whole run. */
  function momentsOf(args: readonly string[]): readonly Moment[] {
    const log = `${rig.root}/strace`;
    output('strace', '-f', '-qq', '-o', log, '-e', `trace=${CHANGES.join()}`, ...podctl(args));
    const seen = new Map<string, number>();
    for (const [, call = ''] of fs.readFileSync(log, 'utf8').matchAll(/^\d+ +([a-z0-9]+)\(/gm)) {
      seen.set(call, (seen.get(call) ?? 0) + 1);
    }
    return [...seen].flatMap(([call, count]) => Array.from({ length: count }, (_, index) => ({ call, n: index + 1 })));
  }

  function killAt({ call, n }: Moment, args: readonly string[]): void {
    const inject = ['-e', `trace=${call}`, '-e', `inject=${call}:signal=KILL:when=${n}`];
    const { status, signal, stderr } = command(['strace', '-f', '-qq', '-o', '/dev/null', ...inject, ...podctl(args)]);
    // Which thread makes a call, and so the count, varies by one or two: a run may get away.
    assert.ok(signal === 'SIGKILL' || status === 137 || status === 0, `${call} ${n}: status ${status}, ${stderr}`);
  }

  /** Everything another command, a second attempt and gc have to find in order. */
  function checkAfter({ call, n }: Moment, again: () => void): void {
    for (const { name, state } of JSON.parse(rig.ok('list', '--format=json')) as { name: string; state: string }[]) {
      if (state === 'running') rig.ok('stop', '--force', name);
    }
    again();
    rig.ok('gc', '--grace-period=0', '--expire-prepared=0');
    // An embryo is given a minute before gc takes it from its maker; here its maker is known to be dead.
    const left = rig.leftovers().filter((name) => !name.startsWith('pods/embryo/'));
    assert.deepEqual(left, [], `after ${call} ${n}`);
  }

  function atEveryMoment(args: readonly string[], least: number, again: () => void): void {
    const moments = momentsOf(args);
    assert.ok(moments.length >= least, `only ${moments.length} changes were seen`);
    again();
    for (const moment of moments) {
      killAt(moment, args);
      checkAfter(moment, again);
    }
  }

  it('fetch: the image is there or not, and the next fetch succeeds', () => {
    atEveryMoment(['fetch', image], 15, () => {
      rig.ok('--insecure-options=image', 'fetch', image);
      rig.ok('image', 'rm', 'example.com/true');
      fs.rmSync(`${rig.dataDir}/sources`, { recursive: true, force: true });
    });
  });

  it('prepare: a pod is there or not, and the next prepare succeeds', () => {
    const again = () => rig.ok('--insecure-options=image', 'prepare', image);
    again();
    atEveryMoment(['prepare', image], 15, again);
  });

  it('run: the pod runs, has ended, or never was', () => {
    const args = ['run', '--net=none', image];
    atEveryMoment(args, 15, () => rig.ok('--insecure-options=image', ...args));
    assert.equal(output('systemctl', 'list-units', '--failed', '--plain', '--no-legend', 'podctl-*-*'), '');
  });

  it('gc: the next one finishes', () => {
    const exited = () => rig.ok('--insecure-options=image', 'run', '--net=none', image);
    exited();
    atEveryMoment(['gc', '--grace-period=0'], 8, exited);
  });
});
