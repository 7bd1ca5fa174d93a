import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { PodctlError } from '#kernel/errors';
import { DEFAULT_DATA_DIR, dataDirectory } from '../../../stage0/config/data-dir';
import { type ConfigDirs, configDirs } from '../../../stage0/config/dirs';
import { JsonError, parseJson } from '../../../stage0/config/json';
import type { Kind } from '../../../stage0/config/kinds';
import { loadKind } from '../../../stage0/config/load';

describe('configuration files', () => {
  let root: string;
  let dirs: ConfigDirs;
  beforeEach(() => {
    root = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'podctl-config-')));
    dirs = { system: path.join(root, 'system'), local: path.join(root, 'local'), user: path.join(root, 'user') };
  });
  afterEach(() => fs.rmSync(root, { recursive: true }));

  const put = (file: string, content: unknown): string => {
    const target = path.join(root, file);
    fs.mkdirSync(path.dirname(target), { recursive: true });
    fs.writeFileSync(target, typeof content === 'string' ? content : JSON.stringify(content));
    return target;
  };
  const paths = (data: string) => ({ podctlKind: 'paths', podctlVersion: 'v1', data });
  const refused = (pattern: RegExp, kind: Kind = 'paths'): void => {
    assert.throws(
      () => loadKind(dirs, kind),
      (error) => error instanceof PodctlError && error.code === 'config-invalid' && pattern.test(error.message),
    );
  };

  it('are not missed where there are none', () => {
    assert.equal(loadKind(dirs, 'paths').size, 0);
    assert.equal(dataDirectory(undefined, dirs), DEFAULT_DATA_DIR);
  });

  it('set the data directory: flag before user before local before system', () => {
    put('system/paths.d/a.json', paths('/srv/system'));
    assert.equal(dataDirectory(undefined, dirs), '/srv/system');
    put('local/paths.d/z.json', { rktKind: 'paths', rktVersion: 'v1', data: '/srv/local' });
    assert.equal(dataDirectory(undefined, dirs), '/srv/local');
    put('user/paths.d/z.json', paths('/srv/user'));
    assert.equal(dataDirectory(undefined, dirs), '/srv/user');
    assert.equal(dataDirectory('relative', dirs), path.resolve('relative'));
  });

  it('lead to the real directory behind a symbolic link', () => {
    fs.mkdirSync(path.join(root, 'real'));
    fs.symlinkSync('real', path.join(root, 'link'));
    assert.equal(dataDirectory(path.join(root, 'link'), dirs), path.join(root, 'real'));
  });

  it('are regular *.json files directly in the sub-directory', () => {
    put('local/paths.d/readme', 'x');
    fs.symlinkSync(put('elsewhere.json', paths('/link')), path.join(root, 'local/paths.d/l.json'));
    put('local/paths.d/below/a.json', paths('/below'));
    fs.mkdirSync(path.join(root, 'local/paths.d/dir.json'));
    assert.equal(loadKind(dirs, 'paths').size, 0);
  });

  it('decode to typed settings', () => {
    const credentials = { user: 'u', password: 'p' };
    put('local/auth.d/1.json', {
      rktKind: 'auth',
      rktVersion: 'v1',
      domains: ['a.org', 'b.org'],
      type: 'basic',
      credentials,
    });
    put('local/auth.d/2.json', { rktKind: 'dockerAuth', rktVersion: 'v1', registries: ['quay.io'], credentials });
    const aws = { accessKeyID: 'i', secretAccessKey: 's', awsRegion: '' };
    put('local/auth.d/3.json', {
      podctlKind: 'auth',
      podctlVersion: 'v1',
      domains: ['s3'],
      type: 'aws',
      credentials: aws,
    });
    put('local/stage1.d/1.json', {
      podctlKind: 'stage1',
      podctlVersion: 'v1',
      name: 'n',
      version: '1',
      location: '/x.aci',
    });
    const basic = { type: 'basic', ...credentials };
    assert.deepEqual(Object.fromEntries(loadKind(dirs, 'auth')), {
      'a.org': basic,
      'b.org': basic,
      s3: { type: 'aws', accessKeyId: 'i', secretAccessKey: 's', region: undefined },
    });
    assert.deepEqual([...loadKind(dirs, 'dockerAuth')], [['quay.io', basic]]);
    assert.deepEqual([...loadKind(dirs, 'stage1').keys()], ['image', 'location']);
  });

  it('must not say a thing twice in one directory', () => {
    put('local/paths.d/a.json', paths('/a'));
    put('local/paths.d/b.json', paths('/a'));
    refused(/b\.json.*"data" is already set by .*a\.json/);
  });

  const wrong: readonly [why: string, content: unknown, pattern: RegExp][] = [
    ['no header', { data: '/a' }, /podctlKind and podctlVersion are missing/],
    ['half a header', { podctlKind: 'paths' }, /podctlVersion: must be a string/],
    ['both headers', { ...paths('/a'), rktKind: 'paths' }, /rktKind: podctlKind is there too/],
    ['an unknown kind', { podctlKind: 'pod', podctlVersion: 'v1' }, /kind "pod" does not belong into paths\.d/],
    ['a kind of another directory', { podctlKind: 'auth', podctlVersion: 'v1' }, /kind "auth" does not belong/],
    ['a kind named as what every object has', { podctlKind: 'constructor', podctlVersion: 'v1' }, /does not belong/],
    ['an unknown version', { podctlKind: 'paths', podctlVersion: 'v2' }, /version "v2" of paths is not known/],
    [
      'a misspelt field',
      '{\n  "podctlKind": "paths",\n  "podctlVersion": "v1",\n  "dat": 1}',
      /a\.json:4:10: dat: unknown field/,
    ],
    ['a relative path', paths('var/lib'), /a\.json:\d+:\d+: data: "var\/lib" is not absolute/],
    ['a number for a path', { ...paths('/a'), data: 1 }, /data: must be a string/],
    ['a list', '[]', /a\.json:1:1: must be an object/],
    ['an empty file', '', /a\.json:1:1: the file ends where a value is expected/],
    ['broken JSON', '{\n "a": x}', /a\.json:2:7: not JSON where a value is expected/],
    ['a name twice', '{"a": 1,\n "a": 2}', /a\.json:2:2: this name stands twice/],
    [
      'the prototype as a field',
      '{"podctlKind":"paths","podctlVersion":"v1","__proto__":{"data":"/x"}}',
      /__proto__: unknown field/,
    ],
    ['depth without end', '['.repeat(100_000), /nested deeper/],
    ['a megabyte and more', ' '.repeat((1 << 20) + 1), /larger than/],
  ];
  for (const [why, content, pattern] of wrong) {
    it(`are refused for ${why}`, () => {
      put('local/paths.d/a.json', content);
      refused(pattern);
    });
  }

  it('are refused without quoting secrets', () => {
    put(
      'local/auth.d/a.json',
      '{"rktKind":"auth","rktVersion":"v1","type":"oauth","credentials":{"token":"hunter2" oops}}',
    );
    refused(/^(?!.*hunter2).*a\.json:1:85: /, 'auth');
    put('local/auth.d/a.json', {
      rktKind: 'auth',
      rktVersion: 'v1',
      domains: ['a', 'a'],
      type: 'oauth',
      credentials: { token: 't' },
    });
    refused(/domains\[1\]: "a" stands here twice/, 'auth');
    put('local/auth.d/a.json', {
      rktKind: 'auth',
      rktVersion: 'v1',
      domains: ['a'],
      type: 'toString',
      credentials: {},
    });
    refused(/type: "toString" is not one of basic, oauth, aws/, 'auth');
  });

  it('come in the order system, local, user', () => {
    assert.deepEqual(configDirs({}), { system: '/usr/lib/podctl', local: '/etc/podctl', user: undefined });
    assert.equal(configDirs({ userConfig: '/home/u' }).user, '/home/u');
  });

  it('say where registries are, what short names stand for, and what images have to prove', () => {
    const header = (kind: string) => ({ podctlKind: kind, podctlVersion: 'v1' });
    put('local/registries.d/a.json', {
      ...header('registry'),
      prefix: 'docker.io/library',
      mirrors: ['localhost:5000/hub'],
      lookaside: ['file:///srv/signatures'],
    });
    put('local/registries.d/b.json', { ...header('aliases'), aliases: { web: 'example.com/shop/web' } });
    const key = '0123 4567 89AB CDEF 0123  4567 89AB CDEF 0123 4567';
    const policies = [
      { prefix: '*', require: 'reject' },
      { prefix: 'example.com', require: 'signature', keys: [key] },
    ];
    put('local/policy.d/a.json', { ...header('imagePolicy'), policies });
    assert.deepEqual(loadKind(dirs, 'registry').get('docker.io/library')?.mirrors, ['localhost:5000/hub']);
    assert.equal(loadKind(dirs, 'aliases').get('web'), 'example.com/shop/web');
    const fingerprint = key.replaceAll(' ', '').toLowerCase();
    assert.deepEqual(loadKind(dirs, 'imagePolicy').get('example.com')?.keys, [fingerprint]);
    assert.equal(loadKind(dirs, 'imagePolicy').get('*')?.require, 'reject');
  });
  for (const [what, kind, body, pattern] of [
    ['a mirror with a scheme', 'registry', { prefix: 'a', mirrors: ['https://a'] }, /mirrors\[0\]: is not HOST/],
    ['a lookaside that is a path', 'registry', { prefix: 'a', lookaside: ['/srv'] }, /lookaside\[0\]: is not an http/],
    ['a lookaside with a password', 'registry', { prefix: 'a', lookaside: ['https://a:b@c'] }, /lookaside\[0\]/],
    ['an alias with a host', 'aliases', { aliases: { 'a.b/c': 'd' } }, /an alias is a name/],
    [
      'an unknown requirement',
      'imagePolicy',
      { policies: [{ prefix: 'a', require: 'signed' }] },
      /require: is not one of/,
    ],
    [
      'half a fingerprint',
      'imagePolicy',
      { policies: [{ prefix: 'a', require: 'signature', keys: ['ab'] }] },
      /fingerprint/,
    ],
    [
      'keys of what is rejected',
      'imagePolicy',
      { policies: [{ prefix: 'a', require: 'reject', keys: ['ab'] }] },
      /mean nothing/,
    ],
    ['a misspelt field', 'imagePolicy', { policies: [{ prefix: 'a', requires: 'reject' }] }, /unknown field/],
  ] as const) {
    it(`of registries and policies refuse ${what}`, () => {
      const directory = kind === 'imagePolicy' ? 'policy.d' : 'registries.d';
      put(`local/${directory}/a.json`, { podctlKind: kind, podctlVersion: 'v1', ...body });
      refused(pattern, kind);
    });
  }
});

