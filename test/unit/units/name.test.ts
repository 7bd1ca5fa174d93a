import assert from 'node:assert/strict';
import { isMachineName } from '../../../stage0/systemd/machined';
import { podNameOfUnit } from '../../../units/name';

describe("names of pods in units of the user's", () => {
  for (const [unit, name] of [
    ['web.service', 'web'],
    ['web@1.service', 'web-1'],
    ['a_b:c.service', 'a-b-c'],
    ['my\\x2dweb.service', 'my-web'],
    ['-.service', undefined],
    ['.-a-.-.b-.service', 'a.b'],
    [`${'x'.repeat(63)}-yz.service`, 'x'.repeat(63)],
    ['größe.service', 'gr-e'],
  ] as const) {
    it(`makes ${name} of ${unit}`, () => {
      assert.equal(podNameOfUnit(unit), name);
      if (name !== undefined) assert.ok(isMachineName(name));
    });
  }
});
