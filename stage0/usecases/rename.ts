/** Gives a pod another name: in the names, its record, and, while it runs, machined's list and what its unit is described as. */
import { PodctlError } from '#kernel/errors';
import { podUnit } from '../../units/name';
import { podDescription } from '../../units/pod';
import { property } from '../../units/properties';
import { writeFileDurable } from '../files/durable';
import { POD_ROOT, RECORD } from '../pod/layout';
import { releaseName } from '../pod/names';
import type { PodEntry } from '../pod/pods';
import { type PodRecord, readPid, readRecord } from '../pod/record';
import { unitOf } from '../pod/unit';
import { enterEvent } from '../systemd/journal-events';
import { renameMachine } from '../systemd/machine-rename';
import { machineName, removeIncoming } from '../systemd/machined';
import { setProperties } from '../systemd/unit-properties';
import { claimPodName } from './claim-name';
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
    if (leader === undefined) {
      removeIncoming(record.name);
      return;
    }
    const unit = unitOf(entry, record);
    const machine = { name, was: record.name, pod: entry.id, root: `${entry.path}/${POD_ROOT}`, unit, leader };
    await renameMachine(services.connect(), machine, warn);
    if (unit === podUnit(entry.id)) await describeUnit(services, unit, { ...record, name });
  });
}

/** What systemd refuses is told: the name has changed all the same. */
async function describeUnit({ connect, warn }: Services, unit: string, { name, apps }: PodRecord): Promise<void> {
  const names = apps.map((app) => app.name);
  try {
    await setProperties(connect(), unit, [property('Description', podDescription(name, names))]);
  } catch (error) {
    if (!(error instanceof PodctlError)) throw error;
    warn(error.message);
  }
}
