/** What commands show of a pod's manifest: what is mounted where in its apps, and what their users noted. */
import { PodctlError } from '#kernel/errors';
import { volumeDirectory } from '../../stage1/plan/volumes';
import type { Mount, Volume } from '../image/pod-schema';
import { type PodManifest, type RuntimeApp, readManifest } from './manifest';
import { mountPointOf } from './reify-volumes';
import { volumeKey } from './volume-sources';

export interface MountView {
  /** Of the volume. */
  readonly name: string;
  readonly containerPath: string;
  /** Undefined for what is in memory. */
  readonly hostPath: string | undefined;
  readonly readOnly: boolean;
}

type Notes = Readonly<Record<string, string>>;

export interface AppManifestView {
  readonly mounts: readonly MountView[];
  readonly userAnnotations: Notes;
  readonly userLabels: Notes;
}

export interface ManifestView extends Omit<AppManifestView, 'mounts'> {
  readonly apps: ReadonlyMap<string, AppManifestView>;
}

/** Undefined if there is none, or only half of one: a pod is shown all the same. */
export function viewManifest(podPath: string): ManifestView | undefined {
  const manifest = manifestIfReadable(podPath);
  if (manifest === undefined) return undefined;
  const volumes = new Map(manifest.volumes.map((volume) => [volume.name, volume]));
  return {
    userAnnotations: manifest.userAnnotations ?? {},
    userLabels: manifest.userLabels ?? {},
    apps: new Map(
      manifest.apps.map((app) => [
        app.name,
        {
          mounts: app.mounts.map((mount) => viewMount(podPath, app, mount, volumes)),
          userAnnotations: app.app.userAnnotations ?? {},
          userLabels: app.app.userLabels ?? {},
        },
      ]),
    ),
  };
}

function manifestIfReadable(podPath: string): PodManifest | undefined {
  try {
    return readManifest(podPath);
  } catch (error) {
    if (error instanceof PodctlError && error.code === 'pod-damaged') return undefined;
    throw error;
  }
}

function viewMount(podPath: string, app: RuntimeApp, mount: Mount, volumes: ReadonlyMap<string, Volume>): MountView {
  const volume = mount.appVolume ?? volumes.get(mount.volume);
  return {
    name: mount.volume,
    containerPath: mount.path,
    hostPath:
      volume === undefined ? undefined : hostPathOf(volume, volumeDirectory(podPath, volumeKey(app.name, mount))),
    readOnly: volume?.readOnly ?? mountPointOf(app, mount)?.readOnly ?? false,
  };
}

function hostPathOf(volume: Volume, own: string): string | undefined {
  if (volume.kind === 'host') return volume.source;
  return volume.medium === undefined ? own : undefined;
}
