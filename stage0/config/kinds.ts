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
  /** By registry, or the beginning of a repository's name. */
  readonly dockerAuth: Credentials;
  /** By the beginning of repositories' names: `docker.io/library`. */
  readonly registry: RegistrySetting;
  /** By the beginning of repositories' names; `*` for all. */
  readonly imagePolicy: PolicySetting;
  /** What a short name stands for: `docker.io/library/nginx`. */
  readonly aliases: string;
  /** By `data`, `stage1-images`. */
  readonly paths: string;
  /** By `image` (name and version) and `location`. */
  readonly stage1: Stage1Setting;
}
export type Kind = keyof Values;

export type Stage1Setting =
  | { readonly type: 'image'; readonly name: string; readonly version: string }
  | { readonly type: 'location'; readonly location: string };

/** Places are written as prefixes are: `mirror.example.com/hub`, without a scheme. */
export interface RegistrySetting {
  /** Asked first, in this order. */
  readonly mirrors: readonly string[];
  /** Where the repositories really are, if not where their names say. */
  readonly location: string | undefined;
  /** Where signatures are: http, https or file URLs of directories. */
  readonly lookaside: readonly string[];
}

/** What Docker and OCI images have to prove. */
export interface PolicySetting {
  /** `digest-only`: what their digests prove. */
  readonly require: 'signature' | 'reject' | 'digest-only';
  /** Fingerprints, lower-case; undefined: any key that the keystore trusts for the name. */
  readonly keys: readonly string[] | undefined;
  /** What stands in signatures in place of the prefix. */
  readonly signedAs: string | undefined;
}

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
  registry: { directory: 'registries.d', versions: { v1: decodeRegistry } },
  aliases: { directory: 'registries.d', versions: { v1: decodeAliases } },
  imagePolicy: { directory: 'policy.d', versions: { v1: decodePolicy } },
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

const NO_PLACE = 'is not HOST[:PORT][/PATH] without a scheme';
const isPlace = (written: string): boolean => /^[A-Za-z0-9[][A-Za-z0-9.:\][_-]*(?:\/[a-z0-9._-]+)*$/.test(written);

function decodeRegistry(document: JsonObject, place: Place): Settings<'registry'> {
  onlyFields(document, ['prefix', 'mirrors', 'location', 'lookaside'], place);
  const location = optionalText(document, 'location', place);
  const mirrors = Object.hasOwn(document, 'mirrors') ? texts(document, 'mirrors', place) : [];
  const lookaside = Object.hasOwn(document, 'lookaside') ? texts(document, 'lookaside', place) : [];
  mirrors.forEach((mirror, index) => {
    if (!isPlace(mirror)) throw invalid(inside(inside(place, 'mirrors'), index), NO_PLACE);
  });
  if (location !== undefined && !isPlace(location)) throw invalid(inside(place, 'location'), NO_PLACE);
  lookaside.forEach((written, index) => {
    const url = URL.canParse(written) ? new URL(written) : undefined;
    const good = url !== undefined && ['http:', 'https:', 'file:'].includes(url.protocol) && url.username === '';
    if (!good) throw invalid(inside(inside(place, 'lookaside'), index), 'is not an http, https or file URL');
  });
  return [[text(document, 'prefix', place), { mirrors, location, lookaside }]];
}

function decodeAliases(document: JsonObject, place: Place): Settings<'aliases'> {
  onlyFields(document, ['aliases'], place);
  const here = inside(place, 'aliases');
  const aliases = object(document['aliases'], here);
  return Object.keys(aliases).map((name) => {
    if (!/^[a-z0-9._-]+$/.test(name)) throw invalid(inside(here, name), 'an alias is a name without host and path');
    return [name, text(aliases, name, here)];
  });
}

const REQUIREMENTS = ['signature', 'reject', 'digest-only'] as const;

function decodePolicy(document: JsonObject, place: Place): Settings<'imagePolicy'> {
  onlyFields(document, ['policies'], place);
  const here = inside(place, 'policies');
  const policies: unknown = document['policies'];
  if (!Array.isArray(policies)) throw invalid(here, 'must be a list');
  return policies.map((one: unknown, index) => decodeRule(object(one, inside(here, index)), inside(here, index)));
}

function decodeRule(rule: JsonObject, place: Place): readonly [string, PolicySetting] {
  onlyFields(rule, ['prefix', 'require', 'keys', 'signedAs'], place);
  const wanted = text(rule, 'require', place);
  const require = REQUIREMENTS.find((one) => one === wanted);
  if (require === undefined) throw invalid(inside(place, 'require'), `is not one of ${REQUIREMENTS.join(', ')}`);
  const signedAs = optionalText(rule, 'signedAs', place);
  const keys = Object.hasOwn(rule, 'keys') ? texts(rule, 'keys', place) : undefined;
  if (require !== 'signature' && (keys ?? signedAs) !== undefined) {
    throw invalid(place, `keys and signedAs mean nothing to "${require}"`);
  }
  const fingerprints = keys?.map((key) => key.replace(/[ :]/g, '').toLowerCase());
  fingerprints?.forEach((key, index) => {
    const at = inside(inside(place, 'keys'), index);
    if (!/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(key)) throw invalid(at, 'is not a whole fingerprint');
  });
  if (signedAs !== undefined && !isPlace(signedAs)) throw invalid(inside(place, 'signedAs'), NO_PLACE);
  return [text(rule, 'prefix', place), { require, keys: fingerprints, signedAs }];
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
