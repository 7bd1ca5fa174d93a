import { PodctlError } from '#kernel/errors';
import type { PodFacts } from '../../image/pod-manifest';
import { exposedPort } from '../../image/pod-schema';
import { assertSystemd } from '../../systemd/host';
import { FROM_STORE } from '../../usecases/images';
import { askPlace, PLACED_APART } from '../../usecases/place';
import { preparePod } from '../../usecases/prepare';
import { enterRun, runPod } from '../../usecases/run';
import type { Handler } from '../command';
import { createServices } from '../services';
import type { spec } from './app-sandbox';
import { interrupts } from './interrupts';
import { podIsolatorsOf } from './isolator-words';
import { placeWishOf, relaxationsOf, startOptionsOf, usersOf } from './pod-request';
import { announce, saveUuid, showPlan, takeOver } from './pod-start';
import { annotationsOf, textMapOf } from './pod-words';

export const run: Handler<typeof spec> = async (context, { flags }) => {
  if (!flags.dryRun) assertSystemd();
  const services = createServices(context);
  const place = (flags.dryRun ? PLACED_APART : askPlace(services, context.env, placeWishOf(flags))).place();
  const options = { ...startOptionsOf(flags, context.env), outer: place.outer?.name };
  const prepared = await preparePod(services, {
    name: flags.name,
    apps: [],
    manifest: undefined,
    facts: factsOf(flags),
    exitPolicy: 'stop',
    environment: {},
    volumes: [],
    mounts: [],
    fetch: FROM_STORE,
    relaxed: relaxationsOf(context.globals),
    isolators: podIsolatorsOf(flags),
    strictIsolators: flags.strictIsolators,
    users: usersOf(flags.privateUsers),
    logNamespace: flags.logNamespace,
    roots: flags.noOverlay ? 'copy' : 'overlay',
    unit: () => place.unit,
  });
  if (flags.dryRun) return showPlan(context, services, prepared, options);
  saveUuid(prepared.pod.id, flags.uuidFileSave);
  const running = enterRun(services, prepared);
  if (place.unit !== undefined) return takeOver(context, services, running, options);
  const status = await runPod(services, running, options, interrupts);
  announce(context, prepared.pod.id, options);
  return status;
};

type Words = Readonly<Record<'port' | 'annotation' | 'userAnnotation' | 'userLabel', readonly string[]>>;

const factsOf = (flags: Words): PodFacts => ({
  volumes: [],
  isolators: [],
  annotations: annotationsOf(flags.annotation),
  ports: flags.port.map(portOf),
  userAnnotations: textMapOf('--user-annotation', flags.userAnnotation),
  userLabels: textMapOf('--user-label', flags.userLabel),
});

/** `web:tcp:80:127.0.0.1:8080`, as rkt; the address may be left out. */
function portOf(written: string): PodFacts['ports'][number] {
  const [name, protocol, port, ...host] = written.split(':');
  const hostPort = host.pop();
  const [hostIP, ...more] = host;
  try {
    if (hostPort === undefined || more.length > 0) throw new TypeError('not NAME:PROTO:PODPORT[:HOSTIP]:HOSTPORT');
    const podPort = { name, protocol, port: Number(port) };
    return exposedPort({ name, hostPort: Number(hostPort), podPort, ...(hostIP ? { hostIP } : {}) }, 'port');
  } catch (cause) {
    if (!(cause instanceof Error)) throw cause;
    throw new PodctlError('usage', `--port=${written}: ${cause.message}`, { cause });
  }
}
