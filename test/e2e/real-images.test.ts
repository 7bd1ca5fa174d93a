/** Images as their authors make them, of Debian packages (test/fixtures/debian): each runs as it is, and does what it is for. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { layoutOf } from '../fixtures/oci';
import { staticProgram } from '../fixtures/program';
import { threeBlocks } from '../fixtures/subid';
import { buildTar } from '../fixtures/tar-writer';
import { command, DIST, needsHost, type Outcome, output, Rig, type Running, until } from '../rig/rig';
import { skip } from '../runner/skip';

/** In the pod: podctl starts once, not for every look. */
const UNTIL = 'until "$0" "$@" >/dev/null 2>&1; do sleep 0.05; done';
const IMAGES = path.resolve(DIST, '../test/fixtures/debian/images');

describe('images of Debian packages', () => {
  let rig: Rig;
  let layout: string;
  before(function () {
    needsHost(this);
    const { status, stdout, stderr } = command([IMAGES, '--find']);
    if (status !== 0) skip(this, stderr.trim());
    layout = stdout.trim();
    rig = new Rig();
  });
  threeBlocks();
  afterEach(() => rig.removeEnded());
  after(() => rig?.dispose());

  const run = (image: string, ...args: readonly string[]): Outcome =>
    rig.podctl('run', '--net=none', `oci:${layout}:${image}`, ...args);
  const says = (image: string, ...args: readonly string[]): string => {
    const { status, stdout, stderr } = run(image, ...args);
    assert.deepEqual([status, stderr], [0, ''], stdout);
    return stdout;
  };

  /** A pod in the background, once `test` succeeds in it. */
  const serve = async (image: string, flags: readonly string[], test: readonly string[]): Promise<Running> => {
    const [pod, app] = [flags.filter((flag) => !isOfApp(flag)), flags.filter(isOfApp)];
    const running = rig.start('run', `--name=${image}`, ...pod, `oci:${layout}:${image}`, ...app);
    let ended: Outcome | undefined;
    void running.ended.then((outcome) => {
      ended = outcome;
    });
    await until(
      () => {
        if (ended !== undefined) throw new Error(`it has ended with ${ended.status}: ${ended.stdout}${ended.stderr}`);
        return rig.podctl('enter', image, 'bash', '-c', UNTIL, ...test).status === 0 ? true : undefined;
      },
      `${image}: ${test.join(' ')}`,
    );
    return running;
  };
  const isOfApp = (flag: string): boolean => flag.startsWith('--mount=') || flag.startsWith('--environment=');
  const inside = (image: string, ...argv: readonly string[]): string => rig.ok('enter', image, ...argv);
  const stop = async (image: string, running: Running): Promise<Outcome> => {
    rig.ok('stop', image);
    return running.ended;
  };

  it('nginx answers on a port; its logs in /dev/stdout and /dev/stderr reach the foreground and the journal', async () => {
    const running = await serve('nginx', ['--net=host'], ['bash', '-c', 'exec 3<>/dev/tcp/127.0.0.1/80']);
    inside('nginx', 'mkdir', '/var/www/html/none');
    const [page, refused] = [await fetch('http://127.0.0.1/?asked'), await fetch('http://127.0.0.1/none/')];
    assert.deepEqual([page.status, await page.text(), refused.status], [200, 'hello from nginx\n', 403]);
    await refused.text();
    const workers = inside(
      'nginx',
      'sh',
      '-c',
      'cat /proc/[0-9]*/comm /proc/[0-9]*/status 2>/dev/null | grep -A8 "^Name:.nginx"',
    );
    assert.match(workers, /Uid:\t0\t/);
    assert.match(workers, /Uid:\t33\t/);
    const uuid = (JSON.parse(rig.ok('list', '--format=json')) as { name: string }[])[0]?.name ?? '';
    const { status, stdout, stderr } = await stop('nginx', running);
    assert.equal(status, 0, stderr);
    assert.match(stdout, /^configuring nginx$/m);
    assert.match(stdout, /"GET \/\?asked HTTP\/1\.1" 200 17/);
    assert.match(stderr, /directory index of "\/var\/www\/html\/none\/" is forbidden/);
    output('journalctl', '--sync');
    const lines = output('journalctl', `POD_UUID=${uuid}`, '-o', 'json', '--output-fields=MESSAGE,PRIORITY')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as { MESSAGE: string; PRIORITY: string });
    const priority = (what: string): readonly string[] =>
      lines.filter(({ MESSAGE }) => MESSAGE.includes(what)).map(({ PRIORITY }) => PRIORITY);
    assert.deepEqual([priority('GET /?asked'), priority('is forbidden')], [['6'], ['3']]);
  });

  it('redis runs as the user its entrypoint changes to, in its volume, and saves what it has when stopped', async () => {
    const data = path.join(rig.root, 'redis');
    fs.mkdirSync(data);
    const flags = ['--net=none', `--volume=data,kind=host,source=${data}`, '--mount=volume=data,target=/data'];
    const running = await serve('redis', flags, ['redis-cli', 'ping']);
    assert.equal(inside('redis', 'redis-cli', 'set', 'key', 'value'), 'OK\n');
    const identity = inside(
      'redis',
      'sh',
      '-c',
      'grep -h -E "^(Name|Uid|NoNewPrivs)" /proc/[0-9]*/status; id -u redis',
    );
    const uid = Number(identity.trim().split('\n').at(-1));
    assert.match(identity, new RegExp(`Name:\tredis-server\nUid:\t${uid}\t${uid}\t`));
    const { status, stdout } = await stop('redis', running);
    assert.equal(status, 0);
    assert.match(stdout, /ready to exit/);
    const dump = fs.statSync(path.join(data, 'dump.rdb'));
    assert.deepEqual([dump.uid, dump.mode & 0o777, fs.statSync(data).uid], [uid, 0o600, uid]);
    const again = await serve('redis', flags, ['redis-cli', 'ping']);
    assert.equal(inside('redis', 'redis-cli', 'get', 'key'), 'value\n');
    await stop('redis', again);
  });

  const READY = ['psql', '--username=postgres', '--no-psqlrc', '--command=SELECT word FROM seeded'];
  const query = (sql: string): string =>
    inside(
      'postgres',
      'psql',
      '--username=postgres',
      '--no-psqlrc',
      '--tuples-only',
      '--no-align',
      `--command=${sql}`,
    ).trim();
  const PASSWORD = '--environment=POSTGRES_PASSWORD=secret';

  it('postgres initialises its volume, answers, keeps its data across pods, and stops by its own signal', async () => {
    const data = path.join(rig.root, 'postgres');
    fs.mkdirSync(data);
    const target = '--mount=volume=data,target=/var/lib/postgresql/data';
    const flags = ['--net=none', `--volume=data,kind=host,source=${data}`, target];
    // The socket answers while the entrypoint's scripts run, too: only the server itself listens on an address.
    const server = ['env', 'PGPASSWORD=secret', ...READY, '--host=127.0.0.1'];
    const running = await serve('postgres', [...flags, PASSWORD], server);
    query("INSERT INTO seeded VALUES ('kept')");
    const uid = Number(inside('postgres', 'id', '-u', 'postgres'));
    const top = fs.statSync(data);
    assert.deepEqual([top.uid, top.mode & 0o7777], [uid, 0o700]);
    assert.equal(fs.readFileSync(path.join(data, 'PG_VERSION'), 'utf8'), '15\n');
    assert.equal(fs.statSync(path.join(data, 'base')).uid, uid);
    const first = await stop('postgres', running);
    assert.equal(first.status, 0, first.stderr);
    assert.match(first.stdout, /the cluster is initialised/);
    assert.match(first.stderr, /received fast shutdown request/); // SIGINT; SIGTERM would be a smart one
    assert.match(first.stderr, /database system is shut down/);
    const again = await serve('postgres', flags, READY);
    assert.equal(query('SELECT word FROM seeded'), 'kept');
    const second = await stop('postgres', again);
    assert.doesNotMatch(second.stdout, /initialised/);
    assert.doesNotMatch(second.stderr, /not properly shut down/);
  });

  it("postgres without a volume of the host's has one of the pod's, as the image has it there", async () => {
    assert.equal(says('postgres', '--', 'sh', '-c', 'stat -c "%a %U:%G" $PGDATA'), '1777 postgres:postgres\n');
    const refused = run('postgres');
    assert.equal(refused.status, 1, refused.stdout);
    assert.match(refused.stderr, /POSTGRES_PASSWORD: must be set/);
    const server = ['env', 'PGPASSWORD=secret', ...READY, '--host=127.0.0.1'];
    const running = await serve('postgres', ['--net=none', '--private-users', PASSWORD], server);
    assert.equal(query('SELECT count(*) FROM seeded'), '0');
    assert.equal((await stop('postgres', running)).status, 0);
  });

  it('USER without HOME and USER variables has the home of /etc/passwd, and may write there', () => {
    const said = says('user').split('\n');
    assert.deepEqual(said.slice(0, 2), ['uid=1234(app) gid=1234(app) groups=1234(app)', 'home=/home/of-app user=none']);
    assert.match(said[2] ?? '', /^-rw-r--r-- 1 app app 0 .* \/home\/of-app\/mine$/);
  });

  it('a script as ENTRYPOINT has CMD, or the arguments behind --, as its words', () => {
    assert.equal(says('script'), 'entrypoint: 2 arguments as root in /\n<default>\n<two words>\n');
    assert.equal(says('script', '--', 'a', '', 'b c'), 'entrypoint: 3 arguments as root in /\n<a>\n<>\n<b c>\n');
    assert.match(says('script', '--', 'run', 'sh', '-c', 'echo $$ executed'), /<echo \$\$ executed>\n2 executed\n$/);
    assert.equal(run('script', '--', 'run', 'sh', '-c', 'exit 7').status, 7);
  });

  it('an archive that skopeo makes of one runs alike', () => {
    const policy = rig.write('policy.json', JSON.stringify({ default: [{ type: 'insecureAcceptAnything' }] }));
    const archive = path.join(rig.root, 'script.tar');
    output(
      'skopeo',
      '--policy',
      policy,
      'copy',
      '--quiet',
      `oci:${layout}:script`,
      `docker-archive:${archive}:example.com/script:1`,
    );
    assert.equal(
      rig.ok('run', '--net=none', `docker-archive:${archive}`, '--', 'x'),
      'entrypoint: 1 arguments as root in /\n<x>\n',
    );
  });

  it('nothing but a static program', () => {
    const items = [{ name: 'probe', content: staticProgram('syscalls'), mode: 0o755 }];
    const image = layoutOf({ layers: [{ tar: buildTar(items) }], config: { Entrypoint: ['/probe'], Cmd: ['mkdir'] } });
    const { status, stdout, stderr } = rig.podctl('run', '--net=none', `oci:${image.write(`${rig.root}/static`)}`);
    assert.deepEqual([status, stderr], [0, ''], stdout);
    assert.match(stdout, /mkdir/);
  });

  it('ping reaches the loopback as a user by the capability of its file, and the user has none', () => {
    assert.match(says('script', '--', 'run', 'getcap', '/bin/ping'), /\/bin\/ping cap_net_raw=ep\n$/);
    for (const flags of [[], ['--private-users'], ['--no-overlay']]) {
      const { status, stdout, stderr } = rig.podctl('run', '--net=none', ...flags, `oci:${layout}:ping`);
      assert.equal(status, 0, `${flags.join(' ')}: ${stderr}`);
      assert.match(stdout, /1 packets transmitted, 1 received, 0% packet loss/);
    }
    const own = says('user', '--', 'grep', '-E', '^(Uid|Cap(Prm|Eff)|NoNewPrivs|Seccomp:)', '/proc/self/status');
    assert.equal(
      own,
      'Uid:\t1234\t1234\t1234\t1234\nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000\nNoNewPrivs:\t0\nSeccomp:\t2\n',
    );
    const entered = (...argv: readonly string[]): Outcome => run('ping', ...argv);
    for (const refusal of ['--caps-remove=CAP_NET_RAW', '--seccomp=mode=remove,errno=EPERM,reboot'])
      assert.notEqual(entered(refusal).status, 0, refusal);
  });
});
