/** Ranges of IDs that the host's administrator set aside: /etc/subuid and /etc/subgid (subuid(5)). */
import fs from 'node:fs';
import { isErrno, PodctlError } from '#kernel/errors';
import type { UserRange } from '../../stage1/plan/spec';

export const SUBID_FILES = { users: '/etc/subuid', groups: '/etc/subgid' } as const;
/** Whose ranges pods get: of the first that has any. */
export const OWNERS = ['podctl', 'root', 'containers'] as const;
/** IDs are 32 bits, and the last one means none. */
export const END_OF_IDS = 2 ** 32 - 1;
/** Far more than any host has; a bound on what is read. */
const MAX_BYTES = 4 * 1024 * 1024;

interface Line {
  readonly owner: string;
  readonly range: UserRange;
}

/**
 * Ranges that are `owner`'s in both files, since a pod's users and groups have the same numbers.
 * @throws PodctlError `user-range-invalid` if a line of one of OWNERS is malformed
 */
export function setAside(files: { readonly users: string; readonly groups: string } = SUBID_FILES): {
  readonly owner: string | undefined;
  readonly ranges: readonly UserRange[];
} {
  const users = readLines(files.users);
  const groups = readLines(files.groups);
  for (const owner of OWNERS) {
    const of = (lines: readonly Line[]) => lines.filter((line) => line.owner === owner).map(({ range }) => range);
    const ranges = inBoth(of(users), of(groups));
    if (ranges.length > 0) return { owner, ranges };
  }
  return { owner: undefined, ranges: [] };
}

function readLines(path: string): readonly Line[] {
  let text: string;
  try {
    if (fs.statSync(path).size > MAX_BYTES) throw new PodctlError('user-range-invalid', `${path} is too large`);
    text = fs.readFileSync(path, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
  return text.split('\n').flatMap((line, index) => parseLine(line.trim(), `${path}:${index + 1}`));
}

/** Lines of others are none of podctl's business, whatever they say. */
function parseLine(line: string, position: string): readonly Line[] {
  const owner = OWNERS.find((name) => line === name || line.startsWith(`${name}:`));
  if (owner === undefined) return [];
  const match = /^[^:]+:([0-9]{1,10}):([0-9]{1,10})$/.exec(line);
  const range = { first: Number(match?.[1] ?? 0), count: Number(match?.[2] ?? 0) };
  if (match !== null && isUserRange(range)) return [{ owner, range }];
  throw new PodctlError('user-range-invalid', `"${line}" is not ${owner}:FIRST:COUNT with IDs below 2^32`, {
    position,
  });
}

/** Root of the host is in no range: a pod's users would be the host's. */
export const isUserRange = ({ first, count }: UserRange): boolean =>
  Number.isInteger(first) && Number.isInteger(count) && first > 0 && count > 0 && first + count <= END_OF_IDS;

/** Every part of a range of `left` that is in one of `right`, too. */
const inBoth = (left: readonly UserRange[], right: readonly UserRange[]): readonly UserRange[] =>
  left.flatMap((one) =>
    right.flatMap((other) => {
      const first = Math.max(one.first, other.first);
      const count = Math.min(one.first + one.count, other.first + other.count) - first;
      return count > 0 ? [{ first, count }] : [];
    }),
  );
