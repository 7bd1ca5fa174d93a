import assert from 'node:assert/strict';
import fc from 'fast-check';
import { PodctlError } from '#kernel/errors';
import { decodeImageManifest, type ImageManifest } from '../../../stage0/image/manifest';
import { throwsCode } from '../../fixtures/expect';

const APP = { exec: ['/bin/true'], user: '0', group: '0' };
const decodeText = (text: string | Buffer): ImageManifest => decodeImageManifest(Buffer.from(text as string));
const decode = (more: object = {}): ImageManifest =>
  decodeText(JSON.stringify({ acKind: 'ImageManifest', acVersion: '0.8.11', name: 'example.com/test', ...more }));
const decodeApp = (more: object) => decode({ app: { ...APP, ...more } }).app;
const refuses = (more: object, position: RegExp): void =>
  throwsCode('image-manifest-invalid', () => decode(more), position);
const refusesApp = (more: object, position: RegExp): void => refuses({ app: { ...APP, ...more } }, position);

describe('the image manifest', () => {
  it('decodes the smallest one', () =>
    assert.deepEqual(decode(), {
      acKind: 'ImageManifest',
      acVersion: '0.8.11',
      name: 'example.com/test',
      labels: [],
      dependencies: [],
      pathWhitelist: [],
      annotations: [],
    }));

  it('decodes every field', () => {
    const app = {
      ...APP,
      supplementaryGIDs: [1, 2],
      eventHandlers: [
        { name: 'pre-start', exec: ['/a'] },
        { name: 'post-stop', exec: ['/b', 'c'] },
      ],
      workingDirectory: '/opt',
      environment: [{ name: 'A.b-c', value: '' }],
      mountPoints: [{ name: 'data', path: '/data', readOnly: true }],
      ports: [{ name: 'www', port: 80, protocol: 'tcp', count: 2, socketActivated: true }],
      isolators: [
        { name: 'resource/memory', value: { limit: '1G' } },
        { name: 'example.com/unknown', value: null },
      ],
    };
    const manifest = {
      labels: [
        { name: 'os', value: 'linux' },
        { name: 'arch', value: 'amd64' },
      ],
      app,
      dependencies: [
        {
          imageName: 'a.b/c',
          imageID: `sha512-${'0'.repeat(128)}`,
          labels: [{ name: 'version', value: '1' }],
          size: 7,
        },
      ],
      pathWhitelist: ['/a'],
      annotations: [
        { name: 'created', value: '2024-01-31T12:00:00.5+01:00' },
        { name: 'authors', value: 'anybody' },
      ],
    };
    assert.deepEqual(
      { ...decode(manifest) },
      { acKind: 'ImageManifest', acVersion: '0.8.11', name: 'example.com/test', ...manifest },
    );
  });

  it('takes null for an absent member, as Go writes it, and ignores unknown ones', () =>
    assert.deepEqual(decode({ labels: null, app: null, later: { deep: [] } }), decode()));

  it('B1 refuses another kind', () => refuses({ acKind: 'PodManifest' }, /acKind/));
  for (const version of ['0.8.11', '0.8.1', '0.1.0', '0.8.11+x'])
    it(`B2 takes version ${version}`, () => assert.ok(decode({ acVersion: version })));
  for (const version of ['1.0.0', '0.9.0', '0.8.12', 'v0.8.1', '0.8', ''])
    it(`B2 refuses version "${version}"`, () => refuses({ acVersion: version }, /acVersion/));
  for (const name of ['', 'A', 'a//b', '/a', 'a/', 'ex ample', 'a\0', 7, null])
    it(`B3 refuses the name ${JSON.stringify(name)}`, () => refuses({ name }, /name/));
  it('B5 refuses a label twice', () =>
    refuses(
      {
        labels: [
          { name: 'version', value: '1' },
          { name: 'version', value: '2' },
        ],
      },
      /labels\[1\]\.name/,
    ));
  it('B5 refuses a label called name', () => refuses({ labels: [{ name: 'name', value: 'x' }] }, /labels\[0\]\.name/));
  it('B5 refuses a label that is no string', () =>
    refuses({ labels: [{ name: 'version', value: 1 }] }, /labels\[0\]\.value/));
  it('B6 refuses arch without os', () => refuses({ labels: [{ name: 'arch', value: 'amd64' }] }, /labels/));
  it('B8 refuses an argument with a NUL', () => refusesApp({ exec: ['/bin/x', 'a\0b'] }, /app\.exec\[1\]/));
  it('B9 needs user and group', () => {
    refuses({ app: { exec: [], user: '0' } }, /app\.group/);
    refusesApp({ user: '' }, /app\.user/);
  });
  for (const gid of [-1, 1.5, 2 ** 32, '1'])
    it(`B10 refuses the gid ${JSON.stringify(gid)}`, () =>
      refusesApp({ supplementaryGIDs: [0, gid] }, /supplementaryGIDs\[1\]/));
  it('B11 refuses other handlers, one twice, and an empty one', () => {
    refusesApp({ eventHandlers: [{ name: 'post-start', exec: ['/a'] }] }, /eventHandlers\[0\]\.name/);
    refusesApp(
      {
        eventHandlers: [
          { name: 'pre-start', exec: ['/a'] },
          { name: 'pre-start', exec: ['/a'] },
        ],
      },
      /eventHandlers\[1\]/,
    );
    refusesApp({ eventHandlers: [{ name: 'pre-start', exec: [] }] }, /eventHandlers\[0\]\.exec/);
  });
  it('B12 refuses a relative working directory', () => refusesApp({ workingDirectory: 'opt' }, /workingDirectory/));
  it('B13 refuses bad and repeated variable names', () => {
    refusesApp({ environment: [{ name: '1A', value: '' }] }, /environment\[0\]\.name/);
    refusesApp({ environment: [{ name: 'A=', value: '' }] }, /environment\[0\]\.name/);
    refusesApp(
      {
        environment: [
          { name: 'A', value: '' },
          { name: 'A', value: '' },
        ],
      },
      /environment\[1\]\.name/,
    );
  });
  it('B14 keeps isolators it does not know', () =>
    assert.deepEqual(decodeApp({ isolators: [{ name: 'x/y', value: 1 }] })?.isolators, [{ name: 'x/y', value: 1 }]));
  it('B15 refuses mount points twice or relative', () => {
    refusesApp({ mountPoints: [{ name: 'a', path: 'x' }] }, /mountPoints\[0\]\.path/);
    refusesApp(
      {
        mountPoints: [
          { name: 'a', path: '/x' },
          { name: 'a', path: '/y' },
        ],
      },
      /mountPoints\[1\]\.name/,
    );
  });
  for (const port of [0, 65_536, '80'])
    it(`B16 refuses port ${JSON.stringify(port)}`, () =>
      refusesApp({ ports: [{ name: 'a', port, protocol: 'tcp' }] }, /ports\[0\]\.port/));
  it('B16 refuses a range beyond the last port', () =>
    refusesApp({ ports: [{ name: 'a', port: 65_535, protocol: 'tcp', count: 2 }] }, /count/));
  it('B18 takes any key of user annotations, without touching a prototype', () => {
    const text = `{"acKind":"ImageManifest","acVersion":"0.8.11","name":"a","app":{"user":"0","group":"0","userLabels":{"__proto__":"x","constructor":"y"}}}`;
    const labels = decodeText(text).app?.userLabels ?? {};
    assert.deepEqual(Object.entries(labels), [
      ['__proto__', 'x'],
      ['constructor', 'y'],
    ]);
    assert.equal(Object.getPrototypeOf({}), Object.prototype);
  });
  it('does not take members from __proto__', () =>
    throwsCode(
      'image-manifest-invalid',
      () => decodeText('{"__proto__":{"acKind":"ImageManifest","acVersion":"0.8.11","name":"a"}}'),
      /acKind/,
    ));
  it('B19 refuses an image ID cut short', () =>
    refuses({ dependencies: [{ imageName: 'a', imageID: 'sha512-00' }] }, /dependencies\[0\]\.imageID/));
  it('B20 refuses relative whitelist paths', () => refuses({ pathWhitelist: ['/a', 'b'] }, /pathWhitelist\[1\]/));
  for (const [name, value] of [
    ['created', '31.1.2024'],
    ['created', '2024-01-31'],
    ['homepage', 'javascript:alert(1)'],
    ['appc.io/executor/supports-systemd-notify', 'yes'],
  ]) {
    it(`B21 refuses ${name}=${value}`, () => refuses({ annotations: [{ name, value }] }, /annotations\[0\]\.value/));
  }

  describe('A12 as a document', () => {
    const refusesText = (text: string | Buffer, position: RegExp): void =>
      throwsCode('image-manifest-invalid', () => decodeText(text), position);
    it('refuses what is not UTF-8', () => refusesText(Buffer.from([0x22, 0xff, 0x22]), /UTF-8/));
    it('says where the syntax is wrong', () =>
      refusesText('{\n  "acKind": "ImageManifest",\n  oops\n}', /line 3, column 3/));
    it('refuses deep nesting', () => {
      refusesText('['.repeat(64) + ']'.repeat(64), /must be an object/);
      for (const levels of [65, 100_000]) refusesText('['.repeat(levels) + ']'.repeat(levels), /64 levels/);
      refusesText('['.repeat(100_000), /not JSON/);
    });
    it('does not count brackets in strings', () =>
      refusesText(JSON.stringify('["\\"'.repeat(200)), /must be an object/));
    for (const text of ['null', '[]', '1', '""']) it(`refuses ${text}`, () => refusesText(text, /must be an object/));
  });

  it('refuses or decodes any JSON, and never fails otherwise (property)', () => {
    const member = fc.constantFrom('labels', 'app', 'dependencies', 'pathWhitelist', 'annotations', 'name');
    fc.assert(
      fc.property(fc.dictionary(member, fc.jsonValue()), (more) => {
        try {
          decode(more);
        } catch (error) {
          assert.ok(error instanceof PodctlError && error.code === 'image-manifest-invalid', String(error));
        }
      }),
    );
  });
});
