/**
 * How one app of a pod will be launched: its manifest checked against its rendered image, so that what cannot work is refused
 * while nothing exists yet that would have to be cleaned up. Run again when the pod starts: the plan comes from the same words.
 */
import { type AbsPath, type AppName, isAbsPath } from '#kernel/brand';
import { cleanPath, isWithin } from '#kernel/clean-path';
import { PodctlError } from '#kernel/errors';
import type { AppSpec, RootSpec } from '../../stage1/plan/spec';
import { ALL_CAPABILITIES, type Capability, capabilityMask, DEFAULT_CAPABILITIES } from '../../stage2/capabilities';
import { followsDocker, hasOwnGroup } from '../../stage2/conventions';
import { environmentOf } from '../../stage2/environment';
import { execCandidates } from '../../stage2/exec';
import type { Isolation } from '../../stage2/isolators/plan';
import type { Effect } from '../../stage2/isolators/types';
import { lifeOf, requireHealth } from '../../stage2/life';
import { NO_INTERACTION, settledStdio, stdioOf, USUAL_TERMINAL } from '../../stage2/stdio';
import { dockerIdentityOf, homeOf, identityOf } from '../../stage2/user';
import type { RuntimeApp } from './manifest';
import type { FileKind, TreeView } from './tree-view';

/** Protections the operator switched off (`--insecure-options`). */
export interface Relaxations {
  readonly capabilities: boolean;
  readonly paths: boolean;
  readonly seccomp: boolean;
  /** Limits that the host cannot enforce are reported instead of refused. */
  readonly isolators: boolean;
}

/**
 * A volume is not looked into: what is missing there shows when the app starts (appc B12).
 * @throws PodctlError `life-invalid`, `stdio-invalid`, `exec-not-found`, `workdir-missing`, `user-unknown`, `image-unfit`
 */
export function launchOf(
  runtime: RuntimeApp,
  trees: readonly AbsPath[],
  view: TreeView,
  relaxed: Relaxations,
  isolation: Isolation,
  root: RootSpec,
): AppSpec {
  const { name, app } = runtime;
  const isDocker = followsDocker(runtime.annotations);
  const wanted = { user: app.user, group: app.group, supplementaryGIDs: app.supplementaryGIDs ?? [] };
  const passwd = view.text('/etc/passwd');
  const accounts = { passwd, group: view.text('/etc/group'), ownerOf: (path: string) => view.ownerOf(path) };
  const identity = isDocker
    ? dockerIdentityOf(wanted, hasOwnGroup(app, runtime.annotations), accounts)
    : identityOf(wanted, accounts);
  const defaults = isDocker ? [{ name: 'HOME', value: homeOf(identity.uid, accounts) }] : undefined;
  const environment = environmentOf(name, app.environment ?? [], defaults);
  const workingDirectory = app.workingDirectory ?? '/';
  const isInVolume = (path: string): boolean => root.mounts.some(({ target }) => isWithin(cleanPath(path), target));
  const made = isDocker && !isInVolume(workingDirectory) ? missingDirectory(workingDirectory, view) : undefined;
  if (made === undefined && !isInVolume(workingDirectory)) requireDirectory(name, workingDirectory, view);
  const argv = app.exec ?? [];
  const saidStdio = stdioOf(runtime.annotations);
  const programs = (of: readonly string[]): readonly string[] =>
    candidatesOf(name, of, environment, workingDirectory, (path) => (isInVolume(path) ? 'program' : view.kindOf(path)));
  const life = lifeOf(runtime.annotations);
  requireHealth(name, life);
  return {
    name,
    trees,
    identity,
    ...privilegesOf(isolation.effects, identity.uid, relaxed, isDocker),
    environment,
    workingDirectory: workingDirectory as AbsPath,
    ...(made === undefined ? {} : { madeDirectory: made }),
    argv,
    candidates: programs(argv),
    handlers: (app.eventHandlers ?? []).map(({ name: event, exec }) => ({
      event,
      argv: exec,
      candidates: programs(exec),
    })),
    life,
    saidStdio,
    stdio: settledStdio(saidStdio, NO_INTERACTION, USUAL_TERMINAL),
    protectPaths: !relaxed.paths,
    effects: isolation.effects,
    root,
  };
}

