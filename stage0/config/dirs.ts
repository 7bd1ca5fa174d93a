/** The configuration directories and their order: what a later one says counts more. */
import path from 'node:path';

export const SYSTEM_CONFIG = '/usr/lib/podctl';
export const LOCAL_CONFIG = '/etc/podctl';

export interface ConfigDirs {
  /** What the distribution ships. */
  readonly system: string;
  /** What the administrator says; the one place podctl itself writes to. */
  readonly local: string;
  /** There is none unless it is asked for. */
  readonly user?: string | undefined;
}

/** The directories as the global flags give them; an empty one is left out, except that system and local have defaults. */
export function configDirs(flags: {
  readonly systemConfig?: string | undefined;
  readonly localConfig?: string | undefined;
  readonly userConfig?: string | undefined;
}): ConfigDirs {
  return {
    system: path.resolve(flags.systemConfig || SYSTEM_CONFIG),
    local: path.resolve(flags.localConfig || LOCAL_CONFIG),
    user: flags.userConfig ? path.resolve(flags.userConfig) : undefined,
  };
}

/** Weakest first. */
export const inOrder = (dirs: ConfigDirs): readonly string[] =>
  dirs.user === undefined ? [dirs.system, dirs.local] : [dirs.system, dirs.local, dirs.user];
