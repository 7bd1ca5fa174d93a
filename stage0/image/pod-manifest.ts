/** The pod manifest as users write it (appc §3.4): its type, and the decoder of `--pod-manifest` files. */
import type { AppName } from '#kernel/brand';
import { PodctlError } from '#kernel/errors';
import { type Decode, flag, list, Members, oneOf, SchemaError, textMap, textWhere, uniqueList } from './decode';
import { parseJson } from './json';
import { type ExposedPort, exposedPort, type Mount, mount, type Volume, volume } from './pod-schema';
import {
  type Annotation,
  type App,
  acIdentifier,
  acName,
  acVersion,
  annotations,
  app,
  type Isolator,
  isolators,
  type Label,
  labels,
} from './schema';

/** An app before its image was looked up. */
export interface DeclaredApp {
  readonly name: AppName;
  readonly image: {
    /** `sha512-` and at least two hex digits that are unique in the store. */
    readonly id: string;
    readonly name?: string;
    readonly labels: readonly Label[];
  };
  /** Wholly replaces the image's (D2). */
  readonly app?: App;
  readonly readOnlyRootFS: boolean;
  readonly mounts: readonly Mount[];
  readonly annotations: readonly Annotation[];
}

/** What a pod manifest says of the pod as a whole. */
export interface PodFacts {
  readonly volumes: readonly Volume[];
  readonly isolators: readonly Isolator[];
  readonly annotations: readonly Annotation[];
  readonly ports: readonly ExposedPort[];
  readonly userAnnotations?: Readonly<Record<string, string>>;
  readonly userLabels?: Readonly<Record<string, string>>;
}

export interface DeclaredPod extends PodFacts {
  readonly acVersion: string;
  readonly acKind: 'PodManifest';
  readonly apps: readonly DeclaredApp[];
}

/** One that lists a hundred apps in full has some 200 kB. */
export const MAX_POD_MANIFEST_BYTES = 4 * 1024 * 1024;
/** Each app is a process tree, some mounts and a cgroup; nobody has run as many in one pod. */
const MAX_APPS = 1024;

/** The spec has whole IDs only (T5); rkt wrote half of one, so a prefix will do. */
const imageId = textWhere('sha512- and 2 to 128 lower-case hex digits', (id) => /^sha512-[0-9a-f]{2,128}$/.test(id));

/** D2. */
const declaredApp: Decode<DeclaredApp> = (value, at) => {
  const members = new Members(value, at);
  const image: Decode<DeclaredApp['image']> = (inner, where) => {
    const parts = new Members(inner, where);
    return {
      id: parts.required('id', imageId),
      ...parts.optional('name', acIdentifier),
      labels: parts.listOf('labels', labels),
    };
  };
  return {
    // acName has the syntax of AppName.
    name: members.required('name', acName) as AppName,
    image: members.required('image', image),
    ...members.optional('app', app),
    readOnlyRootFS: members.optional('readOnlyRootFS', flag).readOnlyRootFS ?? false,
    mounts: members.listOf('mounts', list(mount)),
    annotations: members.listOf('annotations', annotations),
  };
};

const declaredPod: Decode<DeclaredPod> = (value, at) => {
  const members = new Members(value, at);
  const pod: DeclaredPod = {
    acVersion: members.required('acVersion', acVersion),
    acKind: members.required('acKind', oneOf('PodManifest')),
    apps: members.listOf(
      'apps',
      uniqueList(declaredApp, 'name', (one) => one.name),
    ),
    volumes: members.listOf(
      'volumes',
      uniqueList(volume, 'name', (one) => one.name),
    ),
    isolators: members.listOf('isolators', isolators),
    annotations: members.listOf('annotations', annotations),
    ports: members.listOf(
      'ports',
      uniqueList(exposedPort, 'name', (one) => one.name),
    ),
    ...members.optional('userAnnotations', textMap),
    ...members.optional('userLabels', textMap),
  };
  if (pod.apps.length === 0) throw new SchemaError('apps', 'is empty: a pod has at least one app');
  if (pod.apps.length > MAX_APPS) throw new SchemaError('apps', `has more than ${MAX_APPS} apps`);
  return pod;
};

/** @throws PodctlError `pod-manifest-invalid`, with the place in the document as its position */
export function decodePodManifest(bytes: Uint8Array): DeclaredPod {
  try {
    if (bytes.length > MAX_POD_MANIFEST_BYTES)
      throw new SchemaError('', `is larger than ${MAX_POD_MANIFEST_BYTES} bytes`);
    return declaredPod(parseJson(bytes), '');
  } catch (error) {
    if (!(error instanceof SchemaError)) throw error;
    const what = error.at === '' ? 'it' : error.at;
    throw new PodctlError('pod-manifest-invalid', `the pod manifest is not valid: ${what} ${error.message}`, {
      position: error.at,
      cause: error,
    });
  }
}
