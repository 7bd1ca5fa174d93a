import { PodctlError } from '#kernel/errors';
import { findPod } from '../../pod/lookup';
import { openAppRoot } from '../../usecases/app-root-open';
import { copy, type Side } from '../../usecases/copy';
import type { Handler } from '../command';
import { createServices } from '../services';
import type { spec } from './cp';

interface InApp {
  readonly pod: string;
  readonly app: string | undefined;
  readonly path: string;
}

export const run: Handler<typeof spec> = async (context, { args, flags }) => {
  const services = createServices(context);
  const [from, to] = [inApp(args.from), inApp(args.to)];
  const inside = from ?? to;
  if (inside === undefined || (from !== undefined && to !== undefined))
    throw new PodctlError('usage', 'one side must be in a pod, and one not', { hint: 'write it like shop:/etc/hosts' });
  const entry = findPod(services.pods, services.dataDir, inside.pod);
  const root = openAppRoot(services, entry, inside.app, to !== undefined);
  const side = (written: string, place: InApp | undefined): Side => {
    if (place !== undefined) return { kind: 'app', root, path: place.path };
    return written === '-' ? { kind: 'stream' } : { kind: 'host', path: written };
  };
  try {
    const request = { from: side(args.from, from), to: side(args.to, to), keepOwners: flags.archive };
    await copy({ ...request, warn: context.warn });
    return 0;
  } finally {
    root.close();
  }
};

/** `POD:PATH` or `POD:APP:PATH`; undefined for a path of the host. */
function inApp(written: string): InApp | undefined {
  const [pod = '', ...rest] = written.split(':');
  if (rest.length === 0 || pod === '' || /^[./]/.test(written) || pod.includes('/')) return undefined;
  const [first = '', ...more] = rest;
  const [app, path] = first.startsWith('/') ? [undefined, rest.join(':')] : [first, more.join(':')];
  if (path.startsWith('/')) return { pod, app, path };
  throw new PodctlError('usage', `"${written}": the path in the app is not absolute`, {
    hint: 'write it like shop:/etc/hosts or shop:web:/etc/hosts',
  });
}
