/** machined has no call to rename a machine: it forgets the old one and learns the new one, of the same leader in the same unit. */
import type { PodId } from '#kernel/brand';
import { PodctlError } from '#kernel/errors';
import type { Bus } from './bus';
import { machined } from './machined';
import { explain } from './refusals';

export interface NewMachine {
  readonly name: string;
  readonly pod: PodId;
  /** The pod-level root as the host sees it. */
  readonly root: string;
}

/** A pod is a pod without machined, so what it refuses is told and no failure. @param leader the init's PID on the host */
export async function renameMachine(
  bus: Bus,
  old: string,
  { name, pod, root }: NewMachine,
  leader: number,
  warn: (message: string) => void,
): Promise<void> {
  const uuid = Buffer.from(pod.replaceAll('-', ''), 'hex');
  const register = machined('RegisterMachine', 'sayssus', [name, uuid, 'podctl', 'container', leader, root]);
  try {
    await bus.call(machined('UnregisterMachine', 's', [old]));
    await bus.call(register);
  } catch (error) {
    const failure = explain(`machined does not know pod ${pod} as ${name}`, error);
    if (!(failure instanceof PodctlError)) throw failure;
    warn(failure.message);
  }
}
