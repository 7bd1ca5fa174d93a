/**
 * Certificates for one registry (containers-certs.d(5), and Docker's own /etc/docker/certs.d): in `HOST[:PORT]/` below a directory,
 * `*.crt` are authorities beside the host's, `NAME.cert` with `NAME.key` is who we are to a registry that asks.
 */
import fs from 'node:fs';
import path from 'node:path';
import { isErrno, PodctlError } from '#kernel/errors';
import { type HostCertificates, readCertificates, unreadableCertificates } from '../../fetch/http/certificates';
import type { HttpSettings } from '../../fetch/http/settings';
import { DOCKER_HUB, registryHost } from './reference';

const OF_THE_HOST: readonly string[] = ['/etc/containers/certs.d', '/etc/docker/certs.d'];

/** Where they are looked for, in order; the first that has a directory for the registry counts. */
export function certificateDirectories(env: HttpSettings['env']): readonly string[] {
  const { HOME: home, XDG_CONFIG_HOME: config = home && `${home}/.config` } = env;
  return [...(config ? [`${config}/containers/certs.d`] : []), ...OF_THE_HOST];
}

/**
 * @returns what there is for an authority, `HOST` or `HOST:PORT` as it stands in URLs
 * @throws from what it returns: PodctlError `config-invalid` for a certificate without its key, or a key without it; `io`
 */
export const hostCertificates =
  (directories: readonly string[]) =>
  (authority: string): HostCertificates | undefined => {
    for (const directory of directories) {
      for (const name of namesOf(authority)) {
        const found = readDirectory(path.join(directory, name));
        if (found !== undefined) return found;
      }
    }
    return undefined;
  };

function namesOf(authority: string): readonly string[] {
  const hub = authority === registryHost(DOCKER_HUB) ? [DOCKER_HUB] : [];
  return [authority, ...(/:\d+$/.test(authority) ? [] : [`${authority}:443`]), ...hub];
}

function readDirectory(directory: string): HostCertificates | undefined {
  let names: readonly string[];
  try {
    names = fs.readdirSync(directory).sort();
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw unreadableCertificates(directory, error);
  }
  const withoutEnd = (end: string): readonly string[] =>
    names.filter((name) => name.endsWith(end)).map((name) => path.join(directory, name.slice(0, -end.length)));
  const [certificates, keys] = [withoutEnd('.cert'), withoutEnd('.key')];
  for (const [these, those, missing] of [
    [certificates, keys, 'key'],
    [keys, certificates, 'cert'],
  ] as const) {
    const alone = these.find((one) => !those.includes(one));
    if (alone !== undefined)
      throw new PodctlError('config-invalid', `there is no ${alone}.${missing} beside the other half`);
  }
  return {
    authorities: withoutEnd('.crt').map((one) => readCertificates(`${one}.crt`)),
    own: certificates.map((one) => ({
      certificate: readCertificates(`${one}.cert`),
      key: readCertificates(`${one}.key`),
    })),
  };
}
