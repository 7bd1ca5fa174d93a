/**
 * The addon's surface: system calls Node lacks. Names and paths are bytes (Buffer) or text (UTF-8).
 * Every function throws an Error with `code` (errno name), `errno` (negative), `syscall` and `path` like those of node:fs.
 */
export type Bytes = Buffer | string;

/** Owner, permission bits and modification time. A uid or gid of -1 leaves it as it is. */
export type Metadata = [uid: number, gid: number, mode: number, seconds: number, nanoseconds: number];

export interface Addon {
  /** flock(2); false if `wait` is false and someone else holds a conflicting lock. */
  flock(fd: number, mode: 'exclusive' | 'shared' | 'unlock', wait: boolean): boolean;
  /** openat2(2) with O_CLOEXEC. `resolve` is a mask of RESOLVE_*. */
  openat2(dirFd: number, path: Bytes, flags: number, mode: number, resolve: number): number;
  /**
   * A new regular file with its content and metadata, in one call since this is what rendering spends its time on: openat2
   * with O_EXCL and O_NOFOLLOW, write, then the three of `setMetadata`.
   */
  putFile(dirFd: number, name: Bytes, content: Buffer, ...metadata: Metadata): void;
  /** fchown, then fchmod (which fchown would undo in part), then futimens. */
  setMetadata(fd: number, ...metadata: Metadata): void;
  mkdirat(dirFd: number, name: Bytes, mode: number): void;
  mknodat(dirFd: number, name: Bytes, mode: number, major: number, minor: number): void;
  symlinkat(target: Bytes, dirFd: number, name: Bytes): void;
  /** linkat(2) without following symbolic links. */
  linkat(fromDirFd: number, from: Bytes, toDirFd: number, to: Bytes): void;
  /** `flags`: 0, or AT_REMOVEDIR. */
  unlinkat(dirFd: number, name: Bytes, flags: number): void;
  /**
   * Removes `name`, whatever it is, with all below it: no link is followed, no mount entered. False if something is in the way, or
   * deeper than 32 levels; then some of it is left.
   */
  removeShallow(dirFd: number, name: Bytes): boolean;
  renameat2(fromDirFd: number, from: Bytes, toDirFd: number, to: Bytes, flags: number): void;
  readlinkat(dirFd: number, name: Bytes): Buffer;
  /** fchownat(2) with AT_SYMLINK_NOFOLLOW. */
  lchownat(dirFd: number, name: Bytes, uid: number, gid: number): void;
  /** Follows a symbolic link: only for a name just made by the caller in a directory nobody else writes to. */
  fchmodat(dirFd: number, name: Bytes, mode: number): void;
  /** utimensat(2) with AT_SYMLINK_NOFOLLOW: access and modification time both set to this one. */
  utimensat(dirFd: number, name: Bytes, seconds: number, nanoseconds: number): void;
  /** setxattr on `name` in `dirFd` without following it. */
  lsetxattrat(dirFd: number, name: Bytes, attribute: Bytes, value: Buffer): void;
  llistxattrat(dirFd: number, name: Bytes): Buffer[];
  lgetxattrat(dirFd: number, name: Bytes, attribute: Bytes): Buffer;
  /** All of `fromFd`'s content into the new, empty `toFd`: shared where the file system can (reflink), else copied. */
  copyContent(fromFd: number, toFd: number): void;
  syncfs(fd: number): void;
  /** Has directories made in this one lie apart on the disk (ioctl_iflags(2), FS_TOPDIR_FL). False where nothing knows of that. */
  spreadSubdirectories(fd: number): boolean;
  /** Asks the kernel to begin writing this range to disk, without waiting for it. */
  startWriteback(fd: number, offset: number, size: number): void;
  /**
   * The root (O_PATH) of a read-only overlay of two or more directories, uppermost first. It is mounted nowhere: it is gone
   * when the descriptor is closed, at the latest by the end of the process. Needs CAP_SYS_ADMIN.
   */
  viewOverlay(layers: readonly string[]): number;
  /** Whether the kernel takes programs that restrict the devices of a cgroup (BPF_PROG_TYPE_CGROUP_DEVICE). For root. */
  canRestrictDevices(): boolean;
  /**
   * Replaces this process. Standard input, output and error and `keepFds` stay open across it; SIGPIPE, which Node ignores,
   * has its default effect again. The soft limit of open files stays at the hard limit, to which Node raised it. Returns only
   * by throwing.
   */
  execve(path: string, argv: readonly string[], env: readonly string[], keepFds: readonly number[]): never;
  /** One datagram to the journal's socket (or to `socketPath`), through a sealed memfd if it is too large; EAGAIN if it would wait. */
  journalSend(payload: Buffer, socketPath?: string): void;
  /** socketpair(2): two connected AF_UNIX SOCK_SEQPACKET sockets, close-on-exec. */
  socketPair(): Int32Array;
  /**
   * socket(2) and connect(2): a blocking, close-on-exec AF_UNIX stream. A path that begins with NUL is an abstract one. With
   * `patienceMs`, a read(2) that waits longer fails with EAGAIN.
   */
  connectUnix(path: string, patienceMs?: number): number;
  /**
   * To the process that `processFd` stands for, an open directory of /proc: to nobody if it has ended, whoever has its number
   * now. `signal` 0 only asks. @throws ESRCH
   */
  pidfdSendSignal(processFd: number, signal: number): void;
  /**
   * What this thread makes from now on belongs to this user and group (setfsuid(2), setfsgid(2)), without losing root's
   * capabilities over files: on a mount that maps IDs nobody can make anything whom it does not know.
   */
  ownNewFiles(id: number): void;
  /** shutdown(2) both ways; ends a read(2) that another thread waits in. */
  shutdown(fd: number): void;
}
