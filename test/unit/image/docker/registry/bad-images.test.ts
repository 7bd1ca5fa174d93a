/** The bad images of test/fixtures/docker-hostile, served by a registry: what is refused from a layout is refused from there. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import type { ErrorCode } from '#kernel/error-table';
import { parseRegistryReference } from '../../../../../stage0/image/docker/registry/reference';
import { openRegistry } from '../../../../../stage0/image/docker/registry/source';
import { HttpClient } from '../../../../../stage0/image/fetch/http/client';
import type { StoredImage } from '../../../../../stage0/store/cas';
import { Partials } from '../../../../../stage0/store/partials';
import { obtainDocker } from '../../../../../stage0/usecases/docker-images';
import { FROM_STORE } from '../../../../../stage0/usecases/images';
import type { OpenedRegistry, RegistryPolicy, RegistrySettings } from '../../../../../stage0/usecases/services';
import { type Case, GOOD } from '../../../../fixtures/docker-hostile/case';
import { DOCUMENTS } from '../../../../fixtures/docker-hostile/documents';
import { LAYERS } from '../../../../fixtures/docker-hostile/layers';
import { DockerStore } from '../../../../fixtures/docker-store';
import { rejectsCode } from '../../../../fixtures/expect';
import { layer, layoutOf, TestLayout } from '../../../../fixtures/oci';
import { NOBODY } from '../../../../fixtures/pull';
import { scratchDirectory } from '../../../../fixtures/scratch';
import { content, Web } from '../../../../fixtures/web';

const REPOSITORY = 'https://registry.example.com/v2/app';

/** A store that pulls from a server of the test's. */
class PullingStore extends DockerStore {
  readonly #web: Web;

  constructor(dir: DockerStore['dataDir'], web: Web) {
    super(dir);
    this.#web = web;
  }

  override async registry(text: string, { signal, observe }: RegistrySettings): Promise<OpenedRegistry> {
    const reference = parseRegistryReference(text);
    const client = new HttpClient(this.#web.settings({ signal }));
    const services = {
      client,
      partials: new Partials(this.dataDir),
      credentials: NOBODY,
      registries: new Map(),
      observe,
    };
    const verify = (): Promise<never> => Promise.reject(new Error('nobody demands a signature'));
    return { reference, source: openRegistry(reference, services), verify };
  }

  override async registryPolicy(): Promise<RegistryPolicy> {
    return { policy: 'verified', keys: undefined };
  }

  pull(): Promise<StoredImage> {
    const wanted = { kind: 'registry', reference: 'registry.example.com/app' } as const;
    return obtainDocker(this, wanted, { ...FROM_STORE, pull: 'update' }, async (image) => image);
  }
}

/** What is said otherwise of a registry than of a layout. */
const OTHERWISE: Readonly<Record<string, ErrorCode>> = { 'a blob that is missing': 'registry-unknown' };
/** About the index of a layout; and what takes seconds to expand, wherever it is from. */
const ELSEWHERE: readonly string[] = ['a tag that is not there', 'several images and no tag', 'a bomb'];

describe('bad images in a registry', () => {
  const scratch = scratchDirectory();
  let web: Web;
  let store: PullingStore;
  beforeEach(async () => {
    web = await Web.open();
    store = new PullingStore(scratch(), web);
  });
  afterEach(() => web.close());

  interface Entry {
    readonly digest: string;
    readonly mediaType: string;
  }
  const serve = (layout: TestLayout): void => {
    const [top] = layout.manifests as Entry[];
    assert.ok(top);
    for (const [digest, bytes] of layout.blobs) {
      web.on(`${REPOSITORY}/blobs/${digest}`, content(bytes));
      const type = /"mediaType":"(application\/vnd\.oci\.image\.(?:index|manifest)[^"]*)"/.exec(bytes.toString())?.[1];
      const headers = { 'content-type': type ?? 'application/json', 'docker-content-digest': digest };
      web.on(`${REPOSITORY}/manifests/${digest}`, content(bytes, headers));
      if (digest !== top.digest) continue;
      web.on(`${REPOSITORY}/manifests/latest`, content(bytes, { ...headers, 'content-type': top.mediaType }));
    }
  };
  const refused = async (code: ErrorCode, text?: RegExp): Promise<void> => {
    await rejectsCode(code, store.pull(), text);
    const left = ['tmp', 'remotes', 'downloads'].flatMap((room) => {
      const path = `${scratch()}/${room}`;
      return fs.existsSync(path) ? fs.readdirSync(path) : [];
    });
    assert.deepEqual([left, store.images.list()], [[], []]);
  };
  const works = async (layout: TestLayout): Promise<void> => {
    serve(layout);
    assert.equal((await store.pull()).name, 'registry.example.com/app');
  };

  const cases: readonly Case[] = [...DOCUMENTS, ...LAYERS].filter(({ name }) => !ELSEWHERE.includes(name));
  for (const { name, code, layout } of cases) {
    it(`${name}, and then a good one`, async () => {
      serve(layout());
      await refused(OTHERWISE[name] ?? code);
      await works(layoutOf(GOOD));
    });
  }
  it('a manifest that its registry says is of schema 1, or a web page', async () => {
    for (const [type, text] of [
      ['application/vnd.docker.distribution.manifest.v1+prettyjws', /schema 1/],
      ['text/html; charset=utf-8', /neither an image nor an index/],
    ] as const) {
      web.on(`${REPOSITORY}/manifests/latest`, content('{"schemaVersion":2}', { 'content-type': type }));
      await refused('image-media-type', text);
    }
  });
  it('of a manifest list or nested indexes, the image for this platform', async () => {
    const layout = new TestLayout();
    const own = { os: 'linux', architecture: process.arch === 'arm64' ? 'arm64' : 'amd64' };
    const foreign = { ...layout.image({ layers: [layer([])] }), platform: { os: 'linux', architecture: 's390x' } };
    const inner = layout.index([foreign, { ...layout.image(GOOD), platform: own }]);
    await works(layout.add(layout.index([inner])));
  });
});
