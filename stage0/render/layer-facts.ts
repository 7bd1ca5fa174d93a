/**
 * Layers of Docker and OCI images among ACIs. A layer says so by an annotation, with what its tree needs of the layers below; an
 * image whose dependencies are layers says that each is rendered to a tree of its own. Annotations are said by whoever made the
 * ACI: what they decide is how a tree is made, never what may be in it.
 */
import type { ByteString } from './byte-string';

/** On the image. */
export const LAYERS = 'podctl/layers';
export const SEPARATE = 'separate';
/** On a layer: LayerFacts as JSON. */
export const LAYER = 'podctl/layer';

/** More directories than this are not told one by one. */
const MAX_TOLD = 128;

export interface LayerFacts {
  /** It has hard links to files of layers below: it cannot be rendered without them. */
  readonly links: boolean;
  /**
   * Directories it has something in but no entry for: if a layer below has them, they are as they are there. Undefined: too many
   * to tell.
   */
  readonly implicit: readonly ByteString[] | undefined;
  /** Directories other than the top in which it hides something of layers below. Undefined: too many to tell. */
  readonly hiding: readonly ByteString[] | undefined;
  /** It hides all that layers below have. */
  readonly opaque: boolean;
}

interface Named {
  readonly name: string;
  readonly value: string;
}

const UNTOLD: LayerFacts = { links: true, implicit: undefined, hiding: undefined, opaque: false };
const NOTHING: LayerFacts = { links: false, implicit: [], hiding: [], opaque: false };

export const hasSeparateLayers = (annotations: readonly Named[]): boolean =>
  annotations.some(({ name, value }) => name === LAYERS && value === SEPARATE);

export const isLayer = (annotations: readonly Named[]): boolean => annotations.some(({ name }) => name === LAYER);

/** Sorted, or undefined if they are too many. */
export const told = (paths: Iterable<ByteString>): readonly ByteString[] | undefined => {
  const all = [...paths];
  return all.length > MAX_TOLD ? undefined : all.sort();
};

export const formatLayerFacts = ({ links, implicit, hiding, opaque }: LayerFacts): string =>
  JSON.stringify({ links, implicit: implicit ?? null, hiding: hiding ?? null, opaque });

const readTold = (paths: unknown): readonly ByteString[] | undefined => {
  const sound = Array.isArray(paths) && paths.length <= MAX_TOLD && paths.every((path) => typeof path === 'string');
  return sound ? (paths as ByteString[]) : undefined;
};

/** Of an image that is no layer: it needs nothing of what is below. */
export function layerFacts(annotations: readonly Named[]): LayerFacts {
  const written = annotations.find(({ name }) => name === LAYER)?.value;
  if (written === undefined) return NOTHING;
  try {
    const said = (JSON.parse(written) ?? {}) as { readonly [K in keyof LayerFacts]?: unknown };
    return {
      links: said.links !== false,
      implicit: readTold(said.implicit),
      hiding: readTold(said.hiding),
      opaque: said.opaque === true,
    };
  } catch (error) {
    if (error instanceof SyntaxError) return UNTOLD;
    throw error;
  }
}
