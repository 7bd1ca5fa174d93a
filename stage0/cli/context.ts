/** What every handler gets besides its own flags. Ports are built here, lazily, and nowhere else. */
import type { Globals } from './globals';
import { type Output, outputTo } from './output';
import { type Progress, progressLine } from './progress';
import { redact } from './redact';
import { isTerminalFd } from './terminal';

export interface Context {
  readonly globals: Globals;
  /** Data only. */
  readonly out: Output;
  /** Everything else. */
  readonly err: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Effective user ID. */
  readonly uid: number;
  /** Milliseconds since the epoch. */
  now(): number;
  isTerminal(stream: 'stdin' | 'stdout' | 'stderr'): boolean;
  /** `podctl: run: warning: …` on stderr. */
  warn(message: string): void;
  /** The same with `debug`, only under --debug. */
  debug(message: string): void;
  progress(label: string): Progress;
}

const FD = { stdin: 0, stdout: 1, stderr: 2 } as const;

/** @param command the command's name, as messages show it */
export function createContext(command: string, globals: Globals): Context {
  const out = outputTo(FD.stdout);
  const err = outputTo(FD.stderr);
  const say = (kind: string, message: string): void => err.line(redact(`podctl: ${command}: ${kind}: ${message}`));
  const isTerminal = (stream: keyof typeof FD): boolean => isTerminalFd(FD[stream]);
  return {
    globals,
    out,
    err,
    env: process.env,
    uid: process.geteuid?.() ?? 0,
    now: Date.now,
    isTerminal,
    warn: (message) => say('warning', message),
    debug: (message) => {
      if (globals.debug) say('debug', message);
    },
    progress: (label) => progressLine(label, err, isTerminal('stderr')),
  };
}
