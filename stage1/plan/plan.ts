/** The planner: a pod and its host, turned into the plan that the executor performs. Pure; equal input, equal plan. */
import { otherDevices, podLabels, podNodes, traffic } from './confinement';
import { appIsolation, podIsolation } from './isolation';
import { appLife, appsInOrder, exitPolicy, readinessVariable, terminalVariable } from './life';
import { appMounts, appRoot, bindForUsers, podRootMounts, SYSTEM_BUS } from './mounts';
import { type Op, op, type Plan } from './op';
import { appSockets, isListenVariable, podCredentials, serviceVariables } from './service';
import type { AppSpec, HandedFiles, PodSpec } from './spec';
import { podVolumes, volumeDevices } from './volumes';

function handedFiles(files: HandedFiles): readonly Op[] {
  const roles: readonly [string, number | undefined][] = [
    ['lock', files.lock],
    ['caller', files.caller],
    ['stdout', files.stdout],
    ['stderr', files.stderr],
    ...(files.sockets ?? []).map((fd): [string, number] => ['socket', fd]),
  ];
  return roles.flatMap(([role, fd]) => {
    if (fd === undefined) return [];
    return files.from === undefined
      ? [op('inherit', role, String(fd))]
      : [op('adopt', role, String(files.from), String(fd))];
  });
}

const ownUsers = ({ users }: PodSpec): readonly Op[] =>
  users === undefined ? [] : [op('user-namespace', String(users.first), String(users.count))];

function head(pod: PodSpec): readonly Op[] {
  const { network } = pod;
  const namespaces = [...(pod.ipc === 'private' ? ['ipc'] : []), 'uts', ...(network === 'none' ? ['net'] : [])];
  return [
    op('pod', pod.id, pod.directory),
    ...handedFiles(pod.files),
    op('namespaces', ...namespaces),
    ...ownUsers(pod),
    ...(typeof network === 'string' ? [] : [op('join-network', network.namespace)]),
    op('stop-grace', String(pod.stopGraceMs)),
    ...exitPolicy(pod),
  ];
}

/** Directories of the pod that hold what an app writes: made by stage0, named here and there by this function only. */
export const overlayDirectories = (podDirectory: string, app: string): { upper: string; work: string } => ({
  upper: `${podDirectory}/apps/${app}/upper`,
  work: `${podDirectory}/apps/${app}/work`,
});

/** The app's own copy of its image's tree, which `--no-overlay` makes. */
export const copiedRoot = (podDirectory: string, app: string): string => `${podDirectory}/apps/${app}/rootfs`;

/** What the app's root is made of, in the pod-level root. */
function appTree(pod: PodSpec, app: AppSpec): Op {
  if (pod.roots === 'copy') return bindForUsers(pod.users, copiedRoot(pod.directory, app.name), appRoot(app.name));
  const { upper, work } = overlayDirectories(pod.directory, app.name);
  return op('overlay', appRoot(app.name), upper, work, ...app.trees);
}

function podSection(pod: PodSpec): readonly Op[] {
  return [
    ...(pod.machine === undefined ? [] : [op('machine', pod.machine.busPath, pod.machine.messagesHex)]),
    op('hostname', pod.hostname),
    ...(pod.network === 'none' ? [op('loopback')] : []),
    ...traffic(pod),
    ...podRootMounts(pod),
    ...podNodes(pod.apps),
    // Behind /proc, through which they are set.
    ...podIsolation(pod.effects),
    ...podVolumes(pod),
    ...pod.apps.map((app) => appTree(pod, app)),
    ...(pod.machine === undefined ? [] : [op('facade', SYSTEM_BUS)]),
    ...podCredentials(pod),
    op('pivot'),
  ];
}

function appSection(pod: PodSpec, app: AppSpec, joins = false): readonly Op[] {
  return [
    // The prefix keeps app names apart from the files the kernel puts into every cgroup.
    op('app', app.name, `app-${app.name}`),
    op('log', app.name, pod.unit),
    ...appLife(app),
    ...appSockets(app),
    // Before the root, while /proc is the pod's and not yet the image's.
    ...appIsolation(app.effects, volumeDevices(pod, app)),
    ...otherDevices(pod, app, joins),
    ...podLabels(pod.effects, app.effects),
    ...appMounts(pod, app),
    op('cwd', app.workingDirectory),
    op('groups', ...app.identity.groups.map(String)),
    op('user', String(app.identity.uid), String(app.identity.gid)),
    op('caps', app.capabilityMask),
    ...(app.noNewPrivileges ? [op('no-new-privs')] : []),
    ...(app.mayGainPrivileges === true ? [op('may-gain-privs')] : []),
    ...environmentOps(pod, app),
    op('args', ...app.argv),
    op('exec', ...app.candidates),
  ];
}

/** The planner's own variables count, not the image's of the same name. */
function environmentOps(pod: PodSpec, app: AppSpec): readonly Op[] {
  const own = [...readinessVariable(app), ...serviceVariables(pod, app)];
  const isOwn = (name: string): boolean =>
    isListenVariable(name) || own.some(({ args }) => args[0]?.startsWith(`${name}=`) === true);
  return [
    ...app.environment.flatMap(({ name, value }) => (isOwn(name) ? [] : [op('env', `${name}=${value}`)])),
    ...terminalVariable(app),
    ...own,
  ];
}

export function planPod(pod: PodSpec): Plan {
  return [...head(pod), ...podSection(pod), ...appsInOrder(pod).flatMap((app) => appSection(pod, app))];
}

/**
 * The fragment with which `app` joins the pod while it runs: of the head who the pod is, of the pod's section what is mounted
 * for the app, and the app's section.
 * @param pod whose volumes are those that it has not mounted yet
 */
export const planGraft = (pod: PodSpec, app: AppSpec): Plan => [
  op('pod', pod.id, pod.directory),
  ...ownUsers(pod),
  ...podVolumes(pod),
  appTree(pod, app),
  ...appSection(pod, app, true),
];
