/** Network namespaces that exist already (`--net=ns:PATH`), as `ip netns add` makes them. */
import fs from 'node:fs';
import { type AbsPath, isAbsPath } from '#kernel/brand';
import { messageOf, PodctlError } from '#kernel/errors';

/** NSFS_MAGIC of linux/magic.h: what statfs(2) says of every namespace's file. */
const NSFS = 0x6e736673;

/**
 * The file of a namespace; that it is one of a network is checked again where it is joined.
 * @throws PodctlError `network-unusable`
 */
export function namespaceFile(path: string): AbsPath {
  if (!isAbsPath(path)) throw new PodctlError('network-unusable', `--net=ns:${path}: not an absolute path`);
  let type: number;
  try {
    type = fs.statfsSync(path).type;
  } catch (cause) {
    throw new PodctlError('network-unusable', `--net=ns:${path}: ${messageOf(cause)}`, { cause });
  }
  if (type === NSFS) return path;
  throw new PodctlError('network-unusable', `--net=ns:${path}: not the file of a network namespace`);
}
