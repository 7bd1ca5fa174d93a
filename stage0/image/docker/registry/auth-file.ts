/** Credentials in the files of Docker and podman (docker-login(1), containers-auth.json(5)). */
import path from 'node:path';
import { isErrno, messageOf, PodctlError } from '#kernel/errors';
import { readBounded } from '../../../files/read-bounded';
import { SchemaError } from '../../decode';
import { parseJson } from '../../json';
import { askHelper, type HelperWorld } from './credential-helper';
import { type CredentialSource, longest, type RegistryCredentials } from './credentials';
import { DOCKER_HUB } from './reference';

const MAX_FILE = 1 << 20;

export interface AuthFile {
  readonly path: string;
  /** Somebody named it: that it is not there is an error. */
  readonly required: boolean;
}

/**
 * `$REGISTRY_AUTH_FILE` alone, if it is set; else podman's file of this boot, podman's lasting one, Docker's.
 * @param uid of who runs podctl
 */
export function authFiles(env: HelperWorld['env'], uid: number): readonly AuthFile[] {
  const named = env['REGISTRY_AUTH_FILE'];
  if (named) return [{ path: path.resolve(named), required: true }];
  const home = env['HOME'] || '/';
  const runtime = env['XDG_RUNTIME_DIR'];
  return [
    path.join(runtime ? path.join(runtime, 'containers') : `/run/containers/${uid}`, 'auth.json'),
    path.join(env['XDG_CONFIG_HOME'] || path.join(home, '.config'), 'containers', 'auth.json'),
    path.join(env['DOCKER_CONFIG'] || path.join(home, '.docker'), 'config.json'),
  ].map((file) => ({ path: file, required: false }));
}

/** The credentials of one file: a helper for this registry, an entry of its own, the helper for all. */
export const fileCredentials = (file: AuthFile, world: HelperWorld): CredentialSource => ({
  find: async (repository) => {
    const config = readAuthFile(file);
    if (config === undefined) return undefined;
    const helper = longest(texts(config, 'credHelpers', file), repository);
    if (helper !== undefined) return askHelper(helper, serverOf(repository), file.path, world);
    const entry = longest(objects(config, 'auths', file), repository);
    const found = entry && decodeEntry(entry, file);
    if (found !== undefined) return found;
    const store = config['credsStore'];
    return typeof store === 'string' && store !== ''
      ? askHelper(store, serverOf(repository), file.path, world)
      : undefined;
  },
});

/** What helpers call a registry. */
function serverOf(repository: string): string {
  const [domain = ''] = repository.split('/');
  return domain === DOCKER_HUB ? 'https://index.docker.io/v1/' : domain;
}

type Config = Readonly<Record<string, unknown>>;

/** @throws PodctlError `config-invalid`, `io` */
function readAuthFile({ path: file, required }: AuthFile): Config | undefined {
  let bytes: Buffer | undefined;
  try {
    bytes = readBounded(file, MAX_FILE);
  } catch (error) {
    if (!required && isErrno(error, 'ENOENT', 'ENOTDIR', 'EACCES')) return undefined;
    throw new PodctlError('io', `${file}: ${messageOf(error)}`, { cause: error });
  }
  if (bytes === undefined) throw new PodctlError('config-invalid', `${file} has more than ${MAX_FILE} bytes`);
  try {
    return asObject(parseJson(bytes), '', file);
  } catch (error) {
    // The parser's message may quote a password.
    if (error instanceof SchemaError) throw wrong(file, `${error.at === '' ? '' : `${error.at}: `}is not JSON`);
    throw error;
  }
}

function decodeEntry(entry: Config, { path: file }: AuthFile): RegistryCredentials | undefined {
  const text = (name: string): string => {
    const value = entry[name];
    return typeof value === 'string' ? value.replace(/\0+$/, '') : '';
  };
  if (text('identitytoken') !== '') return { kind: 'identity', token: text('identitytoken') };
  if (text('registrytoken') !== '') return { kind: 'bearer', token: text('registrytoken') };
  if (text('auth') === '') {
    const [user, password] = [text('username'), text('password')];
    return user === '' ? undefined : { kind: 'basic', user, password };
  }
  const pair = Buffer.from(text('auth'), 'base64').toString('utf8').replace(/\0+$/, '');
  const colon = pair.indexOf(':');
  if (colon <= 0) throw wrong(file, 'an "auth" is not the Base64 of user:password');
  return { kind: 'basic', user: pair.slice(0, colon), password: pair.slice(colon + 1) };
}

const texts = (config: Config, name: string, file: AuthFile): readonly (readonly [string, string])[] =>
  entries(config, name, file).flatMap(([key, value]) => (typeof value === 'string' && value ? [[key, value]] : []));

const objects = (config: Config, name: string, file: AuthFile): readonly (readonly [string, Config])[] =>
  entries(config, name, file).map(([key, value]) => [
    key,
    asObject(value, `${name} of ${key.slice(0, 80)}`, file.path),
  ]);

const entries = (config: Config, name: string, { path: file }: AuthFile): readonly [string, unknown][] =>
  config[name] === undefined || config[name] === null ? [] : Object.entries(asObject(config[name], name, file));

function asObject(value: unknown, what: string, file: string): Config {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Config;
  throw wrong(file, `${what === '' ? 'the document' : what} is not an object`);
}

const wrong = (file: string, why: string): PodctlError =>
  new PodctlError('config-invalid', `${file}: ${why}`, { position: file });
