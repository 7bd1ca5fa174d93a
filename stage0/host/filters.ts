/**
 * Compiled system call filters. libseccomp needs 15 ms and a library of its own for one, a file of the data directory a tenth
 * of a millisecond: each filter is compiled once, and again when its rules or the library have changed.
 */
import fs from 'node:fs';
import path from 'node:path';
import type { AbsPath } from '#kernel/brand';
import { isErrno, messageOf, PodctlError } from '#kernel/errors';
import { seccompCompiler } from '../../stage1/native/index';
import type { Capability } from '../../stage2/capabilities';
import { policyKey, type SeccompPolicy } from '../../stage2/seccomp/policy';
import { filterOf } from '../../stage2/seccomp/rules';
import { mkdirDurable, writeFileDurable } from '../files/durable';

export interface CompiledFilter {
  /** BPF instructions (linux/filter.h) in hexadecimal digits. */
  readonly program: string;
  /** Of the policy's own names, those that libseccomp knows of no architecture. */
  readonly unknown: readonly string[];
}

/** @throws PodctlError `native-missing` if there is no libseccomp, `io` if it refuses the filter */
export type FilterSource = (policy: SeccompPolicy, capabilities: readonly Capability[]) => CompiledFilter;

const HEADER = 'podctl-seccomp 1';

/** More different filters than any host's apps have; without a limit, images could fill the disk with them. */
const MAX_FILES = 128;

/** Apps of a pod mostly have the same filter: it is read once. */
export function filterSource(dataDir: AbsPath): FilterSource {
  const known = new Map<string, CompiledFilter>();
  return (policy, capabilities) => {
    const key = `${process.arch} ${policyKey(policy, capabilities)}`;
    const filter = known.get(key) ?? readOrCompile(dataDir, key, policy, capabilities);
    known.set(key, filter);
    return filter;
  };
}

function readOrCompile(dataDir: AbsPath, key: string, ...wanted: Parameters<FilterSource>): CompiledFilter {
  const file = `${dataDir}/seccomp/${hashOf(key)}`;
  const kept = readKept(file, key);
  if (kept !== undefined) return kept;
  const { filter, library } = compile(...wanted);
  keep(file, [HEADER, key, library, filter.unknown.join(' '), filter.program]);
  return filter;
}

/** FNV-1a, twice. No digest is needed, since the whole key is compared; node:crypto would cost the start 3 ms. */
function hashOf(key: string): string {
  const hash = (seed: number): string => {
    let state = seed;
    for (let i = 0; i < key.length; i += 1) state = Math.imul(state ^ key.charCodeAt(i), 0x0100_0193);
    return (state >>> 0).toString(16).padStart(8, '0');
  };
  return hash(0x811c_9dc5) + hash(0x1234_5678);
}

/** A filter that was made here, of the same key, by a library that is still the same. */
function readKept(file: string, key: string): CompiledFilter | undefined {
  let text: string;
  try {
    text = fs.readFileSync(file, 'latin1');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
  const [header, of, library = '', unknown = '', program = ''] = text.split('\n');
  if (header !== HEADER || of !== key || !isProgram(program)) return undefined;
  if (identityOf(library.split(' ')[0] ?? '') !== library) return undefined;
  return { program, unknown: unknown.split(' ').filter((name) => name !== '') };
}

/** Whole instructions of eight bytes. */
const isProgram = (hex: string): boolean => hex.length % 16 === 0 && /^[0-9a-f]+$/.test(hex);

/** Path, size and time of a library: one that is updated differs in one of them. */
function identityOf(library: string): string | undefined {
  try {
    const { size, mtimeMs } = fs.statSync(library);
    return `${library} ${size} ${Math.trunc(mtimeMs)}`;
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}

function compile(policy: SeccompPolicy, capabilities: readonly Capability[]) {
  const compiler = seccompCompiler();
  try {
    const { program, unknown } = compiler.compile(filterOf(policy, new Set(capabilities)));
    const filter: CompiledFilter = {
      program: program.toString('hex'),
      unknown: unknown.filter((name) => policy.set.includes(name)),
    };
    return { filter, library: identityOf(compiler.library()) ?? '' };
  } catch (cause) {
    throw new PodctlError('io', `cannot compile a system call filter: ${messageOf(cause)}`, { cause });
  }
}

function keep(file: string, lines: readonly string[]): void {
  const directory = path.dirname(file);
  mkdirDurable(directory, 0o755);
  const names = fs.readdirSync(directory);
  if (names.length >= MAX_FILES) for (const name of names) fs.rmSync(path.join(directory, name), { force: true });
  writeFileDurable(file, `${lines.join('\n')}\n`, 0o644);
}
