import type { PodEntry } from '../../pod/pods';
import { NOT_LOADED } from '../../pod/record';
import type { PodView } from '../../pod/view';
import type { Services } from '../../usecases/services';

/** A pod with what can be told beyond its statuses. Nobody but root may look into apps' roots. */
export async function explained(services: Services, entry: PodEntry, pod: PodView, uid: number): Promise<PodView> {
  if (uid !== 0 || !pod.apps.some(({ status }) => status?.exitCode === NOT_LOADED)) return pod;
  const { withLacks } = await import('./library-report.js');
  return withLacks(services, entry, pod);
}
