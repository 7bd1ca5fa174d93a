/** Who an app runs as: names of the image's own passwd and group files, numbers, or the owner of a path (appc B9). */
import { PodctlError } from '#kernel/errors';

/** What user resolution reads of the rendered image. */
export interface ImageAccounts {
  /** Text of `/etc/passwd`, '' if there is none. */
  readonly passwd: string;
  /** Text of `/etc/group`, '' if there is none. */
  readonly group: string;
  /** Owner of a path inside the image, undefined if it is not there. */
  readonly ownerOf: (path: string) => { readonly uid: number; readonly gid: number } | undefined;
}

export interface Identity {
  readonly uid: number;
  readonly gid: number;
  /** Supplementary groups, ascending, without repetition. */
  readonly groups: readonly number[];
}

interface Wanted {
  readonly user: string;
  readonly group: string;
  readonly supplementaryGIDs: readonly number[];
}

const MAX_ID = 0xffff_fffe; // (uid_t)-1 means "leave unchanged" to the kernel

const fields = (text: string): readonly (readonly string[])[] => text.split('\n').map((line) => line.split(':'));

function numericId(text: string): number | undefined {
  if (!/^[0-9]{1,10}$/.test(text)) return undefined;
  const id = Number(text);
  return id <= MAX_ID ? id : undefined;
}

/** The id on the line whose first field is `name`; column 2 in both files. */
const lookUp = (rows: readonly (readonly string[])[], name: string): number | undefined =>
  numericId(rows.find((row) => row[0] === name)?.[2] ?? '');

function resolve(kind: 'user' | 'group', wanted: string, accounts: ImageAccounts): number {
  const file = kind === 'user' ? 'passwd' : 'group';
  const byName = lookUp(fields(accounts[file]), wanted);
  if (byName !== undefined) return byName;
  const byNumber = numericId(wanted);
  if (byNumber !== undefined) return byNumber;
  if (wanted.startsWith('/')) {
    const owner = accounts.ownerOf(wanted);
    if (owner !== undefined) return kind === 'user' ? owner.uid : owner.gid;
    throw new PodctlError('user-unknown', `${kind} "${wanted}": no such path in the image, so it has no owner`);
  }
  throw new PodctlError('user-unknown', `${kind} "${wanted}" is neither in the image's /etc/${file} nor a number`, {
    hint: `name ${kind === 'user' ? 'an account' : 'a group'} of the image, a number, or a path whose owner is meant`,
  });
}

/** @throws PodctlError `user-unknown` */
export function identityOf(wanted: Wanted, accounts: ImageAccounts): Identity {
  const groups = [...new Set(wanted.supplementaryGIDs)].sort((a, b) => a - b);
  const bad = groups.find((gid) => !Number.isInteger(gid) || gid < 0 || gid > MAX_ID);
  if (bad !== undefined) throw new PodctlError('user-unknown', `supplementary group ${bad} is not a group id`);
  return { uid: resolve('user', wanted.user, accounts), gid: resolve('group', wanted.group, accounts), groups };
}

/** The line of a user: by number if it is written as one, as in other runtimes. */
function rowOf(user: string, { passwd }: ImageAccounts): readonly string[] | undefined {
  const number = numericId(user);
  return fields(passwd).find((row) => (number === undefined ? row[0] === user : numericId(row[2] ?? '') === number));
}

/**
 * By Docker's rules: without a group of its own to be, a user has the group of its line in passwd (else 0), and all groups that
 * group(5) says it is a member of.
 * @param ownGroup no group was asked for: `wanted.group` counts for nothing
 * @throws PodctlError `user-unknown`
 */
export function dockerIdentityOf(wanted: Wanted, ownGroup: boolean, accounts: ImageAccounts): Identity {
  const row = rowOf(wanted.user, accounts);
  const uid = numericId(row?.[2] ?? wanted.user) ?? resolve('user', wanted.user, accounts);
  const gid = ownGroup
    ? (numericId(row?.[3] ?? '') ?? 0)
    : (numericId(wanted.group) ?? resolve('group', wanted.group, accounts));
  const member = ownGroup ? row?.[0] : undefined;
  const joined = fields(accounts.group).flatMap(([, , id = '', members = '']) => {
    const group = member !== undefined && members.trim().split(',').includes(member) ? numericId(id) : undefined;
    return group === undefined || group === gid ? [] : [group];
  });
  const { groups } = identityOf(
    { user: String(uid), group: String(gid), supplementaryGIDs: [...wanted.supplementaryGIDs, ...joined] },
    { ...accounts, passwd: '', group: '' },
  );
  return { uid, gid, groups };
}

/** The home directory of a user by the image's passwd; `/` if it says none. */
export const homeOf = (uid: number, accounts: Pick<ImageAccounts, 'passwd'>): string =>
  fields(accounts.passwd)
    .find((row) => numericId(row[2] ?? '') === uid)?.[5]
    ?.trim() || '/';
