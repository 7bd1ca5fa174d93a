import assert from 'node:assert/strict';
import { formatImageName, parseImageArgument, parseImageReference } from '../../../stage0/image/reference';
import { throwsCode } from '../../fixtures/expect';

describe('image references', () => {
  const label = (name: string, value: string) => ({ name, value });

  it('reads IDs', () => assert.deepEqual(parseImageReference('sha512-ab'), { kind: 'id', prefix: 'sha512-ab' }));
  it('reads names with version and labels, and writes them the same', () => {
    const reference = parseImageReference('example.com/app:1.0,os=linux,arch=amd64');
    assert.deepEqual(reference, {
      kind: 'name',
      name: 'example.com/app',
      labels: [label('version', '1.0'), label('os', 'linux'), label('arch', 'amd64')],
    });
    assert.ok(reference.kind === 'name');
    assert.equal(formatImageName(reference.name, reference.labels), 'example.com/app:1.0,os=linux,arch=amd64');
  });
  for (const text of [
    '',
    'sha512-',
    'sha512-a',
    'sha512-xy',
    `sha512-${'0'.repeat(129)}`,
    'Upper',
    'a,b',
    'a,=c',
    'a:1,version=2',
    '../a',
  ]) {
    it(`refuses "${text.slice(0, 30)}"`, () => throwsCode('image-reference-invalid', () => parseImageReference(text)));
  }

  const kinds: readonly (readonly [string, boolean, string])[] = [
    ['sha512-abcd', true, 'id'],
    ['/abs/image', false, 'file'],
    ['image.aci', false, 'file'],
    ['./image', false, 'file'],
    ['app', true, 'file'],
    ['app', false, 'name'],
    ['example.com/app:1', false, 'name'],
    ['https://example.com/app.aci', false, 'url'],
    ['HTTP://example.com/app.aci', false, 'url'],
    ['example.com/a/./b', false, 'file'],
    ['file:///a%20b.aci', false, 'file'],
    ['docker://alpine', false, 'registry'],
    ['docker:alpine', false, 'registry'],
    ['oci:dir:v1', false, 'archive'],
    ['oci-archive:file', false, 'archive'],
    ['Docker-Archive:-', false, 'archive'],
  ];
  for (const [text, isFile, kind] of kinds) {
    it(`takes ${text}${isFile ? ', a file,' : ''} for ${kind}`, () =>
      assert.equal(parseImageArgument(text, () => isFile).kind, kind));
  }

  for (const [text, code] of [
    ['docker:', 'image-source-unsupported'],
    ['docker://', 'image-source-unsupported'],
    ['oci:', 'image-source-unsupported'],
    ['cimd:aci-archive:v=0:x', 'image-source-unsupported'],
    ['https://example.com/app', 'image-reference-invalid'],
    ['https://user:secret@example.com/app.aci', 'image-reference-invalid'],
    ['ftp://example.com/app.aci', 'image-reference-invalid'],
    ['file://host/app.aci', 'image-reference-invalid'],
    ['file:///app%00.aci', 'image-reference-invalid'],
    ['file:///app', 'image-reference-invalid'],
  ] as const) {
    it(`refuses ${text}`, () => throwsCode(code, () => parseImageArgument(text, () => false)));
  }
});
