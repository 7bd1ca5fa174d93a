/**
 * Ends a pod and starts it again as what it was: the same UUID, name, unit and plan, and what its apps have written. A pod in a
 * unit of the user's is that unit's to make, so the unit is restarted, and makes another pod.
 */
import fs from 'node:fs';
import type { AbsPath } from '#kernel/brand';
import { PodctlError } from '#kernel/errors';
import { decodePlan, encodePlan } from '../../stage1/plan/codec';
import { INCOMING } from '../../stage1/plan/mounts';
import { type Op, op, type Plan } from '../../stage1/plan/op';
import { podUnit } from '../../units/name';
import { FAILURE, fragmentOf, PLAN, POD_ROOT } from '../pod/layout';
import type { LockedPod, PodEntry } from '../pod/pods';
import { type PodRecord, readRecord } from '../pod/record';
import { unitOf } from '../pod/unit';
import { incomingOf, machineMessages, makeIncoming } from '../systemd/machined';
import { restartUnit, untilUnitGone } from '../systemd/manager';
import { startUnit } from '../systemd/unit-run';
import { claimPodName } from './claim-name';
import { loadPod } from './prepared';
import type { Services } from './services';
import { endOfStart, unitProperties } from './start';
import { stopPod } from './stop';

const NOT_RELAXED = { capabilities: false, paths: false, seccomp: false, isolators: false };

/**
 * @param graceMs how long apps may take to stop; undefined: as the pod was started with
 * @throws PodctlError `pod-wrong-state`, `pod-name-taken`, and as startPod(): it has then ended, and can be looked at
 */
export async function restartPod(services: Services, entry: PodEntry, graceMs: number | undefined): Promise<void> {
  const record = requireRestartable(services, entry);
  const unit = unitOf(entry, record);
  const bus = services.connect();
  if (unit !== podUnit(entry.id)) {
    if (services.pods.state(entry) !== 'running')
      throw new PodctlError('pod-wrong-state', `pod ${entry.id} has ended`, { hint: `systemctl start ${unit}` });
    return restartUnit(bus, unit);
  }
  const gone = untilUnitGone(bus, unit);
  await stopPod(services, entry, { force: false, graceMs });
  await gone();
  const pod = services.pods.lock(entry);
  if (pod === undefined) throw new PodctlError('pod-wrong-state', `pod ${entry.id} is being removed`);
  try {
    await startAgain(services, pod, record, unit);
  } finally {
    fs.closeSync(pod.lockFd);
  }
}

/** Asked before anything is stopped. */
function requireRestartable({ pods }: Services, entry: PodEntry): PodRecord {
  const state = pods.state(entry);
  if (entry.directory !== 'run' || state === undefined)
    throw new PodctlError(
      'pod-wrong-state',
      `pod ${entry.id} is ${state ?? 'being removed'}: it has not run, or is garbage`,
    );
  const record = readRecord(entry.path);
  if (record === undefined) throw new PodctlError('pod-damaged', `pod ${entry.id} has no record`);
  const joined = record.apps.find(({ name }) => fs.existsSync(fragmentOf(entry.path, name)));
  if (joined === undefined) return record;
  throw new PodctlError('pod-wrong-state', `app "${joined.name}" has joined pod ${entry.id} while it ran`, {
    hint: 'restart the apps of such a pod one by one, with --app',
  });
}

async function startAgain(services: Services, pod: LockedPod, record: PodRecord, unit: string): Promise<void> {
  const { relaxed = NOT_RELAXED } = record;
  claimPodName(services, record.name, pod.id);
  const path = `${pod.path}/${PLAN}` as AbsPath;
  const old = readPlan(pod, path);
  const prepared = loadPod(services, pod, relaxed);
  const stopGraceMs = Number(old.find(({ name }) => name === 'stop-grace')?.args[0] ?? 0);
  fs.rmSync(`${pod.path}/${FAILURE}`, { force: true });
  fs.writeFileSync(path, encodePlan(planAgain(old, pod, record.name)), { mode: 0o600 });
  const bus = services.connect();
  const properties = unitProperties(services, prepared, stopGraceMs);
  const run = startUnit(bus, { unit, properties });
  const job = await run.ready;
  if (job !== 'done') await endOfStart(pod, run, job);
}

function readPlan({ id }: PodEntry, path: AbsPath): Plan {
  try {
    return decodePlan(fs.readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new PodctlError('pod-damaged', `pod ${id} cannot be started again: ${path} cannot be read`, { cause });
  }
}

/** The lock comes from this process now, output goes to the journal only, and the name may be another one. */
function planAgain(old: Plan, pod: LockedPod, name: string): Plan {
  const again = (one: Op): readonly Op[] => {
    switch (one.name) {
      case 'pod':
        return [one, op('adopt', 'lock', String(process.pid), String(pod.lockFd))];
      case 'adopt':
      case 'inherit':
        return [];
      case 'machine': {
        const root = `${pod.path}/${POD_ROOT}` as AbsPath;
        return [op('machine', one.args[0] ?? '', machineMessages({ name, pod: pod.id, root }))];
      }
      case 'bind': {
        if (one.args[1] !== INCOMING) return [one];
        const incoming = incomingOf(name);
        makeIncoming(incoming);
        return [op('bind', incoming, ...one.args.slice(1))];
      }
      default:
        return [one];
    }
  };
  return old.flatMap(again);
}
