/** The ports of the use cases, built of the real thing. Nothing is opened or connected before it is used. */
import { type AbsPath, isAbsPath } from '#kernel/brand';
import { PodctlError } from '#kernel/errors';
import { native, nativeFile } from '../../stage1/native/index';
import { dataDirectory } from '../config/data-dir';
import { configDirs } from '../config/dirs';
import { factReader } from '../host/facts';
import { filterSource } from '../host/filters';
import { signatureVerifier } from '../image/verify/verifier';
import { Pods } from '../pod/pods';
import { DirectoryStore } from '../store/cas-dir';
import { memoryDirectory } from '../store/memory';
import { Partials } from '../store/partials';
import { PrepareLock } from '../store/prepare-lock';
import { Remotes } from '../store/remotes';
import { SourceCache } from '../store/source-cache';
import { Trees } from '../store/trees';
import type { Bus } from '../systemd/bus';
import { systemBusSocket } from '../systemd/dbus/address';
import { askProperties, questionOf } from '../systemd/dbus/ask';
import { connectBus } from '../systemd/dbus/connection';
import type { Services } from '../usecases/services';
import type { Context } from './context';

export function createServices({ globals, env, uid, now, warn, debug }: Context): Services {
  const dirs = configDirs(globals);
  const dataDir = dataDirectory(globals.dir, dirs);
  // Paths of the data directory end up in plans and mount options, which take any byte but NUL.
  if (!isAbsPath(dataDir)) throw new PodctlError('usage', `--dir: "${dataDir}" is not a usable path`);
  const memory = memoryDirectory(dataDir);
  const locks = { flock: (...args: Parameters<Services['native']['flock']>) => native().flock(...args) };
  const partials = new Partials(memory);
  let bus: Bus | undefined;
  return {
    dataDir,
    pods: new Pods(dataDir, locks),
    images: new DirectoryStore(dataDir),
    trees: new Trees(dataDir),
    prepareLock: new PrepareLock(dataDir, locks),
    sources: new SourceCache(memory),
    partials,
    remotes: new Remotes(memory),
    verifier: signatureVerifier(dirs, now),
    web: async (settings = {}) => {
      const { webClient } = await import('./web.js');
      return webClient(globals, env, dirs, settings);
    },
    registry: async (text, settings) => {
      const { openConfigured } = await import('./registries.js');
      return openConfigured(text, settings, { globals, env, uid, dirs, partials, now });
    },
    registryPolicy: async (text, policy) => (await import('./registry-policy.js')).registryPolicy(text, policy, dirs),
    imagePolicy: async (text, signed) => (await import('./registries.js')).explainConfigured(text, signed, dirs),
    keys: {
      lacking: async (name) => (await import('../image/verify/learn.js')).lacksKeys(dirs, name),
      learn: async (name, found) => (await import('../image/verify/learn.js')).learnKeys(dirs, name, found),
    },
    hostFacts: factReader(dataDir),
    filters: filterSource(dataDir),
    native: {
      ...locks,
      openat2: (...args) => native().openat2(...args),
      viewOverlay: (trees) => native().viewOverlay(trees),
      syncfs: (fd) => native().syncfs(fd),
      socketPair: () => native().socketPair(),
      pidfdSendSignal: (fd, signal) => native().pidfdSendSignal(fd, signal),
      journalSend: (payload) => native().journalSend(payload),
      execve: (...args) => native().execve(...args),
    },
    get executor() {
      return nativeFile('podctl-stage1') as AbsPath;
    },
    warn,
    debug,
    notify: (state) => {
      const { NOTIFY_SOCKET: socket } = env;
      if (socket?.startsWith('/') === true) native().journalSend(Buffer.from(state), socket);
    },
    now,
    ask: (calls) => askProperties({ socket: busSocket(env), uid, sockets: native() }, calls),
    question: (calls) => ({ socket: busSocket(env), bytes: questionOf(uid, calls) }),
    connect: () => {
      bus ??= connectBus({ socket: busSocket(env), uid, sockets: native() });
      return bus;
    },
    disconnect: () => {
      bus?.close();
      bus = undefined;
    },
  };
}

function busSocket(env: Context['env']): string {
  const socket = systemBusSocket(env);
  if (socket !== undefined) return socket;
  throw new PodctlError('no-systemd', 'DBUS_SYSTEM_BUS_ADDRESS names no unix: address', {
    hint: 'correct or unset it',
  });
}
