/**
 * Names nobody else uses, without node:crypto: loading that takes 6 ms of every start, and these names need not be secret.
 */
import { readFileSync } from 'node:fs';

let counter = 0;

/** For temporary files and directories: unlike that of any other process of this boot, and of any other call here. */
export function uniqueName(): string {
  counter += 1;
  return `${process.pid.toString(36)}-${process.hrtime.bigint().toString(36)}-${counter.toString(36)}`;
}

/** A random UUID (RFC 4122, version 4), canonical text, made by the kernel: proc_sys_kernel(5). */
export const randomUuid = (): string => readFileSync('/proc/sys/kernel/random/uuid', 'latin1').trim();
