/** podctl's own entries in the journal. */
import { output } from './rig';

/** Those about one pod, with all their fields, in the order they came. */
export function eventsOf(uuid: string): readonly Readonly<Record<string, string>>[] {
  output('journalctl', '--sync');
  return output('journalctl', '-o', 'json', '-t', 'podctl', `POD_UUID=${uuid}`)
    .trim()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, string>)
    .filter((entry) => entry['PODCTL_EVENT'] !== undefined);
}
