/** Path whitelists (appc C4): an entry is rendered if every whitelist from its image up to the root of the tree has it. */
import { type ByteString, fromText } from './byte-string';
import { normalise, parentOf } from './entry-path';

/** Paths relative to the root filesystem, and all directories that lead to them. */
interface Whitelist {
  readonly paths: ReadonlySet<ByteString>;
  readonly ancestors: ReadonlySet<ByteString>;
}

/** Decides over normalised paths relative to the root filesystem. */
export type PathFilter = (path: ByteString, isDirectory: boolean) => boolean;

function whitelist(paths: readonly string[]): Whitelist {
  const whole = new Set<ByteString>();
  const ancestors = new Set<ByteString>();
  for (const text of paths) {
    const result = normalise(fromText(text.replace(/^\/+/, '')));
    if ('problem' in result) continue; // no entry can have such a path
    whole.add(result.path);
    for (let parent = parentOf(result.path); parent !== ''; parent = parentOf(parent)) ancestors.add(parent);
  }
  return { paths: whole, ancestors };
}

/**
 * A whitelisted directory stands for itself, not for what is in it; the directories that lead to a whitelisted path are
 * rendered too, so that they have their own owner and mode. Undefined if there is nothing to filter.
 */
export function pathFilter(whitelists: readonly (readonly string[])[]): PathFilter | undefined {
  const all = whitelists.filter((paths) => paths.length > 0).map(whitelist);
  if (all.length === 0) return undefined;
  return (path, isDirectory) =>
    path === '' || all.every((one) => one.paths.has(path) || (isDirectory && one.ancestors.has(path)));
}
