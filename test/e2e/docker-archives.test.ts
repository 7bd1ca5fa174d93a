/** Archives and layouts as the programs of today write them: podman, buildah and skopeo themselves, and Docker's own by a fixture. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { busyboxLayer, dockerArchive, dockerArchive25, layer, type SavedImage } from '../fixtures/oci';
import { command, needsHost, output, PODCTL, Rig } from '../rig/rig';

describe('archives of other programs', () => {
  let rig: Rig;
  let policy: string;
  const base = busyboxLayer();
  const twice = layer([{ name: 'twice', content: 'x' }]);
  /** Says which it is, and that all its layers are there. One layer is there twice. */
  const saved = (which: string, ...tags: readonly string[]): SavedImage => ({
    layers: [base, twice, layer([{ name: 'which', content: `${which}\n` }]), twice],
    config: { Entrypoint: ['/bin/cat', '/which'] },
    tags,
  });
  before(function () {
    needsHost(this);
    rig = new Rig();
    policy = rig.write('policy.json', JSON.stringify({ default: [{ type: 'insecureAcceptAnything' }] }));
  });
  afterEach(() => rig.removeEnded());
  after(() => rig?.dispose());

  const says = (place: string, which: string): void => {
    const { status, stdout, stderr } = rig.podctl('run', '--net=none', place);
    assert.deepEqual([status, stdout], [0, `${which}\n`], `${place}: ${stderr}`);
  };
  const piped = (transport: string, file: string, which: string): void => {
    const argv = ['sh', '-c', `cat ${file} | "$0" "$@"`, PODCTL, ...rig.globals, 'run', '--net=none', transport];
    const { status, stdout, stderr } = command(argv);
    assert.deepEqual([status, stdout], [0, `${which}\n`], `${transport} < ${file}: ${stderr}`);
  };
  const refuses = (place: string, text: RegExp): void => {
    const { status, stderr } = rig.podctl('fetch', place);
    assert.deepEqual([status, text.test(stderr)], [254, true], `${place}: ${stderr}`);
  };

  for (const [what, containerd] of [
    ['docker save from 25 on', false],
    ["docker save of containerd's image store", true],
  ] as const) {
    it(`${what}: read by its manifest.json or as a layout, by any of its names`, () => {
      const images = [saved('one', 'web:1', 'web:latest'), saved('two', 'shop/web:2')];
      const several = rig.write('several.tar', dockerArchive25(images, containerd));
      for (const transport of ['docker-archive', 'oci-archive']) {
        says(`${transport}:${several}:web:1`, 'one');
        says(`${transport}:${several}:latest`, 'one');
        says(`${transport}:${several}:shop/web:2`, 'two');
        refuses(`${transport}:${several}`, /image-tag-unknown: which of its images is meant/);
        refuses(`${transport}:${several}:web:3`, /image-tag-unknown: there is no "web:3"/);
      }
      says(`oci-archive:${several}:docker.io/library/web:latest`, 'one');
      const one = rig.write('one.tar', dockerArchive25([saved('three', 'a:1', 'b:1')], containerd));
      const nameless = rig.write('nameless.tar', dockerArchive25([saved('four')], containerd));
      for (const transport of ['docker-archive', 'oci-archive']) {
        says(`${transport}:${one}`, 'three');
        says(`${transport}:${nameless}`, 'four');
        piped(`${transport}:-`, nameless, 'four');
      }
    });
  }

  describe('of podman and buildah', () => {
    let storage: readonly string[];
    const podman = (...args: readonly string[]): string => output('podman', ...storage, ...args);
    before(() => {
      storage = [
        `--root=${rig.root}/storage`,
        `--runroot=${rig.root}/runroot`,
        '--storage-driver=vfs',
        '--log-level=error',
      ];
      const images = [saved('one', 'localhost/web:1'), saved('two', 'localhost/web:2')];
      podman('load', '--quiet', '--input', rig.write('load.tar', dockerArchive(images)));
    });

    it('podman save: docker-archive, also of several images, compressed, and through a pipe', () => {
      const file = `${rig.root}/podman.tar`;
      podman('save', '--quiet', '--output', file, 'localhost/web:1');
      says(`docker-archive:${file}`, 'one');
      says(`docker-archive:${file}:web:1`, 'one');
      piped('docker-archive:-', file, 'one');
      output('gzip', '--keep', file);
      piped('docker-archive:-', `${file}.gz`, 'one');
      const both = `${rig.root}/both.tar`;
      podman('save', '--quiet', '--multi-image-archive', '--output', both, 'localhost/web:1', 'localhost/web:2');
      says(`docker-archive:${both}:localhost/web:2`, 'two');
      says(`docker-archive:${both}:@0`, 'one');
    });
    it('podman save --format oci-archive and oci-dir', () => {
      const file = `${rig.root}/podman.oci`;
      podman('save', '--quiet', '--format=oci-archive', '--output', file, 'localhost/web:2');
      says(`oci-archive:${file}`, 'two');
      says(`oci-archive:${file}:localhost/web:2`, 'two');
      piped('oci-archive:-', file, 'two');
      const directory = `${rig.root}/podman-oci`;
      podman('save', '--quiet', '--format=oci-dir', '--output', directory, 'localhost/web:2');
      says(`oci:${directory}`, 'two');
    });
    it('buildah push: into an archive of either kind, compressed by zstd, too', () => {
      const buildah = (...args: readonly string[]): string =>
        output('buildah', ...storage.slice(0, -1), 'push', '--quiet', '--signature-policy', policy, ...args);
      buildah('localhost/web:1', `docker-archive:${rig.root}/buildah.tar:example.com/web:9`);
      says(`docker-archive:${rig.root}/buildah.tar:example.com/web:9`, 'one');
      buildah('--compression-format=zstd', 'localhost/web:2', `oci:${rig.root}/zstd:v2`);
      const manifests = fs
        .readdirSync(`${rig.root}/zstd/blobs/sha256`)
        .map((name) => fs.readFileSync(`${rig.root}/zstd/blobs/sha256/${name}`, 'latin1').slice(0, 4000));
      assert.ok(
        manifests.some((text) => text.includes('layer.v1.tar+zstd')),
        'layers are zstd',
      );
      says(`oci:${rig.root}/zstd:v2`, 'two');
    });
    it('skopeo copy: one archive into another, several images in one layout', () => {
      const copy = (from: string, to: string): string =>
        output('skopeo', '--policy', policy, 'copy', '--quiet', from, to);
      const source = `${rig.root}/source.tar`;
      fs.rmSync(source, { force: true });
      podman('save', '--quiet', '--output', source, 'localhost/web:1');
      copy(`docker-archive:${source}`, `docker-archive:${rig.root}/skopeo.tar:web:1`);
      says(`docker-archive:${rig.root}/skopeo.tar`, 'one');
      copy(`docker-archive:${source}`, `oci-archive:${rig.root}/skopeo.oci:web:one`);
      says(`oci-archive:${rig.root}/skopeo.oci:web:one`, 'one');
      copy(`docker-archive:${source}`, `oci:${rig.root}/layout:a`);
      podman('save', '--quiet', '--output', `${rig.root}/second.tar`, 'localhost/web:2');
      copy(`docker-archive:${rig.root}/second.tar`, `oci:${rig.root}/layout:b`);
      says(`oci:${rig.root}/layout:a`, 'one');
      says(`oci:${rig.root}/layout:b`, 'two');
    });
  });
});
