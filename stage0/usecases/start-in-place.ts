/** Starts a prepared pod in the unit that executed this process: the executor takes over, and this process is no more. */
import fs from 'node:fs';
import type { AbsPath } from '#kernel/brand';
import { isErrno } from '#kernel/errors';
import { encodePlan } from '../../stage1/plan/codec';
import { planPod } from '../../stage1/plan/plan';
import type { HandedFiles } from '../../stage1/plan/spec';
import { PLAN } from '../pod/layout';
import { removalOf } from '../systemd/machined';
import type { PreparedPod } from './prepare';
import type { Services } from './services';
import { makeDirectories, podSpec, type StartOptions } from './start';

/** What the executor has to know of its unit; nothing else of the environment is its business. */
const KEPT = ['NOTIFY_SOCKET'] as const;

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Its lock and the unit's files go along. If it fails, the pod is one that has ended, and the unit failed: the executor says why in
 * the journal.
 * @param prepared its pod in `run`, with the unit in its record
 */
export function startInPlace(
  services: Services,
  prepared: PreparedPod,
  options: StartOptions,
  env: Environment,
): never {
  const { pod, unit } = prepared;
  const files = handedFiles(pod.lockFd, env);
  const spec = podSpec(services, prepared, files, options);
  const { machine } = spec;
  const messagesHex = `${removalOf(unit)}${machine?.messagesHex ?? ''}`;
  makeDirectories(pod, spec);
  const plan = `${pod.path}/${PLAN}` as AbsPath;
  const text = encodePlan(planPod({ ...spec, machine: machine && { ...machine, messagesHex } }));
  fs.writeFileSync(plan, text, { mode: 0o600 });
  services.pods.settle();
  services.disconnect();
  const kept = KEPT.flatMap((name) => (env[name] === undefined ? [] : [`${name}=${env[name]}`]));
  const inherited = [files.lock];
  return services.native.execve(services.executor, ['podctl-stage1', 'run', plan], kept, inherited);
}

/** The journal has what apps say anyway: only where the unit's output goes elsewhere is it copied there. */
function handedFiles(lock: number, env: Environment): HandedFiles {
  const elsewhere = (fd: number): number | undefined => (isOfJournal(fd, env) || isNull(fd) ? undefined : fd);
  return { from: undefined, lock, stdout: elsewhere(1), stderr: elsewhere(2) };
}

/** systemd.exec(5), JOURNAL_STREAM. */
const isOfJournal = (fd: number, env: Environment): boolean => {
  const { dev, ino } = fs.fstatSync(fd);
  return env['JOURNAL_STREAM'] === `${dev}:${ino}`;
};

function isNull(fd: number): boolean {
  try {
    return fs.fstatSync(fd).rdev === fs.statSync('/dev/null').rdev;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false;
    throw error;
  }
}
