/** The appc pod manifest (appc §3.4), fully reified: what runs is what it says. */
import fs from 'node:fs';
import { APPC_VERSION } from '#kernel/appc';
import type { AppName, ImageId } from '#kernel/brand';
import { isErrno, PodctlError } from '#kernel/errors';
import { commandLine, followsDocker } from '../../stage2/conventions';
import { type EnvironmentSources, mergeEnvironment } from '../../stage2/environment';
import { REMOVE, RETAIN } from '../../stage2/isolators/capabilities';
import { SECCOMP_REMOVE, SECCOMP_RETAIN } from '../../stage2/isolators/seccomp';
import type { ImageManifest } from '../image/manifest';
import type { PodFacts } from '../image/pod-manifest';
import type { Mount } from '../image/pod-schema';
import type { Annotation, App, Isolator, Label } from '../image/schema';
import { MANIFEST } from './layout';

export type { PodFacts } from '../image/pod-manifest';

export interface RuntimeApp {
  readonly name: AppName;
  readonly image: { readonly id: ImageId; readonly name: string; readonly labels: readonly Label[] };
  /** Wholly replaces the image's `app` (appc D2), so it holds what came of image, flags and pod. */
  readonly app: App;
  readonly readOnlyRootFS: boolean;
  readonly mounts: readonly Mount[];
  readonly annotations: readonly Annotation[];
}

export interface PodManifest extends PodFacts {
  readonly acVersion: string;
  readonly acKind: 'PodManifest';
  readonly apps: readonly RuntimeApp[];
}

/** A pod of which nothing was said but its apps. */
export const NO_FACTS: PodFacts = { volumes: [], isolators: [], annotations: [], ports: [] };

export const podManifest = (apps: readonly RuntimeApp[], facts: PodFacts): PodManifest => ({
  acVersion: APPC_VERSION,
  acKind: 'PodManifest',
  apps,
  volumes: facts.volumes,
  isolators: facts.isolators,
  annotations: facts.annotations,
  ports: facts.ports,
  ...(facts.userAnnotations === undefined ? {} : { userAnnotations: facts.userAnnotations }),
  ...(facts.userLabels === undefined ? {} : { userLabels: facts.userLabels }),
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
  readonly environment: Omit<EnvironmentSources, 'image'>;
  readonly annotations: readonly Annotation[];
  /** Each instead of the image's of the same name. */
  readonly isolators: readonly Isolator[];
  /** Over those of the image, key by key. */
  readonly userAnnotations: Readonly<Record<string, string>>;
  readonly userLabels: Readonly<Record<string, string>>;
  readonly readOnlyRootFS: boolean;
  readonly mounts: readonly Mount[];
}

/** The app of an image without one: root runs what --exec names (appc B7). */
const BARE_APP: App = { exec: [], user: '0', group: '0' };

/** @throws PodctlError `image-unfit` always: for where nothing says what an image without an app is to execute */
export function bareApp(image: RuntimeApp['image']): never {
  throw new PodctlError('image-unfit', `image "${image.name}" has no app section: it does not say what to execute`, {
    hint: 'name a program with --exec',
  });
}

/** @throws PodctlError `image-unfit` if neither the image nor the command line says what to execute */
export function runtimeApp(
  name: AppName,
  image: RuntimeApp['image'],
  { app: imageApp, annotations: ofImage }: Pick<ImageManifest, 'app' | 'annotations'>,
  overrides: AppOverrides,
): RuntimeApp {
  if (imageApp === undefined && overrides.exec === undefined) bareApp(image);
  const base = imageApp ?? BARE_APP;
  const app: App = {
    ...base,
    exec: commandLine({ exec: base.exec ?? [], annotations: ofImage }, overrides.exec, overrides.args),
    user: overrides.user ?? base.user,
    group: overrides.group ?? (followsDocker(ofImage) ? overrides.user : undefined) ?? base.group,
    environment: mergeEnvironment({ ...overrides.environment, image: base.environment ?? [] }),
    ...(overrides.supplementaryGIDs === undefined ? {} : { supplementaryGIDs: overrides.supplementaryGIDs }),
    ...(overrides.workingDirectory === undefined ? {} : { workingDirectory: overrides.workingDirectory }),
    ...withIsolators(base.isolators ?? [], overrides.isolators),
    ...withMore('userAnnotations', base.userAnnotations, overrides.userAnnotations),
    ...withMore('userLabels', base.userLabels, overrides.userLabels),
  };
  const { readOnlyRootFS, mounts, annotations } = overrides;
  return { name, image, app, readOnlyRootFS, mounts, annotations };
}

/** The two sets of capabilities exclude each other, and those of system calls: either replaces both. */
function withIsolators(own: readonly Isolator[], more: readonly Isolator[]): Pick<App, 'isolators'> {
  const pairs = [
    [RETAIN, REMOVE],
    [SECCOMP_RETAIN, SECCOMP_REMOVE],
  ];
  const replaced = (name: string): boolean =>
    more.some((one) => one.name === name || pairs.some((pair) => pair.includes(one.name) && pair.includes(name)));
  const isolators = [...own.filter(({ name }) => !replaced(name)), ...more];
  return isolators.length === 0 ? {} : { isolators };
}

type TextMap = Readonly<Record<string, string>>;

const withMore = <const K extends string>(name: K, own: TextMap | undefined, more: TextMap): { [P in K]?: TextMap } =>
  Object.keys(more).length === 0 ? {} : ({ [name]: { ...own, ...more } } as { [P in K]: TextMap });

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
