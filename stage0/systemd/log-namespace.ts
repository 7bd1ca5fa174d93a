/** Journals of pods' own: systemd.exec(5), LogNamespace=; systemd-journald.service(8), "Journal namespaces". */
import fs from 'node:fs';
import type { AbsPath } from '#kernel/brand';
import { isErrno, PodctlError } from '#kernel/errors';

const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;
/** Where journald keeps journals: on disk if the first is there, else in memory. */
const STORES = ['/var/log/journal', '/run/log/journal'] as const;
const SOCKETS = '/run/systemd';

/** @throws PodctlError `invalid-name` */
export function logNamespaceName(text: string): string {
  if (NAME.test(text)) return text;
  throw new PodctlError('invalid-name', `"${text}" cannot name a journal namespace`, {
    hint: 'use at most 64 letters, digits, dots, dashes and underscores, the first a letter or digit',
  });
}

const machineId = (): string => fs.readFileSync('/etc/machine-id', 'utf8').trim();
const directoryIn = (store: string, namespace: string): AbsPath => `${store}/${machineId()}.${namespace}` as AbsPath;

/** The directory of the namespace's journal, made if journald has not done that yet. */
export function journalDirectory(namespace: string): AbsPath {
  const store = STORES.find((directory) => fs.existsSync(directory)) ?? STORES[1];
  const directory = directoryIn(store, namespace);
  fs.mkdirSync(directory, { recursive: true, mode: 0o755 });
  return directory;
}

/** Identity of a directory, if it is there. */
function inode(path: string): string | undefined {
  try {
    const { dev, ino } = fs.statSync(path);
    return `${dev}:${ino}`;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** The namespace of the unit that this process runs in: systemd shows such a unit another directory of journald's sockets. */
function ownLogNamespace(): string | undefined {
  const own = inode(`${SOCKETS}/journal`);
  const prefix = 'journal.';
  const found = fs
    .readdirSync(SOCKETS)
    .find((name) => name.startsWith(prefix) && inode(`${SOCKETS}/${name}`) === own && own !== undefined);
  return found?.slice(prefix.length);
}

/**
 * What `--log-namespace` comes down to.
 * @param wanted `auto`: one of the pod's own @param own what that is called
 * @param unit of the user's that the pod runs in, which has its own already or has none
 * @throws PodctlError `usage` if it is not the unit's, `invalid-name`
 */
export function chosenLogNamespace(
  wanted: string | undefined,
  own: string,
  unit: string | undefined,
): string | undefined {
  if (wanted === undefined) return undefined;
  if (unit === undefined) return wanted === 'auto' ? own : logNamespaceName(wanted);
  const given = ownLogNamespace();
  if (given !== undefined && (wanted === 'auto' || wanted === given)) return given;
  throw new PodctlError('usage', `--log-namespace: ${unit} has ${given === undefined ? 'none' : `"${given}"`}`, {
    hint: `write LogNamespace=${wanted === 'auto' ? 'NAME' : wanted} into the unit`,
  });
}

/** Ends the journald of a namespace that no unit uses any more, and removes its journal. */
export function removeLogNamespace(namespace: string): void {
  const units = ['systemd-journald@', 'systemd-journald-varlink@'].map((name) => `${name}${namespace}.socket`);
  // Loaded here and not before: that alone takes 5 ms, and every start of a pod imports this file.
  const { spawnSync } = process.getBuiltinModule('node:child_process');
  // ignored: without systemd, or without such units, there is nothing to stop
  spawnSync('systemctl', ['stop', ...units, `systemd-journald@${namespace}.service`], { stdio: 'ignore' });
  for (const store of STORES) fs.rmSync(directoryIn(store, namespace), { recursive: true, force: true });
}
