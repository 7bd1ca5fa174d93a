/** In which order an image and its dependencies are rendered (appc C2, C3), and the name of the resulting tree. */
import type { ImageId } from '#kernel/brand';
import { createHash } from '#kernel/digest';
import { PodctlError } from '#kernel/errors';
import type { Dependency, ImageManifest } from '../image/manifest';
import type { ContentStore } from '../store/cas';
import type { TreeId } from '../store/trees';
import { isLayer, type LayerFacts, layerFacts } from './layer-facts';

/** One image laid over what is there, seen through these whitelists. */
export interface RenderStep {
  readonly image: ImageId;
  /** Of the image itself and of every image above it on this path; empty ones left out. */
  readonly whitelists: readonly (readonly string[])[];
  /** It is a layer of a Docker or OCI image: its whiteouts are meant. */
  readonly isLayer: boolean;
  /** What its tree needs of those below. */
  readonly facts: LayerFacts;
}

/** Shared dependencies are rendered once per path; chains of diamonds would double that with every level. */
const MAX_STEPS = 1024;

/** Which image each dependency means, by the dependency as it stands in a manifest (`dependencyKey`). */
export type Pins = ReadonlyMap<string, ImageId>;

export const dependencyKey = ({ imageName, imageID, labels }: Dependency): string =>
  JSON.stringify([imageName, imageID ?? null, labels.map(({ name, value }) => [name, value])]);

/**
 * Depth first, dependencies before dependents.
 * @param pins what was decided before; other dependencies are looked up in the store
 * @throws PodctlError `image-dependency-missing`, `image-dependency-invalid`
 */
export function renderSteps(
  images: ContentStore,
  image: ImageId,
  manifest: ImageManifest,
  pins: Pins = new Map(),
): readonly RenderStep[] {
  const steps: RenderStep[] = [];
  const visit = (
    id: ImageId,
    own: ImageManifest,
    above: readonly (readonly string[])[],
    path: readonly ImageId[],
  ): void => {
    if (path.includes(id)) throw new PodctlError('image-dependency-invalid', `image ${own.name} depends on itself`);
    const whitelists = own.pathWhitelist.length === 0 ? above : [...above, own.pathWhitelist];
    for (const dependency of own.dependencies) {
      const found = pins.get(dependencyKey(dependency)) ?? resolve(images, dependency, own.name);
      visit(found, images.manifest(found), whitelists, [...path, id]);
    }
    steps.push({ image: id, whitelists, ...layerOf(own) });
    if (steps.length > MAX_STEPS) {
      throw new PodctlError(
        'image-dependency-invalid',
        `image ${manifest.name} has more than ${MAX_STEPS} dependencies`,
      );
    }
  };
  visit(image, manifest, [], []);
  return steps;
}

const layerOf = ({ annotations }: ImageManifest): Pick<RenderStep, 'isLayer' | 'facts'> => ({
  isLayer: isLayer(annotations),
  facts: layerFacts(annotations),
});

/** The image alone, whatever it depends on. */
export const stepOf = (images: ContentStore, image: ImageId): RenderStep => ({
  image,
  whitelists: [],
  ...layerOf(images.manifest(image)),
});

function resolve(images: ContentStore, dependency: Dependency, dependent: string): ImageId {
  const { imageName, imageID, labels } = dependency;
  try {
    const found = images.find(
      imageID === undefined ? { kind: 'name', name: imageName, labels } : { kind: 'id', prefix: imageID },
    );
    if (found.name === imageName) return found.id;
    throw new PodctlError(
      'image-dependency-invalid',
      `image ${dependent} wants ${imageID} as ${imageName}, it is ${found.name}`,
    );
  } catch (cause) {
    if (!(cause instanceof PodctlError) || cause.code !== 'image-not-found') throw cause;
    const what = imageID === undefined ? imageName : `${imageName} (${imageID})`;
    throw new PodctlError('image-dependency-missing', `image ${dependent} needs ${what}, which is not in the store`, {
      cause,
    });
  }
}

/**
 * The same images through the same whitelists give the same tree. Most images are their only step, and need no digest.
 * @param alone as buildTree()'s
 */
export function treeIdOf(
  steps: readonly Pick<RenderStep, 'image' | 'whitelists'>[],
  alone = steps.length === 1,
): TreeId {
  const [only, ...more] = steps;
  const own = only?.image.slice('sha512-'.length, 'sha512-'.length + TREE_DIGITS);
  const text = JSON.stringify(steps.map((step) => [step.image, step.whitelists]));
  const isOwn = more.length === 0 && alone && only?.whitelists.length === 0;
  const digits = isOwn ? own : createHash('sha256').update(text).digest('hex');
  return `t1-${digits}` as TreeId;
}

/** As many as a sha256 has, so that both kinds of names are equally unlikely to meet. */
const TREE_DIGITS = 64;
