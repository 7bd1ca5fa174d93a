/**
 * Why a loader gave up (status 127): the shared library that a program needs and that is nowhere. What cannot be told for certain
 * is not told: a library is missing only if no directory that any loader might search has it.
 */
import {
  cached,
  configured,
  DEFAULT_DIRECTORIES,
  KNOWN_LOADER,
  listed,
  MUSL_OWN,
  OLD_VARIANTS,
  VARIANTS,
} from './directories';
import { type ElfFacts, type ReadAt, readElf } from './elf';

/** What of an app's root is asked. Paths are the app's. */
export interface AppFiles {
  /** `unsure`: a link that leads nowhere. */
  kindOf(path: string): 'file' | 'directory' | 'missing' | 'unsure';
  /** Without links; undefined if something may be mounted on, in or above it. */
  realPath(path: string): string | undefined;
  namesIn(directory: string): readonly string[];
  /** '' if there is none. */
  text(path: string): string;
  /** Undefined if `look` finds no ordinary file. */
  reading<T>(path: string, look: (read: ReadAt) => T): T | undefined;
}

export interface StartedProgram {
  readonly path: string;
  /** `NAME=value` */
  readonly environment: readonly string[];
  readonly workingDirectory: string;
}

export interface MissingLibrary {
  readonly library: string;
  /** The program, or another library. */
  readonly neededBy: string;
}

/** A program needs dozens of libraries; what needs more is not what this is for. */
const MAX_OBJECTS = 300;
const MAX_DIRECTORIES = 1000;
const MAX_SCRIPTS = 4;
/** BINPRM_BUF_SIZE: what the kernel reads of a script's first line. */
const SCRIPT_HEAD = 256;

/** What tells loaders where to look, or what to load first: as it is in the root, or nothing can be told. */
const SETTINGS = ['/etc/ld.so.cache', '/etc/ld.so.conf', '/etc/ld.so.conf.d', '/etc/ld.so.preload'];

/** Undefined: none is missing, or it cannot be told. */
export function missingLibrary(started: StartedProgram, files: AppFiles): MissingLibrary | undefined {
  const path = programOf(started.path, files, MAX_SCRIPTS);
  const elf = path === undefined ? undefined : files.reading(path, readElf);
  if (path === undefined || elf?.interpreter === undefined || !KNOWN_LOADER.test(elf.interpreter)) return undefined;
  const variable = (name: string): string =>
    started.environment.find((one) => one.startsWith(`${name}=`))?.slice(name.length + 1) ?? '';
  // What is loaded before everything else may stand for any library.
  if (variable('LD_PRELOAD') !== '' || variable('LD_AUDIT') !== '') return undefined;
  if (files.kindOf('/etc/ld.so.preload') !== 'missing') return undefined;
  const settings = [...SETTINGS, elf.interpreter.replace(/^.*\/(.*)\.so\.\d+$/, '/etc/$1.path')];
  if (settings.some((one) => files.realPath(one) === undefined)) return undefined;
  return new Search(started.workingDirectory, variable('LD_LIBRARY_PATH'), files).from(path, elf);
}

/** Of a script, the program that reads it. Undefined if it may not be the one that is seen. */
function programOf(path: string, files: AppFiles, left: number): string | undefined {
  if (files.realPath(path) === undefined) return undefined;
  const head = files.reading(path, (read) => String.fromCharCode(...read(0, SCRIPT_HEAD)));
  if (head?.startsWith('#!') !== true) return path;
  const [, program] = /^#![ \t]*(\/[!-~]+)[ \t\n]/.exec(head) ?? [];
  return program === undefined || left === 0 ? undefined : programOf(program, files, left - 1);
}

const directoryOf = (path: string): string => path.slice(0, path.lastIndexOf('/')) || '/';

class Search {
  readonly #files: AppFiles;
  readonly #workingDirectory: string;
  /** Those that are there, without links, each once. */
  readonly #directories = new Set<string>();
  readonly #tried = new Set<string>();
  readonly #sonames = new Set<string>();
  readonly #unknown: ReadonlySet<string>;
  readonly #isMusl: boolean;
  /** Something may be where nobody can look. */
  #unsure = false;

