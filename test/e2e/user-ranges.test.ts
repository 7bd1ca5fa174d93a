/** Which host IDs pods with users of their own get (`--private-users`), and what is refused. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { busyboxAci } from '../fixtures/aci';
import { BLOCK, FIRST, setAside, threeBlocks } from '../fixtures/subid';
import { needsHost, output, Rig } from '../rig/rig';

describe('ranges of users of pods', () => {
  let rig: Rig;
  let image: string;

  before(function () {
    needsHost(this);
    rig = new Rig();
    image = rig.write('hello.aci', busyboxAci({ name: 'example.com/hello' }));
  });
  threeBlocks();
  afterEach(() => rig.removeEnded());
  after(() => rig?.dispose());

  const run = (...args: string[]) => rig.podctl('--insecure-options=image', 'run', '--net=none', ...args);
  const prepare = (...flags: string[]): string =>
    rig.ok('--insecure-options=image', 'prepare', ...flags, image, '--exec=/bin/sleep', '--', '1000').trim();
  const rangeOf = (uuid: string): unknown => {
    const record = ['prepared', 'run', 'exited-garbage'].map(
      (place) => `${rig.dataDir}/pods/${place}/${uuid}/record.json`,
    );
    const path = record.find((file) => fs.existsSync(file)) ?? '';
    return (JSON.parse(fs.readFileSync(path, 'utf8')) as { users?: unknown }).users;
  };

  it('shows the host processes of others IDs than any other pod has', () => {
    const uuids = [1, 2].map(() =>
      rig
        .ok(
          '--insecure-options=image',
          'run',
          '--net=none',
          '--detach',
          '--private-users',
          image,
          '--exec=/bin/sleep',
          '--',
          '1000',
        )
        .trim(),
    );
    const owners = uuids.map((uuid) => {
      const cgroup = output('systemctl', 'show', '--value', '-p', 'ControlGroup', `podctl-${uuid}.service`).trim();
      const [pid = ''] = fs.readFileSync(`/sys/fs/cgroup${cgroup}/apps/app-hello/cgroup.procs`, 'utf8').split('\n');
      return fs.statSync(`/proc/${pid}`).uid;
    });
    assert.deepEqual(owners, [FIRST, FIRST + BLOCK]);
    assert.deepEqual(uuids.map(rangeOf), [
      { first: FIRST, count: BLOCK },
      { first: FIRST + BLOCK, count: BLOCK },
    ]);
    for (const uuid of uuids) rig.ok('stop', uuid);
    // Ended and not collected, a pod keeps its range.
    const third = prepare('--private-users');
    assert.deepEqual(rangeOf(third), { first: FIRST + 2 * BLOCK, count: BLOCK });
    const { status, stderr } = run('--private-users', image);
    assert.equal(status, 254);
    assert.match(stderr, /user-range-taken: other pods have all 3 ranges of user podctl/);
    assert.match(stderr, /podctl gc/);
    rig.ok('rm', uuids[1] ?? '');
    const again = prepare('--private-users');
    assert.deepEqual(rangeOf(again), { first: FIRST + BLOCK, count: BLOCK });
    rig.ok('rm', third, again, uuids[0] ?? '');
    assert.deepEqual(rig.leftovers(), []);
  });

  it('gives pods prepared at the same time different ranges', async () => {
    const made = await Promise.all(
      [1, 2, 3, 4].map(() => rig.start('--insecure-options=image', 'prepare', '--private-users', image).ended),
    );
    const uuids = made.filter(({ status }) => status === 0).map(({ stdout }) => stdout.trim());
    assert.equal(uuids.length, 3, 'there are three ranges');
    assert.equal(new Set(uuids.map((uuid) => JSON.stringify(rangeOf(uuid)))).size, 3);
    rig.ok('rm', ...uuids);
    assert.deepEqual(rig.leftovers(), []);
  });

  it('remembers the range of a prepared pod, and runs it with it', () => {
    const uuid = rig
      .ok(
        '--insecure-options=image',
        'prepare',
        '--private-users=3000000000:70000',
        image,
        '--user=69999',
        '--exec=/bin/sh',
        '--',
        '-c',
        "id -u; tr -s ' ' </proc/self/uid_map",
      )
      .trim();
    const overlapping = rig.podctl('--insecure-options=image', 'prepare', '--private-users=2999999999:2', image);
    assert.match(
      overlapping.stderr,
      new RegExp(`user-range-taken: IDs 2999999999 to 3000000000 overlap with those of pod ${uuid}`),
    );
    assert.equal(rig.ok('run-prepared', '--net=none', uuid), '69999\n 0 3000000000 70000\n');
  });

  const refusals: readonly [string, string, string[], string[], string, RegExp][] = [
    ['no range at all', 'someone:1:2\n', [], [], 'user-range-missing', /name no range.*\n.*podctl:1879048192/],
    ['a malformed line', 'podctl:65536\n', [], [], 'user-range-invalid', /\/etc\/subuid:1/],
    ['a user beyond the range', `podctl:${FIRST}:${BLOCK}\n`, [], ['--user=65536'], 'user-outside-range', /ID 65536/],
    [
      'a supplementary group beyond the range',
      `podctl:${FIRST}:${BLOCK}\n`,
      [],
      ['--supplementary-gids=4000000000'],
      'user-outside-range',
      /4000000000/,
    ],
    ["the host's root", '', ['--private-users=0:65536'], [], 'usage', /--private-users=0:65536/],
    ['a range that ends nowhere', '', ['--private-users=4294901761'], [], 'usage', /4294901761/],
    ['words', '', ['--private-users=many'], [], 'usage', /many/],
  ];
  for (const [what, text, flags, app, code, message] of refusals) {
    it(`refuses ${what}`, () => {
      setAside(text);
      const { status, stdout, stderr } = run('--private-users', ...flags, image, ...app);
      assert.deepEqual([status, stdout], [254, ''], stderr);
      assert.match(stderr, new RegExp(`^podctl: run: ${code}: `));
      assert.match(stderr, message);
      assert.deepEqual(rig.leftovers(), []);
    });
  }
});