describe('the JSON reader', () => {
  it('reads what JSON.parse reads', () => {
    const control = /\p{Cc}/u;
    fc.assert(
      fc.property(fc.json(), fc.constantFrom(0, 2), (json, indent) => {
        fc.pre(!control.test(json));
        const expected: unknown = JSON.parse(json);
        assert.deepEqual(parseJson(JSON.stringify(expected, null, indent)).value, expected);
      }),
      { numRuns: 200 },
    );
  });

  it('takes time in proportion to what it reads', () => {
    const half = 'x'.repeat(500_000);
    assert.equal(parseJson(`"${half}"`).value, half);
    for (const broken of [`"${half}`, `"${half}\u0000"`, `{"${half}`])
      assert.throws(() => parseJson(broken), JsonError);
  });

  it('refuses what JSON.parse refuses', () => {
    fc.assert(
      fc.property(
        fc.json(),
        fc.nat(),
        fc.constantFrom('', ',', '"', '}', '\\', '0', 'x'),
        (json, position, inserted) => {
          const at = position % (json.length + 1);
          const broken = json.slice(0, at) + inserted + json.slice(at + (inserted === '' ? 1 : 0));
          try {
            JSON.parse(broken);
          } catch {
            assert.throws(() => parseJson(broken), JsonError);
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});
