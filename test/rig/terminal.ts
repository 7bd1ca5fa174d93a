/** A command in a real terminal, driven by terminal.py (Node has no pseudo terminals). */
import path from 'node:path';
import { command } from './rig';

/** A version manager's `python3` on PATH takes a second to start. */
const PYTHON = '/usr/bin/python3';
const DRIVER = path.resolve(__dirname, '../../../test/rig/terminal.py');

export type Step =
  | { readonly expect: string }
  | { readonly send: string }
  | { readonly size: readonly [rows: number, columns: number] }
  | { readonly signal: string }
  | { readonly run: readonly string[] }
  | { readonly cooked: true }
  | { readonly alone: true }
  | { readonly hangup: true };

export interface Session {
  /** Negative: the signal that ended it. */
  readonly status: number;
  readonly output: string;
  /** The terminal has the modes again that it had before. */
  readonly restored: boolean;
}

/** @param stderr file for it; undefined: the terminal */
export function inTerminal(argv: readonly string[], steps: readonly Step[], stderr?: string): Session {
  const done = command([PYTHON, DRIVER], { input: JSON.stringify({ argv, stderr, steps }) });
  if (done.status !== 0) throw new Error(`${done.stderr}${done.stdout}`);
  return JSON.parse(done.stdout) as Session;
}
