/** The planner: a pod and its host, turned into the plan that the executor performs. Pure; equal input, equal plan. */
import { appIsolation, podIsolation } from './isolation';
import { appMounts, appRoot, podRootMounts } from './mounts';
import type { Op, Plan } from './op';
import type { AppSpec, HandedFiles, PodSpec } from './spec';

const op = (name: Op['name'], ...args: readonly string[]): Op => ({ name, args });

function handedFiles(files: HandedFiles): readonly Op[] {
  const roles: readonly [string, number | undefined][] = [
    ['lock', files.lock],
    ['stdout', files.stdout],
    ['stderr', files.stderr],
  ];
  return roles.flatMap(([role, fd]) => {
    if (fd === undefined) return [];
    return files.from === undefined
      ? [op('inherit', role, String(fd))]
      : [op('adopt', role, String(files.from), String(fd))];
  });
}

function head(pod: PodSpec): readonly Op[] {
  return [
    op('pod', pod.id, pod.directory),
    ...handedFiles(pod.files),
    op('namespaces', 'ipc', 'uts', ...(pod.network === 'none' ? ['net'] : [])),
    op('stop-grace', String(pod.stopGraceMs)),
  ];
}

/** Directories of the pod that hold what an app writes: made by stage0, named here and there by this function only. */
export const overlayDirectories = (podDirectory: string, app: string): { upper: string; work: string } => ({
  upper: `${podDirectory}/apps/${app}/upper`,
  work: `${podDirectory}/apps/${app}/work`,
});

function overlay(pod: PodSpec, app: AppSpec): Op {
  const { upper, work } = overlayDirectories(pod.directory, app.name);
  return op('overlay', appRoot(app.name), upper, work, ...app.trees);
}

function podSection(pod: PodSpec): readonly Op[] {
  return [
    ...(pod.machine === undefined ? [] : [op('machine', pod.machine.busPath, pod.machine.messagesHex)]),
    op('hostname', pod.hostname),
    ...(pod.network === 'none' ? [op('loopback')] : []),
    ...podRootMounts(`${pod.directory}/root`, pod.osRelease),
    // Behind /proc, through which they are set.
    ...podIsolation(pod.effects),
    ...pod.apps.map((app) => overlay(pod, app)),
    op('pivot'),
  ];
}

function appSection(pod: PodSpec, app: AppSpec): readonly Op[] {
  return [
    // The prefix keeps app names apart from the files the kernel puts into every cgroup.
    op('app', app.name, `app-${app.name}`),
    op('log', app.name, pod.unit),
    // Before the root, while /proc is the pod's and not yet the image's.
    ...appIsolation(app.effects),
    ...appMounts(app),
    op('cwd', app.workingDirectory),
    op('groups', ...app.identity.groups.map(String)),
    op('user', String(app.identity.uid), String(app.identity.gid)),
    op('caps', app.capabilityMask),
    ...(app.noNewPrivileges ? [op('no-new-privs')] : []),
    ...app.environment.map(({ name, value }) => op('env', `${name}=${value}`)),
    op('args', ...app.argv),
    op('exec', ...app.candidates),
  ];
}

export function planPod(pod: PodSpec): Plan {
  return [...head(pod), ...podSection(pod), ...pod.apps.flatMap((app) => appSection(pod, app))];
}
