/** Which program an app's `exec` names. */

/** What confstr(_CS_PATH) says: searched when the app's environment has an empty PATH (appc B8, execvp(3)). */
const FALLBACK_PATH = '/bin:/usr/bin';

/**
 * The paths to try for `program`, in order: itself if it has a slash (against the working directory if relative), otherwise
 * one for each directory of PATH. An empty component of PATH is the working directory, as in execvp(3).
 */
export function execCandidates(program: string, path: string, workingDirectory: string): readonly string[] {
  if (program.includes('/')) return [program.startsWith('/') ? program : `${withSlash(workingDirectory)}${program}`];
  const directories = (path === '' ? FALLBACK_PATH : path).split(':');
  return directories.map((directory) => {
    const absolute = directory.startsWith('/') ? directory : `${withSlash(workingDirectory)}${directory}`;
    return `${withSlash(absolute)}${program}`;
  });
}

const withSlash = (path: string): string => (path.endsWith('/') ? path : `${path}/`);