/**
 * The last word is an isolator's, but for what the operator switched off. A user gains no privileges, except where Docker's rules
 * hold: images with sudo, or ping with file capabilities, run there.
 */
function privilegesOf(
  effects: readonly Effect[],
  uid: number,
  relaxed: Relaxations,
  isDocker: boolean,
): Pick<AppSpec, 'capabilityMask' | 'noNewPrivileges' | 'mayGainPrivileges'> {
  let noNewPrivileges = uid !== 0 && !isDocker;
  for (const effect of effects) {
    if (effect.kind === 'no-new-privileges') noNewPrivileges = effect.on;
  }
  const capabilities = capabilityMask(capabilitiesOf(effects, relaxed));
  const isFilteredUser = uid !== 0 && effects.some(({ kind }) => kind === 'filter');
  if (!isFilteredUser) return { capabilityMask: capabilities, noNewPrivileges };
  // A set-user-ID program under a filter that its author never thought of could be led astray: with one, users gain nothing.
  // The default filter is like that of the runtimes for which these images were made.
  const isDefaultFilter = !effects.some(({ kind }) => kind === 'seccomp');
  return isDocker && isDefaultFilter && !noNewPrivileges
    ? { capabilityMask: capabilities, noNewPrivileges, mayGainPrivileges: true }
    : { capabilityMask: capabilities, noNewPrivileges: true };
}

/** The bounding set of an app. */
export function capabilitiesOf(
  effects: readonly Effect[],
  relaxed: Pick<Relaxations, 'capabilities'>,
): readonly Capability[] {
  if (relaxed.capabilities) return ALL_CAPABILITIES;
  return (
    effects.flatMap((effect) => (effect.kind === 'capabilities' ? [effect.set] : [])).at(-1) ?? DEFAULT_CAPABILITIES
  );
}

/** Where a directory is to be made, without symbolic links; undefined if there is something. */
function missingDirectory(path: string, view: TreeView): AbsPath | undefined {
  if (!isAbsPath(path)) return undefined;
  const { path: resolved, kind } = view.resolve(path);
  return kind === 'missing' ? resolved : undefined;
}

/** A missing working directory fails the app (appc B12). */
function requireDirectory(app: AppName, path: string, view: TreeView): void {
  if (!isAbsPath(path))
    throw new PodctlError('workdir-missing', `app "${app}": working directory "${path}" is not absolute`);
  if (view.kindOf(path) === 'directory') return;
  throw new PodctlError(
    'workdir-missing',
    `app "${app}": working directory "${path}" is not a directory of its image`,
    {
      hint: 'choose another with --working-dir',
    },
  );
}

function candidatesOf(
  app: AppName,
  argv: readonly string[],
  environment: AppSpec['environment'],
  workingDirectory: string,
  kindOf: (path: string) => FileKind,
): readonly string[] {
  const [program] = argv;
  if (program === undefined || program === '') {
    throw new PodctlError('image-unfit', `app "${app}": its image does not say what to execute`, {
      hint: 'name a program with --exec',
    });
  }
  const path = environment.find((variable) => variable.name === 'PATH')?.value ?? '';
  const candidates = execCandidates(program, path, workingDirectory);
  if (candidates.some((candidate) => kindOf(candidate) === 'program')) return candidates;
  throw new PodctlError(
    'exec-not-found',
    `app "${app}": no program "${program}" in its image: tried ${tried(candidates, kindOf)}`,
    {
      hint: 'name a program of the image with --exec',
    },
  );
}

const tried = (candidates: readonly string[], kindOf: (path: string) => FileKind): string =>
  candidates.map((path) => (kindOf(path) === 'missing' ? path : `${path} (not an executable file)`)).join(', ');
