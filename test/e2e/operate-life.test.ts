/** What an operator does with running pods: pause, resume, kill, restart, stop. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { busyboxAci } from '../fixtures/aci';
import { said } from '../rig/events';
import { command, needsHost, output, Rig, until } from '../rig/rig';

interface App {
  readonly name: string;
  readonly state: string;
  readonly exit_code: number | null;
  readonly reason: string | null;
}
interface Pod {
  readonly name: string;
  readonly pod_name: string;
  readonly state: string;
  readonly pid: number;
  readonly apps: readonly App[];
}

describe('operating pods', () => {
  let rig: Rig;
  let image: string;

  before(function () {
    needsHost(this);
    rig = new Rig();
    image = rig.write('sh.aci', busyboxAci({ name: 'example.com/sh', exec: ['/bin/sh'] }));
  });
  after(() => rig?.dispose());
  afterEach(() => {
    const pods = JSON.parse(rig.ok('list', '--format=json')) as Pod[];
    for (const { name, state } of pods) if (['running', 'paused'].includes(state)) rig.podctl('stop', '--force', name);
    rig.removeEnded();
  });

  /** An app that counts in /count, and notes in /said which signals it got. */
  const counting = (name: string, more = ':'): string[] => {
    const script = `${more}; trap "echo term >>/said; exit 0" TERM; trap "echo hup >>/said" HUP; i=0; while :; do i=$((i+1)); echo $i >/count; usleep 20000; done`;
    return [image, `--name=${name}`, '--', '-c', script];
  };
  const deaf = (name: string): string[] => [
    image,
    `--name=${name}`,
    '--',
    '-c',
    'trap "" TERM; echo up; while :; do sleep 0.1; done',
  ];
  const detach = (...args: string[]): string =>
    rig.ok('--insecure-options=image', 'run', '--detach', '--net=none', ...args).trim();
  const status = (pod: string): Pod => JSON.parse(rig.ok('status', '--format=json', pod)) as Pod;
  const appOf = (pod: string, name: string): App | undefined => status(pod).apps.find((app) => app.name === name);
  const file = (pod: string, app: string, name: string): string => {
    const path = `${rig.dataDir}/pods/run/${pod}/apps/${app}/upper/${name}`;
    return fs.existsSync(path) ? fs.readFileSync(path, 'utf8') : '';
  };
  const counts = (pod: string, app: string): Promise<true> => {
    const before = file(pod, app, 'count');
    return until(
      () => (file(pod, app, 'count') > before || file(pod, app, 'count').length > before.length ? true : undefined),
      `${app} counting`,
    );
  };
  const refused = (code: string, ...args: string[]): void => {
    const { status: exit, stderr } = rig.podctl(...args);
    assert.match(stderr, new RegExp(`: ${code}: `));
    assert.equal(exit, 254);
  };

  it('pauses a pod as systemctl does, shows it, refuses what could only hang, and lets it go on', async () => {
    const pod = detach('--name=frozen', ...counting('one'), '---', ...counting('two'));
    await counts(pod, 'one');
    rig.ok('pause', 'frozen');
    const unit = `podctl-${pod}.service`;
    assert.equal(output('systemctl', 'show', '--value', '-p', 'FreezerState', unit).trim(), 'frozen');
    assert.equal(status(pod).state, 'paused');
    assert.deepEqual(
      status(pod).apps.map(({ state }) => state),
      ['paused', 'paused'],
    );
    assert.match(rig.ok('list', '--no-legend'), /\tpaused\t/);
    const before = file(pod, 'one', 'count');
    refused('pod-wrong-state', 'enter', '--app=one', pod, 'true');
    refused('pod-wrong-state', 'app', 'stop', '--app=one', pod);
    refused('pod-wrong-state', 'resume', '--app=one', pod);
    assert.match(rig.podctl('pause', pod).stderr, /already paused/);
    assert.equal(file(pod, 'one', 'count'), before);
    rig.ok('resume', unit);
    await counts(pod, 'one');
    assert.equal(status(pod).state, 'running');
    assert.match(rig.podctl('resume', pod).stderr, /is not paused/);
  });

  it('pauses one app, or each of them by itself, and never the init', async () => {
    const pod = detach(...counting('one'), '---', ...counting('two'));
    await counts(pod, 'one');
    rig.ok('pause', '--app=one', pod);
    assert.equal(appOf(pod, 'one')?.state, 'paused');
    assert.equal(appOf(pod, 'two')?.state, 'running');
    assert.equal(status(pod).state, 'running');
    assert.match(rig.ok('app', 'list', '--no-legend', pod), /^one\s+paused\ntwo\s+running\n$/);
    await counts(pod, 'two');
    refused('app-wrong-state', 'enter', '--app=one', pod, 'true');
    rig.ok('enter', '--app=two', pod, 'true');
    rig.ok('pause', '--app=two', pod);
    rig.ok('app', 'stop', '--app=two', pod); // the init answers
    assert.equal(file(pod, 'two', 'said'), 'term\n');
    rig.ok('resume', pod);
    await counts(pod, 'one');
  });

  it('stops what is paused, by its stop signal and not by the end of its patience', async () => {
    for (const args of [[], ['--app=one']]) {
      const pod = detach(...counting('one'));
      await counts(pod, 'one');
      rig.ok('pause', ...args, pod);
      const began = Date.now();
      rig.ok('stop', pod);
      assert.ok(Date.now() - began < 9000); // its patience is 10 s
      assert.equal(file(pod, 'one', 'said'), 'term\n');
      assert.equal(status(pod).state, 'exited');
    }
    const pod = detach(...counting('one'));
    await counts(pod, 'one');
    rig.ok('pause', '--app=one', pod);
    output('systemctl', 'stop', `podctl-${pod}.service`);
    assert.equal(file(pod, 'one', 'said'), 'term\n');
  });

  it('kills a paused app, which is not paused any more when it starts again', async () => {
    const pod = detach('--exit-policy=all', ...counting('one'), '---', ...counting('two'));
    await counts(pod, 'one');
    rig.ok('pause', '--app=one', pod);
    rig.ok('kill', '-s', 'KILL', '--app=one', pod);
    await until(() => (appOf(pod, 'one')?.state === 'exited' ? true : undefined), 'its end');
    assert.equal(appOf(pod, 'one')?.exit_code, 137);
    rig.ok('app', 'start', '--app=one', pod);
    await counts(pod, 'one');
  });

  it('sends signals by name and number, to the first process or to all', async () => {
    const children =
      'trap "echo hup >>/child" HUP; (trap "echo child >>/said" HUP; echo >/ready; while :; do sleep 0.05; done) & true';
    const pod = detach(...counting('one', children));
    await until(() => (file(pod, 'one', 'ready') === '' ? undefined : true), 'its child');
    await counts(pod, 'one');
    for (const [index, signal] of ['HUP', 'sighup', '1'].entries()) {
      rig.ok('kill', '-s', signal, pod);
      const expected = 'hup\n'.repeat(index + 1);
      await until(() => (file(pod, 'one', 'said') === expected ? true : undefined), `its answer to ${signal}`);
    }
    rig.ok('kill', '--signal=HUP', '--whom=all', pod);
    await until(() => (file(pod, 'one', 'said').includes('child') ? true : undefined), "the child's answer");
    refused('usage', 'kill', '-s', 'NOPE', pod);
    refused('app-not-found', 'kill', '--app=none', pod);
    rig.ok('kill', '-s', 'KILL', '--whom=all', pod);
    await until(() => (status(pod).state === 'exited' ? true : undefined), 'its end');
    refused('pod-wrong-state', 'kill', pod);
  });

  it('restarts a pod as the same one: UUID, name, unit, options, and what its apps wrote', async () => {
    const script =
      'echo $0 $GREETING >/said; cat /proc/self/status >/status; hostname >/host; echo run >>/runs; exec sleep 1000';
    const pod = rig
      .ok(
        ...['--insecure-options=image,seccomp', 'run', '--detach', '--net=none', '--name=again', '--hostname=other'],
        ...[image, '--name=one', '--set-env=GREETING=hello', '--', '-c', script],
      )
      .trim();
    const first = await until(() => (file(pod, 'one', 'runs') === '' ? undefined : status(pod)), 'its first run');
    const seccomp = (): string => /^Seccomp:\s+\d/m.exec(file(pod, 'one', 'status'))?.[0] ?? '';
    const unfiltered = seccomp();
    assert.equal(rig.ok('restart', 'again'), `"${pod}"\n`);
    const second = status('again');
    assert.equal(second.name, pod);
    assert.equal(second.state, 'running');
    assert.notEqual(second.pid, first.pid);
    await until(() => (file(pod, 'one', 'runs') === 'run\nrun\n' ? true : undefined), 'its second run');
    assert.equal(file(pod, 'one', 'host'), 'other\n');
    assert.match(file(pod, 'one', 'said'), /hello/);
    assert.equal(seccomp(), unfiltered);
    assert.match(output('machinectl', 'list', '--no-legend'), /^again /m);
    rig.ok('stop', pod);
    rig.ok('restart', pod);
    assert.equal(status(pod).state, 'running');
  });

  it('does not restart what never ran, or another pod has the name of', () => {
    const prepared = rig.ok('--insecure-options=image', 'prepare', ...counting('one')).trim();
    refused('pod-wrong-state', 'restart', prepared);
    const old = detach('--name=shared', ...counting('one'));
    rig.ok('stop', old);
    const young = detach('--name=shared', ...counting('one'));
    assert.equal(status('shared').name, young);
    refused('pod-name-taken', 'restart', old);
    assert.equal(status(old).state, 'exited');
  });

  it('restarts one app, even the only one, and a paused one', async () => {
    const pod = detach(...counting('one'));
    await counts(pod, 'one');
    const { pid } = status(pod);
    rig.ok('restart', '--app=one', pod);
    await counts(pod, 'one');
    rig.ok('pause', '--app=one', pod);
    rig.ok('restart', '--app=one', pod);
    await counts(pod, 'one');
    assert.equal(file(pod, 'one', 'said'), 'term\nterm\n');
    assert.equal(status(pod).pid, pid);
  });

  it('stops in the time it is given, more or less than the pod was started with, several pods at once', async () => {
    const pods = [1, 2, 3].map(() => detach('--stop-timeout=60s', ...deaf('one')));
    for (const pod of pods) await said(pod, 'up');
    const began = Date.now();
    const { status: exit, stdout } = rig.podctl('stop', '--time=1s', ...pods);
    assert.equal(exit, 0);
    assert.deepEqual(stdout.trim().split('\n').sort(), pods.map((pod) => `"${pod}"`).sort());
    const took = Date.now() - began;
    assert.ok(took > 900 && took < 15_000, `${took} ms`);
    for (const pod of pods) assert.equal(appOf(pod, 'one')?.exit_code, 137);
    refused('usage', 'stop', '--time=1s', '--force', pods[0] ?? '');
    assert.equal(rig.podctl('stop', pods[0] ?? '').status, 0); // it has ended already
  });

  it('lets only one of many pods that are started at once have a name', async () => {
    const starts = Array.from({ length: 8 }, () =>
      rig.start('--insecure-options=image', 'run', '--detach', '--net=none', '--name=wanted', ...counting('one')),
    );
    const outcomes = await Promise.all(starts.map(({ ended }) => ended));
    assert.equal(outcomes.filter(({ status: exit }) => exit === 0).length, 1);
    for (const { status: exit, stderr } of outcomes) if (exit !== 0) assert.match(stderr, /pod-name-taken/);
    assert.equal(command(['machinectl', 'show', 'wanted']).status, 0);
  });
});
