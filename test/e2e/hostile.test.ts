/** Archives that are not what they should be, through the whole command: the code, the entry named, and nothing left. */
import assert from 'node:assert/strict';
import { aciManifest, buildAci, busyboxAci } from '../fixtures/aci';
import type { TarItem } from '../fixtures/tar-writer';
import { needsHost, Rig } from '../rig/rig';

const app = { exec: ['/bin/true'], user: '0', group: '0' };
const withEntry = (...files: TarItem[]): Buffer => buildAci({ app, files: [{ name: 'rootfs/' }, ...files] });

const CASES: readonly [string, () => Buffer, string, RegExp][] = [
  ['not an archive', () => Buffer.from('#!/bin/sh\necho hello\n'.repeat(100)), 'image-archive-invalid', /./],
  ['an empty file', () => Buffer.alloc(0), 'image-archive-invalid', /./],
  ['truncated', () => busyboxAci().subarray(0, 300_000), 'image-archive-invalid', /truncated|ends/],
  ['truncated gzip', () => busyboxAci({ compression: 'gzip' }).subarray(0, 100_000), 'image-archive-invalid', /./],
  ['no manifest', () => buildAci({ rawManifest: null }), 'image-manifest-missing', /manifest/],
  ['no rootfs', () => buildAci({ app, files: [] }), 'image-layout-invalid', /rootfs/],
  ['a manifest that is not JSON', () => buildAci({ rawManifest: '{"acKind": ' }), 'image-manifest-invalid', /./],
  [
    'a manifest of another kind',
    () => buildAci({ manifest: { acKind: 'PodManifest' } }),
    'image-manifest-invalid',
    /acKind/,
  ],
  [
    'a manifest without a name',
    () => buildAci({ rawManifest: aciManifest({}).replace('"name"', '"nam"') }),
    'image-manifest-invalid',
    /name/,
  ],
  ['an entry with ..', () => withEntry({ name: 'rootfs/../../etc/passwd', content: 'x' }), 'image-', /\.\./],
  ['an absolute path', () => withEntry({ name: '/etc/passwd', content: 'x' }), 'image-', /\/etc\/passwd/],
  [
    'a file through a symbolic link of the same archive',
    () => withEntry({ name: 'rootfs/out', type: '2', linkName: '/etc' }, { name: 'rootfs/out/passwd', content: 'x' }),
    'image-',
    /rootfs\/out/,
  ],
  [
    'a hard link to outside',
    () => withEntry({ name: 'rootfs/shadow', type: '1', linkName: '/etc/shadow' }),
    'image-',
    /shadow/,
  ],
  [
    'a hard link up and out',
    () => withEntry({ name: 'rootfs/x', type: '1', linkName: 'rootfs/../../etc/shadow' }),
    'image-',
    /rootfs\/x|shadow/,
  ],
  ['a device node', () => withEntry({ name: 'rootfs/sda', type: '4', major: 8, minor: 0 }), 'image-', /rootfs\/sda/],
];

describe('hostile images', () => {
  let rig: Rig;
  before(function () {
    needsHost(this);
    rig = new Rig();
  });
  after(() => rig?.dispose());

  for (const [what, build, code, message] of CASES) {
    it(`refuses ${what}`, () => {
      const file = rig.write('hostile.aci', build());
      const { status, stdout, stderr } = rig.podctl('--insecure-options=image', 'run', '--net=none', file);
      assert.deepEqual([status, stdout], [254, '']);
      assert.match(stderr, new RegExp(`^podctl: run: ${code}`), stderr);
      assert.match(stderr, message);
      assert.equal(rig.ok('image', 'list', '--format=json'), '[]\n');
      assert.deepEqual(rig.leftovers(), []);
    });
  }
});
