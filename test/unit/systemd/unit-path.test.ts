import assert from 'node:assert/strict';
import { unitPath } from '../../../stage0/systemd/unit-path';

describe('unit path', () => {
  // As `busctl tree org.freedesktop.systemd1` of a running systemd 252 shows them.
  for (const [unit, path] of [
    ['podctl-6f.service', 'podctl_2d6f_2eservice'],
    ['-.mount', '_2d_2emount'],
    ['1a.service', '_31a_2eservice'],
    ['systemd-fsck@dev-disk.service', 'systemd_2dfsck_40dev_2ddisk_2eservice'],
    ['a_b\\x2d.service', 'a_5fb_5cx2d_2eservice'],
    ['é', '_c3_a9'],
    ['', '_'],
  ] as const) {
    it(`of "${unit}"`, () => {
      assert.equal(unitPath(unit), `/org/freedesktop/systemd1/unit/${path}`);
    });
  }
});
