/** Names and identifiers whose syntax was checked once, where they entered; the types carry that proof onward. */
import { PodctlError } from './errors';

declare const tag: unique symbol;
export type Brand<T, Name extends string> = T & { readonly [tag]: Name };

/** `sha512-` and the 128 lower-case hex digits of the uncompressed image (appc A11, T5). */
export type ImageId = Brand<string, 'ImageId'>;
/** A pod's RFC 4122 UUID, canonical lower-case text of 36 characters (appc U1). */
export type PodId = Brand<string, 'PodId'>;
/** An AC Name: `^[a-z0-9]+(-[a-z0-9]+)*$`, at most 63 characters here, since it names cgroups and log streams (appc T2). */
export type AppName = Brand<string, 'AppName'>;
/** An absolute, normalised path: no `.`, `..` or empty components, no NUL. */
export type AbsPath = Brand<string, 'AbsPath'>;

const IMAGE_ID = /^sha512-[0-9a-f]{128}$/;
const POD_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const APP_NAME = /^[a-z0-9]+(?:-[a-z0-9]+)*$/;
const AC_IDENTIFIER = /^[a-z0-9]+(?:[-._~/][a-z0-9]+)*$/;
const MAX_APP_NAME = 63;

export const isImageId = (text: string): text is ImageId => IMAGE_ID.test(text);
export const isPodId = (text: string): text is PodId => POD_ID.test(text);
export const isAppName = (text: string): text is AppName => text.length <= MAX_APP_NAME && APP_NAME.test(text);
/** AC Identifier (appc T1), the syntax of image names, label names and annotation names. */
export const isAcIdentifier = (text: string): boolean => AC_IDENTIFIER.test(text);

export function isAbsPath(text: string): text is AbsPath {
  if (text === '/') return true;
  if (!text.startsWith('/') || text.includes('\0')) return false;
  return text
    .slice(1)
    .split('/')
    .every((part) => part !== '' && part !== '.' && part !== '..');
}

/** @throws PodctlError `invalid-name` */
export function appName(text: string): AppName {
  if (isAppName(text)) return text;
  throw new PodctlError('invalid-name', `"${text}" is not a valid app name`);
}

/** The default app name of an image: the last path component of its name, made an AC Name (rkt-cli.md §1.3). */
export function appNameOfImage(imageName: string): AppName {
  const last = imageName.slice(imageName.lastIndexOf('/') + 1).toLowerCase();
  const clean = last.replace(/[^a-z0-9]+/g, '-').replace(/^-+|-+$/g, '');
  return appName(clean.slice(0, MAX_APP_NAME).replace(/-+$/, ''));
}
