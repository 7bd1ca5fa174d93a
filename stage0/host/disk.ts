/** Which disk holds a directory. */
import fs from 'node:fs';
import path from 'node:path';
import { isErrno } from '#kernel/errors';

/** glibc's gnu_dev_major and gnu_dev_minor. */
const numbersOf = (device: bigint): { readonly major: bigint; readonly minor: bigint } => ({
  major: ((device >> 8n) & 0xfffn) | ((device >> 32n) & 0xfffff000n),
  minor: (device & 0xffn) | ((device >> 12n) & 0xffffff00n),
});

/**
 * `MAJ:MIN` of the whole disk (the kernel limits no single partition) below the file system of `directory`, or of its nearest
 * parent that exists. Undefined if no disk is: a tmpfs, a network file system.
 */
export function diskOf(directory: string): string | undefined {
  const device = deviceOf(directory);
  if (device === undefined) return undefined;
  const block = `/sys/dev/block/${device}`;
  try {
    if (!fs.existsSync(`${block}/partition`)) return fs.existsSync(block) ? device : undefined;
    // A partition is a directory below its disk's.
    return fs.readFileSync(path.join(fs.realpathSync(block), '../dev'), 'utf8').trim();
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

function deviceOf(directory: string): string | undefined {
  const found = nearest(directory);
  const { major, minor } = numbersOf(fs.statSync(found, { bigint: true }).dev);
  if (major !== 0n) return `${major}:${minor}`;
  // btrfs and others number their subvolumes themselves: the mount says which device they are on.
  const source = sourceOf(`${major}:${minor}`, found);
  if (source === undefined || !source.startsWith('/')) return undefined;
  const stat = fs.statSync(source, { bigint: true, throwIfNoEntry: false });
  if (stat?.isBlockDevice() !== true) return undefined;
  const numbers = numbersOf(stat.rdev);
  return `${numbers.major}:${numbers.minor}`;
}

const nearest = (directory: string): string =>
  fs.existsSync(directory) ? fs.realpathSync(directory) : nearest(path.dirname(directory));

/** The mount source of a file system by its number, or else of the innermost mount that `at` is below. */
function sourceOf(device: string, at: string): string | undefined {
  let best: { readonly point: string; readonly source: string | undefined } | undefined;
  for (const line of fs.readFileSync('/proc/self/mountinfo', 'utf8').split('\n')) {
    const [left = '', right = ''] = line.split(' - ');
    const [, , number, , escaped = ''] = left.split(' ');
    const point = escaped.replace(/\\([0-7]{3})/g, (_, octal: string) =>
      String.fromCharCode(Number.parseInt(octal, 8)),
    );
    const source = right.split(' ')[1];
    if (number === device) return source;
    const covers = point !== '' && (point === '/' || at === point || at.startsWith(`${point}/`));
    // Of mounts at one point the last one is on top.
    if (covers && (best === undefined || point.length >= best.point.length)) best = { point, source };
  }
  return best?.source;
}
