/** Constants of Linux that node:fs does not name (linux/openat2.h, linux/fcntl.h; the same on every architecture). */
export const RESOLVE_NO_XDEV = 0x01;
export const RESOLVE_NO_MAGICLINKS = 0x02;
export const RESOLVE_NO_SYMLINKS = 0x04;
export const RESOLVE_BENEATH = 0x08;
export const RESOLVE_IN_ROOT = 0x10;
export const AT_FDCWD = -100;
export const AT_REMOVEDIR = 0x200;
export const RENAME_NOREPLACE = 1;
export const RENAME_EXCHANGE = 2;
export const O_PATH = 0o10000000;
export const S_IFIFO = 0o010000;
