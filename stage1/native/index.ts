/** The one door to the addon. It is loaded at the first call, so that commands that need no system call pay nothing. */
import fs from 'node:fs';
import path from 'node:path';
import { messageOf, PodctlError } from '#kernel/errors';
import type { Addon } from './addon';

export type { Addon, Bytes, Metadata } from './addon';

/** Beside the bundle (dist/podctl.cjs) or from the compiled modules (dist/stage1/native/index.js). */
function candidates(name: string): readonly string[] {
  const override = process.env['PODCTL_NATIVE_DIR'];
  if (override !== undefined && override !== '') return [path.join(override, name)];
  return [path.join(__dirname, 'native', name), path.join(__dirname, '../../native', name)];
}

/** Where one of the two native artefacts is. @throws PodctlError `native-missing` */
export function nativeFile(name: 'podctl.node' | 'podctl-stage1'): string {
  const tried = candidates(name);
  const file = tried.find((candidate) => fs.existsSync(candidate));
  if (file === undefined) throw new PodctlError('native-missing', `${name} is not at ${tried.join(' or ')}`);
  return file;
}

function load(): Addon {
  const file = nativeFile('podctl.node');
  const holder: { exports: unknown } = { exports: {} };
  try {
    process.dlopen(holder, file);
  } catch (cause) {
    throw new PodctlError('native-missing', `the native addon ${file} cannot be loaded: ${messageOf(cause)}`, {
      cause,
    });
  }
  return holder.exports as Addon;
}

let loaded: Addon | undefined;

/** @throws PodctlError `native-missing` */
export function native(): Addon {
  loaded ??= load();
  return loaded;
}
