/** All that an image needs (appc B19): each dependency obtained once, whatever depends on it. */
import type { ImageId } from '#kernel/brand';
import { PodctlError } from '#kernel/errors';
import { dependencyKey, type Pins } from '../../render/order';
import type { ContentStore, StoredImage } from '../../store/cas';
import type { Dependency } from '../manifest';
import { formatImageName } from '../reference';
import { unless } from './objection';

/** Real images have two or three levels, and a dozen dependencies; a site could make up new ones for ever. */
const MAX_DEPTH = 32;
const MAX_DEPENDENCIES = 256;

/** One that the manifest of `dependent` asks for. */
export type Obtain = (dependency: Dependency, dependent: string) => Promise<StoredImage>;

interface Branch {
  readonly id: ImageId;
  readonly name: string;
}

/**
 * Which images the dependencies of an image are, and theirs.
 * @throws PodctlError `image-dependency-invalid`, and as `obtain`
 */
export async function collectDependencies(
  image: StoredImage,
  images: Pick<ContentStore, 'manifest'>,
  obtain: Obtain,
): Promise<Pins> {
  const pins = new Map<string, ImageId>();
  const visit = async ({ id, name }: Branch, above: readonly Branch[]): Promise<void> => {
    const path = [...above, { id, name }];
    for (const dependency of images.manifest(id).dependencies) {
      const key = dependencyKey(dependency);
      const before = pins.get(key);
      if (before !== undefined) {
        refuseCycle(before, path);
        continue;
      }
      if (pins.size >= MAX_DEPENDENCIES || path.length > MAX_DEPTH) {
        const limit =
          pins.size >= MAX_DEPENDENCIES ? `${MAX_DEPENDENCIES} dependencies` : `${MAX_DEPTH} levels of them`;
        throw new PodctlError('image-dependency-invalid', `image ${image.name} has more than ${limit}`);
      }
      const found = await obtain(dependency, name);
      requireSame(dependency, found, name);
      refuseCycle(found.id, path);
      pins.set(key, found.id);
      await visit(found, path);
    }
  };
  await visit(image, []);
  return pins;
}

/** Its own dependencies are complete only when the way through it is over: meeting it before closes a circle. */
function refuseCycle(id: ImageId, path: readonly Branch[]): void {
  const at = path.findIndex((branch) => branch.id === id);
  if (at < 0) return;
  const circle = [...path.slice(at), ...path.slice(at, at + 1)].map(({ name }) => name).join(' → ');
  throw new PodctlError('image-dependency-invalid', `images depend on themselves: ${circle}`);
}

function requireSame({ imageName, imageID, labels }: Dependency, found: StoredImage, dependent: string): void {
  const problem = unless(imageName, labels)(found);
  if (problem === undefined && (imageID === undefined || found.id === imageID)) return;
  const wanted = `${formatImageName(imageName, labels)}${imageID === undefined ? '' : ` (${imageID})`}`;
  const got = `${formatImageName(found.name, found.labels)} (${found.id})`;
  throw new PodctlError('image-dependency-invalid', `image ${dependent} needs ${wanted}, what was found is ${got}`);
}
