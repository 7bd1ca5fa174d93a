/** Paths as text. */
import type { AbsPath } from './brand';

/** An absolute path without `.`, `..`, and repeated or final slashes; `..` goes up in the text, whatever links there are. */
export function cleanPath(path: string): AbsPath {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return `/${parts.join('/')}` as AbsPath;
}

/** Whether `path` is `directory` or in it. Both clean. */
export const isWithin = (path: string, directory: string): boolean =>
  directory === '/' || path === directory || path.startsWith(`${directory}/`);
