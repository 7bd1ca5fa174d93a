/** What a unit of the user's must leave to a pod that runs in it. */
import fs from 'node:fs';
import { PodctlError } from '#kernel/errors';

/** Those that setting up any pod takes, by their numbers in linux/capability.h. */
const NEEDED: Readonly<Record<string, number>> = {
  CAP_CHOWN: 0,
  CAP_DAC_OVERRIDE: 1,
  CAP_FOWNER: 3,
  CAP_KILL: 5,
  CAP_SETGID: 6,
  CAP_SETUID: 7,
  CAP_SETPCAP: 8,
  CAP_NET_ADMIN: 12,
  CAP_SYS_CHROOT: 18,
  CAP_SYS_PTRACE: 19,
  CAP_SYS_ADMIN: 21,
  CAP_SYS_RESOURCE: 24,
  CAP_MKNOD: 27,
};

/** What unfitness() goes by. */
export const FIT_FIELDS = ['CapEff', 'Seccomp'] as const;

/** The first word of a field; empty if there is none. @param status text of proc_pid_status(5) */
export const field = (status: string, key: string): string =>
  new RegExp(`^${key}:\\s*(\\S+)`, 'm').exec(status)?.[1] ?? '';

/**
 * @param own text of proc_pid_status(5). @param systemd the same of PID 1: in a container, it may have less than everything
 * @returns what is missing, in words of systemd.exec(5); undefined if nothing is
 */
export function unfitness(own: string, systemd: string): string | undefined {
  const lost = BigInt(`0x0${field(systemd, 'CapEff')}`) & ~BigInt(`0x0${field(own, 'CapEff')}`);
  const missing = Object.keys(NEEDED).filter((name) => ((lost >> BigInt(NEEDED[name] ?? 0)) & 1n) === 1n);
  if (missing.length > 0)
    return `it leaves podctl without ${missing.join(', ')} (CapabilityBoundingSet=, PrivateUsers=)`;
  if (field(own, 'Seccomp') === '2' && field(systemd, 'Seccomp') !== '2')
    return 'it filters system calls (SystemCallFilter=, RestrictNamespaces=, RestrictAddressFamilies=, Protect…=, MemoryDenyWriteExecute=, …)';
  return undefined;
}

/** @throws PodctlError `unit-unfit` */
export function requireFit(unit: string): void {
  const why = unfitness(fs.readFileSync('/proc/self/status', 'utf8'), fs.readFileSync('/proc/1/status', 'utf8'));
  if (why === undefined) return;
  throw new PodctlError('unit-unfit', `no pod can run in ${unit}: ${why}`);
}
