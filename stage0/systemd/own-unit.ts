/** The unit that this process was started by, and what systemd says of it. */
import type { AskBus, MethodCall } from './bus';
import { getProperty, SERVICE } from './names';
import { explain } from './refusals';
import { unitPath } from './unit-path';

export interface OwnUnit {
  readonly name: string;
  /** Which of the unit's runs this is: 32 hex digits. */
  readonly invocationId: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The service of the system's systemd that has executed this very process (systemd.exec(5), SYSTEMD_EXEC_PID): not a child of
 * what it has executed, and not one of a user's own service manager.
 * @param cgroups reads /proc/self/cgroup, if that is needed
 */
export function ownUnit(env: Environment, pid: number, cgroups: () => string): OwnUnit | undefined {
  const invocationId = env['INVOCATION_ID'] ?? '';
  if (env['SYSTEMD_EXEC_PID'] !== String(pid) || !/^[0-9a-f]{32}$/.test(invocationId)) return undefined;
  const path = /^0::(\/.*)$/m.exec(cgroups())?.[1] ?? '';
  const services = path.split('/').filter((name) => name.endsWith('.service'));
  const [name] = services;
  // Below another service: that of a user's manager, or of something that has a cgroup delegated.
  return name === undefined || services.length > 1 ? undefined : { name, invocationId };
}

export interface OwnState {
  /** 0: none, or not yet. */
  readonly mainPid: number;
  /** Delegate=: the cgroups below the unit's are the service's to make. */
  readonly isDelegated: boolean;
}

/** What systemd is asked: MainPID, then Delegate. */
export const ownStateCalls = (unit: string): readonly MethodCall[] =>
  ['MainPID', 'Delegate'].map((name) => getProperty(unitPath(unit), SERVICE, name));

/**
 * Asks systemd. The returned function waits for the answer.
 * @throws PodctlError `no-systemd`; the returned function also `systemd-silent`, `unit-gone`
 */
export function askOwnState(ask: AskBus, unit: string): () => OwnState {
  const answers = ask(ownStateCalls(unit));
  return () => {
    try {
      const [mainPid, isDelegated] = answers();
      return { mainPid: Number(mainPid), isDelegated: isDelegated === true };
    } catch (error) {
      throw explain(`cannot learn how ${unit} was set up`, error);
    }
  };
}
