/** Operations of an app's life and of the pod's end (stage1/README.md). */
import { execCandidates } from '../../stage2/exec';
import { inStartOrder } from '../../stage2/life';
import { type Op, op } from './op';
import type { AppSpec, PodSpec } from './spec';

/** Where an app finds its notify socket: in its own /dev, which is no image's and no volume's. */
export const NOTIFY_SOCKET = '/dev/podctl-notify';

export const exitPolicy = ({ exitPolicy: policy, apps }: PodSpec): readonly Op[] => {
  if (policy === undefined) return [];
  if (policy.kind !== 'main') return [op('exit-policy', policy.kind)];
  const main = policy.app ?? apps[0]?.name;
  return main === undefined ? [] : [op('exit-policy', 'main', main)];
};

/** The executor wants an app to stand behind those it waits for. @throws PodctlError `life-invalid` */
export const appsInOrder = ({ apps }: PodSpec): readonly AppSpec[] =>
  apps.some(({ life }) => life.after.length > 0) ? inStartOrder(apps) : apps;

/** What the init does about the app: from the start of its section. */
export function appLife(app: AppSpec): readonly Op[] {
  const { handlers, stdio } = app;
  const { restart, after, stopSignal, reloadSignal } = app.life;
  return [
    ...(after.length === 0 ? [] : [op('after', ...after)]),
    ...(restart === undefined || restart.policy === 'never'
      ? []
      : [op('restart', restart.policy, ...[restart.delayMs, restart.longestMs, restart.limit].map(String))]),
    ...(stopSignal === undefined ? [] : [op('stop-signal', String(stopSignal))]),
    ...stdioOps(stdio),
    ...(reloadSignal === undefined ? [] : [op('reload-signal', String(reloadSignal))]),
    ...handlers.map(({ event, argv, candidates }) => op('handler', event, String(argv.length), ...argv, ...candidates)),
    ...healthCheck(app),
  ];
}

/** What the image does not have fails when it is checked, as with Docker. */
function healthCheck({ life: { ready, health }, environment, workingDirectory }: AppSpec): readonly Op[] {
  if (health === undefined) return [];
  const { argv, onFailure, intervalMs, timeoutMs, startPeriodMs, startIntervalMs, retries } = health;
  const path = environment.find(({ name }) => name === 'PATH')?.value ?? '';
  const numbers = [intervalMs, timeoutMs, startPeriodMs, startIntervalMs, retries, argv.length].map(String);
  return [
    op('health', onFailure, ...numbers, ...argv, ...execCandidates(argv[0] ?? '', path, workingDirectory)),
    ...(ready === 'healthy' ? [op('ready-when-healthy')] : []),
  ];
}

function stdioOps(stdio: AppSpec['stdio']): readonly Op[] {
  if (stdio === undefined) return [];
  const { stdin, stdout, stderr, terminal } = stdio;
  const isDefault = stdin === 'null' && stdout === 'log' && stderr === 'log';
  return [
    ...(isDefault ? [] : [op('stdio', stdin, stdout, stderr)]),
    ...(stdout === 'tty' ? [op('terminal', String(terminal.rows), String(terminal.columns))] : []),
  ];
}

/** Behind the app's /dev, before its pivot. */
export const readinessMount = ({ life }: AppSpec): readonly Op[] =>
  life.ready === 'notify' ? [op('notify', NOTIFY_SOCKET)] : [];

/** The app's own word about its terminal's kind goes first. */
export const terminalVariable = ({ stdio, environment }: AppSpec): readonly Op[] =>
  stdio?.stdout === 'tty' && !environment.some(({ name }) => name === 'TERM')
    ? [op('env', `TERM=${stdio.terminal.kind}`)]
    : [];

/** Behind what the image sets, whose word does not count. */
export const readinessVariable = ({ life }: AppSpec): readonly Op[] =>
  life.ready === 'notify' ? [op('env', `NOTIFY_SOCKET=${NOTIFY_SOCKET}`)] : [];
