/** From flags about stdin, stdout and stderr to what the use cases take. */
import { PodctlError } from '#kernel/errors';
import { STDERR, STDIN, STDOUT, stdioOf, USUAL_TERMINAL } from '../../../stage2/stdio';
import type { Annotation } from '../../image/schema';
import type { InteractionOptions } from '../../usecases/interaction';
import type { FlagValues } from '../flag';
import { isTerminalFd } from '../terminal';
import type { APP_STDIO_FLAGS, INTERACTION_FLAGS } from './stdio-flags';

const NAMES: Readonly<Record<keyof typeof APP_STDIO_FLAGS, string>> = { stdin: STDIN, stdout: STDOUT, stderr: STDERR };

/** @param annotations over which a flag goes. @throws PodctlError `stdio-invalid` */
export function withStdio(
  annotations: readonly Annotation[],
  flags: FlagValues<typeof APP_STDIO_FLAGS>,
): readonly Annotation[] {
  const said = (Object.keys(NAMES) as (keyof typeof NAMES)[]).flatMap((flag): readonly Annotation[] => {
    const value = flags[flag];
    return value === undefined ? [] : [{ name: NAMES[flag], value }];
  });
  if (said.length === 0) return annotations;
  const all = [...annotations.filter(({ name }) => !said.some((one) => one.name === name)), ...said];
  stdioOf(all); // here, before an image is looked for
  return all;
}

/** The executor takes no more. */
const MOST_KEYS = 8;

/** `ctrl-p,ctrl-q`, `~,.`: bytes in hexadecimal digits. @throws PodctlError `usage` */
export function detachKeysOf(written: string): string {
  const keys = written === '' ? [] : written.split(',');
  const bytes = keys.map((key) => {
    const control = /^ctrl-([a-z@[\\\]^_])$/.exec(key)?.[1];
    if (control !== undefined) return control.toUpperCase().charCodeAt(0) & 0x1f;
    return /^[!-~]$/.test(key) ? key.charCodeAt(0) : undefined;
  });
  if (keys.length > MOST_KEYS || bytes.includes(undefined))
    throw new PodctlError('usage', `--detach-keys=${written}: not up to ${MOST_KEYS} keys such as ctrl-p or ~`, {
      hint: 'separate them by commas; ctrl- goes with a letter and with @ [ \\ ] ^ _',
    });
  return bytes.map((byte) => (byte ?? 0).toString(16).padStart(2, '0')).join('');
}

/** A kind of terminal is a name; anything else is not worth being passed on. */
const KIND = /^[A-Za-z0-9._+-]{1,64}$/;

/** @throws PodctlError `usage` */
export function interactionOf(
  flags: FlagValues<typeof INTERACTION_FLAGS>,
  env: Readonly<Record<string, string | undefined>>,
): InteractionOptions {
  const wish = readBoolean(flags.tty);
  const isTerminal = wish ?? (flags.interactive && isTerminalFd(0) && isTerminalFd(1));
  const { TERM: kind } = env;
  const [columns = 0, rows = 0] = isTerminal && process.stdout.isTTY ? process.stdout.getWindowSize() : [];
  return {
    input: flags.interactive,
    terminal: isTerminal
      ? {
          stderr: isTerminalFd(2) || !isTerminalFd(1),
          shape: {
            ...(rows > 0 && columns > 0 ? { rows, columns } : USUAL_TERMINAL),
            kind: kind !== undefined && KIND.test(kind) ? kind : USUAL_TERMINAL.kind,
          },
        }
      : undefined,
    detachKeys: detachKeysOf(flags.detachKeys),
  };
}

function readBoolean(written: string | undefined): boolean | undefined {
  if (written === undefined) return undefined;
  if (written === 'true' || written === 'false') return written === 'true';
  throw new PodctlError('usage', `invalid value "${written}" for --tty: neither true nor false`);
}
