/** Which device nodes an image may have (appc A4). */
import { refuse } from './entry-path';
import type { TarEntry } from './tar-entry';

/**
 * null, zero, full, random, urandom, tty and ptmx: those that root filesystems are built with and that give nothing
 * away, neither to a pod (each has them in its /dev; `DevicePolicy=closed` lets no others through) nor to a user of the host
 * who is handed the tree. Any other number is a way around that policy (console, 5:1, is the host's), and 0:0 is overlayfs's whiteout, which would hide a file
 * of the image below.
 */
const HARMLESS = new Set(['1:3', '1:5', '1:7', '1:8', '1:9', '5:0', '5:2']);

export const isHarmless = (major: number, minor: number): boolean => HARMLESS.has(`${major}:${minor}`);

/** @throws PodctlError `image-device-refused` */
export function checkDevice(entry: TarEntry): void {
  const { type, major, minor } = entry;
  if (type === 'character' && isHarmless(major, minor)) return;
  throw refuse('image-device-refused', `is a ${type} device node (${major}:${minor})`, entry);
}
