/** From what the user calls an image to a stored one that may be run, with everything it depends on. */
import fs from 'node:fs';
import { PodctlError } from '#kernel/errors';
import type { Observe } from '../image/fetch/events';
import { fetchFile, type SignaturePolicy } from '../image/fetch/file';
import type { Dependency, ImageManifest } from '../image/manifest';
import { type ImageArgument, parseImageArgument } from '../image/reference';
import type { Pins } from '../render/order';
import type { StoredImage } from '../store/cas';
import { ownImage } from './own-image';
import type { Services } from './services';
import type { Interrupts } from './start';

/**
 * `signed`: only what a trusted key has signed, whatever its source. `verified`: what its kind of source proves, which for an
 * ACI is the same. `unverified`: anything (`--insecure-options=image`).
 */
export type FetchPolicy = 'signed' | 'verified' | 'unverified';

/** `never`: what the store has. `new`: what the store has, else from the network. `update`: what the network has now. */
export type PullPolicy = 'never' | 'new' | 'update';

export interface FetchOptions {
  readonly policy: FetchPolicy;
  readonly pull: PullPolicy;
  /** For what images depend on. */
  readonly pullDependencies: PullPolicy;
  /** `--trust-keys-from-https` */
  readonly trustKeys: boolean;
  /** `--platform` as written: which image of an index is meant; undefined: the host's. */
  readonly platform?: string | undefined;
  /** The image is to be run now: what can be rendered while it comes in is. */
  readonly render?: boolean;
  readonly observe: Observe;
  /** What ends a download early. */
  readonly interrupts: Interrupts;
}

export interface Obtained {
  readonly image: StoredImage;
  readonly manifest: ImageManifest;
  /** Which images it depends on. */
  readonly pins: Pins;
}

/** Everything is in the store already: where nothing is fetched on purpose. */
export const FROM_STORE: FetchOptions = {
  policy: 'verified',
  pull: 'never',
  pullDependencies: 'never',
  trustKeys: false,
  observe: () => undefined,
  interrupts: () => () => undefined,
};

/**
 * The image that a file, a URL, an ID or a name means, and its dependencies.
 * @param signature file or URL of the signature; undefined: beside the image
 * @throws PodctlError `image-*`, `signature-*`, `fetch-*`, `discovery-failed`, `interrupted`
 */
export function obtainImage(
  services: Services,
  reference: string,
  signature: string | undefined,
  options: FetchOptions,
): Promise<Obtained> {
  return unlessRemoved(() => obtainAll(services, reference, signature, options));
}

/** Who meets this many removals of the same image has somebody working against them, and is told so. */
const MAX_TRIES = 5;

/** Looks again if somebody removes an image (`image rm`, `image gc`) between two looks at it. */
export async function unlessRemoved<T>(act: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await act();
    } catch (error) {
      if (!(error instanceof PodctlError) || error.code !== 'image-removed' || tries === MAX_TRIES) throw error;
    }
  }
}

async function obtainAll(
  services: Services,
  reference: string,
  signature: string | undefined,
  options: FetchOptions,
): Promise<Obtained> {
  const image = await obtainOne(services, parseImageArgument(reference, isFile), reference, signature, options);
  const manifest = services.images.manifest(image.id);
  if (manifest.dependencies.length === 0) return { image, manifest, pins: new Map() };
  const { collectDependencies } = await import('../image/fetch/dependencies.js');
  const pins = await collectDependencies(image, services.images, (dependency, dependent) =>
    obtainDependency(services, dependency, dependent, options),
  );
  return { image, manifest, pins };
}

async function obtainOne(
  services: Services,
  wanted: ImageArgument,
  reference: string,
  signature: string | undefined,
  options: FetchOptions,
): Promise<StoredImage> {
  const { images, sources } = services;
  const { policy, pull } = options;
  if (wanted.kind === 'file') {
    const check =
      policy === 'unverified' ? { kind: 'none' as const } : await signatureOfFile(services, signature, options);
    return fetchFile({ path: wanted.path, signature: check }, { images, sources });
  }
  if (signature !== undefined && wanted.kind !== 'url') {
    const which = wanted.kind === 'archive' || wanted.kind === 'registry' ? 'like this' : 'that is found by name or ID';
    throw new PodctlError('usage', `--signature means nothing to an image ${which}: ${reference}`);
  }
  if (wanted.kind === 'archive' || wanted.kind === 'registry') {
    const { obtainDocker } = await import('./docker-images.js');
    return obtainDocker(services, wanted, options, (stored, policy) => use(services, stored, { ...options, policy }));
  }
  if (wanted.kind === 'id') return fromStore(services, wanted, options);
  if (wanted.kind === 'url') {
    const { fetchByUrl } = await import('./network-images.js');
    return fetchByUrl(services, wanted.url, signature, options, (stored) => use(services, stored, options));
  }
  const stored = pull === 'update' ? undefined : inStore(services, wanted);
  if (stored !== undefined) return useNamed(services, stored, options);
  if (pull === 'never') return fromStore(services, wanted, options);
  const { fetchByName } = await import('./network-images.js');
  return fetchByName(services, wanted.name, wanted.labels, undefined, options);
}

