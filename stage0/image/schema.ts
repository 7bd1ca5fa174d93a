/** The parts that image and pod manifests share (appc §3.2, §3.7, §3.8): types as in the JSON document, and their decoders. */
import { APPC_VERSION } from '#kernel/appc';
import { isAcIdentifier, isAppName } from '#kernel/brand';
import { isVariableName } from '../../stage2/environment';
import {
  anything,
  type Decode,
  flag,
  integer,
  list,
  Members,
  oneOf,
  SchemaError,
  text,
  textMap,
  textWhere,
  uniqueList,
} from './decode';

export interface Label {
  readonly name: string;
  readonly value: string;
}
export interface Annotation {
  readonly name: string;
  readonly value: string;
}
/** `value` means what the isolator's name says; unknown isolators are kept, so that they can be reported (appc I1, I2). */
export interface Isolator {
  readonly name: string;
  readonly value: unknown;
}
export interface EnvironmentVariable {
  readonly name: string;
  readonly value: string;
}
export interface EventHandler {
  readonly name: 'pre-start' | 'post-stop';
  readonly exec: readonly string[];
}
export interface MountPoint {
  readonly name: string;
  readonly path: string;
  readonly readOnly?: boolean;
}
export interface Port {
  readonly name: string;
  readonly port: number;
  readonly protocol: string;
  readonly count?: number;
  readonly socketActivated?: boolean;
}
export interface App {
  readonly exec?: readonly string[];
  readonly user: string;
  readonly group: string;
  readonly supplementaryGIDs?: readonly number[];
  readonly eventHandlers?: readonly EventHandler[];
  readonly workingDirectory?: string;
  readonly environment?: readonly EnvironmentVariable[];
  readonly mountPoints?: readonly MountPoint[];
  readonly ports?: readonly Port[];
  readonly isolators?: readonly Isolator[];
  readonly userAnnotations?: Readonly<Record<string, string>>;
  readonly userLabels?: Readonly<Record<string, string>>;
}

