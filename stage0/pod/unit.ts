/** In which unit a pod runs, or ran: its own, or the user's that it took over in place. */
import { podUnit } from '../../units/name';
import type { PodEntry } from './pods';
import { type PodRecord, recordIfReadable } from './record';

/**
 * What systemctl and journalctl know the pod by. A unit of the user's may meanwhile run another pod: ask whether this one runs
 * before the unit is acted on.
 */
export const unitOf = (
  { id, path }: Pick<PodEntry, 'id' | 'path'>,
  record: PodRecord | undefined = recordIfReadable(path),
): string => record?.unit?.name ?? podUnit(id);
