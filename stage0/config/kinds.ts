/**
 * What a configuration file can say, as data (rkt-cli.md §1.5). A kind lives in one sub-directory and decodes into
 * settings: pairs of a key, which counts once per directory, and a typed value.
 */
import {
  inside,
  invalid,
  type JsonObject,
  object,
  onlyFields,
  optionalPath,
  optionalText,
  type Place,
  text,
  texts,
} from './decode';

export type Credentials =
  | { readonly type: 'basic'; readonly user: string; readonly password: string }
  | { readonly type: 'oauth'; readonly token: string }
  | {
      readonly type: 'aws';
      readonly accessKeyId: string;
      readonly secretAccessKey: string;
      readonly region: string | undefined;
    };

/** The type of each setting's value, by kind. */
export interface Values {
  /** By domain. */
  readonly auth: Credentials;
  /** By registry. */
  readonly dockerAuth: Credentials;
  /** By `data`, `stage1-images`. */
  readonly paths: string;
  /** By `image` (name and version) and `location`. */
  readonly stage1: Stage1Setting;
}
export type Kind = keyof Values;

export type Stage1Setting =
  | { readonly type: 'image'; readonly name: string; readonly version: string }
  | { readonly type: 'location'; readonly location: string };

export type Settings<K extends Kind> = readonly (readonly [key: string, value: Values[K]])[];

interface KindRow<K extends Kind> {
  /** Sub-directory of a configuration directory. */
  readonly directory: string;
  /** Decoders by `podctlVersion`; they get the document without its header. */
  readonly versions: Readonly<Record<string, (document: JsonObject, place: Place) => Settings<K>>>;
}

export const KINDS: { readonly [K in Kind]: KindRow<K> } = {
  auth: { directory: 'auth.d', versions: { v1: decodeAuth } },
  dockerAuth: { directory: 'auth.d', versions: { v1: decodeDockerAuth } },
  paths: { directory: 'paths.d', versions: { v1: decodePaths } },
  stage1: { directory: 'stage1.d', versions: { v1: decodeStage1 } },
};

const CREDENTIALS: Readonly<Record<string, (fields: JsonObject, place: Place) => Credentials>> = {
  basic: decodeBasic,
  oauth: (fields, place) => {
    onlyFields(fields, ['token'], place);
    return { type: 'oauth', token: text(fields, 'token', place) };
  },
  aws: (fields, place) => {
    onlyFields(fields, ['accessKeyID', 'secretAccessKey', 'awsRegion'], place);
    return {
      type: 'aws',
      accessKeyId: text(fields, 'accessKeyID', place),
      secretAccessKey: text(fields, 'secretAccessKey', place),
      region: optionalText(fields, 'awsRegion', place),
    };
  },
};

function decodeBasic(fields: JsonObject, place: Place): Credentials {
  onlyFields(fields, ['user', 'password'], place);
  return { type: 'basic', user: text(fields, 'user', place), password: text(fields, 'password', place) };
}

function decodeAuth(document: JsonObject, place: Place): Settings<'auth'> {
  onlyFields(document, ['domains', 'type', 'credentials'], place);
  const type = text(document, 'type', place);
  const decode = Object.hasOwn(CREDENTIALS, type) ? CREDENTIALS[type] : undefined;
  if (!decode) throw invalid(inside(place, 'type'), `"${type}" is not one of ${Object.keys(CREDENTIALS).join(', ')}`);
  const here = inside(place, 'credentials');
  const credentials = decode(object(document['credentials'], here), here);
  return texts(document, 'domains', place).map((domain) => [domain, credentials]);
}

function decodeDockerAuth(document: JsonObject, place: Place): Settings<'dockerAuth'> {
  onlyFields(document, ['registries', 'credentials'], place);
  const here = inside(place, 'credentials');
  const credentials = decodeBasic(object(document['credentials'], here), here);
  return texts(document, 'registries', place).map((registry) => [registry, credentials]);
}

function decodePaths(document: JsonObject, place: Place): Settings<'paths'> {
  const keys = ['data', 'stage1-images'];
  onlyFields(document, keys, place);
  return keys.flatMap((key) => {
    const value = optionalPath(document, key, place);
    return value === undefined ? [] : [[key, value] as const];
  });
}

/** An absolute path, or a URL of a scheme that images can be fetched with. */
const LOCATION = /^(?:\/|file:\/\/\/|https?:\/\/[^/]|docker:\/\/[^/])/;

function decodeStage1(document: JsonObject, place: Place): Settings<'stage1'> {
  onlyFields(document, ['name', 'version', 'location'], place);
  const name = optionalText(document, 'name', place);
  const version = optionalText(document, 'version', place);
  const location = optionalText(document, 'location', place);
  if ((name === undefined) !== (version === undefined)) throw invalid(place, 'name and version belong together');
  if (location !== undefined && !LOCATION.test(location)) {
    throw invalid(
      inside(place, 'location'),
      `"${location}" is not an absolute path or a file, http, https or docker URL`,
    );
  }
  const settings: (readonly [string, Stage1Setting])[] = [];
  if (name !== undefined && version !== undefined) settings.push(['image', { type: 'image', name, version }]);
  if (location !== undefined) settings.push(['location', { type: 'location', location }]);
  return settings;
}
