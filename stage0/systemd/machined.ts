/**
 * Registration with systemd-machined (org.freedesktop.machine1(5)). Stage1's init makes the calls itself, from bytes
 * prepared here: it is the leader, and needs no D-Bus encoder. Always RegisterMachine, never CreateMachine, which would move the
 * leader out of the pod's unit.
 */
import fs from 'node:fs';
import path from 'node:path';
import { type AbsPath, isPodId, type PodId } from '#kernel/brand';
import { isErrno, PodctlError } from '#kernel/errors';
import type { Value } from './bus';
import { encodeCall, type MethodCall } from './dbus/message';

export interface Machine {
  readonly name: string;
  readonly pod: PodId;
  /** The pod-level root as the host sees it. */
  readonly root: AbsPath;
}

/** machined takes host names of at most 64 bytes, and refuses `_`, `:` and non-ASCII (facts/systemd.md §2.1). */
const MACHINE_NAME =
  /^(?=.{1,64}$)[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*$/;

export const isMachineName = (text: string): boolean => MACHINE_NAME.test(text);

/** @throws PodctlError `invalid-name` */
export function machineName(text: string): string {
  if (isMachineName(text)) return text;
  throw new PodctlError('invalid-name', `"${text}" cannot name a pod: machinectl could not show it`, {
    hint: 'use at most 64 letters, digits, dots and dashes, each part beginning and ending with a letter or digit',
  });
}

/** The caller of RegisterMachine. */
const LEADER_IS_CALLER = 0;

/**
 * The last argument of the plan's `machine` operation, in hex: a whole D-Bus message to follow Hello, which has serial 1. A
 * machine that has the name already keeps it, whoever's it is; the pod then runs unregistered, with a warning.
 */
export function machineMessages({ name, pod, root }: Machine): string {
  if (!isPodId(pod)) throw new TypeError(`"${pod}" is not a pod's UUID`);
  const uuid = Buffer.from(pod.replaceAll('-', ''), 'hex');
  const body = [name, uuid, 'podctl', 'container', LEADER_IS_CALLER, root];
  return encodeCall(machined('RegisterMachine', 'sayssus', body), 2).toString('hex');
}

/** Where machined 252 puts what `machinectl bind` mounts, for the pod to have it pass to its own mount namespace. */
export const incomingOf = (name: string): AbsPath => `/run/systemd/nspawn/propagate/${name}` as AbsPath;

export function makeIncoming(directory: AbsPath): void {
  fs.mkdirSync(path.dirname(directory), { recursive: true, mode: 0o755 });
  fs.mkdirSync(directory, { recursive: true, mode: 0o600 });
}

/** Nothing while a machine has the name: it may be that of another pod by now. */
export function removeIncoming(name: string): void {
  if (isMachine(name)) return;
  try {
    fs.rmdirSync(incomingOf(name));
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ENOTEMPTY', 'EBUSY', 'EACCES', 'EPERM')) throw error; // ignored: /run is empty after the next boot
  }
}

/** What `machinectl bind` mounts under the new name comes to the pod, too: the directory itself is what it has mounted. */
export function moveIncoming(old: string, name: string): void {
  if (isMachine(name)) return; // machined refuses the name in a moment
  try {
    fs.renameSync(incomingOf(old), incomingOf(name));
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ENOTEMPTY', 'EBUSY', 'EACCES', 'EPERM')) throw error; // ignored: as without the directory
  }
}

const MACHINES = '/run/systemd/machines';

const isMachine = (name: string): boolean => fs.existsSync(`${MACHINES}/${name}`);

/**
 * The machine that a unit is, by machined's own record: a link by the unit's name that says the machine's. Newer ones (seen: 262)
 * make none if the leader is in a cgroup below the unit's; then it is the machine of this name, if that is of this unit.
 */
export function machineOfUnit(unit: string, name: string): string | undefined {
  const link = unlessMissing(() => fs.readlinkSync(`${MACHINES}/unit:${unit}`));
  if (link !== undefined) return link;
  const record = unlessMissing(() => fs.readFileSync(`${MACHINES}/${name}`, 'utf8'));
  return record !== undefined && unitOfMachine(record) === unit ? name : undefined;
}

/** The unit in machined's record of a machine, where a shell's quotes may be around it. */
export function unitOfMachine(record: string): string | undefined {
  const value = /^SCOPE=(.*)$/m.exec(record)?.[1];
  return value?.startsWith('"') ? value.slice(1, -1).replace(/\\(.)/g, '$1') : value;
}

function unlessMissing(read: () => string): string | undefined {
  try {
    return read();
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/**
 * A message to stand before those of machineMessages(), in hex: it takes away the machine that an earlier run of the same unit has
 * left, as machined keeps one, with a leader that is gone, for as long as the unit exists. Empty if there is none.
 * @param name of the pod that is to run
 */
export function removalOf(unit: string, name: string): string {
  const old = machineOfUnit(unit, name);
  return old === undefined ? '' : removalMessage(old);
}

/** The message of removalOf() for a machine that is there; machined answers with an error if it is not, which nobody minds. */
export const removalMessage = (machine: string): string =>
  encodeCall(machined('UnregisterMachine', 's', [machine]), 3).toString('hex');

/** A call of machined's manager. */
export const machined = (member: string, signature: string, body: readonly Value[]): MethodCall => ({
  destination: 'org.freedesktop.machine1',
  path: '/org/freedesktop/machine1',
  interface: 'org.freedesktop.machine1.Manager',
  member,
  signature,
  body,
});
