/** The apps of a pod as they are asked for, by the command line or by a pod manifest, before their images were looked up. */
import { appName, appNameOfImage } from '#kernel/brand';
import { PodctlError } from '#kernel/errors';
import type { EnvironmentSources } from '../../stage2/environment';
import type { ImageManifest } from '../image/manifest';
import type { DeclaredApp } from '../image/pod-manifest';
import type { Mount } from '../image/pod-schema';
import { type AppOverrides, bareApp, type PodFacts, type RuntimeApp, runtimeApp } from '../pod/manifest';
import { mergeMounts } from '../pod/reify-volumes';

export interface AppRequest extends AppOverrides {
  /** A file, an ID, or a name. */
  readonly image: string;
  readonly signature: string | undefined;
  readonly name: string | undefined;
}

/** What every app of the pod gets, below its own `--environment`. */
export type SharedEnvironment = Pick<EnvironmentSources, 'inherited' | 'file' | 'pod'>;

export interface WantedApp {
  /** As AppRequest's. */
  readonly image: string;
  readonly signature: string | undefined;
  /** The app's part of the reified pod manifest. @throws PodctlError `image-unfit`, `invalid-name` */
  reify(image: RuntimeApp['image'], manifest: ImageManifest): RuntimeApp;
}

export const appOfRequest = (request: AppRequest, shared: SharedEnvironment, mounts: readonly Mount[]): WantedApp => ({
  image: request.image,
  signature: request.signature,
  reify: (image, manifest) => {
    const name = request.name === undefined ? appNameOfImage(manifest.name) : appName(request.name);
    const overrides = {
      ...request,
      environment: { ...shared, ...request.environment },
      mounts: mergeMounts(mounts, request.mounts),
    };
    return runtimeApp(name, image, manifest, overrides);
  },
});

/** The manifest's own `app`, or else the image's (appc D2). */
export const appOfManifest = (declared: DeclaredApp): WantedApp => ({
  image: declared.image.id,
  signature: undefined,
  reify: (image, manifest) => {
    requireSameImage(declared, image);
    const { name, readOnlyRootFS, mounts, annotations } = declared;
    return { name, image, app: declared.app ?? manifest.app ?? bareApp(image), readOnlyRootFS, mounts, annotations };
  },
});

/** The ID decides; a name or a label beside it that is another image's shows that somebody meant another image. */
function requireSameImage({ name, image: wanted }: DeclaredApp, image: RuntimeApp['image']): void {
  const differs = wanted.labels.find(
    (label) => !image.labels.some((one) => one.name === label.name && one.value === label.value),
  );
  if (differs === undefined && (wanted.name === undefined || wanted.name === image.name)) return;
  const asked = differs === undefined ? `"${wanted.name}"` : `${differs.name}=${differs.value}`;
  throw new PodctlError(
    'pod-manifest-invalid',
    `app "${name}": image ${image.id.slice(0, 19)} is "${image.name}", not ${asked}`,
  );
}

/** What the pod manifest says beside its apps, checked against them (appc D6). */
export function factsOf(facts: PodFacts, apps: readonly RuntimeApp[]): PodFacts {
  for (const { name, podPort } of facts.ports) {
    const owners = apps.filter(({ app }) => app.ports?.some((port) => port.name === name));
    if (owners.length > 1)
      throw new PodctlError(
        'pod-manifest-invalid',
        `port "${name}" is declared by apps ${owners.map((one) => `"${one.name}"`).join(' and ')}`,
      );
    if (owners.length === 0 && podPort === undefined)
      throw new PodctlError('pod-manifest-invalid', `no app of the pod declares the port "${name}"`, {
        hint: 'name a port of an app, or say podPort',
      });
  }
  return facts;
}
