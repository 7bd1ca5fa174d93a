/** Which extended attributes of an image are rendered. */
import { type ByteString, display } from './byte-string';
import { refuse } from './entry-path';
import type { TarEntry } from './tar-entry';

/**
 * What the image's own programs can see and use. Others (security.selinux, trusted.*, …) describe the host on which the
 * archive was made, and are left out, as by other runtimes.
 */
const RENDERED = new Set(['security.capability', 'system.posix_acl_access', 'system.posix_acl_default']);

export const isRendered = (name: ByteString): boolean => name.startsWith('user.') || RENDERED.has(name);

/**
 * overlayfs reads its own attributes from lower layers: a redirect or a metacopy made by an image would show files of
 * another place.
 * @throws PodctlError `image-xattr-refused`
 */
export function checkXattrs(entry: TarEntry): void {
  for (const name of entry.xattrs.keys()) {
    if (/^(?:trusted|user)\.overlay\./.test(name)) throw refuse('image-xattr-refused', `sets ${display(name)}`, entry);
  }
}
