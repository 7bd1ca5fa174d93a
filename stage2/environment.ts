/** What an app finds in its environment. */

/** The value the specification gives for an app that sets none (appc E1). */
export const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export interface Variable {
  readonly name: string;
  readonly value: string;
}

/** Where an app's variables come from, weakest first (rkt-cli.md §1.3). */
export interface EnvironmentSources {
  /** podctl's own, with `--inherit-env`. */
  readonly inherited?: readonly Variable[];
  /** The image's `app.environment`. */
  readonly image: readonly Variable[];
  /** `--set-env-file`, for every app of the pod. */
  readonly file?: readonly Variable[];
  /** `--set-env`, for every app of the pod. */
  readonly pod?: readonly Variable[];
  /** `--environment`, for this app. */
  readonly app?: readonly Variable[];
}

/** Names as the reference implementation takes them (appc B13). */
export const isVariableName = (name: string): boolean => /^[A-Za-z_][A-Za-z_0-9.-]*$/.test(name);

/** `NAME=value` split at the first `=`, or undefined if the name is missing or no name. */
export function parseVariable(text: string): Variable | undefined {
  const at = text.indexOf('=');
  if (at < 0) return undefined;
  const name = text.slice(0, at);
  return isVariableName(name) ? { name, value: text.slice(at + 1) } : undefined;
}

/** One value per name: that of the strongest source. The only place where precedence is decided. */
export function mergeEnvironment(sources: EnvironmentSources): readonly Variable[] {
  const { inherited = [], image, file = [], pod = [], app = [] } = sources;
  const merged = new Map<string, Variable>();
  for (const variable of [...inherited, ...image, ...file, ...pod, ...app]) merged.set(variable.name, variable);
  return [...merged.values()];
}

const RKT_DEFAULTS: readonly Variable[] = [
  { name: 'SHELL', value: '/bin/sh' },
  { name: 'USER', value: 'root' },
  { name: 'LOGNAME', value: 'root' },
  { name: 'HOME', value: '/root' },
];

/**
 * What the app's processes get, in canonical (sorted) order: defaults, over them the variables of its manifest, and what
 * identifies the pod to the app (AC_APP_NAME, container), which nothing overrides (appc E2, E4; rkt-cli.md §1.7).
 * @param defaults what there is beside PATH if nothing else says so: rkt's, or Docker's
 */
export function environmentOf(
  appName: string,
  manifest: readonly Variable[],
  defaults: readonly Variable[] = RKT_DEFAULTS,
): readonly Variable[] {
  const merged = new Map<string, string>([['PATH', DEFAULT_PATH]]);
  for (const { name, value } of defaults) merged.set(name, value);
  for (const { name, value } of manifest) merged.set(name, value);
  merged.set('AC_APP_NAME', appName);
  merged.set('container', 'podctl');
  return [...merged].map(([name, value]) => ({ name, value })).sort((a, b) => (a.name < b.name ? -1 : 1));
}
