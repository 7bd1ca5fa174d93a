/** podctl's own entries in the journal. */
import { output } from './rig';

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
