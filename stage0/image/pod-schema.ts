/**
 * Volumes, mounts and ports of pod manifests (appc §3.4): types as in the JSON document, and their decoders. Members that are
 * podctl's own (`propagation`, `follow`, `medium`, `size`) are ones that other appc programs ignore.
 */
import { type Decode, flag, integer, Members, oneOf, SchemaError, textWhere } from './decode';
import { absolutePath, acName, type Port, port } from './schema';

/** Whether mounts made later reach a volume (`rslave`: from the host; `rshared`: both ways; mount_namespaces(7)). */
export const PROPAGATIONS = ['private', 'rslave', 'rshared'] as const;
export type Propagation = (typeof PROPAGATIONS)[number];

interface VolumeBase {
  readonly name: string;
  /** If absent, the mount point decides (V12). */
  readonly readOnly?: boolean;
}
export interface HostVolume extends VolumeBase {
  readonly kind: 'host';
  readonly source: string;
  /** Submounts are taken along; true if absent (D3). */
  readonly recursive?: boolean;
  /** `private` if absent. */
  readonly propagation?: Propagation;
  /** Symbolic links may lead to the source (V10, V11). */
  readonly follow?: boolean;
}
export interface EmptyVolume extends VolumeBase {
  readonly kind: 'empty';
  /** Octal permission bits, "0755" if absent; uid and gid 0 if absent. */
  readonly mode?: string;
  readonly uid?: number;
  readonly gid?: number;
  /** A tmpfs instead of a directory on the pod's disk. */
  readonly medium?: 'memory';
  /** Most bytes of a volume in memory. */
  readonly size?: number;
}
export type Volume = HostVolume | EmptyVolume;

export interface Mount {
  /** Name of a volume of the pod, or of `appVolume`. */
  readonly volume: string;
  readonly path: string;
  /** A volume of this app alone. */
  readonly appVolume?: Volume;
}

export interface ExposedPort {
  /** Name of a port of one app. */
  readonly name: string;
  readonly hostPort: number;
  readonly hostIP?: string;
  /** Instead of a port that an app's manifest declares. */
  readonly podPort?: Port;
}

const MAX_ID = 0xffff_fffe;
const MAX_PORT = 65_535;

const fileMode = textWhere('octal permission bits such as "0755"', (mode) => /^0?[0-7]{3,4}$/.test(mode));

const refuse = (members: Members, at: string, kind: string, ...names: readonly string[]): void => {
  const found = names.find((name) => members.has(name));
  if (found !== undefined) throw new SchemaError(`${at}.${found}`, `means nothing to a volume of kind "${kind}"`);
};

/** D3. */
export const volume: Decode<Volume> = (value, at) => {
  const members = new Members(value, at);
  const base = { name: members.required('name', acName), ...members.optional('readOnly', flag) };
  if (members.required('kind', oneOf('host', 'empty')) === 'host') {
    refuse(members, at, 'host', 'mode', 'uid', 'gid', 'medium', 'size');
    return {
      ...base,
      kind: 'host',
      source: members.required('source', absolutePath),
      ...members.optional('recursive', flag),
      ...members.optional('propagation', oneOf(...PROPAGATIONS)),
      ...members.optional('follow', flag),
    };
  }
  refuse(members, at, 'empty', 'source', 'recursive', 'propagation', 'follow');
  if (!members.has('medium')) refuse(members, at, 'empty on disk', 'size');
  return {
    ...base,
    kind: 'empty',
    ...members.optional('mode', fileMode),
    ...members.optional('uid', integer(0, MAX_ID)),
    ...members.optional('gid', integer(0, MAX_ID)),
    ...members.optional('medium', oneOf('memory')),
    ...members.optional('size', integer(1, Number.MAX_SAFE_INTEGER)),
  };
};

export const mount: Decode<Mount> = (value, at) => {
  const members = new Members(value, at);
  const decoded = {
    volume: members.required('volume', acName),
    path: members.required('path', absolutePath),
    ...members.optional('appVolume', volume),
  };
  if (decoded.appVolume !== undefined && decoded.appVolume.name !== decoded.volume)
    throw new SchemaError(`${at}.appVolume.name`, `must be "${decoded.volume}", as the mount's volume is called`);
  return decoded;
};

const ipv4 = textWhere('an IPv4 address', (text) => {
  const parts = text.split('.');
  return parts.length === 4 && parts.every((part) => /^(?:0|[1-9][0-9]{0,2})$/.test(part) && Number(part) <= 255);
});

/** D6. */
export const exposedPort: Decode<ExposedPort> = (value, at) => {
  const members = new Members(value, at);
  return {
    name: members.required('name', acName),
    hostPort: members.required('hostPort', integer(1, MAX_PORT)),
    ...members.optional('hostIP', ipv4),
    ...members.optional('podPort', port),
  };
};
