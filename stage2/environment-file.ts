/** Files of environment variables, as rkt's `--set-env-file` reads them (rkt-cli.md §1.3). */
import { PodctlError } from '#kernel/errors';
import { parseVariable, type Variable } from './environment';

/** Longer lines are no `NAME=value` that a person wrote, and execve(2) takes no longer string. */
const MAX_LINE = 128 * 1024;

/**
 * `NAME=value` per line, the value literal to the end of the line; lines that are empty or begin with `#` or `;` are comments.
 * @param file its name, for messages
 * @throws PodctlError `usage` with `file:line`
 */
export function parseEnvironmentFile(text: string, file: string): readonly Variable[] {
  return text.split('\n').flatMap((raw, index) => {
    const line = raw.endsWith('\r') ? raw.slice(0, -1) : raw;
    const start = line.trimStart();
    if (start === '' || start.startsWith('#') || start.startsWith(';')) return [];
    const variable = line.length > MAX_LINE || line.includes('\0') ? undefined : parseVariable(start);
    if (variable !== undefined) return [variable];
    throw new PodctlError('usage', `--set-env-file=${file}: not NAME=VALUE with a valid name`, {
      position: `${file}:${index + 1}`,
    });
  });
}
