/** Gives a pod another name: in the names, its record, and, while it runs, machined's list. */
import { PodctlError } from '#kernel/errors';
import { writeFileDurable } from '../files/durable';
import { POD_ROOT, RECORD } from '../pod/layout';
import { releaseName } from '../pod/names';
import type { PodEntry } from '../pod/pods';
import { readPid, readRecord } from '../pod/record';
import { enterEvent } from '../systemd/journal-events';
import { renameMachine } from '../systemd/machine-rename';
import { machineName } from '../systemd/machined';
import { claimPodName } from './prepare';
import { withRecord } from './record-lock';
import type { Services } from './services';

/**
 * Every crash leaves a pod that has one of the names, or both.
 * @throws PodctlError `invalid-name`, `pod-name-taken`, `pod-wrong-state`, `pod-damaged`
 */
export async function renamePod(services: Services, entry: PodEntry, name: string): Promise<void> {
  machineName(name);
  const { pods, dataDir, native, warn } = services;
  const state = pods.state(entry);
  if (!['run', 'prepared'].includes(entry.directory) || state === undefined)
    throw new PodctlError('pod-wrong-state', `pod ${entry.id} is ${state ?? 'being removed'}`);
  await withRecord(services, entry, async () => {
    const record = readRecord(entry.path);
    if (record === undefined) throw new PodctlError('pod-damaged', `pod ${entry.id} has no record`);
    if (record.name === name) return;
    claimPodName(services, name, entry.id);
    writeFileDurable(`${entry.path}/${RECORD}`, `${JSON.stringify({ ...record, name })}\n`, 0o640);
    releaseName(dataDir, native, record.name, entry.id);
    enterEvent(native, {
      event: 'renamed',
      pod: entry.id,
      name,
      message: `pod ${entry.id} (${record.name}) is now called ${name}`,
    });
    const leader = state === 'running' ? readPid(entry.path) : undefined;
    if (leader === undefined) return;
    const machine = { name, pod: entry.id, root: `${entry.path}/${POD_ROOT}` };
    await renameMachine(services.connect(), record.name, machine, leader, warn);
  });
}
