/** Flags that `run`, `prepare`, `run-prepared` and `fetch` share. Pure data. */
import { PodctlError } from '#kernel/errors';
import { choice, duration, list, optional, parsed, text, toggle } from '../flag';
import { APP_ISOLATOR_FLAGS, POD_ISOLATOR_FLAGS } from './isolator-flags';
import { APP_LIFE_FLAGS } from './life-flags';
import { APP_STDIO_FLAGS, INTERACTION_FLAGS } from './stdio-flags';

/** How images are found and judged. */
export const FETCH_FLAGS = {
  signed: toggle('refuse every image whose signature by a trusted key was not verified, whatever else allows it'),
  pullPolicy: choice(
    'when to ask the network: `never`, for what is not in the store (`new`), or always (`update`); what images depend on is new unless this flag is given',
    ['new', 'update', 'never'],
    { value: 'WHEN' },
  ),
  platform: text(
    'which image of an index for several platforms, for example linux/arm/v7 (default: that of this host)',
    {
      value: 'OS/ARCH[/VARIANT]',
    },
  ),
  storeOnly: toggle('as --pull-policy=never', { hidden: true }),
  noStore: toggle('as --pull-policy=update', { hidden: true }),
};

/** What `prepare` settles for good. */
export const PREPARE_FLAGS = {
  ...FETCH_FLAGS,
  name: text('name of the pod and of its machine', { value: 'NAME' }),
  podManifest: text('appc pod manifest to use instead of images and of what it says itself', {
    value: 'FILE',
    complete: 'file',
  }),
  privateUsers: optional(
    "users and groups of the pod's own: a range of /etc/subuid and /etc/subgid (user podctl), or this one of the host's IDs",
    { bare: 'auto', value: 'FIRST[:COUNT]' },
  ),
  logNamespace: optional(
    "a journal of the pod's own, or this one that others share (in place: the unit's), which journalctl -M shows",
    { bare: 'auto', value: 'NAME' },
  ),
  noOverlay: toggle(
    'give every app a copy of its image (reflinks where the file system has them) instead of an overlay',
  ),
  inheritEnv: toggle("give every app podctl's own environment, below what its image sets"),
  setEnv: list('environment variable for every app', { value: 'NAME=VALUE' }),
  setEnvFile: list('file of environment variables for every app, a NAME=VALUE per line; --set-env wins', {
    value: 'FILE',
    complete: 'file',
  }),
  exitPolicy: text(
    'end the pod with the first app that ends (any), with the last (all), with one (main, main=APP), or only when it is stopped (stop); default: with the first that fails, or the last',
    { value: 'POLICY' },
  ),
  ...POD_ISOLATOR_FLAGS,
  volume: list('volume of the pod: NAME,kind=host,source=PATH or NAME,kind=empty or NAME,kind=tmpfs, then options', {
    value: 'NAME,kind=KIND,…',
  }),
  mount: list('mount a volume in every app (before the first image)', { value: 'volume=NAME,target=PATH' }),
};

/** What is settled when the pod starts. */
export const START_FLAGS = {
  dns: list("name server for /etc/resolv.conf; host: the host's file; none: the images' own", {
    value: 'IP|host|none',
  }),
  dnsSearch: list('search domain for /etc/resolv.conf', { value: 'DOMAIN' }),
  dnsOpt: list('option for /etc/resolv.conf', { value: 'OPTION' }),
  dnsDomain: text('local domain for /etc/resolv.conf', { value: 'DOMAIN' }),
  hostsEntry: list("entries for /etc/hosts, in place of the images' own; host: the host's file", {
    value: 'IP=NAME,…|host',
  }),
  net: optional(
    'network of the pod: host, none, or ns:PATH to join an existing one (default: host, until pods have networks of their own)',
    { bare: 'host', value: 'NET' },
  ),
  ipc: choice("IPC objects and /dev/shm: the pod's own (auto, private) or the host's", ['auto', 'private', 'parent'], {
    default: 'auto',
  }),
  hostname: text('host name inside the pod (default: the name of the pod)', { value: 'NAME' }),
  detach: toggle('print the UUID and return once every app has started', { short: 'd' }),
  inPlace: choice(
    'whether the pod runs in the unit that executed podctl (its ExecStart=, with Delegate=yes) instead of one of its own',
    ['auto', 'yes', 'no'],
    { default: 'auto' },
  ),
  stopTimeout: duration('how long apps may take to stop before they are killed', { default: '10s' }),
  uuidFileSave: text('write the UUID of the pod to this file before it starts', { value: 'FILE', complete: 'file' }),
  ...INTERACTION_FLAGS,
  dryRun: toggle('print the plan that would be performed, and leave nothing behind'),
};

/** What follows an image. */
export const APP_FLAGS = {
  readonlyRootfs: toggle('read-only root; /run, /tmp, /var/tmp and volumes stay writable'),
  mount: list('mount a volume in this app', { value: 'volume=NAME,target=PATH' }),
  signature: text('file or URL of the signature of an image file or URL (default: the same with .asc appended)', {
    value: 'FILE',
    complete: 'file',
  }),
  name: text("name of the app (default: the last component of the image's name)", { value: 'NAME' }),
  exec: text("program to run instead of the image's; arguments follow behind --", { value: 'PROGRAM' }),
  user: text('user: a name of the image, a number, or a path whose owner is meant', { value: 'USER' }),
  group: text('group: a name of the image, a number, or a path whose group is meant', { value: 'GROUP' }),
  supplementaryGids: parsed('supplementary group IDs', readGids, { value: 'GID,…' }),
  workingDir: text('working directory', { value: 'DIR' }),
  environment: list('environment variable for this app', { value: 'NAME=VALUE' }),
  annotation: list("annotation of the app in the pod's manifest", { value: 'NAME=VALUE' }),
  userAnnotation: list('annotation of the user for this app, which podctl ignores', { value: 'NAME=VALUE' }),
  userLabel: list('label of the user for this app, which podctl ignores', { value: 'NAME=VALUE' }),
  ...APP_STDIO_FLAGS,
  ...APP_LIFE_FLAGS,
  ...APP_ISOLATOR_FLAGS,
};

function readGids(written: string): readonly number[] {
  return written.split(',').map((part) => {
    if (/^[0-9]{1,10}$/.test(part)) return Number(part);
    throw new PodctlError('usage', `"${part}" is not a group ID`);
  });
}