  constructor(workingDirectory: string, libraryPath: string, files: AppFiles) {
    this.#files = files;
    this.#workingDirectory = workingDirectory;
    const loaders = files.namesIn('/lib').filter((name) => name.startsWith('ld-musl-'));
    this.#isMusl = loaders.length > 0;
    const cache = cached(files.text('/etc/ld.so.cache').split('\0'));
    this.#unknown = cache.names;
    const parts = files.namesIn('/etc/ld.so.conf.d').map((name) => `/etc/ld.so.conf.d/${name}`);
    const muslPaths = files.namesIn('/etc').filter((name) => /^ld-musl-.*\.path$/.test(name));
    for (const path of [
      ...DEFAULT_DIRECTORIES,
      ...cache.directories,
      ...['/etc/ld.so.conf', ...parts].flatMap((part) => configured(files.text(part))),
    ])
      this.#add(path);
    this.#addList(libraryPath, []);
    for (const name of muslPaths) this.#addList(files.text(`/etc/${name}`), []);
  }

  from(program: string, elf: ElfFacts): MissingLibrary | undefined {
    const missing: MissingLibrary[] = [];
    const seen = new Set<string>();
    const queue: { path: string; elf: ElfFacts }[] = [{ path: program, elf }];
    for (let object = queue.shift(); object !== undefined; object = queue.shift()) {
      const { path } = object;
      this.#learn(path, object.elf);
      for (const library of object.elf.needed) {
        if (seen.has(library)) continue;
        seen.add(library);
        if (seen.size > MAX_OBJECTS) return undefined;
        const found = this.#find(library);
        if (found.length === 0) missing.push({ library, neededBy: path });
        // Of several that fit, the loader takes one or another, and they may need different ones.
        const fitting = found.flatMap((one) => this.#facts(one, elf.abi));
        const [only] = fitting;
        if (only !== undefined && fitting.length === 1) queue.push(only);
        for (const one of fitting) this.#learn(one.path, one.elf);
      }
    }
    // Libraries that were found later say where to look, and what they are called besides.
    const left = missing.find(({ library }) => !this.#sonames.has(library) && this.#find(library).length === 0);
    return this.#unsure ? undefined : left;
  }

  #facts(path: string, abi: string): { path: string; elf: ElfFacts }[] {
    const elf = this.#files.reading(path, readElf);
    return elf?.abi === abi ? [{ path, elf }] : [];
  }

  #learn(path: string, { paths, soname }: ElfFacts): void {
    if (soname !== undefined) this.#sonames.add(soname);
    if (paths.length === 0) return;
    const written = directoryOf(path);
    const real = this.#files.realPath(written);
    if (real === undefined) this.#unsure = true;
    for (const list of paths) this.#addList(list, [written, real ?? written]);
  }

  #addList(list: string, origins: readonly string[]): void {
    if (list === '') return;
    const directories = listed(list, this.#workingDirectory, origins);
    if (directories === undefined) this.#unsure = true;
    for (const directory of directories ?? []) this.#add(directory);
  }

  #add(path: string): void {
    if (this.#tried.has(path)) return;
    this.#tried.add(path);
    const directory = this.#tried.size > MAX_DIRECTORIES ? undefined : this.#files.realPath(path);
    if (directory === undefined) this.#unsure = true;
    if (directory === undefined || this.#directories.has(directory)) return;
    if (this.#files.kindOf(directory) !== 'directory') return;
    this.#directories.add(directory);
    const variants = this.#files.namesIn(`${directory}/${VARIANTS}`).map((name) => `${VARIANTS}/${name}`);
    const old = OLD_VARIANTS.filter((name) => this.#files.kindOf(`${directory}/${name}`) === 'directory');
    for (const name of [...variants, ...old]) this.#add(`${directory}/${name}`);
  }

  /** Where it is, or might be. */
  #find(library: string): readonly string[] {
    if (library.includes('/')) {
      const isPlain = library.startsWith('/') && !library.includes('$');
      if (!isPlain || this.#files.realPath(library) === undefined) return ['/'];
      return this.#files.kindOf(library) === 'missing' ? [] : [library];
    }
    if (/^ld[-6]/.test(library) || this.#unknown.has(library)) return ['/'];
    if (this.#isMusl && MUSL_OWN.test(library)) return ['/'];
    return [...this.#directories]
      .map((directory) => `${directory}/${library}`)
      .filter((path) => this.#files.kindOf(path) !== 'missing');
  }
}
