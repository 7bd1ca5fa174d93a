import assert from 'node:assert/strict';
import fs from 'node:fs';
import { setAside } from '../../../stage0/pod/subid';
import { countOf, freeRange, requireWithin, USERS_PER_POD } from '../../../stage0/pod/users';
import { throwsCode } from '../../fixtures/expect';
import { scratchDirectory } from '../../fixtures/scratch';

describe('ranges of users', () => {
  const place = scratchDirectory();
  const files = (users: string, groups = users): { users: string; groups: string } => {
    const paths = { users: `${place()}/subuid`, groups: `${place()}/subgid` };
    fs.writeFileSync(paths.users, users);
    fs.writeFileSync(paths.groups, groups);
    return paths;
  };

  it('takes the first owner of podctl, root and containers that has any', () => {
    assert.deepEqual(setAside(files('me:1:9\ncontainers:3000000:65536\nroot:2000000:65536\npodctl:1000000:131072\n')), {
      owner: 'podctl',
      ranges: [{ first: 1_000_000, count: 131_072 }],
    });
    assert.equal(setAside(files('containers:3000000:65536\nroot:2000000:65536\n')).owner, 'root');
    assert.equal(setAside(files('containers:3000000:65536\n')).owner, 'containers');
    assert.deepEqual(setAside(files('')), { owner: undefined, ranges: [] });
    assert.deepEqual(setAside({ users: '/no/such', groups: '/no/such' }), { owner: undefined, ranges: [] });
  });

  it('takes what users and groups have in common', () => {
    assert.deepEqual(setAside(files('podctl:100000:300000', 'podctl:50000:100000\npodctl:300000:500000')).ranges, [
      { first: 100_000, count: 50_000 },
      { first: 300_000, count: 100_000 },
    ]);
    assert.equal(setAside(files('podctl:100000:65536\nroot:1000000:65536', 'root:1000000:65536')).owner, 'root');
  });

  it('refuses a malformed line of an owner with its place, and leaves those of others alone', () => {
    for (const line of [
      'podctl:x:65536',
      'podctl:1',
      'podctl',
      'podctl:0:65536',
      'podctl:4294967000:65536',
      'root:1:0',
    ]) {
      throwsCode('user-range-invalid', () => setAside(files(`# mine\nme:?\n${line}\n`)), /subuid/);
    }
    assert.deepEqual(setAside(files('podctl2:x\n:::\n')), { owner: undefined, ranges: [] });
  });

  it('gives every pod a block that no other has, and again what has become free', () => {
    const paths = files('podctl:1000000:150000\npodctl:2000000:65536');
    const at = (first: number) => ({ first, count: USERS_PER_POD });
    assert.equal(freeRange([], paths).first, 1_000_000);
    assert.equal(freeRange([at(1_000_000)], paths).first, 1_065_536);
    assert.equal(freeRange([at(1_000_000), at(1_065_536)], paths).first, 2_000_000);
    assert.equal(freeRange([at(1_065_536), at(2_000_000)], paths).first, 1_000_000);
    assert.equal(freeRange([{ first: 1_065_535, count: 1 }], paths).first, 1_065_536, 'an explicit range');
    throwsCode(
      'user-range-taken',
      () => freeRange([at(1_000_000), at(1_065_536), at(2_000_000)], paths),
      /all 3 ranges of user podctl/,
    );
  });

  it('says what is missing', () => {
    throwsCode('user-range-missing', () => freeRange([], files('me:1:9')), /name no range/);
    throwsCode('user-range-missing', () => freeRange([], files('podctl:1000000:65535')), /give podctl no 65536 IDs/);
    throwsCode('user-range-missing', () => freeRange([], files('podctl:1:131070')), /no 65536/);
  });

  it('refuses IDs that are none of the pod', () => {
    const within = (uid: number, gid: number, groups: readonly number[], count?: number) => () =>
      requireWithin('web', count, { uid, gid, groups });
    throwsCode('user-outside-range', within(65_536, 0, [], countOf('auto')), /app "web": ID 65536 is none/);
    throwsCode('user-outside-range', within(0, 10, [], countOf({ first: 9, count: 10 })));
    throwsCode('user-outside-range', within(0, 0, [1, 99_999], 65_536), /99999/);
    within(65_535, 65_535, [65_535], 65_536)();
    within(100_000, 100_000, [], countOf('host'))();
  });
});
