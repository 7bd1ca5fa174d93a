/** Which of this process's files are terminals. */
import { fstatSync } from 'node:fs';

/** Major number of /dev/null and its like (Linux, Documentation/admin-guide/devices.txt). */
const MEMORY_DEVICES = 1;

/** Loads node:tty, which costs 4 ms, only for what may be a terminal: stdin often is /dev/null. */
export function isTerminalFd(fd: number): boolean {
  const stat = fstatSync(fd);
  return (
    stat.isCharacterDevice() && majorOf(stat.rdev) !== MEMORY_DEVICES && process.getBuiltinModule('node:tty').isatty(fd)
  );
}

/** gnu_dev_major(3) of a number below 2^53: the major's upper bits would be above. */
const majorOf = (device: number): number => Math.floor(device / 256) & 0xfff;
