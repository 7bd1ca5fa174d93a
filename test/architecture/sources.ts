/** The repository's sources, and a small scanner for what they import. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';

/** The checkout: this file is compiled to dist/test/architecture/. */
export const ROOT = join(__dirname, '../../..');
/** Folders with sources of podctl itself. */
export const PRODUCT = ['stage0', 'stage1', 'stage2', 'units', 'gc'] as const;

export interface Import {
  /** As written: `#kernel/errors`, `./op`, `node:fs`. */
  readonly specifier: string;
  /** The file meant, relative to the checkout; undefined for packages and Node's modules. */
  readonly file: string | undefined;
  /** Gone after compilation: only types are named. */
  readonly typeOnly: boolean;
}

export interface Source {
  /** Relative to the checkout. */
  readonly path: string;
  readonly text: string;
  readonly imports: readonly Import[];
}

/** All files below these folders with one of these endings, in a stable order. */
export function filesBelow(folders: readonly string[], endings: readonly string[]): string[] {
  return folders
    .filter((folder) => existsSync(join(ROOT, folder)))
    .flatMap((folder) =>
      readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).map((name) => posix.join(folder, name)),
    )
    .filter((path) => endings.some((ending) => path.endsWith(ending)))
    .sort();
}

export const readText = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

/** Takes comments out, and leaves line breaks. A `//` within quotes is kept if it follows a colon, as in a URL. */
export const withoutComments = (text: string): string =>
  text.replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, '')).replace(/(^|[^:'"`\\])\/\/.*$/gm, '$1');

const STATEMENT = /^[ \t]*(?:import|export)\s+(type\s+)?((?:[\w$*\s,]|\{[^}]*\})*?)\s*\bfrom\s*['"]([^'"]+)['"]/gm;
const BARE = /^[ \t]*import\s*['"]([^'"]+)['"]/gm;
const CALL = /(typeof\s+)?\b(?:import|require)\(\s*['"]([^'"]+)['"]\s*\)/g;

/** `{ type A, type B }` names types only; so does nothing that has a default or a namespace. */
function namesTypesOnly(names: string): boolean {
  const inner = /^\{([^}]*)\}$/.exec(names.trim())?.[1];
  const parts = inner?.split(',').filter((part) => part.trim() !== '');
  return parts?.every((part) => /^\s*type\s/.test(part)) ?? false;
}

/** What a TypeScript source imports, re-exports and loads dynamically. */
export function scanImports(path: string, text: string): Import[] {
  const code = withoutComments(text);
  const found = (specifier: string, typeOnly: boolean): Import => ({
    specifier,
    file: fileOf(path, specifier),
    typeOnly,
  });
  return [
    ...[...code.matchAll(STATEMENT)].map(([, type, names = '', specifier = '']) =>
      found(specifier, type !== undefined || namesTypesOnly(names)),
    ),
    ...[...code.matchAll(BARE)].map(([, specifier = '']) => found(specifier, false)),
    ...[...code.matchAll(CALL)].map(([, type, specifier = '']) => found(specifier, type !== undefined)),
  ];
}

function fileOf(from: string, specifier: string): string | undefined {
  const kernel = /^#kernel\/(.*)$/.exec(specifier)?.[1];
  if (kernel === undefined && !specifier.startsWith('.')) return undefined;
  const base = kernel === undefined ? posix.join(posix.dirname(from), specifier) : `stage0/kernel/${kernel}`;
  const stem = base.replace(/\.js$/, '');
  const endings = ['.ts', '.d.ts', '/index.ts', '.mjs', ''];
  return (
    endings.map((ending) => stem + ending).find((path) => existsSync(join(ROOT, path)) && /\.\w+$/.test(path)) ?? base
  );
}

/** Every TypeScript source of podctl itself. */
export const productSources = (): Source[] =>
  filesBelow(PRODUCT, ['.ts']).map((path) => {
    const text = readText(path);
    return { path, text, imports: scanImports(path, text) };
  });
