/** CommonJS modules of the build, loaded together with the code V8 compiled of them when they were built. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Script } from 'node:vm';

/** What podctl.cjs exports (main.ts). */
export interface Program {
  start(argv: readonly string[]): void;
  main(argv: readonly string[]): Promise<number>;
}

/**
 * Where the compiled code of a file is. V8 refuses it if its own version or its flags differ, but of the source it compares
 * no more than the length. So the cache begins with the digest that the build wrote at the end of the source.
 */
export const codeCacheOf = (file: string): string => `${file}.cache`;

/** `// ` and 64 hex digits close a file of the build; the digits open its cache. */
const DIGEST_LENGTH = 64;

const digestOf = (source: string): string => source.trimEnd().slice(-DIGEST_LENGTH);

/** The script of a file, and what its cache must begin with. */
interface Compiled {
  readonly script: Script;
  readonly digest: string;
}

/** Without a cache, or with one that is damaged, of another source or of another Node, V8 compiles the source. */
function compile(file: string, cache?: Buffer): Compiled {
  // The build writes ASCII only, and V8 keeps such a string as it is read.
  const source = readFileSync(file, 'latin1');
  const digest = digestOf(source);
  const fits = cache !== undefined && cache.toString('latin1', 0, DIGEST_LENGTH) === digest;
  const script = new Script(source, {
    filename: file,
    ...(fits ? { cachedData: cache.subarray(DIGEST_LENGTH) } : {}),
  });
  return { script, digest };
}

/** It holds the functions that were called until now. */
const cacheOf = ({ script, digest }: Compiled): Buffer =>
  Buffer.concat([Buffer.from(digest, 'latin1'), script.createCachedData()]);

interface Loaded {
  readonly compiled: Compiled;
  readonly module: { exports: unknown };
}

/** The files of this process by path. */
const loaded = new Map<string, Loaded>();

/** What a file of the build exports. It is run once, as the CommonJS module that it is. */
export function requireCompiled(file: string): unknown {
  const known = loaded.get(file);
  if (known !== undefined) return known.module.exports;
  const compiled = compile(file, readCache(codeCacheOf(file)));
  const module = { exports: {} };
  loaded.set(file, { compiled, module });
  const require = createRequire(file);
  const requireFrom = (id: string): unknown => requireSibling(dirname(file), id) ?? require(id);
  // The build has put the function around it that Node puts around CommonJS modules.
  const body = compiled.script.runInThisContext() as (...values: unknown[]) => void;
  body(module.exports, requireFrom, module, file, dirname(file));
  return module.exports;
}

/** What a file that holds several modules exports of them: for each, by its path, what evaluates it. */
interface Modules {
  readonly modules: Readonly<Record<string, () => unknown>>;
}

/** `./FILE.cjs`, a file of the build, or `./FILE.cjs:PATH`, one module in it (bundle.mjs writes such). */
function requireSibling(directory: string, id: string): unknown {
  const [, name, path] = /^\.\/(\w+\.cjs)(?::(.+))?$/.exec(id) ?? [];
  if (name === undefined) return undefined;
  const exports = requireCompiled(join(directory, name));
  return path === undefined ? exports : (exports as Modules).modules[path]?.();
}

/** The cache of a file that was required in this process. @throws Error if it was not */
export function cacheOfLoaded(file: string): Buffer {
  const known = loaded.get(file);
  if (known === undefined) throw new Error(`${file} was not loaded`);
  return cacheOf(known.compiled);
}

function readCache(file: string): Buffer | undefined {
  try {
    return readFileSync(file);
  } catch {
    return undefined; // ignored: the cache only saves time
  }
}