async function signatureOfFile(
  services: Services,
  signature: string | undefined,
  options: FetchOptions,
): Promise<SignaturePolicy> {
  const { verifier } = services;
  if (signature === undefined) return { kind: 'required', verifier };
  if (!/^https?:/i.test(signature)) return { kind: 'required', verifier, path: signature };
  const { fetchSignatureOf } = await import('./network-images.js');
  return { kind: 'fetched', verifier, ...(await fetchSignatureOf(services, signature, options)) };
}

type InStore = Extract<ImageArgument, { kind: 'id' | 'name' }>;

const fromStore = (services: Services, wanted: InStore, options: FetchOptions): Promise<StoredImage> =>
  use(services, services.images.find(wanted), options);

function inStore({ images }: Services, wanted: InStore): StoredImage | undefined {
  try {
    return images.find(wanted);
  } catch (error) {
    if (error instanceof PodctlError && error.code === 'image-not-found') return undefined;
    throw error;
  }
}

/**
 * A name is its author's word. Where keys are trusted for it, only what they signed is meant by it, not a Docker or OCI image
 * whose archive happens to say the same.
 */
async function useNamed(services: Services, stored: StoredImage, options: FetchOptions): Promise<StoredImage> {
  const isUnsigned = stored.verification === undefined && stored.digest !== undefined;
  if (options.policy === 'verified' && isUnsigned && !(await services.keys.lacking(stored.name))) {
    throw new PodctlError(
      'signature-missing',
      `image ${stored.id.slice(0, 19)} (${stored.name}) has no signature, and keys are trusted for images of this name`,
      { hint: `if it is meant all the same, name it by its ID or by where it came from: ${stored.source}` },
    );
  }
  return use(services, stored, options);
}

/** Notes the use of a stored image, if the policy allows it. */
async function use(services: Services, stored: StoredImage, { policy }: FetchOptions): Promise<StoredImage> {
  const image = await ownImage(services, stored);
  if (policy !== 'unverified') requireTrust(services, image, policy);
  services.images.touch(image.id);
  return image;
}

/** One that an image needs: by its ID if the manifest says it, else by name (appc B19). */
async function obtainDependency(
  services: Services,
  { imageName, imageID, labels, size }: Dependency,
  dependent: string,
  options: FetchOptions,
): Promise<StoredImage> {
  const { pullDependencies: pull } = options;
  const wanted =
    imageID === undefined
      ? ({ kind: 'name', name: imageName, labels } as const)
      : ({ kind: 'id', prefix: imageID } as const);
  // An ID names the same bytes for ever.
  const stored = pull === 'update' && imageID === undefined ? undefined : inStore(services, wanted);
  if (stored !== undefined && imageID !== undefined) {
    // A layer has no signature of its own: what names it by its ID has.
    const policy = options.policy === 'signed' && stored.digest !== undefined ? 'verified' : options.policy;
    return use(services, stored, { ...options, policy });
  }
  if (stored !== undefined) return useNamed(services, stored, options);
  if (pull === 'never') {
    const what = imageID === undefined ? imageName : `${imageName} (${imageID})`;
    throw new PodctlError('image-dependency-missing', `image ${dependent} needs ${what}, which is not in the store`);
  }
  const { fetchByName } = await import('./network-images.js');
  return fetchByName(services, imageName, labels, size, options);
}

const isFile = (path: string): boolean => fs.statSync(path, { throwIfNoEntry: false })?.isFile() === true;

/** Trust is not for ever: the key that signed a stored image has to be trusted for it still. */
function requireTrust({ verifier }: Services, image: StoredImage, policy: FetchPolicy): void {
  // A Docker or OCI image was verified by its digest when it came in.
  if (policy === 'verified' && image.verification === undefined && image.digest !== undefined) return;
  if (image.verification === undefined) {
    throw new PodctlError(
      'signature-missing',
      `image ${image.id.slice(0, 19)} (${image.name}) was stored without a verified signature`,
      { hint: 'fetch it again with its signature, or allow it with --insecure-options=image' },
    );
  }
  if (verifier.stillTrusted(image.verification, image.name)) return;
  throw new PodctlError(
    'signature-key-untrusted',
    `image ${image.id.slice(0, 19)} (${image.name}) was signed by ${image.verification.fingerprint}, which is trusted for it no more`,
    { hint: 'podctl trust --prefix=NAME KEYFILE' },
  );
}
