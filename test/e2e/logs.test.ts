/** `podctl logs` beside journalctl, systemctl and machinectl, of pods that run, have ended, and are gone. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { busyboxAci } from '../fixtures/aci';
import { command, needsHost, type Outcome, output, PODCTL, Rig, until } from '../rig/rig';

const sh = (script: string): readonly string[] => ['--exec=/bin/sh', '--', '-c', script];
const lines = (text: string): readonly string[] => text.split('\n').filter((line) => line !== '');

const parsed = (line: string): unknown => JSON.parse(line);

describe('logs', () => {
  let rig: Rig;
  let image: string;
  const pods: string[] = [];

  before(function () {
    needsHost(this);
    rig = new Rig();
    image = rig.write('logs.aci', busyboxAci({ name: 'example.com/logs' }));
  });
  after(() => rig?.dispose());

  const start = (flags: readonly string[], script: string, ...more: readonly string[]): string => {
    const pod = rig
      .ok(
        '--insecure-options=image',
        'run',
        '--detach',
        '--net=none',
        ...flags,
        image,
        '--name=web',
        ...sh(script),
        ...more,
      )
      .trim();
    pods.push(pod);
    return pod;
  };
  const db = (script: string): readonly string[] => ['---', image, '--name=db', ...sh(script)];
  /** Runs it to its end. */
  const ended = (flags: readonly string[], script: string, ...more: readonly string[]): string => {
    const pod = start(flags, script, ...more);
    rig.ok('logs', '-f', pod);
    return pod;
  };

  it('agree with journalctl, systemctl and machinectl', async () => {
    // machinectl shows lines from the registration on, so the apps speak once machined knows the pod.
    const script = 'until [ -e /tmp/go ]; do sleep 0.05; done; ';
    const pod = start(
      ['--name=agree'],
      `${script} echo from-web; exec sleep 1000`,
      ...db(`${script} echo from-db >&2; exec sleep 1000`),
    );
    for (const app of ['web', 'db']) rig.ok('enter', `--app=${app}`, pod, 'touch', '/tmp/go');
    const unit = `podctl-${pod}.service`;
    const said = (...argv: readonly string[]): string => command(argv).stdout;
    await until(
      () =>
        /from-web[\s\S]*from-db|from-db[\s\S]*from-web/.test(said('journalctl', '-o', 'cat', '-u', unit))
          ? true
          : undefined,
      'the lines',
    );
    const all = [
      said('journalctl', '-u', unit),
      said('journalctl', `POD_UUID=${pod}`),
      said('journalctl', 'POD_NAME=agree'),
      said('systemctl', 'status', '--full', unit),
      said('machinectl', 'status', '--full', 'agree'),
      rig.ok('logs', 'agree'),
      rig.ok('logs', unit),
    ];
    for (const text of all) assert.ok(/web\[\d+\]: from-web/.test(text) && /db\[\d+\]: from-db/.test(text), text);
    assert.match(said('journalctl', '-t', 'db', '-p', 'err', `_SYSTEMD_UNIT=${unit}`), /from-db/);
    assert.deepEqual(lines(rig.ok('logs', 'agree', '--app=web', '-o', 'cat')), ['from-web']);
    assert.deepEqual(lines(rig.ok('logs', 'agree', '--app=web', '--app=db', '-o', 'cat')).toSorted(), [
      'from-db',
      'from-web',
    ]);
    assert.deepEqual(
      lines(rig.ok('logs', pod)).filter((line) => !line.includes('prepared')),
      lines(said('journalctl', '--quiet', '--no-pager', '-u', unit)),
    );
    rig.ok('stop', '--force', pod);
  });

  it('follow to the end of the pod, and miss nothing', async () => {
    const pod = start([], 'sleep 0.3; seq 1 3000; printf last');
    const following = rig.start('logs', '-f', '-o', 'cat', '--app=web', pod);
    const { status, stdout, stderr } = await following.ended;
    assert.equal(status, 0, stderr);
    assert.deepEqual(lines(stdout), [...Array.from({ length: 3000 }, (_, index) => String(index + 1)), 'last']);
  });

  it('follow in the very formats of journalctl', async () => {
    const pod = start([], 'sleep 0.2; echo one; printf "a\\377b\\n"; echo "<3>bad"; printf "t\\tab\\n"');
    const outcomes = ['short', 'cat', 'json'].map((format) => rig.start('logs', '-f', '-o', format, pod).ended);
    for (const [index, format] of ['short', 'cat', 'json'].entries()) {
      const { status, stdout, stderr } = (await outcomes[index]) as Outcome;
      assert.equal(status, 0, stderr);
      const whole = rig.ok('logs', '-o', format, pod);
      // journalctl has no order of fields.
      if (format === 'json') assert.deepEqual(lines(stdout).map(parsed), lines(whole).map(parsed));
      else assert.equal(stdout, whole, format);
    }
  });

  it('following what has ended shows it and ends; other formats cannot be followed', () => {
    const pod = ended([], 'echo here');
    assert.deepEqual(lines(rig.ok('logs', '-f', '-o', 'cat', '--app=web', pod)), ['here']);
    const refused = rig.podctl('logs', '-f', '-o', 'verbose', pod);
    assert.equal(refused.status, 254);
    assert.match(refused.stderr, /usage: --output: "verbose" cannot be followed, only short, cat, json/);
    assert.match(rig.ok('logs', '-o', 'verbose', pod), /SYSLOG_IDENTIFIER=web/);
  });

  it('take ranges', () => {
    const pod = ended([], 'seq 1 50');
    assert.deepEqual(lines(rig.ok('logs', '-n', '2', '-o', 'cat', '--app=web', pod)), ['49', '50']);
    assert.equal(lines(rig.ok('logs', '-n', 'all', '-o', 'cat', '--app=web', pod)).length, 50);
    assert.equal(rig.podctl('logs', '--since=2050-01-01', '-o', 'cat', pod).stdout, '');
    assert.equal(lines(rig.ok('logs', '--since=-1h', '--until=now', '-o', 'cat', '--app=web', pod)).length, 50);
  });

  it('are there when the pod is gone: by UUID, prefix, name and unit; of two pods of a name the last', () => {
    const first = ended(['--name=gone'], 'echo first');
    rig.ok('rm', first);
    const second = ended(['--name=gone'], 'echo second');
    rig.ok('rm', second);
    const shown = (reference: string): readonly string[] => lines(rig.ok('logs', '--app=web', '-o', 'cat', reference));
    assert.deepEqual(shown('gone'), ['second']);
    for (const reference of [first, first.slice(0, 13), `podctl-${first}`, `podctl-${first}.service`])
      assert.deepEqual(shown(reference), ['first'], reference);
    const unknown = rig.podctl('logs', 'never-was');
    assert.equal(unknown.status, 254);
    assert.match(unknown.stderr, /pod-not-found/);
  });

  it('of a pod in a unit of the user are those of its own run of the unit, also when it is gone', async () => {
    const name = `logs-place-${process.pid}`;
    const file = `/run/systemd/system/${name}.service`;
    const words = ['--insecure-options=image', 'run', '--net=none', '--name=placed', image, '--name=web'];
    const script = 'echo line of $INVOCATION; exit 0';
    // biome-ignore lint/suspicious/noTemplateCurlyInString: systemd's
    const line = [...rig.globals, ...words, '--environment=INVOCATION=${INVOCATION_ID}', '--exec=/bin/sh', '--', '-c'];
    const unit = ['[Service]', 'Type=notify', 'Delegate=yes', `ExecStart=${PODCTL} ${line.join(' ')} '${script}'`, ''];
    fs.writeFileSync(file, unit.join('\n').replace('$INVOCATION;', '$$INVOCATION;'));
    try {
      output('systemctl', 'daemon-reload');
      for (const _ of [1, 2]) {
        output('systemctl', 'start', name);
        const isOver = (): boolean => command(['systemctl', 'is-active', name]).stdout === 'inactive\n';
        await until(() => (isOver() ? true : undefined), 'the end of the pod');
      }
      output('journalctl', '--sync');
      const all = lines(output('journalctl', '-q', '-o', 'cat', '-u', name, '-t', 'web'));
      assert.equal(new Set(all).size, 2, all.join());
      assert.deepEqual(lines(rig.ok('logs', '-o', 'cat', '--app=web', 'placed')), [all[1]]);
      rig.ok('rm', 'placed');
      output('journalctl', '--sync');
      assert.deepEqual(lines(rig.ok('logs', '-o', 'cat', '--app=web', 'placed')), [all[1]]);
      assert.match(rig.ok('logs', 'placed'), /Starting logs-place[\s\S]*prepared[\s\S]*line of[\s\S]*was removed/);
      const events = rig.ok('events', '--format=json', '--pod=placed', '--event=exited');
      assert.match(events, /"name":"placed","reason":"exit","status":0/);
    } finally {
      fs.rmSync(file);
      output('systemctl', 'daemon-reload');
    }
  });

  it('show nothing that others made up', () => {
    const pod = ended([], 'echo genuine');
    const forged = `MESSAGE=forged\nPOD_UUID=${pod}\nSYSLOG_IDENTIFIER=web\n`;
    assert.equal(command([...asUser(), 'logger', '--journald'], { input: forged }).status, 0);
    output('journalctl', '--sync');
    assert.match(output('journalctl', `POD_UUID=${pod}`), /forged/);
    assert.ok(!rig.ok('logs', pod).includes('forged'));
  });

  const asUser = (...groups: readonly string[]): readonly string[] => [
    ...[
      'setpriv',
      '--reuid=65534',
      '--regid=65534',
      groups.length === 0 ? '--clear-groups' : `--groups=${groups.join()}`,
    ],
  ];

  it('are for members of systemd-journal, also as they come, and for nobody else', async () => {
    const pod = start(['--name=member'], 'echo before; sleep 1; echo after');
    const user = [PODCTL, ...rig.globals, 'logs', '-o', 'cat', '--app=web', '-f', pod];
    const member = command([...asUser('systemd-journal'), ...user]);
    assert.deepEqual([member.status, lines(member.stdout)], [0, ['before', 'after']], member.stderr);
    const stranger = command([...asUser(), ...user]);
    assert.equal(stranger.status, 254);
    assert.match(stranger.stderr, /journal-unreadable: not allowed to read \/(run|var)\/log\/journal/);
    assert.match(stranger.stderr, /group systemd-journal/);
  });

  it('say what is missing', () => {
    const pod = ended([], 'true');
    const env = { ...process.env, PATH: '/nonexistent' };
    const without = command([PODCTL, ...rig.globals, 'logs', pod], { env });
    assert.equal(without.status, 254);
    assert.match(without.stderr, /journalctl-failed: cannot read the journal: there is no journalctl in PATH/);
    const hidden = [
      'unshare',
      '--mount',
      'sh',
      '-c',
      'mount -t tmpfs t /run/log; mount -t tmpfs t /var/log; exec "$@"',
      'sh',
    ];
    const none = command([...hidden, PODCTL, ...rig.globals, 'logs', pod]);
    assert.match(none.stderr, /journal-missing: there is no journal in \/var\/log\/journal or \/run\/log\/journal/);
  });

  it('leave nothing: a reader that goes away ends it', async () => {
    const pod = start([], 'while :; do echo line; sleep 0.01; done');
    const shown = command([
      'sh',
      '-c',
      '"$@" | head -n 3',
      'sh',
      PODCTL,
      ...rig.globals,
      'logs',
      '-f',
      '--app=web',
      pod,
    ]);
    assert.equal(lines(shown.stdout).length, 3);
    rig.ok('stop', '--force', pod);
  });
});
