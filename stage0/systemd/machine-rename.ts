/** machined has no call to rename a machine: it forgets the old one and learns the new one, of the same leader in the same unit. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { PodId } from '#kernel/brand';
import { PodctlError } from '#kernel/errors';
import { type Bus, BusError, isBusError } from './bus';
import { machined, machineOfUnit, moveIncoming } from './machined';

export interface NewMachine {
  readonly name: string;
  /** What the pod was called before. */
  readonly was: string;
  readonly pod: PodId;
  /** The pod-level root as the host sees it. */
  readonly root: string;
  readonly unit: string;
  /** PID of the init on the host. */
  readonly leader: number;
}

/**
 * A pod is a pod without machined, so what it refuses is told and no failure. One that was not registered is now; the machine that
 * has its old name is then another's, and stays.
 */
export async function renameMachine(
  bus: Bus,
  { name, was, pod, root, unit, leader }: NewMachine,
  warn: (message: string) => void,
): Promise<void> {
  const old = machineOfUnit(unit, was);
  const uuid = Buffer.from(pod.replaceAll('-', ''), 'hex');
  const register = machined('RegisterMachine', 'sayssus', [name, uuid, 'podctl', 'container', leader, root]);
  try {
    if (old !== undefined) {
      await bus.call(machined('UnregisterMachine', 's', [old]));
      await untilForgotten(bus, old);
      moveIncoming(old, name);
    }
    await bus.call(register);
  } catch (error) {
    if (!(error instanceof PodctlError) && !(error instanceof BusError)) throw error;
    const said = error instanceof BusError ? `${error.message} (${error.errorName})` : error.message;
    warn(`machined does not know pod ${pod} as ${name}: ${said}`);
  }
}

/** From it on a machine is waited for that machined has been told to forget, in milliseconds; longer each time. */
const FIRST_PAUSE_MS = 1;
const LONGEST_PAUSE_MS = 512;

/**
 * machined forgets a machine only when it has nothing else to do (systemd 256 and newer). As long as it has not, nobody else can have
 * its leader, and who registers one in vain is ended by newer ones (seen: 262) with SIGTERM.
 */
export async function untilForgotten(bus: Bus, name: string): Promise<void> {
  for (let pause = FIRST_PAUSE_MS; pause <= LONGEST_PAUSE_MS; pause *= 2) {
    try {
      await bus.call(machined('GetMachine', 's', [name]));
    } catch (error) {
      if (isBusError(error, 'org.freedesktop.machine1.NoSuchMachine')) return;
      throw error;
    }
    await sleep(pause);
  }
}
