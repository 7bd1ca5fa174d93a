/**
 * The grammar of `run`, `prepare` and `fetch`:
 *
 *     [pod flags] IMAGE [app flags] [-- ARGS…] [--- IMAGE [app flags] [-- ARGS…]]…
 *
 * A pod flag may stand anywhere but among ARGS. An app flag follows its image. A name that is both (`--mount`, `--name`)
 * is the pod's before the first image and the app's behind it. `---` ends ARGS; elsewhere it means nothing, as in rkt.
 */
import { PodctlError } from '#kernel/errors';
import type { ImageArgs } from './command';
import type { Flags } from './flag';
import {
  bundledFlags,
  findFlag,
  flagWords,
  isFlag,
  openScope,
  readFlag,
  type Scope,
  splitFlag,
  unknownFlag,
} from './flags';

export interface ImageGrammar {
  /** Flags of images. */
  readonly flags: Flags;
  /** Whether `-- ARGS` may follow an image. */
  readonly arguments: boolean;
}

interface OpenImage {
  readonly image: string;
  readonly scope: Scope;
  readonly args: string[];
  argsGiven: boolean;
}

/**
 * Reads `argv` from `start` on, pod flags into `pod` (scopes in order of precedence: the command's, then the global ones).
 * @throws PodctlError `usage`
 */
export function readImages(
  argv: readonly string[],
  start: number,
  pod: readonly Scope[],
  grammar: ImageGrammar,
): readonly ImageArgs<Flags>[] {
  const images: OpenImage[] = [];
  let at = start;
  while (at < argv.length) {
    const word = argv[at] ?? '';
    const last = images.at(-1);
    if (word === '---') at += 1;
    else if (word === '--') at = readArguments(argv, at + 1, last, grammar);
    else if (isFlag(word)) at = readImageFlag(argv, at, pod, last, grammar.flags);
    else {
      images.push({ image: word, scope: openScope(grammar.flags), args: [], argsGiven: false });
      at += 1;
    }
  }
  // The scope was opened for these flags and holds a value of the right type for each of them.
  return images.map(({ image, scope, args }) => ({ image, flags: scope.values, given: scope.given, args }));
}

function readArguments(
  argv: readonly string[],
  start: number,
  image: OpenImage | undefined,
  grammar: ImageGrammar,
): number {
  if (!grammar.arguments) throw new PodctlError('usage', 'app arguments (behind --) mean nothing to this command');
  if (image === undefined) throw new PodctlError('usage', 'an image is required before any app arguments (--)');
  if (image.argsGiven) {
    throw new PodctlError('usage', `only one set of app arguments allowed per image, "${image.image}" has two`);
  }
  const end = argv.indexOf('---', start);
  const stop = end < 0 ? argv.length : end;
  image.args.push(...argv.slice(start, stop));
  image.argsGiven = true;
  return stop;
}

function readImageFlag(
  argv: readonly string[],
  at: number,
  pod: readonly Scope[],
  image: OpenImage | undefined,
  appFlags: Flags,
): number {
  if (image !== undefined) {
    return readFlag(argv, at, [image.scope, ...pod]);
  }
  const { name } = splitFlag(argv[at] ?? '');
  const isOfPod = pod.some((scope) => findFlag(scope.flags, name) !== undefined) || bundledFlags(name, pod).length > 0;
  if (isOfPod) return readFlag(argv, at, pod);
  if (findFlag(appFlags, name) !== undefined) throw new PodctlError('usage', `${name} must follow an image`);
  throw unknownFlag(name, flagWords([...pod.map((scope) => scope.flags), appFlags]));
}
