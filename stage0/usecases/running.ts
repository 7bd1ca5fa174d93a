/** How a running pod was started, read from the plan that it was started with: what an app that joins it has to fit. */
import fs from 'node:fs';
import type { AbsPath } from '#kernel/brand';
import { PodctlError } from '#kernel/errors';
import { decodePlan } from '../../stage1/plan/codec';
import type { OpName, Plan } from '../../stage1/plan/op';
import { PLAN } from '../pod/layout';
import { hostsText } from '../pod/name-files';
import type { PodEntry } from '../pod/pods';
import { readPid } from '../pod/record';
import { NOBODY } from './interaction';
import type { StartOptions } from './start';

/** @throws PodctlError `pod-damaged` */
export function readStartOptions(entry: PodEntry): StartOptions {
  const plan = readStartPlan(entry);
  const argsOf = (name: OpName): readonly string[] | undefined => plan.find((op) => op.name === name)?.args;
  const namespaces = argsOf('namespaces') ?? [];
  const joined = argsOf('join-network')?.[0];
  return {
    detach: true,
    interaction: NOBODY,
    network: namespaces.includes('net') ? 'none' : joined === undefined ? 'host' : { namespace: joined as AbsPath },
    ipc: namespaces.includes('ipc') ? 'private' : 'parent',
    hostname: argsOf('hostname')?.[0],
    stopGraceMs: Number(argsOf('stop-grace')?.[0] ?? 0),
    ...namesOf(plan),
  };
}

/** Which files of names the pod has for its apps; their text is in its root. */
function namesOf(plan: Plan): Pick<StartOptions, 'dns' | 'hosts'> {
  const textOf = (path: string): string | undefined =>
    plan.find(({ name, args }) => name === 'file' && args[0] === path)?.args[2];
  const hostname = plan.find(({ name }) => name === 'hostname')?.args[0] ?? '';
  return {
    dns:
      textOf('/etc/resolv.conf') === undefined
        ? { kind: 'none' }
        : { kind: 'own', servers: [], search: [], options: [], domain: undefined },
    hosts: textOf('/etc/hosts') === hostsText(hostname, []) ? { kind: 'own', entries: [] } : { kind: 'host' },
  };
}

/** Keys of the volumes that apps of the pod may share, and that it has mounted: those of apps that are gone, too. */
export function mountedVolumes(entry: PodEntry): ReadonlySet<string> {
  const init = readPid(entry.path);
  if (init === undefined) throw new PodctlError('pod-wrong-state', `pod ${entry.id} is not running`);
  const targets = fs.readFileSync(`/proc/${init}/mounts`, 'utf8').split('\n');
  const keys = targets.flatMap((line) => /^\S+ \/volumes\/([^/. ]+) /.exec(line)?.[1] ?? []);
  return new Set(keys);
}

function readStartPlan(entry: PodEntry): Plan {
  const path = `${entry.path}/${PLAN}`;
  try {
    return decodePlan(fs.readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new PodctlError('pod-damaged', `${path} cannot be read`, { cause });
  }
}
