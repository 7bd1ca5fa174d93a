/** What systemd gives a unit of the user's for the pod in it: sockets that it listens on, and credentials. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import { busyboxAci } from '../fixtures/aci';
import { output, until } from '../rig/rig';
import { helloImage, OwnUnits } from '../rig/suite';

const WEB = 't-web.service';
const SOCKET = 't-web.socket';
const SCRIPT = ['--exec=/bin/sh', '--', '-c'];

describe('sockets and credentials of units', () => {
  const own = new OwnUnits(helloImage);
  let wasShared = true;

  before(() => {
    // As on any host where systemd has booted: else its helper's mount of the credentials does not reach the unit.
    wasShared = / \/ \/ .* shared:/.test(fs.readFileSync('/proc/self/mountinfo', 'utf8'));
    if (!wasShared) output('mount', '--make-rshared', '/');
  });
  after(() => {
    if (!wasShared) output('mount', '--make-rprivate', '/');
  });

  const script = (text: string, ...flags: string[]): string[] => [own.image, ...flags, ...SCRIPT, text];
  const IDLE = 'while :; do sleep 0.1; done';
  /** What this app sees of its sockets: LISTEN_* with its own number in place of LISTEN_PID, and its descriptors. */
  const LOOK =
    'test "$LISTEN_PID" = $$ && echo "for me"; echo "$LISTEN_FDS $LISTEN_FDNAMES"; for f in /proc/$$/fd/*; do echo "fd $(basename $f) $(readlink $f)"; done; echo seen';
  const seen = (text: string): string[] =>
    text
      .split('\n')
      .filter((line) => /^fd [3-9] socket:/.test(line))
      .map((line) => line.slice(0, 'fd 3 socket:'.length));
  /** A socket of an own.image that is an appc app with ports. */
  const withPorts = (name: string, ports: readonly object[]): string =>
    own.rig.write(`${name}.aci`, busyboxAci({ name: `example.com/${name}`, exec: ['/bin/true'], app: { ports } }));

  it('passes them to the only app, as 3 and following, addressed to its process', async () => {
    own.units.write(
      SOCKET,
      '[Socket]\nListenStream=127.0.0.1:18471\nListenDatagram=127.0.0.1:18471\nListenStream=/run/t-web.sock\nFileDescriptorName=web\n',
    );
    own.units.pod(WEB, script(`${LOOK}; ${IDLE}`));
    output('systemctl', 'start', SOCKET);
    own.units.start(WEB);
    const text = await until(
      () => (/^seen$/m.test(own.units.journal(WEB)) ? own.units.journal(WEB) : undefined),
      'the app',
    );
    assert.match(text, /^for me$/m);
    assert.match(text, /^3 web:web:web$/m);
    assert.deepEqual(seen(text), ['fd 3 socket:', 'fd 4 socket:', 'fd 5 socket:']);
  });

  it('starts the pod when somebody connects, and has the same socket after a restart', async () => {
    own.units.write(SOCKET, '[Socket]\nListenStream=127.0.0.1:18472\n');
    // nc -f of busybox would listen itself; a shell has no accept(2): inetd does.
    own.units.pod(WEB, script(IDLE), ['Restart=always', 'RestartSec=0']);
    output('systemctl', 'start', SOCKET);
    assert.equal(own.units.show(WEB, 'ActiveState'), 'inactive');
    const socket = net.connect(18_472, '127.0.0.1');
    await until(() => (own.units.show(WEB, 'ActiveState') === 'active' ? true : undefined), 'the pod');
    socket.destroy();
    output('systemctl', 'kill', '--signal=KILL', '--kill-whom=main', WEB);
    await until(
      () =>
        own.units.show(WEB, 'NRestarts') === '1' && own.units.show(WEB, 'ActiveState') === 'active' ? true : undefined,
      'the restart',
    );
    const cgroup = `/sys/fs/cgroup${own.units.show(WEB, 'ControlGroup')}/apps/app-hello/cgroup.procs`;
    const app = fs.readFileSync(cgroup, 'utf8').split('\n')[0];
    assert.match(fs.readlinkSync(`/proc/${app}/fd/3`), /^socket:/);
  });

  it('B17 gives each app the sockets of its ports, by number or by name, and none of the others', async () => {
    const port = (name: string, number: number) => ({ name, port: number, protocol: 'tcp', socketActivated: true });
    const web = withPorts('web', [port('http', 18_473), { ...port('metrics', 99), socketActivated: true }]);
    const db = withPorts('db', [port('sql', 18_474)]);
    own.units.write(
      SOCKET,
      '[Socket]\nListenStream=127.0.0.1:18474\nListenStream=127.0.0.1:18473\nService=t-web.service\n',
    );
    own.units.write(
      't-metrics.socket',
      '[Socket]\nListenStream=127.0.0.1:18475\nFileDescriptorName=metrics\nService=t-web.service\n',
    );
    own.units.pod(
      WEB,
      [web, ...SCRIPT, `${LOOK}; ${IDLE}`, '---', db, ...SCRIPT, `${LOOK}; ${IDLE}`],
      [`Sockets=${SOCKET} t-metrics.socket`],
    );
    output('systemctl', 'start', SOCKET, 't-metrics.socket');
    own.units.start(WEB);
    const of = (app: string): Promise<string> =>
      until(() => {
        const text = own.units.journal(WEB, '-t', app);
        return /^seen$/m.test(text) ? text : undefined;
      }, app);
    const [ofWeb, ofDb] = [await of('web'), await of('db')];
    assert.deepEqual(seen(ofWeb), ['fd 3 socket:', 'fd 4 socket:']);
    assert.match(ofWeb, /^2 (t-web.socket:metrics|metrics:t-web.socket)$/m);
    assert.deepEqual(seen(ofDb), ['fd 3 socket:']);
    assert.match(ofDb, /^1 t-web.socket$/m);
  });

  it("B17 refuses a socket that is nobody's, and a port that has none", () => {
    own.units.write(SOCKET, '[Socket]\nListenStream=127.0.0.1:18476\n');
    const two = [...script(IDLE, '--name=one'), '---', ...script(IDLE, '--name=two')];
    const web = withPorts('lonely', [{ name: 'http', port: 80, protocol: 'tcp', socketActivated: true }]);
    for (const [args, why] of [
      [two, /socket-unclaimed: .*"t-web.socket" \(tcp 18476\) is for no app/],
      [[web, ...SCRIPT, IDLE], /socket-unclaimed: .*is for no app/],
    ] as const) {
      own.units.pod(WEB, args);
      output('systemctl', 'start', SOCKET);
      assert.notEqual(own.units.systemctl('start', WEB).status, 0);
      assert.match(own.units.journal(WEB), why);
      assert.equal(own.rig.ok('list', '--format=json').trim(), '[]');
      output('systemctl', 'stop', SOCKET);
    }
  });

  it('passes the app a socket by its own name, and the own.image cannot pretend that there are others', async () => {
    own.units.write(SOCKET, '[Socket]\nListenStream=127.0.0.1:18477\nFileDescriptorName=two\n');
    own.units.pod(WEB, [
      ...script(`${LOOK}; ${IDLE}`, '--name=one', '--environment=LISTEN_FDS=7', '--environment=LISTEN_PID=2'),
      '---',
      ...script(`${LOOK}; ${IDLE}`, '--name=two', '--environment=LISTEN_FDS=7'),
    ]);
    output('systemctl', 'start', SOCKET);
    own.units.start(WEB);
    await until(() => (own.units.journal(WEB).match(/^seen$/gm)?.length === 2 ? true : undefined), 'both');
    const text = own.units.journal(WEB);
    assert.deepEqual(seen(text), ['fd 3 socket:']);
    assert.match(text, /^1 two$/m);
    assert.match(text, /^ $/m);
  });

  for (const users of ['host', 'private']) {
    it(`shows credentials to the app's user alone, read-only, with users of the ${users}`, async () => {
      fs.writeFileSync(`${own.rig.root}/key`, 'from a file\n', { mode: 0o600 });
      const look =
        'echo "in $CREDENTIALS_DIRECTORY"; cd $CREDENTIALS_DIRECTORY; cat password key; ls -ldn . password; touch new 2>&1; rm -f key 2>&1; grep " $CREDENTIALS_DIRECTORY " /proc/self/mountinfo; echo seen';
      own.units.pod(
        WEB,
        [
          ...(users === 'private' ? ['--private-users=1000000:65536'] : []),
          ...script(`${look}; ${IDLE}`, '--name=user', '--user=33', '--group=44'),
          '---',
          ...script(`cat $CREDENTIALS_DIRECTORY/key; echo seen; ${IDLE}`, '--name=root'),
        ],
        ['SetCredential=password:secret', `LoadCredential=key:${own.rig.root}/key`],
      );
      own.units.start(WEB);
      await until(() => (own.units.journal(WEB).match(/^seen$/gm)?.length === 2 ? true : undefined), 'both');
      const text = own.units.journal(WEB, '-t', 'user');
      assert.match(text, /^in \/dev\/podctl-credentials$/m);
      assert.match(text, /^secretfrom a file$/m);
      assert.match(text, /^dr-x------ .* 33 +44 .*\.$/m);
      assert.match(text, /^-r-------- .* 33 +44 .*password$/m);
      assert.match(text, /touch: new: Read-only file system/);
      assert.match(text, /can't remove 'key': Read-only file system/);
      assert.match(text, /\/dev\/podctl-credentials ro,nosuid,nodev,noexec/);
      assert.match(own.units.journal(WEB, '-t', 'root'), /^from a file$/m);
      const [pod] = JSON.parse(own.rig.ok('list', '--format=json')) as { name: string }[];
      const plan = fs.readFileSync(`${own.rig.dataDir}/pods/run/${pod?.name}/plan`, 'utf8');
      assert.doesNotMatch(plan, /secret|from%20a/);
    });
  }
});
