import assert from 'node:assert/strict';
import fc from 'fast-check';
import { PodctlError } from '#kernel/errors';
import { type DeclaredPod, decodePodManifest, MAX_POD_MANIFEST_BYTES } from '../../../stage0/image/pod-manifest';
import { throwsCode } from '../../fixtures/expect';

const ID = `sha512-${'ab'.repeat(64)}`;
const APP = { name: 'web', image: { id: ID } };
const decodeText = (text: string | Buffer): DeclaredPod => decodePodManifest(Buffer.from(text as string));
const decode = (more: object = {}): DeclaredPod =>
  decodeText(JSON.stringify({ acKind: 'PodManifest', acVersion: '0.8.11', apps: [APP], ...more }));
const refuses = (more: object, position: RegExp): void =>
  throwsCode('pod-manifest-invalid', () => decode(more), position);
const refusesApp = (more: object, position: RegExp): void => refuses({ apps: [{ ...APP, ...more }] }, position);

describe('the pod manifest', () => {
  it('decodes the smallest one', () =>
    assert.deepEqual(decode(), {
      acKind: 'PodManifest',
      acVersion: '0.8.11',
      apps: [{ name: 'web', image: { id: ID, labels: [] }, readOnlyRootFS: false, mounts: [], annotations: [] }],
      volumes: [],
      isolators: [],
      annotations: [],
      ports: [],
    }));

  it('decodes every field', () => {
    const own = { name: 'own', kind: 'empty', mode: '0700', uid: 1, gid: 2 };
    const pod = {
      apps: [
        {
          name: 'web',
          image: { id: ID, name: 'example.com/web', labels: [{ name: 'version', value: '1' }] },
          app: { exec: ['/a'], user: '1', group: '2', ports: [{ name: 'www', port: 80, protocol: 'tcp' }] },
          readOnlyRootFS: true,
          mounts: [
            { volume: 'data', path: '/data' },
            { volume: 'own', path: '/own', appVolume: own },
          ],
          annotations: [{ name: 'a.b/c', value: 'd' }],
        },
      ],
      volumes: [
        { name: 'data', kind: 'host', source: '/srv', readOnly: true, recursive: false },
        { name: 'scratch', kind: 'empty', mode: '0755', uid: 0, gid: 0 },
      ],
      isolators: [{ name: 'resource/memory', value: { limit: '1G' } }],
      annotations: [{ name: 'x', value: 'y' }],
      ports: [{ name: 'www', hostPort: 8080, hostIP: '127.0.0.1' }],
      userAnnotations: { 'any key': 'v' },
      userLabels: { l: 'm' },
    };
    // Member by member: the order of members in what is decoded is its own.
    const got = decode(pod);
    assert.deepEqual(got.apps, pod.apps);
    assert.deepEqual(got.volumes, pod.volumes);
    assert.deepEqual([got.isolators, got.annotations, got.ports], [pod.isolators, pod.annotations, pod.ports]);
    assert.deepEqual([{ ...got.userAnnotations }, { ...got.userLabels }], [pod.userAnnotations, pod.userLabels]);
  });

  it('takes null for a missing list, as Go writes it, and members that nobody knows', () => {
    assert.deepEqual(decode({ volumes: null, isolators: null, ports: null, surprise: { a: 1 } }), decode());
  });

  it('D1 refuses another kind and a version that is not supported', () => {
    refuses({ acKind: 'ImageManifest' }, /acKind/);
    refuses({ acKind: undefined }, /acKind/);
    refuses({ acVersion: '1.0.0' }, /acVersion/);
    refuses({ acVersion: '0.9.0' }, /acVersion/);
    refuses({ acVersion: undefined }, /acVersion/);
  });
  it('D2 refuses apps without name or image, names twice or ill-formed, and a pod without apps', () => {
    refuses({ apps: [] }, /apps/);
    refuses({ apps: undefined }, /apps/);
    refuses({ apps: [APP, APP] }, /apps\[1\]\.name/);
    refusesApp({ name: 'No Name' }, /apps\[0\]\.name/);
    refusesApp({ name: 'a'.repeat(64) }, /apps\[0\]\.name/);
    refusesApp({ image: {} }, /apps\[0\]\.image\.id/);
    refusesApp({ image: { name: 'example.com/web' } }, /apps\[0\]\.image\.id/);
    refusesApp({ image: { id: 'sha256-abcd' } }, /apps\[0\]\.image\.id/);
    refusesApp({ app: { exec: ['/a'] } }, /apps\[0\]\.app\.user/);
    refusesApp({ readOnlyRootFS: 'yes' }, /apps\[0\]\.readOnlyRootFS/);
    refusesApp(
      {
        annotations: [
          { name: 'x', value: '1' },
          { name: 'x', value: '2' },
        ],
      },
      /apps\[0\]\.annotations\[1\]/,
    );
  });
  it('D2 takes the half image IDs that rkt wrote', () => {
    const id = ID.slice(0, 'sha512-'.length + 64);
    assert.equal(decode({ apps: [{ name: 'web', image: { id } }] }).apps[0]?.image.id, id);
  });
  it('D2 refuses mounts without path or volume, and an appVolume of another name', () => {
    refusesApp({ mounts: [{ volume: 'v' }] }, /mounts\[0\]\.path/);
    refusesApp({ mounts: [{ path: '/x' }] }, /mounts\[0\]\.volume/);
    refusesApp({ mounts: [{ volume: 'v', path: 'relative' }] }, /mounts\[0\]\.path/);
    refusesApp(
      { mounts: [{ volume: 'v', path: '/x', appVolume: { name: 'w', kind: 'empty' } }] },
      /mounts\[0\]\.appVolume\.name/,
    );
  });
  it('D3 refuses volumes of unknown kind, twice, without source, or with what the other kind has', () => {
    const volume = (more: object): object => ({ volumes: [{ name: 'v', ...more }] });
    refuses(volume({ kind: 'tmpfs' }), /volumes\[0\]\.kind/);
    refuses(volume({ kind: 'host' }), /volumes\[0\]\.source/);
    refuses(volume({ kind: 'host', source: 'srv' }), /volumes\[0\]\.source/);
    for (const extra of [{ mode: '0755' }, { uid: 0 }, { gid: 0 }])
      refuses(volume({ kind: 'host', source: '/srv', ...extra }), /means nothing to a volume of kind "host"/);
    for (const extra of [{ source: '/srv' }, { recursive: true }])
      refuses(volume({ kind: 'empty', ...extra }), /means nothing to a volume of kind "empty"/);
    for (const extra of [{ mode: '999' }, { mode: 755 }, { mode: '77777' }, { uid: -1 }, { gid: 2 ** 32 }])
      refuses(volume({ kind: 'empty', ...extra }), /volumes\[0\]\./);
    const twice = { name: 'v', kind: 'empty' };
    refuses({ volumes: [twice, twice] }, /volumes\[1\]\.name/);
  });
  it('D6 refuses ports without number, with an address that is no IPv4 one, and names twice', () => {
    const port = { name: 'www', hostPort: 80 };
    refuses({ ports: [{ name: 'www' }] }, /ports\[0\]\.hostPort/);
    refuses({ ports: [{ ...port, hostPort: 65_536 }] }, /ports\[0\]\.hostPort/);
    for (const hostIP of ['::1', '1.2.3', '256.0.0.1', '01.2.3.4', 'host'])
      refuses({ ports: [{ ...port, hostIP }] }, /ports\[0\]\.hostIP/);
    refuses({ ports: [port, port] }, /ports\[1\]\.name/);
    refuses({ ports: [{ ...port, podPort: { name: 'x', port: 0, protocol: 'tcp' } }] }, /podPort\.port/);
  });
  it('D7 takes any key in userAnnotations, __proto__ too, and only strings as values', () => {
    const got = decodeText(
      `{"acKind":"PodManifest","acVersion":"0.8.11","apps":[${JSON.stringify(APP)}],"userLabels":{"__proto__":"x"}}`,
    );
    assert.deepEqual(Object.keys(got.userLabels ?? {}), ['__proto__']);
    refuses({ userLabels: { a: 1 } }, /userLabels/);
  });
  it('D8 refuses an annotation of the pod twice', () =>
    refuses(
      {
        annotations: [
          { name: 'x', value: '1' },
          { name: 'x', value: '2' },
        ],
      },
      /annotations\[1\]/,
    ));

  it('bounds hostile documents: size, depth, number of apps', () => {
    throwsCode('pod-manifest-invalid', () => decodeText(' '.repeat(MAX_POD_MANIFEST_BYTES + 1)), /larger than/);
    throwsCode('pod-manifest-invalid', () => decodeText('['.repeat(100_000) + ']'.repeat(100_000)), /levels deep/);
    refuses({ apps: Array.from({ length: 1025 }, (_, i) => ({ ...APP, name: `a${i}` })) }, /more than 1024/);
    throwsCode('pod-manifest-invalid', () => decodeText('{"acKind":'), /line 1, column/);
    throwsCode('pod-manifest-invalid', () => decodeText(Buffer.from([0xff])), /UTF-8/);
  });
  it('any JSON value is decoded or refused, never anything else', () => {
    const names = ['acKind', 'acVersion', 'apps', 'volumes', 'ports', 'isolators', 'annotations', 'userLabels', 'name'];
    const value = fc.letrec((tie) => ({
      any: fc.oneof(
        { depthSize: 'small' },
        fc.jsonValue(),
        fc.array(tie('any'), { maxLength: 3 }),
        fc.dictionary(fc.constantFrom(...names), tie('any'), { maxKeys: 4 }),
      ),
    })).any;
    fc.assert(
      fc.property(fc.constantFrom(...names), value, (name, any) => {
        try {
          decode({ [name]: any });
        } catch (error) {
          if (!(error instanceof PodctlError) || error.code !== 'pod-manifest-invalid') throw error;
        }
      }),
      { numRuns: 500 },
    );
  });
});
