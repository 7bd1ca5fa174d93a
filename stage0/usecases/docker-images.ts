/**
 * Docker and OCI images, wherever they come from: found in the store if what they were made from has not changed, else converted.
 * This file is all that a warm start loads; it reads one file's stamp, or the index of a layout.
 */
import fs from 'node:fs';
import path from 'node:path';
import { PodctlError } from '#kernel/errors';
import type { WantedPlatform } from '../image/docker/documents';
import { hostPlatformOfImages, parsePlatform } from '../image/docker/platform-choice';
import type { ImageArgument, Transport } from '../image/reference';
import type { StoredImage } from '../store/cas';
import { isSettled, stampOf } from '../store/source-cache';
import type { FetchOptions, FetchPolicy } from './images';
import type { Services } from './services';

/** What finding and converting needs of the world. */
export type DockerServices = Pick<Services, 'dataDir' | 'images' | 'trees' | 'remotes' | 'registry' | 'registryPolicy'>;

export type DockerArgument = Extract<ImageArgument, { kind: 'archive' | 'registry' }>;

/** Checks and notes the use of a stored image. */
export type Use = (image: StoredImage, policy: FetchPolicy) => Promise<StoredImage>;

export interface Wish {
  readonly platform: WantedPlatform;
  readonly options: FetchOptions;
}

/** An archive, or a layout's directory. */
export interface Place {
  readonly transport: Transport;
  /** `-` is standard input. */
  readonly path: string;
  /** Which of its images; undefined: the only one. */
  readonly selection: string | undefined;
}

/** @throws PodctlError `image-*`, `fetch-*`, `signature-missing`, `usage`, `interrupted` */
export async function obtainDocker(
  services: DockerServices,
  wanted: DockerArgument,
  options: FetchOptions,
  use: Use,
): Promise<StoredImage> {
  const platform = options.platform === undefined ? hostPlatformOfImages() : parsePlatform(options.platform);
  if (wanted.kind === 'registry') return fromRegistry(services, wanted.reference, { platform, options }, use);
  if (options.policy === 'signed') {
    throw new PodctlError('signature-missing', 'Docker and OCI images in archives and layouts have no signatures', {
      hint: 'fetch it from its registry (docker://…); without --signed, it is verified by its digests',
    });
  }
  const place = placeOf(wanted.transport, wanted.place);
  const note = noteOf(place, options.platform);
  const known = note === undefined ? undefined : recallImage(services, note.url);
  if (known !== undefined) return use(known, options.policy);
  const { importPlace } = await import('./docker-import.js');
  const image = await importPlace(services, place, { platform, options });
  if (note?.isSettled === true) remember(services, note.url, image);
  return image;
}

/** What a tag gave holds until somebody asks for what it gives now (`--pull-policy=update`). */
async function fromRegistry(services: DockerServices, reference: string, wish: Wish, use: Use): Promise<StoredImage> {
  const { pull, platform } = wish.options;
  const { policy, keys } = await services.registryPolicy(reference, wish.options.policy);
  const note = `registry:${JSON.stringify([reference, platform ?? null])}`;
  const known = pull === 'update' ? undefined : recallImage(services, note);
  if (known !== undefined && (policy !== 'signed' || isSignedBy(known, keys))) return use(known, policy);
  if (pull === 'never') throw notFetched(reference, known);
  const { importReference } = await import('./docker-import.js');
  const image = await importReference(services, reference, { ...wish, options: { ...wish.options, policy } });
  remember(services, note, image);
  return image;
}

/** @param keys fingerprints that the policy names */
const isSignedBy = ({ verification }: StoredImage, keys: readonly string[] | undefined): boolean =>
  verification !== undefined && (keys?.includes(verification.fingerprint.toLowerCase()) ?? true);

const notFetched = (reference: string, known: StoredImage | undefined): PodctlError =>
  known === undefined
    ? new PodctlError('image-not-found', `nothing was fetched from docker://${reference} yet`)
    : new PodctlError(
        'signature-missing',
        `docker://${reference} was stored without the signature that is demanded now`,
        {
          hint: `\`podctl fetch docker://${reference}\` looks for one; \`podctl image policy\` says who may have made it`,
        },
      );

/** What begins with an existing path is that; else the first colon ends it. */
export function placeOf(transport: Transport, written: string): Place {
  if (fs.existsSync(written)) return { transport, path: written, selection: undefined };
  const colon = written.indexOf(':');
  if (colon < 0) return { transport, path: written, selection: undefined };
  // A path may have colons of its own.
  for (let end = written.lastIndexOf(':'); end > colon; end = written.lastIndexOf(':', end - 1)) {
    if (fs.existsSync(written.slice(0, end)))
      return { transport, path: written.slice(0, end), selection: written.slice(end + 1) };
  }
  return { transport, path: written.slice(0, colon), selection: written.slice(colon + 1) || undefined };
}

/** What an archive file that has not changed since gave. A layout is more than one file: its manifest tells (docker-import.ts). */
function noteOf(
  { transport, path: file, selection }: Place,
  platform: string | undefined,
): { readonly url: string; readonly isSettled: boolean } | undefined {
  if (file === '-' || transport === 'oci') return undefined;
  const stat = fs.statSync(file, { bigint: true, throwIfNoEntry: false });
  if (stat === undefined || !stat.isFile()) return undefined;
  const stamp = stampOf(stat);
  // The name of an image may be made of that of its file.
  const what = [transport, stamp, path.basename(file), selection ?? null, platform ?? null];
  return { url: `archive:${JSON.stringify(what)}`, isSettled: isSettled(stamp, Date.now()) };
}

/** The image that was noted down, if it is still what it was. */
export function recall({ remotes, images }: DockerServices, url: string): StoredImage | undefined {
  const entry = remotes.lookup(url);
  const image = entry === undefined ? undefined : images.sound(entry.id);
  return image?.digest === undefined ? undefined : image;
}

/** The same of an image, which is of no use without its layers. */
export function recallImage(services: DockerServices, url: string): StoredImage | undefined {
  const image = recall(services, url);
  if (image === undefined) return undefined;
  const { dependencies } = services.images.manifest(image.id);
  return dependencies.every(({ imageID }) => imageID !== undefined && services.images.has(imageID)) ? image : undefined;
}

export const remember = ({ remotes }: DockerServices, url: string, { id }: Pick<StoredImage, 'id'>): void =>
  remotes.remember({ url, id, freshUntil: 0 });
