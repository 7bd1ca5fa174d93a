/** Volumes, mounts and ports of pod manifests (appc §3.4): types as in the JSON document, and their decoders. */
import { type Decode, flag, integer, Members, oneOf, SchemaError, textWhere } from './decode';
import { absolutePath, acName, type Port, port } from './schema';

interface VolumeBase {
  readonly name: string;
  readonly readOnly?: boolean;
}
export interface HostVolume extends VolumeBase {
  readonly kind: 'host';
  readonly source: string;
  /** Submounts are taken along; true if absent (D3). */
  readonly recursive?: boolean;
}
export interface EmptyVolume extends VolumeBase {
  readonly kind: 'empty';
  /** Octal permission bits, "0755" if absent; uid and gid 0 if absent. */
  readonly mode?: string;
  readonly uid?: number;
  readonly gid?: number;
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
    refuse(members, at, 'host', 'mode', 'uid', 'gid');
    return {
      ...base,
      kind: 'host',
      source: members.required('source', absolutePath),
      ...members.optional('recursive', flag),
    };
  }
  refuse(members, at, 'empty', 'source', 'recursive');
  return {
    ...base,
    kind: 'empty',
    ...members.optional('mode', fileMode),
    ...members.optional('uid', integer(0, MAX_ID)),
    ...members.optional('gid', integer(0, MAX_ID)),
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
