/** machinectl, every verb of it, with the real tool: docs/machinectl.md has the table. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { busyboxAci } from '../fixtures/aci';
import { command, needsHost, type Outcome, output, Rig, until, untilForgotten } from '../rig/rig';
import { inTerminal, type Step } from '../rig/terminal';
import { skip } from '../runner/skip';

const LOOP = 'echo up; trap "exit 0" TERM; while :; do sleep 0.05; done';
const machinectl = (...args: string[]): Outcome => command(['machinectl', '--no-pager', ...args]);
const ok = (...args: string[]): string => {
  const { status, stdout, stderr } = machinectl(...args);
  assert.equal(status, 0, `machinectl ${args.join(' ')}: ${stderr}`);
  return stdout;
};

interface Status {
  readonly pid: number;
  readonly state: string;
  readonly apps: readonly { readonly name: string; readonly state: string; readonly startedAt?: string }[];
}

describe('machinectl', () => {
  let rig: Rig;
  let one: string;
  let two: string;
  let bare: string;

  before(function () {
    needsHost(this);
    if (command(['sh', '-c', 'command -v machinectl']).status !== 0) skip(this, 'machinectl is not installed');
    rig = new Rig();
    const image = (name: string, exec: string[]): string =>
      rig.write(`${name}.aci`, busyboxAci({ name: `example.com/${name}`, exec }));
    one = image('one', ['/bin/sh', '-c', LOOP]);
    two = image('two', ['/bin/sleep', '100000']);
    bare = image('bare', ['/bin/sleep', '100000']);
    // As systemd makes it on hosts that are no containers.
    output('mount', '--make-rshared', '/');
  });
  after(() => rig?.dispose());
  afterEach(() => {
    if (JSON.parse(rig.ok('list', '--format=json')).some(({ state }: Status) => state === 'running')) {
      rig.ok('stop', '--force', 'web');
    }
    rig.removeEnded();
  });

  const web = (...flags: string[]): string =>
    rig.ok('--insecure-options=image', 'run', '--detach', '--net=none', '--name=web', ...flags, one, two).trim();
  const status = (): Status => JSON.parse(rig.ok('status', 'web', '--format=json')) as Status;
  const shell = (steps: readonly Step[], ...args: string[]) => inTerminal(['machinectl', ...args], steps);
  const gone = () => untilForgotten('web');

  /** Newer machineds take the cgroup of the leader for that of the whole machine (docs/machinectl.md). */
  const isPart = (): boolean => ok('status', 'web').includes('Subgroup: supervisor');

  it('list, status and show tell of the pod, its unit, its processes and its log', () => {
    const uuid = web();
    assert.match(ok('list', '--no-legend'), /^web\s+container\s+podctl\s+podctl/m);
    const told = ok('status', 'web');
    assert.match(told, /podctl pod: one, two/);
    assert.match(told, isPart() ? /Subgroup: supervisor/ : /app-one[\s\S]*\/bin\/sleep 100000/);
    const shown = ok('show', 'web');
    assert.match(shown, new RegExp(`Unit=podctl-${uuid}\\.service`));
    assert.match(shown, new RegExp(`Leader=${status().pid}\n[\\s\\S]*State=running`));
    assert.match(
      output('systemd-cgls', '--no-pager', '-M', 'web'),
      /supervisor[\s\S]*app-two[\s\S]*\/bin\/sleep 100000/,
    );
    assert.match(output('ps', '-o', 'machine=', '-p', String(status().pid)), isPart() ? /^-/ : /^web\b/);
  });

  it('shell without a name opens a shell in the first app, in a terminal of the app', () => {
    web();
    const { output: shown } = shell(
      [
        { expect: '# ' },
        { send: 'tty; stty size 2>/dev/null; echo $TERM; cat /proc/self/cgroup | tail -1; echo in $AC_APP_NAME\r' },
        { expect: '/dev/pts/0\\r\\n24 80' },
        { expect: 'in one' },
        { send: 'exit\r' },
        { expect: 'terminated' },
      ],
      'shell',
      'web',
    );
    assert.doesNotMatch(shown, /app-two/);
  });

  it('shell APP@POD runs a command with the app’s own confinement and environment', () => {
    web();
    const own = (file: string): string =>
      fs.readFileSync(`/proc/${output('pgrep', '-f', '^/bin/sleep 100000').trim()}/${file}`, 'utf8');
    const lines = /^(CapBnd|CapEff|NoNewPrivs|Seccomp|Uid):.*$/gm;
    const { output: shown } = shell([{ expect: 'terminated' }], 'shell', 'two@web', '/bin/cat', '/proc/self/status');
    assert.deepEqual(shown.replaceAll('\r', '').match(lines), own('status').match(lines));
    const said = shell([{ expect: 'terminated' }], 'shell', '-E', 'A=b', 'two@web', '/bin/env').output;
    const environment = said.replaceAll('\u001b\\', '\n'); // the end of what newer machinectls tell the terminal before
    assert.match(environment, /AC_APP_NAME=two/);
    assert.match(environment, /^A=b/m);
    const cgroup = shell([{ expect: 'terminated' }], 'shell', 'two@web', '/bin/sh', '-c', 'echo in $(hostname)').output;
    assert.match(cgroup, /in web/);
  });

  it('shell says what it cannot do: no such app, no such program, no shell', () => {
    web();
    const refusal = (...args: string[]): string => machinectl('shell', ...args).stderr;
    assert.match(refusal('nobody@web'), /nobody: the pod has no app of this name/);
    assert.match(refusal('two@web', '/bin/not-there'), /exec-failed: app two: .*not-there/);
    output('systemctl', '-M', 'web', 'stop', 'two');
    assert.match(refusal('two@web', '/bin/true'), /the app is not running/);
    rig.ok('stop', '--force', 'web');
    rig.removeEnded();
    rig.ok('--insecure-options=image', 'run', '--detach', '--net=none', '--name=web', bare);
    const removed = shell([{ expect: 'terminated' }], 'shell', 'web', '/bin/rm', '/bin/sh').output;
    assert.match(removed, /Connected/);
    assert.match(refusal('web'), /app bare has no shell .*ENOENT: tried \/bin\/bash, \/bin\/sh/);
  });

  it('a closed window hangs the shell up, and the end of an app ends its shells', async () => {
    web();
    shell([{ expect: '# ' }, { send: 'sleep 4321\r' }, { expect: '4321' }, { hangup: true }], 'shell', 'web');
    await until(() => (command(['pgrep', '-f', '^sleep 4321']).status === 0 ? undefined : true), 'the shell to end');
    const { output: shown } = shell(
      [{ expect: '# ' }, { send: 'kill -TERM 2; sleep 100\r' }, { expect: 'terminated' }],
      'shell',
      'web',
    );
    assert.match(shown, /Connection to machine web terminated/);
  });

  it('login asks for an app, and asks again when its shell has ended', () => {
    web();
    shell(
      [
        { expect: 'apps: one two' },
        { send: 'three\r' },
        { expect: 'no such app' },
        { send: 'two\r' },
        { expect: '# ' },
        { send: 'echo in $AC_APP_NAME; exit\r' },
        { expect: 'in two' },
        { expect: 'app: ' },
        { send: '\x1d\x1d\x1d' },
        { expect: 'terminated' },
      ],
      'login',
      'web',
    );
  });

  it('copy-to, copy-from and bind reach apps below /apps/APP, also while they run', () => {
    web();
    const file = rig.write('file', 'content\n');
    const directory = rig.write('share/a', 'shared\n').replace(/\/a$/, '');
    ok('copy-to', 'web', file, '/apps/one/tmp/file');
    assert.match(shell([{ expect: 'terminated' }], 'shell', 'web', '/bin/cat', '/tmp/file').output, /content/);
    ok('copy-from', 'web', '/apps/one/tmp/file', `${file}.back`);
    assert.equal(fs.readFileSync(`${file}.back`, 'utf8'), 'content\n');
    ok('bind', '--mkdir', 'web', directory, '/apps/one/mnt/share');
    ok('bind', '--mkdir', '--read-only', 'web', directory, '/apps/two/share');
    const cat = (app: string, script: string): string =>
      shell([{ expect: 'terminated' }], 'shell', `${app}@web`, '/bin/sh', '-c', script).output;
    assert.match(cat('one', 'cat /mnt/share/a; echo more > /mnt/share/b'), /shared/);
    assert.equal(fs.readFileSync(`${directory}/b`, 'utf8'), 'more\n');
    assert.match(cat('two', 'cat /share/a; echo more > /share/c'), /shared[\s\S]*Read-only file system/);
    assert.doesNotMatch(cat('two', 'ls /mnt'), /share/);
    output('systemctl', '-M', 'web', 'restart', 'one');
    assert.match(cat('one', 'cat /mnt/share/b'), /more/);
    const before = fs.readFileSync('/proc/self/mounts', 'utf8').includes(directory);
    assert.equal(before, false, 'nothing of it is mounted on the host');
  });

  it('kill signals all processes, or the leader, which no stray signal ends', async () => {
    web();
    for (const signal of ['HUP', 'USR1', 'USR2', 'WINCH'])
      ok('kill', 'web', '--kill-whom=leader', `--signal=${signal}`);
    assert.equal(status().state, 'running');
    ok('kill', 'web', '--signal=KILL');
    await gone();
    assert.equal(status().state, 'exited');
  });

  it('terminate and poweroff stop the pod, as its stop does', async () => {
    for (const verb of ['terminate', 'poweroff']) {
      const uuid = web();
      if (verb === 'terminate' && isPart()) {
        assert.match(command(['machinectl', verb, 'web']).stderr, /Operation not supported/);
        assert.equal(status().state, 'running');
        rig.ok('stop', 'web');
        continue;
      }
      ok(verb, 'web');
      await gone();
      await until(() => (status().state === 'exited' ? true : undefined), 'the pod to end');
      assert.match(rig.ok('status', uuid), /app-one-reason=stopped/);
      rig.removeEnded();
    }
  });

  it('reboot starts all apps anew, in a pod that stays', async () => {
    web();
    const before = status();
    const pids = output('pgrep', '-f', '^/bin/sleep 100000').trim();
    ok('reboot', 'web');
    await until(() => {
      const now = command(['pgrep', '-f', '^/bin/sleep 100000']).stdout.trim();
      return now !== '' && now !== pids ? true : undefined;
    }, 'the app to start anew');
    await until(() => (status().apps.every(({ state }) => state === 'running') ? true : undefined), 'all apps');
    assert.deepEqual([status().pid, status().state], [before.pid, 'running']);
    assert.equal(ok('show', '--value', '-p', 'Leader', 'web').trim(), String(before.pid));
  });

  it('two pods have not one name, and names that are no machine’s are refused', () => {
    web();
    const again = rig.podctl('--insecure-options=image', 'run', '--net=none', '--name=web', one);
    assert.equal(again.status, 254);
    assert.match(again.stderr, /name/);
    for (const name of ['a_b', 'ä', '-a', 'a:b', 'a/b', '..', 'x'.repeat(65), '']) {
      const refused = rig.podctl('--insecure-options=image', 'run', '--net=none', `--name=${name}`, one);
      assert.equal(refused.status, 254, name);
      assert.match(refused.stderr, /invalid-name|usage/, name);
    }
  });

  it('without machined a pod runs all the same, and says so', () => {
    output('systemctl', 'mask', '--runtime', '--now', 'systemd-machined.service');
    try {
      web();
      assert.equal(status().state, 'running');
      output('journalctl', '--sync');
      assert.match(output('journalctl', '-t', 'podctl', '-o', 'cat', '-n', '50'), /warning: machine.*org\.freedesktop/);
    } finally {
      output('systemctl', 'unmask', '--runtime', 'systemd-machined.service');
    }
  });

  it('a name in nss-mymachines is that of a pod with an address', function () {
    if (!output('sh', '-c', 'ldconfig -p').includes('libnss_mymachines'))
      skip(this, 'libnss-mymachines is not installed');
    output('ip', 'netns', 'add', 'podctl-nss');
    try {
      // Kernels without veth and dummy have this one.
      output('ip', '-n', 'podctl-nss', 'addr', 'add', '192.0.2.7/32', 'dev', 'lo', 'scope', 'global');
      output('ip', '-n', 'podctl-nss', 'link', 'set', 'lo', 'up');
      web('--net=ns:/run/netns/podctl-nss');
      assert.match(output('getent', '-s', 'hosts:mymachines', 'hosts', 'web'), /192\.0\.2\.7\s+web/);
    } finally {
      output('ip', 'netns', 'del', 'podctl-nss');
    }
  });
});
