/** Which images this host can execute (appc B6): labels `os` and `arch` against the machine. */
import { PodctlError } from '#kernel/errors';
import type { Label } from './schema';

/** appc's name of each architecture Node runs on. */
const ARCHITECTURES: Readonly<Record<string, string>> = {
  x64: 'amd64',
  arm64: 'aarch64',
  ia32: 'i386',
  arm: 'armv7l',
  ppc64: 'ppc64le',
  s390x: 's390x',
};

export interface Platform {
  readonly os: string;
  readonly arch: string;
}

export const hostPlatform = (): Platform => ({
  os: process.platform,
  arch: ARCHITECTURES[process.arch] ?? process.arch,
});

/** True unless the labels name another system or architecture; an absent label fits any. */
export const fitsPlatform = (labels: readonly Label[], host: Platform): boolean =>
  labels.every((label) => !['os', 'arch'].includes(label.name) || label.value === host[label.name as keyof Platform]);

/** Refused before anything is rendered (appc B6). */
export function requirePlatform({ name, labels }: { readonly name: string; readonly labels: readonly Label[] }): void {
  const host = hostPlatform();
  if (fitsPlatform(labels, host)) return;
  const label = (wanted: string): string => labels.find((one) => one.name === wanted)?.value ?? 'any';
  throw new PodctlError(
    'image-unfit',
    `image "${name}" is for ${label('os')}/${label('arch')}, this host is ${host.os}/${host.arch}`,
  );
}
