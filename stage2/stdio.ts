/**
 * What an app's standard input, output and error are (docs/stdio.md). Said by annotations of the pod manifest, as is how an app
 * lives (life.ts); who starts the pod may say something else.
 */
import { PodctlError } from '#kernel/errors';

export const STDIN = 'podctl/stdin';
export const STDOUT = 'podctl/stdout';
export const STDERR = 'podctl/stderr';

/** `stream`: others attach to it; `tty`: it is the app's terminal; `log`: the journal has it, and others may attach. */
export const INPUT_MODES = ['null', 'stream', 'tty'] as const;
export const OUTPUT_MODES = ['null', 'log', 'stream', 'tty'] as const;
export type InputMode = (typeof INPUT_MODES)[number];
export type OutputMode = (typeof OUTPUT_MODES)[number];

export interface TerminalShape {
  readonly rows: number;
  readonly columns: number;
  /** Kind: what TERM says, unless the app's environment says something else. */
  readonly kind: string;
}

/** A terminal is at least stdout's. */
export interface Stdio {
  readonly stdin: InputMode;
  readonly stdout: OutputMode;
  readonly stderr: OutputMode;
  /** Of the terminal, if there is one. */
  readonly terminal: TerminalShape;
}

/** As written; undefined leaves it to the others, and to who starts the pod. */
export interface SaidStdio {
  readonly stdin: InputMode | undefined;
  readonly stdout: OutputMode | undefined;
  readonly stderr: OutputMode | undefined;
}

/** Who starts the pod in the foreground, and what of. */
export interface Interaction {
  /** Input is given. */
  readonly input: boolean;
  /** A terminal is wanted for what is not said otherwise; `stderr` is the caller's terminal, too. */
  readonly terminal: { readonly stderr: boolean } | undefined;
}

/** Of a terminal that nobody looks at yet. */
export const USUAL_TERMINAL: TerminalShape = { rows: 24, columns: 80, kind: 'xterm' };
/** Who starts the pod says nothing. */
export const NO_INTERACTION: Interaction = { input: false, terminal: undefined };

interface Named {
  readonly name: string;
  readonly value: string;
}

function read<const M extends string>(annotations: readonly Named[], name: string, modes: readonly M[]): M | undefined {
  const written = annotations.find((one) => one.name === name)?.value;
  if (written === undefined) return undefined;
  const found = modes.find((mode) => mode === written);
  if (found !== undefined) return found;
  const what = name.slice(name.indexOf('/') + 1);
  throw new PodctlError('stdio-invalid', `${what} "${written}" is none`, { hint: `it is ${modes.join(', ')}` });
}

/** @throws PodctlError `stdio-invalid` */
export function stdioOf(annotations: readonly Named[]): SaidStdio {
  const said: SaidStdio = {
    stdin: read(annotations, STDIN, INPUT_MODES),
    stdout: read(annotations, STDOUT, OUTPUT_MODES),
    stderr: read(annotations, STDERR, OUTPUT_MODES),
  };
  const { stdin, stdout, stderr } = said;
  const isStdoutTerminal = stdout === 'tty' || (stdout === undefined && stdin === 'tty');
  if ((stdin === 'tty' || stderr === 'tty') && !isStdoutTerminal)
    throw new PodctlError('stdio-invalid', 'a terminal that is not stdout cannot be stdin or stderr', {
      hint: 'say --stdout=tty, too',
    });
  return said;
}

/** What is said goes first; a terminal for stdin is stdout's and stderr's, too. @throws PodctlError `stdio-invalid` */
export function settledStdio(said: SaidStdio, { input, terminal }: Interaction, shape: TerminalShape): Stdio {
  if (terminal !== undefined && said.stdout !== undefined && said.stdout !== 'tty')
    throw new PodctlError('stdio-invalid', `a terminal is wanted, and --stdout=${said.stdout}`, {
      hint: 'leave out one of them',
    });
  const stdin = said.stdin ?? (input ? (terminal === undefined ? 'stream' : 'tty') : 'null');
  if (input && stdin === 'null')
    throw new PodctlError('stdio-invalid', 'input is to be given to an app with --stdin=null');
  const stdout = said.stdout ?? (terminal !== undefined || stdin === 'tty' ? 'tty' : 'log');
  const isMerged = terminal === undefined ? said.stdin === 'tty' : terminal.stderr;
  return { stdin, stdout, stderr: said.stderr ?? (isMerged ? 'tty' : 'log'), terminal: shape };
}
