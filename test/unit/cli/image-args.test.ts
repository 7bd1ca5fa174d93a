import { deepEqual, equal, ok } from 'node:assert/strict';
import fc from 'fast-check';
import { PodctlError } from '#kernel/errors';
import { raw } from './fixture';

const refusal = (...argv: readonly string[]): string => {
  try {
    raw(...argv);
  } catch (error) {
    ok(error instanceof PodctlError);
    return error.message;
  }
  throw new Error(`accepted: ${argv.join(' ')}`);
};

/** Images with their arguments and the flags that were written out. */
const apps = (...argv: readonly string[]) =>
  raw(...argv).apps.map(({ image, args, flags, given }) => ({
    image,
    args,
    ...Object.fromEntries(Object.entries(flags).filter(([key]) => given.has(key))),
  }));

describe('image arguments', () => {
  it('give each image its flags and its arguments', () => {
    const line =
      '--set-env=A=1 img1 --exec /bin/a --environment=K=V -- arg1 --flag -x -- --- img2 --name=two img3 --net=host';
    deepEqual(apps('run', ...line.split(' ')), [
      { image: 'img1', args: ['arg1', '--flag', '-x', '--'], exec: '/bin/a', environment: ['K=V'] },
      { image: 'img2', args: [], name: 'two' },
      { image: 'img3', args: [] },
    ]);
    const { flags } = raw('run', ...line.split(' '));
    deepEqual([flags['setEnv'], flags['net']], [['A=1'], 'host']);
  });

  it('a name that is both a pod and an app flag belongs to what is before it', () => {
    const { flags, apps: images } = raw('run', '--name=pod', 'img1', '--name=one', 'img2', '--name=two');
    equal(flags['name'], 'pod');
    deepEqual(
      images.map((app) => app.flags['name']),
      ['one', 'two'],
    );
  });

  it('pod and global flags stand anywhere but among arguments', () => {
    const parsed = raw('run', 'img1', '--detach', '--', '--net=none', '---', '--set-env', 'B=2', 'img2', '--debug');
    deepEqual([parsed.flags['detach'], parsed.flags['net'], parsed.flags['setEnv']], [true, undefined, ['B=2']]);
    deepEqual(
      parsed.apps.map(({ args }) => args),
      [['--net=none'], []],
    );
  });

  it('values do not leak from one image to the next', () => {
    const [first, second] = raw('run', 'a', '--environment=X=1', '--readonly-rootfs', 'b').apps;
    deepEqual([first?.flags['environment'], first?.flags['readonlyRootfs']], [['X=1'], true]);
    deepEqual([second?.flags['environment'], second?.flags['readonlyRootfs']], [[], false]);
  });

  it('--- ends arguments, and means nothing elsewhere', () => {
    deepEqual(apps('run', 'a', '---', 'b'), [
      { image: 'a', args: [] },
      { image: 'b', args: [] },
    ]);
    deepEqual(apps('run', 'a', '--', 'x', '---'), [{ image: 'a', args: ['x'] }]);
    deepEqual(apps('run', 'a', '--'), [{ image: 'a', args: [] }]);
  });

  it('mistakes are told', () => {
    equal(refusal('run', '--exec=/bin/sh', 'img'), '--exec must follow an image');
    equal(refusal('run', '--', 'ls'), 'an image is required before any app arguments (--)');
    equal(
      refusal('run', 'a', '--', 'x', '---', '--', 'y'),
      'only one set of app arguments allowed per image, "a" has two',
    );
    equal(refusal('run', 'a', '--exec'), '--exec needs a value');
    equal(refusal('run', '--exek=1', 'a'), 'unknown flag --exek');
    equal(refusal('run', 'a', '--exek=1'), 'unknown flag --exek');
    equal(refusal('fetch', 'a', '--', 'x'), 'app arguments (behind --) mean nothing to this command');
  });

  it('any arguments at all come through unchanged, unless they are ---', () => {
    const words = fc.array(fc.string().filter((word) => word !== '---'));
    fc.assert(
      fc.property(words, words, (first, second) => {
        const line = ['run', 'a', '--', ...first, '---', 'b', '--', ...second];
        deepEqual(
          raw(...line).apps.map(({ args }) => args),
          [first, second],
        );
      }),
    );
  });
});
