import { command, commandSpec } from '../command';
import { list } from '../flag';
import { APP_FAILURE } from './app-flags';
import { POD_ISOLATOR_FLAGS } from './isolator-flags';
import { PREPARE_FLAGS, START_FLAGS } from './pod-flags';

const { name, privateUsers, logNamespace, noOverlay } = PREPARE_FLAGS;

export const spec = commandSpec({
  name: 'app sandbox',
  summary: 'run a pod without apps, for apps to be added',
  description:
    'The pod runs until it is stopped, whatever becomes of its apps. `podctl app add`, `start`, `stop` and `rm` change which ' +
    'apps it has; they do so with every other running pod, too.',
  args: {},
  flags: {
    name,
    privateUsers,
    logNamespace,
    noOverlay,
    ...POD_ISOLATOR_FLAGS,
    ...START_FLAGS,
    port: list("port to expose in the pod's manifest", { value: 'NAME:PROTO:PODPORT[:HOSTIP]:HOSTPORT' }),
    annotation: list("annotation in the pod's manifest", { value: 'NAME=VALUE' }),
    userAnnotation: list('annotation of the user, which podctl ignores', { value: 'NAME=VALUE' }),
    userLabel: list('label of the user, which podctl ignores', { value: 'NAME=VALUE' }),
  },
  privilege: 'root',
  failureStatus: APP_FAILURE,
  exitCodes: [{ status: '1', when: 'it failed' }],
  examples: [{ line: 'podctl app sandbox --detach --name=shop', does: 'Run an empty pod called shop' }],
});

export const appSandbox = command(spec, () => import('./app-sandbox.run.js'));
