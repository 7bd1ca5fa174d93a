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

/** More directories without entries than this are not told one by one. */
export const MAX_IMPLICIT = 128;

export interface LayerFacts {
  /** It has hard links to files of layers below: it cannot be rendered without them. */
  readonly links: boolean;
  /**
   * Directories it has something in but no entry for: if a layer below has them, they are as they are there. Undefined: too many
   * to tell.
   */
  readonly implicit: readonly ByteString[] | undefined;
}

interface Named {
  readonly name: string;
  readonly value: string;
}

const UNTOLD: LayerFacts = { links: true, implicit: undefined };

export const hasSeparateLayers = (annotations: readonly Named[]): boolean =>
  annotations.some(({ name, value }) => name === LAYERS && value === SEPARATE);

export const isLayer = (annotations: readonly Named[]): boolean => annotations.some(({ name }) => name === LAYER);

export const formatLayerFacts = ({ links, implicit }: LayerFacts): string =>
  JSON.stringify({ links, implicit: implicit ?? null });

/** Of an image that is no layer: it needs nothing of what is below. */
export function layerFacts(annotations: readonly Named[]): LayerFacts {
  const written = annotations.find(({ name }) => name === LAYER)?.value;
  if (written === undefined) return { links: false, implicit: [] };
  try {
    const { links, implicit } = (JSON.parse(written) ?? {}) as { links?: unknown; implicit?: unknown };
    const told =
      Array.isArray(implicit) && implicit.length <= MAX_IMPLICIT && implicit.every((path) => typeof path === 'string');
    return { links: links !== false, implicit: told ? (implicit as ByteString[]) : undefined };
  } catch (error) {
    if (error instanceof SyntaxError) return UNTOLD;
    throw error;
  }
}
