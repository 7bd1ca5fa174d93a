/**
 * The life of a pod, as one table (DESIGN.md §3). A pod's state is a pure function of the directory it is in and of whether
 * someone holds the lock on it; it changes by rename(2) of the whole directory, or by the death of the lock's last holder.
 *
 * ```
 *            lock held                      lock free
 * embryo ──► preparing ──────────────────► aborted prepare ──┐
 *              │      └► prepared ──┐                         ├─► garbage / deleting ──► gone
 *              ▼                    ▼        (expired)  ──────┘
 *            running ◄──────────────┘
 *              └─► exited ──► exited garbage / exited deleting ──► gone
 * ```
 */

/** Directories below `<dir>/pods`, in the order a pod can pass through them. */
export const POD_DIRECTORIES = ['embryo', 'prepare', 'prepared', 'run', 'exited-garbage', 'garbage'] as const;
export type PodDirectory = (typeof POD_DIRECTORIES)[number];

/** State names as rkt prints them (rkt-cli.md §1.4). */
export type PodState =
  | 'embryo'
  | 'preparing'
  | 'aborted prepare'
  | 'prepared'
  | 'running'
  | 'exited'
  | 'exited deleting'
  | 'exited garbage'
  | 'deleting'
  | 'garbage';

export const STATES: Readonly<Record<PodDirectory, { readonly held: PodState; readonly free: PodState }>> = {
  embryo: { held: 'embryo', free: 'embryo' },
  prepare: { held: 'preparing', free: 'aborted prepare' },
  prepared: { held: 'prepared', free: 'prepared' },
  run: { held: 'running', free: 'exited' },
  'exited-garbage': { held: 'exited deleting', free: 'exited garbage' },
  garbage: { held: 'deleting', free: 'garbage' },
};

export const stateOf = (directory: PodDirectory, lockHeld: boolean): PodState =>
  lockHeld ? STATES[directory].held : STATES[directory].free;

/** True if the state tells that somebody holds the lock; in some directories that makes no difference. */
export const isHeld = (directory: PodDirectory, state: PodState): boolean =>
  state === STATES[directory].held && state !== STATES[directory].free;

/** Every move there is. All are made by the holder of the lock. */
export const TRANSITIONS: Readonly<Record<PodDirectory, readonly PodDirectory[]>> = {
  embryo: ['prepare', 'garbage'],
  prepare: ['prepared', 'run', 'garbage'],
  prepared: ['run', 'garbage'],
  run: ['exited-garbage'],
  'exited-garbage': [],
  garbage: [],
};

export const mayMove = (from: PodDirectory, to: PodDirectory): boolean => TRANSITIONS[from].includes(to);

/** States in which a pod may be removed by hand (rkt-cli.md §1.2, `rm`). */
export const isRemovable = (state: PodState): boolean =>
  state === 'prepared' ||
  state === 'aborted prepare' ||
  state === 'exited' ||
  state === 'exited garbage' ||
  state === 'garbage';
