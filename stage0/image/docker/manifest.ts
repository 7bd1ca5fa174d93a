/** The manifests of the ACIs that Docker and OCI images become: of a layer, and of the image on top of its layers. */
import { APPC_VERSION } from '#kernel/appc';
import type { ImageId } from '#kernel/brand';
import { isAcIdentifier } from '#kernel/brand';
import { COMMAND, CONVENTIONS, DOCKER, ENTRYPOINT, EXPLICIT_GROUP } from '../../../stage2/conventions';
import { STOP_SIGNAL } from '../../../stage2/life';
import { signalNumber } from '../../../stage2/signals';
import { formatLayerFacts, LAYER, LAYERS, type LayerFacts, SEPARATE } from '../../render/layer-facts';
import type { Annotation, Label } from '../schema';
import { appOf, namesOwnGroup } from './app';
import type { ImageConfig } from './config';
import { healthAnnotations } from './health';
import { labelsOf, layerName } from './names';

/** What an image is called, and what it was made from. */
export interface ImageOrigin {
  /** An AC Identifier. */
  readonly name: string;
  readonly tag: string;
  /** As people write it: `host/path`. Undefined: nobody said. */
  readonly repository: string | undefined;
  /** Undefined: the source has none (docker-archive). */
  readonly manifestDigest: string | undefined;
  readonly configDigest: string;
  /** Of the manifest. */
  readonly annotations: Readonly<Record<string, string>>;
}

export interface ConvertedLayer {
  readonly id: ImageId;
  readonly diffId: string;
}

/** Together they leave room for the rest in a manifest of 1 MiB. */
const MAX_HISTORY_BYTES = 384 * 1024;
const MAX_ANNOTATION_BYTES = 16 * 1024;
const MAX_ANNOTATIONS = 200;

const layerLabels: readonly Label[] = [{ name: 'layer', value: 'oci' }];

/** Equal for equal layers, byte for byte: it is part of what the layer's ID is made of. */
export const layerManifest = (diffId: string, facts: LayerFacts): Buffer =>
  Buffer.from(
    JSON.stringify({
      acKind: 'ImageManifest',
      acVersion: APPC_VERSION,
      name: layerName(diffId),
      labels: layerLabels,
      annotations: [{ name: LAYER, value: formatLayerFacts(facts) }],
    }),
  );

export const layerIdentity = (diffId: string): { readonly name: string; readonly labels: readonly Label[] } => ({
  name: layerName(diffId),
  labels: layerLabels,
});

export function imageManifest(origin: ImageOrigin, config: ImageConfig, layers: readonly ConvertedLayer[]): Buffer {
  return Buffer.from(
    JSON.stringify({
      acKind: 'ImageManifest',
      acVersion: APPC_VERSION,
      name: origin.name,
      labels: labelsOf(origin.tag, config),
      app: appOf(config.config),
      dependencies: layers.map(({ id, diffId }) => ({ imageName: layerName(diffId), imageID: id })),
      annotations: [...annotations(origin, config)].map(([name, value]) => ({ name, value })),
    }),
  );
}

function annotations(origin: ImageOrigin, config: ImageConfig): ReadonlyMap<string, string> {
  const { config: execution } = config;
  const found = new Map<string, string>();
  const add = (name: string, value: string | undefined): void => {
    if (value !== undefined && value !== '' && value.length <= MAX_ANNOTATION_BYTES) found.set(name, value);
  };
  for (const { name, value } of ofAuthor(origin.annotations)) add(name, value);
  const created = config.created ?? '';
  if (
    !Number.isNaN(Date.parse(created)) &&
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/.test(created)
  )
    add('created', created);
  add('authors', config.author);
  add('docker-comment', config.comment);
  add('appc.io/docker/repository', origin.repository);
  add('appc.io/docker/tag', origin.tag);
  add('appc.io/docker/imageid', origin.configDigest);
  add('appc.io/docker/manifesthash', origin.manifestDigest);
  if (execution.Entrypoint.length > 0) found.set(ENTRYPOINT, JSON.stringify(execution.Entrypoint));
  if (execution.Cmd.length > 0) found.set(COMMAND, JSON.stringify(execution.Cmd));
  if (execution.Healthcheck !== undefined) {
    add('appc.io/docker/healthcheck', JSON.stringify(execution.writtenHealthcheck));
    for (const { name, value } of healthAnnotations(execution.Healthcheck, execution.Shell)) found.set(name, value);
  }
  const signal = execution.StopSignal;
  if (signal !== undefined && signalNumber(signal) !== undefined) found.set(STOP_SIGNAL, signal);
  const history = JSON.stringify(config.history);
  if (config.history.length > 0 && history.length <= MAX_HISTORY_BYTES) found.set('appc.io/docker/history', history);
  if (namesOwnGroup(execution.User)) found.set(EXPLICIT_GROUP, 'true');
  found.set(CONVENTIONS, DOCKER);
  found.set(LAYERS, SEPARATE);
  return found;
}

/** Names that appc or podctl gives a meaning to are not the author's to use; other names without one are left out. */
function ofAuthor(all: Readonly<Record<string, string>>): readonly Annotation[] {
  return Object.entries(all)
    .filter(([name]) => isAcIdentifier(name) && /^[^/]*\./.test(name) && !name.startsWith('appc.io/'))
    .slice(0, MAX_ANNOTATIONS)
    .map(([name, value]) => ({ name, value }));
}
