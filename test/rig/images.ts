/** What tests of the image commands share: two images, one of which depends on the other, and looks at the store. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { buildAci } from '../fixtures/aci';
import type { Rig } from './rig';

export const baseAci = (): Buffer =>
  buildAci({ name: 'example.com/base', files: [{ name: 'rootfs/etc/base', content: 'base', mode: 0o700, uid: 7 }] });

/** Depends on the other. */
export const topAci = (): Buffer =>
  buildAci({
    name: 'example.com/top',
    labels: [{ name: 'version', value: '1.0' }],
    manifest: { dependencies: [{ imageName: 'example.com/base' }] },
    files: [
      { name: 'rootfs/top', content: 'top', mode: 0o4755 },
      { name: 'rootfs/link', type: '2', linkName: 'top' },
    ],
  });

/** @returns the whole ID */
export const fetchAci = (rig: Rig, name: string, aci: Buffer): string =>
  rig.ok('--insecure-options=image', 'fetch', '--full', rig.write(`${name}.aci`, aci)).trim();

export const treesIn = (rig: Rig): readonly string[] =>
  fs.existsSync(`${rig.dataDir}/trees`) ? fs.readdirSync(`${rig.dataDir}/trees`) : [];

export function requireRefused(rig: Rig, code: string, says: RegExp, args: readonly string[]): void {
  const { status, stderr } = rig.podctl(...args);
  assert.equal(status, 254, stderr);
  assert.match(stderr, new RegExp(`: ${code}: `));
  assert.match(stderr, says);
}
