/**
 * The trusted keys. A key is one file, `<config dir>/trustedkeys/{root.d,prefix.d/<prefix>}/<fingerprint>`, the slashes of
 * a prefix being directories; the layout, the order and the masks are rkt's (pkg/keystore).
 *
 * For an image name the places that cover it are walked in order: root keys of all layers, then prefix keys layer by layer,
 * the shorter prefix first. The last file of a fingerprint counts, and an empty one (a mask) removes what came before it.
 */
import fs from 'node:fs';
import path from 'node:path';
import { isAcIdentifier } from '#kernel/brand';
import { sha512Of } from '#kernel/digest';
import { isErrno, messageOf, PodctlError } from '#kernel/errors';
import { withoutComments } from './admission';
import { covers, prefixesOf, ROOT } from './prefix';

/** Keys with many certifications have some hundred kilobytes. */
export const MAX_KEY_FILE_SIZE = 1 << 20;

/** Version 4 keys have 40 hex digits, versions 5 and 6 have 64. */
const FINGERPRINT = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/;

export interface KeystoreDirs {
  readonly system: string;
  readonly local: string;
  readonly user?: string | undefined;
}

export const LAYERS = ['system', 'local', 'user'] as const;
export type Layer = (typeof LAYERS)[number];

/** A file of the keystore. */
export interface KeyFile {
  /** Lower-case hex. */
  readonly fingerprint: string;
  /** Empty for a root key. */
  readonly prefix: string;
  readonly layer: Layer;
  readonly path: string;
  /** Empty: it removes trust instead of giving it. */
  readonly mask: boolean;
}

export interface KeystoreContent {
  readonly files: readonly KeyFile[];
  /** Files at which nobody looks, since their names are not those of keys. */
  readonly strays: readonly string[];
}

export const isFingerprint = (text: string): boolean => FINGERPRINT.test(text);

/** Where the keys of a prefix are. */
export const keyDirectory = (dirs: KeystoreDirs, layer: Layer, prefix: string): string | undefined => {
  const base = dirs[layer];
  if (base === undefined) return undefined;
  return prefix === ROOT
    ? path.join(base, 'trustedkeys', 'root.d')
    : path.join(base, 'trustedkeys', 'prefix.d', ...prefix.split('/'));
};

/** Every key file there is. */
export function allKeys(dirs: KeystoreDirs): KeystoreContent {
  const files: KeyFile[] = [];
  const strays: string[] = [];
  for (const layer of LAYERS) {
    const base = dirs[layer];
    if (base === undefined) continue;
    collect(path.join(base, 'trustedkeys', 'root.d'), layer, ROOT, false, { files, strays });
    collect(path.join(base, 'trustedkeys', 'prefix.d'), layer, ROOT, true, { files, strays });
  }
  return { files, strays };
}

/** The file that makes a key count for a name, if there is one. Looks only where it can be. */
export function keyFor(dirs: KeystoreDirs, imageName: string, fingerprint: string): KeyFile | undefined {
  if (!isAcIdentifier(imageName)) return undefined; // it would become a path
  const files = prefixesOf(imageName).flatMap((prefix) =>
    LAYERS.flatMap((layer) => {
      const directory = keyDirectory(dirs, layer, prefix);
      const found = directory === undefined ? undefined : keyFile(path.join(directory, fingerprint), layer, prefix);
      return found === undefined ? [] : [found];
    }),
  );
  return effective(files, imageName).get(fingerprint);
}

/** The keys that count for a name, by fingerprint; none, not even root keys, for what is no name. `ROOT`: the root keys. */
export function effective(files: readonly KeyFile[], imageName: string): ReadonlyMap<string, KeyFile> {
  const trusted = new Map<string, KeyFile>();
  if (imageName !== ROOT && !isAcIdentifier(imageName)) return trusted;
  for (const file of files.filter(({ prefix }) => covers(prefix, imageName)).sort(byStrength)) {
    if (file.mask) trusted.delete(file.fingerprint);
    else trusted.set(file.fingerprint, file);
  }
  return trusted;
}

/** Weakest first: root keys before prefix keys, then by layer, then by length of the prefix. */
function byStrength(one: KeyFile, other: KeyFile): number {
  const root = Number(one.prefix !== ROOT) - Number(other.prefix !== ROOT);
  if (root !== 0) return root;
  return LAYERS.indexOf(one.layer) - LAYERS.indexOf(other.layer) || one.prefix.length - other.prefix.length;
}

/** The digest is of the key, not of comments beside it. @throws PodctlError `key-invalid` if it is too large, `io` */
export function readKeyFile(file: string): { readonly bytes: Buffer; readonly digest: string } {
  let bytes: Buffer;
  try {
    const { size } = fs.statSync(file);
    if (size > MAX_KEY_FILE_SIZE) {
      throw new PodctlError('key-invalid', `${file} is larger than a key (${MAX_KEY_FILE_SIZE} bytes)`, {
        position: file,
      });
    }
    bytes = fs.readFileSync(file);
  } catch (error) {
    throw error instanceof PodctlError ? error : new PodctlError('io', messageOf(error), { cause: error });
  }
  return { bytes, digest: sha512Of(withoutComments(bytes)) };
}

interface Collected {
  readonly files: KeyFile[];
  readonly strays: string[];
}

function collect(directory: string, layer: Layer, prefix: string, nested: boolean, into: Collected): void {
  for (const entry of entriesOf(directory)) {
    const full = path.join(directory, entry.name);
    const below = prefix === ROOT ? entry.name : `${prefix}/${entry.name}`;
    if (entry.isDirectory() && nested && isAcIdentifier(below)) {
      collect(full, layer, below, nested, into);
      continue;
    }
    const isKeyPlace = !nested || prefix !== ROOT;
    const found = isKeyPlace && isFingerprint(entry.name) ? keyFile(full, layer, prefix) : undefined;
    if (found === undefined) into.strays.push(full);
    else into.files.push(found);
  }
}

function entriesOf(directory: string): readonly fs.Dirent[] {
  try {
    return fs.readdirSync(directory, { withFileTypes: true });
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return [];
    throw new PodctlError('io', messageOf(error), { cause: error });
  }
}

/** A symbolic link counts as what it leads to; one to /dev/null is a mask, as everywhere in systemd's world. */
function keyFile(file: string, layer: Layer, prefix: string): KeyFile | undefined {
  let stat: fs.Stats | undefined;
  try {
    stat = fs.statSync(file, { throwIfNoEntry: false });
  } catch (error) {
    if (!isErrno(error, 'ENOTDIR')) throw new PodctlError('io', messageOf(error), { cause: error });
  }
  const mask = stat?.isFile() ? stat.size === 0 : stat?.isCharacterDevice();
  return mask === undefined ? undefined : { fingerprint: path.basename(file), prefix, layer, path: file, mask };
}
