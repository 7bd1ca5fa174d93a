/** From podctl to an app's input and output: this process becomes the executor's `attach` (stage1/README.md). */
import { PodctlError } from '#kernel/errors';
import { findApp } from '../pod/lookup';
import type { PodEntry } from '../pod/pods';
import { askEndpoints } from './control';
import type { Services } from './services';

export const ENDPOINTS = ['stdin', 'stdout', 'stderr', 'tty-in', 'tty-out'] as const;
export type Endpoint = (typeof ENDPOINTS)[number];

export interface AttachRequest {
  /** Undefined: the only one. */
  readonly app: string | undefined;
  /** `auto`, `tty`, or endpoints with commas between them. */
  readonly mode: string;
  /** Bytes in hexadecimal digits. */
  readonly detachKeys: string;
}

/** What of the app can be attached to. @throws PodctlError `pod-wrong-state`, `app-not-found`, `control-failed` */
export const endpointsOf = (services: Services, entry: PodEntry, app: string | undefined): readonly Endpoint[] => {
  const { name } = findApp(entry, app);
  const there = askEndpoints(services, entry, name);
  return ENDPOINTS.filter((one) => there.includes(one));
};

/**
 * Returns only by throwing.
 * @throws PodctlError `usage`, `not-attachable`, `pod-wrong-state`, `app-not-found`, `control-failed`
 */
export function attachApp(services: Services, entry: PodEntry, { app, mode, detachKeys }: AttachRequest): never {
  const wanted = mode === 'auto' || mode === 'tty' ? mode : readEndpoints(mode);
  const { name } = findApp(entry, app);
  requireEndpoints(name, wanted, endpointsOf(services, entry, app));
  const argv = ['podctl-stage1', 'attach', entry.path, name, wanted, '--leave', detachKeys];
  return services.native.execve(services.executor, argv, [], []);
}

function readEndpoints(mode: string): string {
  const parts = mode.split(',');
  const unknown = parts.find((part) => !ENDPOINTS.some((one) => one === part));
  if (unknown === undefined) return mode;
  throw new PodctlError('usage', `invalid value "${mode}" for --mode: there is no "${unknown}"`, {
    hint: `it is list, auto, tty, or some of ${ENDPOINTS.join(', ')}`,
  });
}

function requireEndpoints(app: string, wanted: string, there: readonly Endpoint[]): void {
  if (there.length === 0)
    throw new PodctlError('not-attachable', `app "${app}" has neither input nor output to attach to`);
  const missing =
    wanted === 'tty'
      ? there.some((one) => one.startsWith('tty'))
        ? undefined
        : 'terminal'
      : wanted.split(',').find((one) => one !== 'auto' && !there.some((known) => known === one));
  if (missing === undefined) return;
  throw new PodctlError('not-attachable', `app "${app}" has no ${missing} to attach to, but ${there.join(', ')}`);
}
