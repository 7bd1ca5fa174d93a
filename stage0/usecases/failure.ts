/** What the executor reported, in podctl's terms. */
import type { PodId } from '#kernel/brand';
import type { ErrorCode } from '#kernel/error-table';
import { PodctlError } from '#kernel/errors';
import type { Failure } from '../pod/record';

/** The sentence: which app, which operation, which system call on what, and why. */
export function setUpFailure(pod: PodId, failure: Failure): PodctlError {
  const where = failure.app === undefined ? `pod ${pod}` : `app "${failure.app}" of pod ${pod}`;
  const call = failure.syscall === undefined ? '' : `: ${failure.syscall}`;
  const object = failure.object === undefined || failure.object === '' ? '' : ` ${failure.object}`;
  const why = failure.errno === undefined ? '' : `: ${failure.errno}`;
  const detail = failure.detail === undefined || failure.detail === '' ? '' : ` (${failure.detail})`;
  const position = failure.line === undefined ? {} : { position: `plan:${failure.line}` };
  const hint = hintFor(failure);
  const code = codeFor(failure);
  return new PodctlError(code, `${where}: ${failure.operation}${call}${object}${why}${detail}`, {
    ...position,
    ...hint,
  });
}

/** What mount_setattr(2) says of a file system without idmapped mounts. */
const isUnmappable = ({ syscall, errno }: Failure): boolean => syscall === 'mount_setattr' && errno === 'EINVAL';

function codeFor(failure: Failure): ErrorCode {
  if (failure.operation === 'exec') return 'exec-failed';
  return isUnmappable(failure) ? 'filesystem-unmappable' : 'pod-failed';
}

function hintFor(failure: Failure): { hint?: string } {
  const { operation, errno } = failure;
  if (isUnmappable(failure)) {
    const what = operation === 'bind' ? 'put the files' : 'put the data directory (--dir)';
    return { hint: `${what} on ext4, xfs or btrfs, or run the pod without --private-users` };
  }
  // Both were checked before the start: something on the host has changed since.
  if (operation === 'bind' && errno === 'ENOENT') return { hint: 'the source of a volume went away: make it again' };
  if (operation === 'bind' && errno === 'ELOOP')
    return { hint: 'a symbolic link came into the way of a volume: remove it, or allow it with follow=true' };
  if (operation !== 'overlay' || errno !== 'EINVAL') return {};
  return {
    hint: 'the file system of the data directory cannot hold the upper layer of an overlay (another overlay and NFS cannot): choose one with --dir',
  };
}
