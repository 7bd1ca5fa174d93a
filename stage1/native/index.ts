/** The one door to the addon. It is loaded at the first call, so that commands that need no system call pay nothing. */
import fs from 'node:fs';
import path from 'node:path';
import { messageOf, PodctlError } from '#kernel/errors';
import type { Addon } from './addon';
import type { GunzipAddon } from './gunzip_addon';
import type { SeccompCompiler } from './seccomp_addon';

export type { Addon, Bytes, Metadata } from './addon';

/** Beside the bundle (dist/podctl.cjs) or from the compiled modules (dist/stage1/native/index.js). */
function candidates(name: string): readonly string[] {
  const override = process.env['PODCTL_NATIVE_DIR'];
  if (override !== undefined && override !== '') return [path.join(override, name)];
  return [path.join(__dirname, 'native', name), path.join(__dirname, '../../native', name)];
}

type AddonName = 'podctl.node' | 'podctl-seccomp.node' | 'podctl-gunzip.node';

/** Where one of the native artefacts is. @throws PodctlError `native-missing` */
export function nativeFile(name: AddonName | 'podctl-stage1'): string {
  const tried = candidates(name);
  const file = tried.find((candidate) => fs.existsSync(candidate));
  if (file === undefined) throw new PodctlError('native-missing', `${name} is not at ${tried.join(' or ')}`);
  return file;
}

function load(name: AddonName): unknown {
  const file = nativeFile(name);
  const holder: { exports: unknown } = { exports: {} };
  try {
    process.dlopen(holder, file);
  } catch (cause) {
    throw new PodctlError('native-missing', `the native addon ${file} cannot be loaded: ${messageOf(cause)}`, {
      cause,
      ...(name === 'podctl-seccomp.node' ? { hint: 'install libseccomp (Debian: libseccomp2)' } : {}),
    });
  }
  return holder.exports;
}

let loaded: Addon | undefined;

/** @throws PodctlError `native-missing` */
export function native(): Addon {
  loaded ??= load('podctl.node') as Addon;
  return loaded;
}

/** Needs libseccomp; only for filters that were not compiled before. @throws PodctlError `native-missing` */
export const seccompCompiler = (): SeccompCompiler => load('podctl-seccomp.node') as SeccompCompiler;

let gunzipper: GunzipAddon | undefined;

/** @throws PodctlError `native-missing` */
export function gunzipAddon(): GunzipAddon {
  gunzipper ??= load('podctl-gunzip.node') as GunzipAddon;
  return gunzipper;
}
