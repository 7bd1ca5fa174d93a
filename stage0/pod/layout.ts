/** Names of files in a pod's directory. stage1/README.md says which of them the executor writes. */
import type { AbsPath, PodId } from '#kernel/brand';
import type { PodDirectory } from './state';

export const podsRoot = (dataDir: AbsPath): AbsPath => `${dataDir}/pods` as AbsPath;
export const podPath = (dataDir: AbsPath, directory: PodDirectory, id: PodId): AbsPath =>
  `${podsRoot(dataDir)}/${directory}/${id}` as AbsPath;

/** The appc pod manifest. */
export const MANIFEST = 'pod';
/** What podctl itself has to remember of the pod (record.ts). */
export const RECORD = 'record.json';
/** The plan of the last start. */
export const PLAN = 'plan';
/** Mount point of the pod-level root; empty outside the pod's own mount namespace. */
export const POD_ROOT = 'root';
/** One file per app, by the executor. */
export const STATUS = 'status';
/** Host pid of the pod's init, by the executor. */
export const PID = 'pid';
/** Why the executor gave up, by the executor. */
export const FAILURE = 'failure';

/** Held by whoever adds an app to the pod or removes one. */
export const MEMBERS_LOCK = 'members.lock';

/** What is an app's own in the pod's directory. */
export const appDirectory = (podPath: string, app: string): AbsPath => `${podPath}/apps/${app}` as AbsPath;
/** The fragment of a plan with which an app was added to the running pod. */
export const fragmentOf = (podPath: string, app: string): AbsPath =>
  `${appDirectory(podPath, app)}/fragment` as AbsPath;

/** The machine's name where the user chose none. */
export const machineOf = (id: PodId): string => `podctl-${id}`;
