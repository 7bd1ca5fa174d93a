/** The appc pod manifest (appc §3.4), fully reified: what runs is what it says. */
import fs from 'node:fs';
import { APPC_VERSION } from '#kernel/appc';
import type { AppName, ImageId } from '#kernel/brand';
import { isErrno, PodctlError } from '#kernel/errors';
import type { Variable } from '../../stage2/environment';
import type { App, Label } from '../image/schema';
import { MANIFEST } from './layout';

export interface RuntimeApp {
  readonly name: AppName;
  readonly image: { readonly id: ImageId; readonly name: string; readonly labels: readonly Label[] };
  /** Wholly replaces the image's `app` (appc D2), so it holds what came of image, flags and pod. */
  readonly app: App;
  readonly readOnlyRootFS: boolean;
  readonly mounts: readonly never[];
  readonly annotations: readonly never[];
}

export interface PodManifest {
  readonly acVersion: string;
  readonly acKind: 'PodManifest';
  readonly apps: readonly RuntimeApp[];
  readonly volumes: readonly never[];
  readonly isolators: readonly never[];
  readonly annotations: readonly never[];
  readonly ports: readonly never[];
}

export const podManifest = (apps: readonly RuntimeApp[]): PodManifest => ({
  acVersion: APPC_VERSION,
  acKind: 'PodManifest',
  apps,
  volumes: [],
  isolators: [],
  annotations: [],
  ports: [],
});

/** What the command line says of one app over its image (rkt-cli.md §1.3). */
export interface AppOverrides {
  /** Replaces the image's whole exec. */
  readonly exec: string | undefined;
  /** Appended to exec. */
  readonly args: readonly string[];
  readonly user: string | undefined;
  readonly group: string | undefined;
  readonly supplementaryGIDs: readonly number[] | undefined;
  readonly workingDirectory: string | undefined;
  /** `--set-env` of the pod, then `--environment` of the app: later ones win. */
  readonly environment: readonly Variable[];
}

/** The app of an image without one: root runs what --exec names (appc B7). */
const BARE_APP: App = { exec: [], user: '0', group: '0' };

/** @throws PodctlError `image-unfit` if neither the image nor the command line says what to execute */
export function runtimeApp(
  name: AppName,
  image: RuntimeApp['image'],
  imageApp: App | undefined,
  overrides: AppOverrides,
): RuntimeApp {
  if (imageApp === undefined && overrides.exec === undefined) {
    throw new PodctlError('image-unfit', `image "${image.name}" has no app section: it does not say what to execute`, {
      hint: 'name a program with --exec',
    });
  }
  const base = imageApp ?? BARE_APP;
  const environment = new Map((base.environment ?? []).map((variable) => [variable.name, variable]));
  for (const variable of overrides.environment) environment.set(variable.name, variable);
  const app: App = {
    ...base,
    exec: [...(overrides.exec === undefined ? (base.exec ?? []) : [overrides.exec]), ...overrides.args],
    user: overrides.user ?? base.user,
    group: overrides.group ?? base.group,
    environment: [...environment.values()],
    ...(overrides.supplementaryGIDs === undefined ? {} : { supplementaryGIDs: overrides.supplementaryGIDs }),
    ...(overrides.workingDirectory === undefined ? {} : { workingDirectory: overrides.workingDirectory }),
  };
  return { name, image, app, readOnlyRootFS: false, mounts: [], annotations: [] };
}

/** What podctl wrote when the pod was prepared; undefined if it never got so far. @throws PodctlError `pod-damaged` */
export function readManifest(podPath: string): PodManifest | undefined {
  const path = `${podPath}/${MANIFEST}`;
  let text: string;
  try {
    text = fs.readFileSync(path, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
  try {
    return JSON.parse(text) as PodManifest;
  } catch (cause) {
    throw new PodctlError('pod-damaged', `${path} is not JSON`, { cause });
  }
}
