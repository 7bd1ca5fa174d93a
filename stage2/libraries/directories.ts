/**
 * Where the loaders of glibc and musl look for libraries (ld.so(8)): rather a directory too many than one too few, since a
 * library that is anywhere here is not called missing.
 */

/** Compiled into the loaders of one distribution or another; with those of Debian's architectures. */
const TRIPLETS = [
  ...['x86_64', 'i386', 'aarch64', 'riscv64', 's390x', 'powerpc64le', 'loongarch64'].map((cpu) => `${cpu}-linux-gnu`),
  ...['arm-linux-gnueabihf', 'arm-linux-gnueabi', 'x86_64-linux-musl', 'aarch64-linux-musl'],
];
const NAMES = ['lib', 'lib64', 'lib32', 'libx32', ...TRIPLETS.map((triplet) => `lib/${triplet}`)];
export const DEFAULT_DIRECTORIES = ['', '/usr', '/usr/local'].flatMap((prefix) => NAMES.map((n) => `${prefix}/${n}`));

/** Variants for better processors, in subdirectories: those of today, and what loaders before glibc 2.37 tried. */
export const VARIANTS = 'glibc-hwcaps';
export const OLD_VARIANTS = ['tls', 'haswell', 'xeon_phi', 'avx512_1', 'x86_64', 'i686', 'i586', 'sse2', 'nosegneg'];

/** Of a loader that podctl knows the ways of, where every distribution has it. Others search by rules of their own. */
export const KNOWN_LOADER =
  /^\/(?:usr\/)?lib(?:32|64|x32)?(?:\/[a-z0-9_]+-linux-(?:gnu|musl)[a-z0-9]*)?\/ld(?:64|-linux[-.a-z0-9_]*|-musl-[a-z0-9_]+)\.so\.[0-9]+$/;

/** What musl's loader takes for itself, whatever the version. */
export const MUSL_OWN = /^lib(?:c|pthread|rt|m|dl|util|xnet)\./;

/**
 * The directories that a list (`LD_LIBRARY_PATH`, an rpath, musl's path file) names.
 * @param origins directories of the object that the list is of
 * @returns undefined if one cannot be told
 */
export function listed(list: string, workingDirectory: string, origins: readonly string[]): string[] | undefined {
  const entries = list.split(/[:;\n]/).flatMap((entry) => expand(entry.trim(), origins));
  if (entries.some((entry) => entry.includes('$'))) return undefined;
  return entries.map((entry) => (entry.startsWith('/') ? entry : `${workingDirectory}/${entry}`));
}

/** `$LIB` has a value that the loader was built with: any of them. */
function expand(entry: string, origins: readonly string[]): readonly string[] {
  const each = (texts: readonly string[], token: RegExp, values: readonly string[]): readonly string[] =>
    texts.flatMap((text) => (token.test(text) ? values.map((value) => text.replaceAll(token, () => value)) : [text]));
  return each(each([entry], /\$(?:ORIGIN\b|\{ORIGIN\})/g, origins), /\$(?:LIB\b|\{LIB\})/g, NAMES);
}

/** Directories of `ld.so.conf` and its parts; what they include is read as a part of its own. */
export const configured = (text: string): readonly string[] =>
  text
    .split('\n')
    .map((line) => line.replace(/#.*/, '').replace(/=.*/, '').trim())
    .filter((line) => line.startsWith('/'))
    .flatMap((line) => line.split(/[\s:,]+/));

/**
 * What `ld.so.cache` knows, from its strings: directories, and names without a path of the same name, of which it cannot be told
 * what they lead to.
 */
export function cached(strings: readonly string[]): { directories: readonly string[]; names: ReadonlySet<string> } {
  const split = strings.flatMap((text) => {
    const found = /^(\/[!-~]*)\/([!-.0-~]+)$/.exec(text);
    return found === null ? [] : [{ directory: found[1] ?? '', name: found[2] ?? '' }];
  });
  const known = new Set(split.map(({ name }) => name));
  return {
    directories: [...new Set(split.map(({ directory }) => directory))],
    names: new Set(strings.filter((text) => !text.includes('/') && !known.has(text))),
  };
}
