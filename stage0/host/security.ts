/** Which Linux security modules this host enforces, and the devices of its /dev. */
import fs from 'node:fs';
import { isErrno } from '#kernel/errors';
import type { DeviceNode, HostFacts } from '../../stage2/isolators/types';
import { textOf } from './text';

/** `docker-default (enforce)`, one per line; undefined where AppArmor is off, or keeps its list to itself. */
function apparmorProfiles(): readonly string[] | undefined {
  if (textOf('/sys/module/apparmor/parameters/enabled') !== 'Y') return undefined;
  return textOf('/sys/kernel/security/apparmor/profiles')
    ?.split('\n')
    .map((line) => line.replace(/ \([a-z]+\)$/, ''));
}

export const securityModules = (): NonNullable<HostFacts['security']> => ({
  selinux: fs.existsSync('/sys/fs/selinux/enforce'),
  profiles: apparmorProfiles(),
});

/** Undefined for what is no device, or not there. The kernel's encoding of dev_t: makedev(3). */
export function nodeAt(path: string): DeviceNode | undefined {
  let found: fs.Stats;
  try {
    found = fs.statSync(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) return undefined;
    throw error;
  }
  if (!found.isBlockDevice() && !found.isCharacterDevice()) return undefined;
  const { rdev } = found;
  return {
    type: found.isBlockDevice() ? 'b' : 'c',
    major: (rdev >>> 8) & 0xfff,
    minor: (rdev & 0xff) | ((rdev >>> 12) & 0xfff00),
  };
}