const SEMVER = /^(\d+)\.(\d+)\.(\d+)(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?$/;
const RFC3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/;
const MAX_ID = 0xffff_fffe;
const MAX_PORT = 65_535;

const numbersOf = (version: string): readonly number[] | undefined => SEMVER.exec(version)?.slice(1, 4).map(Number);

/** B2: the same major version, and not newer than what is implemented. */
export const acVersion: Decode<string> = (value, at) => {
  const version = text(value, at);
  const given = numbersOf(version);
  const ours = numbersOf(APPC_VERSION);
  if (given === undefined || ours === undefined) throw new SchemaError(at, `"${version}" is not a semantic version`);
  const firstDifference = given.findIndex((part, index) => part !== ours[index]);
  const newer = firstDifference >= 0 && (given[firstDifference] ?? 0) > (ours[firstDifference] ?? 0);
  if (given[0] !== ours[0] || newer)
    throw new SchemaError(at, `${version} is not supported, only up to ${APPC_VERSION}`);
  return version;
};

export const acIdentifier = textWhere(
  'an AC Identifier (lower-case letters, digits, and single -._~/ between them)',
  isAcIdentifier,
);
export const acName = textWhere('an AC Name (lower-case letters and digits, single dashes between them)', isAppName);
export const absolutePath = textWhere('an absolute path', (path) => path.startsWith('/') && !path.includes('\0'));
const argument = textWhere('a string without NUL bytes', (word) => !word.includes('\0'));
const nonEmpty = textWhere('a string that is not empty', (word) => word !== '' && !word.includes('\0'));

/** B5. */
const label: Decode<Label> = (value, at) => {
  const members = new Members(value, at);
  const name = members.required('name', acIdentifier);
  if (name === 'name') throw new SchemaError(`${at}.name`, 'a label may not be called "name"');
  return { name, value: members.required('value', text) };
};

export const labels: Decode<readonly Label[]> = (value, at) => {
  const all = uniqueList(label, 'name', (one) => one.name)(value, at);
  if (all.some((one) => one.name === 'arch') && !all.some((one) => one.name === 'os')) {
    throw new SchemaError(at, 'has a label "arch" without a label "os"');
  }
  return all;
};

const isDate = (value: string): boolean => RFC3339.test(value) && !Number.isNaN(Date.parse(value));
const isWebUrl = (value: string): boolean => /^https?:\/\//.test(value) && URL.canParse(value);

/** B21: the annotations whose values the specification fixes. */
const ANNOTATION_VALUES: ReadonlyMap<string, Decode<string>> = new Map([
  ['created', textWhere('an RFC 3339 time such as 2024-01-31T12:00:00Z', isDate)],
  ['homepage', textWhere('an http or https URL', isWebUrl)],
  ['documentation', textWhere('an http or https URL', isWebUrl)],
  ['appc.io/executor/supports-systemd-notify', oneOf('true', 'false')],
]);

const annotation: Decode<Annotation> = (value, at) => {
  const members = new Members(value, at);
  const name = members.required('name', acIdentifier);
  return { name, value: members.required('value', ANNOTATION_VALUES.get(name) ?? text) };
};
export const annotations = uniqueList(annotation, 'name', (one) => one.name);

const isolator: Decode<Isolator> = (value, at) => {
  const members = new Members(value, at);
  return { name: members.required('name', acIdentifier), value: members.required('value', anything) };
};
export const isolators = list(isolator);

/** B13. */
const variable: Decode<EnvironmentVariable> = (value, at) => {
  const members = new Members(value, at);
  return {
    name: members.required('name', textWhere('a variable name', isVariableName)),
    value: members.required('value', argument),
  };
};

/** B11. */
const eventHandler: Decode<EventHandler> = (value, at) => {
  const members = new Members(value, at);
  const exec = members.required('exec', list(argument));
  if (exec.length === 0) throw new SchemaError(`${at}.exec`, 'is empty: it must name a program');
  return { name: members.required('name', oneOf('pre-start', 'post-stop')), exec };
};

/** B15. */
const mountPoint: Decode<MountPoint> = (value, at) => {
  const members = new Members(value, at);
  return {
    name: members.required('name', acName),
    path: members.required('path', absolutePath),
    ...members.optional('readOnly', flag),
  };
};

/** B16. */
export const port: Decode<Port> = (value, at) => {
  const members = new Members(value, at);
  const decoded = {
    name: members.required('name', acName),
    port: members.required('port', integer(1, MAX_PORT)),
    protocol: members.required('protocol', nonEmpty),
    ...members.optional('count', integer(1, MAX_PORT)),
    ...members.optional('socketActivated', flag),
  };
  if (decoded.port + (decoded.count ?? 1) - 1 > MAX_PORT)
    throw new SchemaError(`${at}.count`, 'goes beyond port 65535');
  return decoded;
};

/** B8–B18. */
export const app: Decode<App> = (value, at) => {
  const members = new Members(value, at);
  return {
    ...members.optional('exec', list(argument)),
    user: members.required('user', nonEmpty),
    group: members.required('group', nonEmpty),
    ...members.optional('supplementaryGIDs', list(integer(0, MAX_ID))),
    ...members.optional(
      'eventHandlers',
      uniqueList(eventHandler, 'name', (one) => one.name),
    ),
    ...members.optional('workingDirectory', absolutePath),
    ...members.optional(
      'environment',
      uniqueList(variable, 'name', (one) => one.name),
    ),
    ...members.optional(
      'mountPoints',
      uniqueList(mountPoint, 'name', (one) => one.name),
    ),
    ...members.optional(
      'ports',
      uniqueList(port, 'name', (one) => one.name),
    ),
    ...members.optional('isolators', isolators),
    ...members.optional('userAnnotations', textMap),
    ...members.optional('userLabels', textMap),
  };
};
