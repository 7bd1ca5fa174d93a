/** Which image names a keystore prefix covers. */

/** The prefix of a root key, which covers every name. */
export const ROOT = '';

/**
 * Component by component and byte by byte, without folding of case or Unicode: `example.com/foo` covers itself and
 * `example.com/foo/bar`, `example.com/f` covers neither (appc X2; the Go reference compares strings and lets it).
 */
export const covers = (prefix: string, imageName: string): boolean =>
  prefix === ROOT || prefix === imageName || imageName.startsWith(`${prefix}/`);

/** All prefixes that cover a name, shortest first: `a/b` → ``, `a`, `a/b`. */
export function prefixesOf(imageName: string): readonly string[] {
  const components = imageName.split('/');
  return [ROOT, ...components.map((_, index) => components.slice(0, index + 1).join('/'))];
}

/** `prefix "example.com"`, `all images`. */
export const describePrefix = (prefix: string): string => (prefix === ROOT ? 'all images' : `prefix "${prefix}"`);
