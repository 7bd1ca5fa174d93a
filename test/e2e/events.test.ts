/** The life of pods in the journal, and `podctl events`. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { ALL_MESSAGE_IDS } from '../../stage0/systemd/journal-events';
import { busyboxAci } from '../fixtures/aci';
import { command, needsHost, output, PODCTL, Rig, until } from '../rig/rig';

const ROOT = path.resolve(__dirname, '../../..');
const sh = (script: string): readonly string[] => ['--exec=/bin/sh', '--', '-c', script];
type Event = Readonly<Record<string, unknown>>;
const parsed = (text: string): readonly Event[] =>
  text
    .split('\n')
    .slice(0, -1) // what comes behind the last newline is not whole
    .map((line) => JSON.parse(line) as Event);

describe('events', () => {
  let rig: Rig;
  let image: string;

  before(function () {
    needsHost(this);
    rig = new Rig();
    const files = [{ name: 'rootfs/bin/broken', mode: 0o755, content: '#!/no/such/interpreter\n' }];
    image = rig.write('events.aci', busyboxAci({ name: 'example.com/events', files }));
  });
  after(() => rig?.dispose());

  const run = (...words: readonly string[]): string =>
    rig.ok('--insecure-options=image', 'run', '--detach', '--net=none', ...words).trim();
  const of = (pod: string, ...flags: readonly string[]): readonly Event[] => {
    output('journalctl', '--sync');
    return parsed(rig.ok('events', '--format=json', `--pod=${pod}`, ...flags));
  };
  const kinds = (events: readonly Event[]): readonly string[] =>
    events.map(({ event, app }) => (app === undefined ? String(event) : `${event} ${app}`));

  it('tell the life of a pod, also when it is gone', () => {
    const script = 'if [ -e /tmp/twice ]; then exit 3; fi; touch /tmp/twice; kill -9 $$';
    const pod = run('--name=life', image, '--name=web', '--restart=on-failure:1', ...sh(script));
    rig.ok('logs', '-f', pod);
    rig.ok('rm', 'life');
    const events = of('life');
    const web = ['app-started web', 'app-restarting web', 'app-started web', 'app-exited web'];
    assert.deepEqual(
      kinds(events).filter((kind) => kind !== 'started'),
      ['prepared', ...web, 'exited', 'collected'],
    );
    const [prepared] = events;
    assert.match(String(prepared?.['time']), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    assert.deepEqual([prepared?.['pod'], prepared?.['name'], prepared?.['apps']], [pod, 'life', ['web']]);
    const find = (kind: string): Event => events.find(({ event }) => event === kind) ?? {};
    const { reason, status, signal, restarts } = find('app-restarting');
    assert.deepEqual([reason, status, signal, restarts], ['signal', 137, 9, 1]);
    assert.deepEqual([find('app-exited')['reason'], find('app-exited')['status']], ['exit', 3]);
    assert.deepEqual([find('exited')['reason'], find('exited')['status'], find('exited')['name']], ['exit', 3, 'life']);
  });

  it('tell a stop from an end, and a start that failed from both', () => {
    const stopped = run(image, '--name=web', '--exec=/bin/sleep', '--', '1000');
    rig.ok('stop', stopped);
    const events = of(stopped);
    assert.deepEqual(kinds(events), ['prepared', 'app-started web', 'started', 'stopping', 'app-exited web', 'exited']);
    assert.deepEqual([events.at(-1)?.['reason'], events.at(-2)?.['reason']], ['stopped', 'stopped']);
    const failed = rig.podctl(
      '--insecure-options=image',
      'run',
      '--net=none',
      '--name=failing',
      image,
      '--exec=/bin/broken',
    );
    assert.equal(failed.status, 254);
    const last = of('failing').find(({ event }) => event === 'exited');
    assert.deepEqual([last?.['reason'], last?.['status']], ['start', 254]);
  });

  it('tell what was done to a pod, and its names', () => {
    const pod = run('--name=before', image, '--name=web', '--exec=/bin/sleep', '--', '1000');
    for (const words of [['pause'], ['resume'], ['pause', '--app=web'], ['resume', '--app=web']]) rig.ok(...words, pod);
    rig.ok('rename', pod, 'after');
    rig.ok('stop', '--force', 'after');
    const done = of(pod).filter(({ event }) => ['paused', 'resumed', 'renamed'].includes(String(event)));
    assert.deepEqual(kinds(done), ['paused', 'resumed', 'paused web', 'resumed web', 'renamed']);
    assert.deepEqual([done[0]?.['name'], done.at(-1)?.['name']], ['before', 'after']);
    rig.ok('rm', 'after');
    assert.deepEqual(of('after').at(-1)?.['event'], 'collected');
  });

  it('are entries of journald with IDs, which journalctl -x explains', () => {
    const installed = command([`${ROOT}/units/install`, '--podctl', PODCTL]);
    assert.equal(installed.status, 0, installed.stderr);
    const catalog = output('journalctl', '--list-catalog');
    for (const id of Object.values(ALL_MESSAGE_IDS)) assert.ok(catalog.includes(id), id);
    const pod = run('--name=explained', image, '--name=web', ...sh('exit 4'));
    rig.ok('logs', '-f', pod);
    const explained = output(
      'journalctl',
      '-x',
      '--no-pager',
      `POD_UUID=${pod}`,
      `MESSAGE_ID=${ALL_MESSAGE_IDS['app-exited']}`,
    );
    assert.match(
      explained,
      /Subject: App web of pod [0-9a-f-]{36} has ended\n[\s\S]*ended for good, with the status 4[\s\S]*reason is exit:/,
    );
    assert.match(
      output('journalctl', '-o', 'json', '_UID=0', `POD_UUID=${pod}`, 'PODCTL_EVENT=exited'),
      /"EXIT_STATUS":"4"/,
    );
  });

  it('come as they happen', async () => {
    const following = rig.start('events', '-f', '--format=json', '--since=now', '--event=started', '--event=exited');
    let seen = '';
    following.child.stdout?.on('data', (piece: Buffer) => (seen += piece.toString()));
    // What happens before it follows is missed.
    const pods: string[] = [];
    const isSeen = (pod: string): boolean =>
      kinds(parsed(seen).filter((event) => event['pod'] === pod)).join() === 'started,exited';
    await until(() => {
      if (pods.some(isSeen)) return true;
      pods.push(run(image, '--name=web', ...sh('true')));
      return undefined;
    }, 'the events of a pod');
    assert.ok(parsed(seen).every(({ event }) => event === 'started' || event === 'exited'));
    following.child.kill('SIGINT');
    await following.ended;
  });

  it('are sentences for people; wrong words are refused; what others made up does not count', () => {
    const pod = run('--name=words', image, '--name=web', ...sh('true'));
    rig.ok('logs', '-f', pod);
    assert.match(
      rig.ok('events', '--pod=words', '--event=app-exited'),
      new RegExp(`^\\S+Z app-exited ${pod.slice(0, 8)} words app web exited with status 0\n$`),
    );
    const refused = rig.podctl('events', '--event=nonsense');
    assert.equal(refused.status, 254);
    assert.match(refused.stderr, /usage: --event: there is no "nonsense", only prepared, /);
    const forged = `MESSAGE=forged\nMESSAGE_ID=${ALL_MESSAGE_IDS.exited}\nPODCTL_EVENT=exited\nPOD_UUID=${pod}\n`;
    const user = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
    assert.equal(command([...user, 'logger', '--journald'], { input: forged }).status, 0);
    assert.ok(!of(pod).some(({ message }) => message === 'forged'));
    assert.equal(rig.podctl('events', '--until=2000-01-01').stdout, '');
  });
});
