import assert from 'node:assert/strict';
import { dearmor } from '../../../stage0/image/verify/armor';

describe('ASCII armour', () => {
  const block = (...lines: string[]) =>
    Buffer.from(['-----BEGIN PGP SIGNATURE-----', ...lines, '-----END PGP SIGNATURE-----'].join('\r\n'));
  it('may have headers, text around it, and no checksum', () => {
    const [found] = dearmor(Buffer.concat([Buffer.from('see:\n'), block('Comment: x', '', 'aGk=')]));
    assert.deepEqual(found, { type: 'SIGNATURE', data: Buffer.from('hi') });
  });
  for (const [why, lines, pattern] of [
    ['an empty line', ['aGk='], /line 2: an empty line is missing/],
    ['Base64', ['', 'aG\u00e9='], /line 3: not Base64/],
    ['whole bytes', ['', 'aGl='], /not Base64 of whole bytes/],
    ['the right checksum', ['', 'aGk=', '=AAAA'], /checksum/],
  ] as const) {
    it(`has to have ${why}`, () => assert.throws(() => dearmor(block(...lines)), pattern));
  }
});
