import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { AppName, ImageId } from '#kernel/brand';
import { cleanPath, isWithin } from '#kernel/clean-path';
import type { Mount, Volume } from '../../../stage0/image/pod-schema';
import type { MountPoint } from '../../../stage0/image/schema';
import type { RuntimeApp } from '../../../stage0/pod/manifest';
import { mergeMounts, reifyVolumes } from '../../../stage0/pod/reify-volumes';
import { throwsCode } from '../../fixtures/expect';

const app = (name: string, mountPoints: readonly MountPoint[] = [], mounts: readonly Mount[] = []): RuntimeApp => ({
  name: name as AppName,
  image: { id: '' as ImageId, name, labels: [] },
  app: { user: '0', group: '0', mountPoints },
  readOnlyRootFS: false,
  mounts,
  annotations: [],
});
const empty = (name: string): Volume => ({ name, kind: 'empty' });
const reify = (apps: readonly RuntimeApp[], volumes: readonly Volume[]) => {
  const warnings: string[] = [];
  const { apps: reified, volumes: all } = reifyVolumes(apps, volumes, (message) => warnings.push(message));
  return { mounts: reified.map(({ mounts }) => mounts), names: all.map(({ name }) => name), warnings, all };
};

describe('volumes made explicit', () => {
  it('D3 fills in defaults', () => {
    const { all } = reify([app('a', [], [{ volume: 'v', path: '/v' }])], [empty('v')]);
    assert.deepEqual(all, [{ name: 'v', kind: 'empty', mode: '0755', uid: 0, gid: 0 }]);
    const own = { volume: 'h', path: '/h', appVolume: { name: 'h', kind: 'host', source: '/s' } } as const;
    assert.deepEqual(reify([app('a', [], [own])], []).mounts, [
      [{ ...own, appVolume: { ...own.appVolume, recursive: true } }],
    ]);
  });

  it('D4 satisfies a mount point by a mount on its path, else by its name, else by a volume of its own', () => {
    const points = [
      { name: 'one', path: '/one/' },
      { name: 'two', path: '/two' },
      { name: 'three', path: '/three' },
    ];
    const { mounts, names, warnings } = reify(
      [app('web', points, [{ volume: 'v', path: '/one' }])],
      [empty('v'), empty('two')],
    );
    assert.deepEqual(mounts, [
      [
        { volume: 'v', path: '/one' },
        { volume: 'two', path: '/two' },
        { volume: 'web-three', path: '/three' },
      ],
    ]);
    assert.deepEqual(names, ['v', 'two', 'web-three']);
    assert.match(warnings.join('\n'), /^app "web": no volume specified for mount point "three"/);
  });

  it('never gives an implicit volume the name of another, or one that is too long', () => {
    const long = 'x'.repeat(63);
    const { names } = reify(
      [app('a', [{ name: 'b', path: '/b' }]), app(long, [{ name: long, path: '/c' }])],
      [empty('a-b'), empty('a-b-2')],
    );
    assert.deepEqual(names, ['a-b', 'a-b-2', 'a-b-3', long]);
  });

  it('refuses mounts of volumes that are not there, and two volumes of one name; warns of unused ones', () => {
    const mount = { volume: 'x', path: '/y' };
    throwsCode(
      'mount-dangling',
      () => reify([app('a', [], [mount])], []),
      /dangling mount point "\/y": volume "x" not found/,
    );
    throwsCode('usage', () => reify([app('a')], [empty('v'), empty('v')]), /two volumes/);
    assert.deepEqual(reify([app('a')], [empty('v')]).warnings, ['no app mounts volume "v": ignored']);
  });

  it('lets the mounts of an app win over those of the pod on the same clean path', () => {
    const pod = [
      { volume: 'p', path: '/a' },
      { volume: 'p', path: '/b' },
    ];
    assert.deepEqual(mergeMounts(pod, [{ volume: 'own', path: '//a/./' }]), [
      { volume: 'own', path: '//a/./' },
      { volume: 'p', path: '/b' },
    ]);
  });
});

describe('clean paths', () => {
  it('are absolute, have no special parts, and are their own clean path', () => {
    const part = fc.constantFrom('', '.', '..', 'a', 'b', '...');
    fc.assert(
      fc.property(fc.array(part), (parts) => {
        const clean = cleanPath(`/${parts.join('/')}`);
        assert.match(clean, /^\/(?:(?!\.{1,2}(?:\/|$))[^/]+(?:\/|$))*$/);
        assert.equal(cleanPath(clean), clean);
        assert.equal(isWithin(clean, '/'), true);
      }),
    );
  });

  it('are within what they are below, and nothing else', () => {
    assert.deepEqual(
      [isWithin('/a', '/a'), isWithin('/a/b', '/a'), isWithin('/ab', '/a'), isWithin('/', '/a')],
      [true, true, false, false],
    );
  });
});
