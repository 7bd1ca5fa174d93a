/** What is known of a pod beyond what `status` shows, for programs: from its directory, its init, and systemd. */
import fs from 'node:fs';
import { isErrno, PodctlError } from '#kernel/errors';
import { decodePlan } from '../../stage1/plan/codec';
import { kernelText, podCgroup } from '../pod/cgroups';
import { PLAN } from '../pod/layout';
import { readManifest } from '../pod/manifest';
import type { PodEntry } from '../pod/pods';
import { readPid, readRecord } from '../pod/record';
import { unitOf } from '../pod/unit';
import { unitProperties } from '../systemd/unit-properties';
import type { Services } from './services';

interface MountView {
  readonly target: string;
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
}

export interface Inspection {
  readonly directory: string;
  readonly record: unknown;
  readonly manifest: unknown;
  readonly cgroup: string | null;
  readonly network: string | null;
  readonly mounts: readonly MountView[] | null;
  readonly unit_properties: Readonly<Record<string, unknown>> | null;
}

/** Systemd is asked for as long as the pod runs, or its unit is the user's. What cannot be learnt is null, and told. */
export async function inspectPod(services: Services, entry: PodEntry): Promise<Inspection> {
  const isRunning = services.pods.state(entry) === 'running';
  const init = isRunning ? readPid(entry.path) : undefined;
  return {
    directory: entry.path,
    record: orNull(services, () => readRecord(entry.path)),
    manifest: orNull(services, () => readManifest(entry.path)),
    cgroup: (isRunning ? podCgroup(entry) : undefined) ?? null,
    network: networkOf(entry),
    mounts: init === undefined ? null : mountsOf(init),
    unit_properties: isRunning ? await propertiesOf(services, unitOf(entry)) : null,
  };
}

function orNull<T>({ warn }: Services, read: () => T | undefined): T | null {
  try {
    return read() ?? null;
  } catch (error) {
    if (!(error instanceof PodctlError) || error.code !== 'pod-damaged') throw error;
    warn(error.message); // the rest is told all the same
    return null;
  }
}

async function propertiesOf({ connect, warn }: Services, unit: string): Promise<Inspection['unit_properties']> {
  try {
    return await unitProperties(connect(), unit);
  } catch (error) {
    if (!(error instanceof PodctlError)) throw error;
    warn(`${error.code}: ${error.message}`); // what does not need systemd is told all the same
    return null;
  }
}

/** `private`, `host`, or the path of the namespace that the pod has joined. */
function networkOf({ path }: PodEntry): string | null {
  try {
    const plan = decodePlan(fs.readFileSync(`${path}/${PLAN}`, 'utf8'));
    const joined = plan.find(({ name }) => name === 'join-network')?.args[0];
    const isOwn = plan.find(({ name }) => name === 'namespaces')?.args.includes('net') === true;
    return joined ?? (isOwn ? 'private' : 'host');
  } catch (error) {
    if (isErrno(error, 'ENOENT') || error instanceof PodctlError) return null; // ignored: it has not been started, or is damaged
    throw error;
  }
}

/** Lines of proc_pid_mounts(5), as the pod's init sees them. */
const mountsOf = (init: number): readonly MountView[] =>
  (kernelText(`/proc/${init}/mounts`) ?? '').split('\n').flatMap((line) => {
    const [source = '', target = '', type = '', options = ''] = line.split(' ').map(unescaped);
    return target === '' ? [] : [{ target, type, source, options: options.split(',') }];
  });

const unescaped = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
