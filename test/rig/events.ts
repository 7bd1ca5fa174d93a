/** podctl's own entries in the journal. */
import { output, until } from './rig';

/** Those about one pod, with all their fields, in the order they came. @param kinds only these; without any, all */
export function eventsOf(uuid: string, ...kinds: readonly string[]): readonly Readonly<Record<string, string>>[] {
  output('journalctl', '--sync');
  return output('journalctl', '-o', 'json', '-t', 'podctl', `POD_UUID=${uuid}`)
    .trim()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, string>)
    .filter(({ PODCTL_EVENT: kind }) => kind !== undefined && (kinds.length === 0 || kinds.includes(kind)));
}

/**
 * Waits until an app of the pod has said `line` so many times: a start is over when a program is executed, before it has set
 * its traps. Not for pods in units of others, whose lines bear no POD_UUID.
 */
export async function said(pod: string, line: string, times = 1): Promise<void> {
  const lines = (): readonly string[] => output('journalctl', '-o', 'cat', `POD_UUID=${pod}`).split('\n');
  await until(
    () => (lines().filter((one) => one === line).length >= times ? true : undefined),
    `${line}, ${times} times`,
  );
}
