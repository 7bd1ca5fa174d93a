/** What flags say by text and by files: variables, annotations, labels, pod manifests. */
import { isAcIdentifier } from '#kernel/brand';
import { messageOf, PodctlError } from '#kernel/errors';
import { parseVariable, type Variable } from '../../../stage2/environment';
import { parseEnvironmentFile } from '../../../stage2/environment-file';
import { readBounded } from '../../files/read-bounded';
import { type DeclaredPod, decodePodManifest, MAX_POD_MANIFEST_BYTES } from '../../image/pod-manifest';
import type { Annotation } from '../../image/schema';
import type { Context } from '../context';

const MAX_ENVIRONMENT_FILE = 1024 * 1024;

export function variables(flag: string, written: readonly string[]): readonly Variable[] {
  return written.map((text) => {
    const variable = parseVariable(text);
    if (variable !== undefined) return variable;
    throw new PodctlError('usage', `${flag}=${text}: not NAME=VALUE with a valid name`);
  });
}

/** podctl's own environment. Names that the specification does not allow (a shell's exported functions) stay here. */
export const inheritedVariables = (env: Context['env']): readonly Variable[] =>
  Object.entries(env).flatMap(([name, value]) => parseVariable(`${name}=${value ?? ''}`) ?? []);

export const readEnvironmentFile = (file: string): readonly Variable[] =>
  parseEnvironmentFile(readUserFile('--set-env-file', file, MAX_ENVIRONMENT_FILE).toString('utf8'), file);

/** @throws PodctlError `usage`, `pod-manifest-invalid` */
export const readPodManifest = (file: string): DeclaredPod =>
  decodePodManifest(readUserFile('--pod-manifest', file, MAX_POD_MANIFEST_BYTES));

function readUserFile(flag: string, file: string, limit: number): Buffer {
  let content: Buffer | undefined;
  try {
    content = readBounded(file, limit);
  } catch (cause) {
    throw new PodctlError('usage', `${flag}: ${messageOf(cause)}`, { cause });
  }
  if (content !== undefined) return content;
  throw new PodctlError('usage', `${flag}: ${file} is larger than ${limit} bytes`);
}

function pairs(flag: string, written: readonly string[]): readonly (readonly [string, string])[] {
  return written.map((text) => {
    const at = text.indexOf('=');
    if (at > 0) return [text.slice(0, at), text.slice(at + 1)];
    throw new PodctlError('usage', `${flag}=${text}: not NAME=VALUE`);
  });
}

/** The last one of a name wins. */
export function annotationsOf(written: readonly string[]): readonly Annotation[] {
  const byName = new Map(pairs('--annotation', written));
  for (const name of byName.keys()) {
    if (!isAcIdentifier(name)) throw new PodctlError('usage', `--annotation: "${name}" is not an AC Identifier`);
  }
  return [...byName].map(([name, value]) => ({ name, value }));
}

/** Keys are any text (appc B18); without a prototype, so that `__proto__` is one like any other. */
export function textMapOf(flag: string, written: readonly string[]): Readonly<Record<string, string>> {
  const map = Object.create(null) as Record<string, string>;
  for (const [name, value] of pairs(flag, written)) map[name] = value;
  return map;
}
