/**
 * Owners and modes of the data directory. If it belongs to a group other than root's, its members may fetch, list and remove
 * images (rkt-cli.md §1.6): `images` and `staging` are open to them, and nothing else is.
 */
import fs from 'node:fs';
import type { Services } from './services';
import type { Problem } from './store-check';

interface Rule {
  readonly name: string;
  readonly mode: number;
  /** Belongs to the group of members. */
  readonly shared: boolean;
}

const rulesFor = (group: boolean): readonly Rule[] => [
  { name: 'images', mode: group ? 0o2770 : 0o750, shared: true },
  { name: 'staging', mode: group ? 0o3770 : 0o700, shared: true },
  // Root's own, but what is made there belongs to the group.
  { name: 'tmp', mode: group ? 0o2700 : 0o700, shared: true },
  // An image's set-user-ID programs are not for the users of the host.
  { name: 'trees', mode: 0o700, shared: false },
  // What root believes when it looks for an image.
  { name: 'sources', mode: 0o700, shared: false },
  { name: 'remotes', mode: 0o700, shared: false },
  { name: 'downloads', mode: 0o700, shared: false },
  { name: 'pods', mode: 0o750, shared: false },
];

const octal = (mode: number): string => (mode & 0o7777).toString(8).padStart(4, '0');

export async function* checkPermissions({ dataDir }: Services): AsyncGenerator<Problem> {
  const top = fs.statSync(dataDir, { throwIfNoEntry: false });
  if (top === undefined) return;
  if (top.uid !== 0 || (top.mode & 0o022) !== 0) {
    const act = (): boolean => set(dataDir, top.gid, 0o750);
    const message = `belongs to user ${top.uid} with mode ${octal(top.mode)}`;
    yield { code: 'permissions', path: dataDir, message, repair: { what: 'given to root, mode 0750', act } };
  }
  for (const { name, mode, shared } of rulesFor(top.gid !== 0)) {
    const path = `${dataDir}/${name}`;
    const stat = fs.lstatSync(path, { throwIfNoEntry: false });
    if (stat === undefined) continue;
    if (!stat.isDirectory()) {
      yield { code: 'stray', path, message: 'is no directory' };
      continue;
    }
    const gid = shared ? top.gid : stat.gid;
    const tooMuch = (stat.mode & 0o7777 & ~mode & ~0o2000) !== 0;
    const tooLittle = shared && (stat.mode & mode) !== mode;
    if (stat.uid === 0 && stat.gid === gid && !tooMuch && !tooLittle) continue;
    const message = `belongs to ${stat.uid}:${stat.gid} with mode ${octal(stat.mode)}, not 0:${gid} with ${octal(mode)}`;
    yield { code: 'permissions', path, message, repair: { what: 'set right', act: () => set(path, gid, mode) } };
  }
}

function set(path: string, gid: number, mode: number): boolean {
  fs.lchownSync(path, 0, gid);
  fs.chmodSync(path, mode);
  return true;
}
