/** machined has no call to rename a machine: it forgets the old one and learns the new one, of the same leader in the same unit. */
import type { PodId } from '#kernel/brand';
import { PodctlError } from '#kernel/errors';
import { type Bus, BusError } from './bus';
import { machined, machineOfUnit, moveIncoming } from './machined';

export interface NewMachine {
  readonly name: string;
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
  { name, pod, root, unit, leader }: NewMachine,
  warn: (message: string) => void,
): Promise<void> {
  const old = machineOfUnit(unit);
  const uuid = Buffer.from(pod.replaceAll('-', ''), 'hex');
  const register = machined('RegisterMachine', 'sayssus', [name, uuid, 'podctl', 'container', leader, root]);
  try {
    if (old !== undefined) {
      await bus.call(machined('UnregisterMachine', 's', [old]));
      moveIncoming(old, name);
    }
    await bus.call(register);
  } catch (error) {
    if (!(error instanceof PodctlError) && !(error instanceof BusError)) throw error;
    const said = error instanceof BusError ? `${error.message} (${error.errorName})` : error.message;
    warn(`machined does not know pod ${pod} as ${name}: ${said}`);
  }
}
