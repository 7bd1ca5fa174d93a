import assert from 'node:assert/strict';
import type { ImageId } from '#kernel/brand';
import { collectDependencies } from '../../../../stage0/image/fetch/dependencies';
import { type Dependency, decodeImageManifest, type ImageManifest } from '../../../../stage0/image/manifest';
import type { StoredImage } from '../../../../stage0/store/cas';
import { aciManifest } from '../../../fixtures/aci';
import { rejectsCode } from '../../../fixtures/expect';

describe('B19 what an image needs', () => {
  const stored = (name: string): StoredImage => ({
    id: `sha512-${name}` as ImageId,
    name,
    labels: [],
    size: 0,
    importedAt: 0,
    lastUsedAt: 0,
    source: '',
    digest: undefined,
    verification: undefined,
    foreign: false,
  });
  const manifest = (needs: readonly string[]): ImageManifest =>
    decodeImageManifest(
      Buffer.from(aciManifest({ manifest: { dependencies: needs.map((imageName) => ({ imageName })) } })),
    );
  /** Which images there are, by what each needs. */
  async function collect(needs: (name: string) => readonly string[]): Promise<readonly string[]> {
    const asked: string[] = [];
    const images = { manifest: (id: ImageId) => manifest(needs(id.slice('sha512-'.length))) };
    await collectDependencies(stored('top'), images, async ({ imageName }: Dependency) => {
      asked.push(imageName);
      return stored(imageName);
    });
    return asked;
  }

  it('each is obtained once, whatever needs it', async () => {
    const graph: Readonly<Record<string, readonly string[]>> = { top: ['b', 'c'], b: ['d'], c: ['d', 'b'], d: [] };
    assert.deepEqual(await collect((name) => graph[name] ?? []), ['b', 'd', 'c']);
  });

  it('256 are as many as there may be', async () => {
    const many = (count: number) => (name: string) =>
      name === 'top' ? Array.from({ length: count }, (_, index) => `n${index}`) : [];
    assert.equal((await collect(many(256))).length, 256);
    await rejectsCode('image-dependency-invalid', collect(many(257)), /more than 256 dependencies/);
  });

  it('C9 a circle is found at any depth', async () => {
    for (const depth of [1, 2, 20]) {
      const next = (name: string): readonly string[] => {
        const index = name === 'top' ? 0 : Number(name.slice(1));
        return [index === depth ? 'n1' : `n${index + 1}`];
      };
      await rejectsCode('image-dependency-invalid', collect(next), /depend on themselves: n1 → .*n1/);
    }
  });
});
