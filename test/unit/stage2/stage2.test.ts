import assert from 'node:assert/strict';
import { PodctlError } from '#kernel/errors';
import { capabilityMask, DEFAULT_CAPABILITIES } from '../../../stage2/capabilities';
import { DEFAULT_PATH, environmentOf, mergeEnvironment, parseVariable } from '../../../stage2/environment';
import { parseEnvironmentFile } from '../../../stage2/environment-file';
import { execCandidates } from '../../../stage2/exec';
import { type ImageAccounts, identityOf } from '../../../stage2/user';

const accounts: ImageAccounts = {
  passwd: 'root:x:0:0::/root:/bin/sh\nweb:x:33:34::/:/bin/sh\n1000:x:7:7::/:/bin/sh\nbroken:x:abc:0::/:\n',
  group: 'root:x:0:\nadm:x:4:web\n',
  ownerOf: (path) => (path === '/srv' ? { uid: 5, gid: 6 } : undefined),
};
const identity = (user: string, group: string, supplementaryGIDs: number[] = []) =>
  identityOf({ user, group, supplementaryGIDs }, accounts);

describe('stage2: user and group', () => {
  it('B9 looks in the image first, so a name of digits is a name', () => {
    assert.deepEqual(identity('web', 'adm'), { uid: 33, gid: 4, groups: [] });
    assert.equal(identity('1000', '0').uid, 7);
  });
  it('B9 takes digits as a number', () => assert.deepEqual(identity('12', '13'), { uid: 12, gid: 13, groups: [] }));
  it('B9 takes a path as its owner', () => assert.deepEqual(identity('/srv', '/srv'), { uid: 5, gid: 6, groups: [] }));
  it('B10 sorts supplementary groups', () => assert.deepEqual(identity('0', '0', [9, 2, 9]).groups, [2, 9]));
  for (const user of ['nobody', '', '-1', '4294967295', '/nowhere', 'broken', '0x1']) {
    it(`B9 refuses user "${user}"`, () =>
      assert.throws(
        () => identity(user, '0'),
        (error) => error instanceof PodctlError && error.code === 'user-unknown' && error.message.includes(`"${user}"`),
      ));
  }
  it('B10 refuses a group that is no id', () => assert.throws(() => identity('0', '0', [-1]), /-1/));
});

describe('stage2: environment', () => {
  const of = (...manifest: readonly { name: string; value: string }[]) =>
    Object.fromEntries(environmentOf('web', manifest).map(({ name, value }) => [name, value]));
  it('E1 E2 E4 gives PATH, AC_APP_NAME and container', () => {
    const env = of();
    assert.equal(env['PATH'], DEFAULT_PATH);
    assert.equal(env['AC_APP_NAME'], 'web');
    assert.equal(env['container'], 'podctl');
    assert.deepEqual([env['SHELL'], env['USER'], env['LOGNAME'], env['HOME']], ['/bin/sh', 'root', 'root', '/root']);
  });
  it('E1 lets the manifest replace defaults', () => assert.equal(of({ name: 'PATH', value: '/x' })['PATH'], '/x'));
  it('merges parent < image < --set-env-file < --set-env < --environment', () => {
    const v = (value: string) => [{ name: 'A', value }];
    const all = { inherited: v('parent'), image: v('image'), file: v('file'), pod: v('pod'), app: v('app') };
    const strongestOf = (...names: readonly (keyof typeof all)[]) => {
      const sources = Object.fromEntries(names.map((name) => [name, all[name]]));
      return mergeEnvironment({ image: [], ...sources })[0]?.value;
    };
    assert.equal(strongestOf('inherited'), 'parent');
    assert.equal(strongestOf('inherited', 'image'), 'image');
    assert.equal(strongestOf('inherited', 'image', 'file'), 'file');
    assert.equal(strongestOf('inherited', 'image', 'file', 'pod'), 'pod');
    assert.equal(strongestOf('inherited', 'image', 'file', 'pod', 'app'), 'app');
  });
  it('reads a file of variables: comments, empty lines, values to the end of the line', () => {
    const text = '# c\n; c\n\n  A=1 # no comment\r\nB=\nA=2';
    assert.deepEqual(parseEnvironmentFile(text, 'f'), [
      { name: 'A', value: '1 # no comment' },
      { name: 'B', value: '' },
      { name: 'A', value: '2' },
    ]);
  });
  for (const bad of ['A', '=1', '1A=x', 'export A=1', `A=${'x'.repeat(200_000)}`, 'A=\0']) {
    it(`refuses the line ${JSON.stringify(bad.slice(0, 12))} with its number`, () =>
      assert.throws(
        () => parseEnvironmentFile(`B=1\n${bad}\n`, 'my.env'),
        (error) => error instanceof PodctlError && error.position === 'my.env:2',
      ));
  }
  it('E2 keeps the identity of the app', () => {
    assert.equal(of({ name: 'AC_APP_NAME', value: 'other' })['AC_APP_NAME'], 'web');
  });
  it('B13 takes names with dots and dashes, values with anything', () => {
    assert.deepEqual(parseVariable('a.b-c=x=y'), { name: 'a.b-c', value: 'x=y' });
    for (const bad of ['=x', '1a=x', 'a', 'a b=c', '']) assert.equal(parseVariable(bad), undefined);
  });
});

describe('stage2: exec', () => {
  it('B8 searches PATH for a plain name', () =>
    assert.deepEqual(execCandidates('sh', '/a:/b/', '/'), ['/a/sh', '/b/sh']));
  it('B8 takes a path as it is', () => assert.deepEqual(execCandidates('/bin/sh', '/a', '/'), ['/bin/sh']));
  it('B8 takes a relative path and an empty PATH entry from the working directory', () => {
    assert.deepEqual(execCandidates('./run', '/a', '/srv'), ['/srv/./run']);
    assert.deepEqual(execCandidates('run', ':/a', '/srv'), ['/srv/run', '/a/run']);
  });
  it('B8 falls back to confstr(_CS_PATH)', () =>
    assert.deepEqual(execCandidates('sh', '', '/'), ['/bin/sh', '/usr/bin/sh']));
});

describe('stage2: capabilities', () => {
  it('I11 is exactly the 14 by default', () => {
    assert.equal(DEFAULT_CAPABILITIES.length, 14);
    assert.equal(capabilityMask(DEFAULT_CAPABILITIES), '00000000a80425fb');
  });
});
