/** Which library a loader did not find: what real images have, and what hostile ones say. */
import assert from 'node:assert/strict';
import path from 'node:path';
import fc from 'fast-check';
import { cached, configured, KNOWN_LOADER } from '../../../stage2/libraries/directories';
import { type ReadAt, readElf } from '../../../stage2/libraries/elf';
import { type AppFiles, missingLibrary } from '../../../stage2/libraries/missing';
import { buildElf, type ElfOptions } from '../../fixtures/elf';

const LOADER = '/lib64/ld-linux-x86-64.so.2';
const MUSL = '/lib/ld-musl-x86_64.so.1';

const readerOf =
  (bytes: Buffer): ReadAt =>
  (offset, length) =>
    bytes.subarray(offset, offset + length);

/** A root without links. @param mounted paths nobody can look behind */
function rootOf(content: Record<string, Buffer | string>, mounted: readonly string[] = []): AppFiles {
  const paths = Object.keys(content);
  const clean = (given: string): string => path.posix.normalize(given);
  const kindOf: AppFiles['kindOf'] = (given) => {
    if (content[clean(given)] !== undefined) return 'file';
    return paths.some((one) => one.startsWith(`${clean(given)}/`)) ? 'directory' : 'missing';
  };
  return {
    kindOf,
    realPath: (given) =>
      mounted.some((one) => `${clean(given)}/`.startsWith(`${one}/`) || one.startsWith(`${clean(given)}/`))
        ? undefined
        : clean(given),
    namesIn: (given) =>
      paths.flatMap((one) => (one.startsWith(`${given}/`) ? (one.slice(given.length + 1).split('/')[0] ?? []) : [])),
    text: (given) => String(content[given] ?? ''),
    reading: (given, look) => {
      const bytes = content[clean(given)];
      return bytes === undefined ? undefined : look(readerOf(Buffer.from(bytes)));
    },
  };
}

const program = (options: ElfOptions = {}): Buffer => buildElf({ interpreter: LOADER, ...options });
const library = (options: ElfOptions = {}): Buffer => buildElf(options);
const lack = (
  content: Record<string, Buffer | string>,
  { environment = [], mounted = [] }: { environment?: string[]; mounted?: string[] } = {},
) => missingLibrary({ path: '/bin/app', environment, workingDirectory: '/work' }, rootOf(content, mounted));

describe('missing libraries', () => {
  for (const wide of [true, false])
    for (const little of [true, false])
      it(`reads ELF of ${wide ? 64 : 32} bits, ${little ? 'little' : 'big'}-endian`, () => {
        const bytes = buildElf({
          wide,
          little,
          interpreter: LOADER,
          needed: ['a.so', 'b.so'],
          rpath: '/r',
          runpath: '/s',
        });
        const { interpreter, needed, paths } = readElf(readerOf(bytes)) ?? {};
        assert.deepEqual(
          { interpreter, needed, paths },
          { interpreter: LOADER, needed: ['a.so', 'b.so'], paths: ['/r', '/s'] },
        );
      });

  it('names the library that is nowhere, and what needs it', () => {
    const needed = ['liba.so.1', 'libc.so.6'];
    const libc = { '/lib/x86_64-linux-gnu/libc.so.6': library() };
    const app = { '/bin/app': program({ needed }), ...libc };
    assert.deepEqual(lack(app), { library: 'liba.so.1', neededBy: '/bin/app' });
    const deep = { ...app, '/usr/lib/liba.so.1': library({ needed: ['libdeep.so'] }) };
    assert.deepEqual(lack(deep), { library: 'libdeep.so', neededBy: '/usr/lib/liba.so.1' });
    assert.equal(lack({ ...deep, '/lib/libdeep.so': library() }), undefined);
  });

  it('of a script, its interpreter is what is looked at', () => {
    const sh = { '/bin/sh': program({ needed: ['liba.so'] }) };
    assert.equal(lack({ ...sh, '/bin/app': '#! /bin/sh -e\n' })?.neededBy, '/bin/sh');
    assert.equal(lack({ '/bin/app': '#!/bin/app\n' }), undefined);
  });

  describe('says nothing of a library', () => {
    const app = program({ needed: ['liba.so'] });
    const found: Record<string, Record<string, Buffer | string>> = {
      'in a directory of the rpath': {
        '/bin/app': program({ needed: ['liba.so'], rpath: '$ORIGIN/../x' }),
        '/x/liba.so': library(),
      },
      'in a directory of the runpath': {
        '/bin/app': program({ needed: ['liba.so'], runpath: '/y:/x' }),
        '/x/liba.so': library(),
      },
      'of which $LIB tells': {
        '/bin/app': program({ needed: ['liba.so'], runpath: `/o/$\{LIB}` }),
        '/o/lib64/liba.so': '',
      },
      'that $PLATFORM might tell of': { '/bin/app': program({ needed: ['liba.so'], runpath: '/o/$PLATFORM' }) },
      'in a directory of ld.so.conf': {
        '/bin/app': app,
        '/etc/ld.so.conf.d/o.conf': '# x\n/o\n',
        '/o/liba.so': library(),
      },
      'in a directory of the cache': {
        '/bin/app': app,
        '/etc/ld.so.cache': 'x\0/o/libb.so\0',
        '/o/liba.so': library(),
      },
      'that the cache has by another path': { '/bin/app': app, '/etc/ld.so.cache': 'x\0liba.so\0/o/liba-1.so\0' },
      'for a better processor': { '/bin/app': app, '/lib/glibc-hwcaps/x86-64-v3/liba.so': library() },
      'for a better processor, of old': { '/bin/app': app, '/lib/tls/x86_64/liba.so': library() },
      'that another library calls itself': {
        '/bin/app': program({ needed: ['liba.so', 'libb.so'] }),
        '/lib/libb.so': library({ soname: 'liba.so' }),
      },
      'that another library’s rpath leads to': {
        '/bin/app': program({ needed: ['liba.so', 'libb.so'] }),
        '/lib/libb.so': library({ rpath: '/o' }),
        '/o/liba.so': library(),
      },
      'with its path': { '/bin/app': program({ needed: ['/o/liba.so', 'rel/libb.so'] }), '/o/liba.so': '' },
      'that might be preloaded': { '/bin/app': app, '/etc/ld.so.preload': '' },
      'that the loader is': { '/bin/app': program({ needed: ['ld-linux-x86-64.so.2'] }) },
      'that musl’s loader has in itself': {
        '/bin/app': program({ interpreter: MUSL, needed: ['libc.musl-x86_64.so.1', 'libc.so'] }),
        [MUSL]: library(),
      },
      'in a directory of musl’s path file': {
        '/bin/app': program({ interpreter: MUSL, needed: ['liba.so'] }),
        [MUSL]: library(),
        '/etc/ld-musl-x86_64.path': '/o\n/p',
        '/p/liba.so': library(),
      },
      'of an unknown loader': {
        '/bin/app': program({ interpreter: '/nix/store/glibc/lib/ld-linux.so.2', needed: ['liba.so'] }),
      },
      'of a static program': { '/bin/app': buildElf({ needed: ['liba.so'] }) },
      'needed by one for another processor': {
        '/bin/app': app,
        '/lib/liba.so': library({ machine: 40, needed: ['libz.so'] }),
      },
      'needed by one of two that fit': {
        '/bin/app': app,
        '/lib/liba.so': library({ needed: ['libz.so'] }),
        '/usr/lib/liba.so': library(),
      },
    };
    for (const [what, content] of Object.entries(found)) it(what, () => assert.equal(lack(content), undefined));

    it('that the environment leads to, or may', () => {
      const content = { '/bin/app': app, '/o/liba.so': library(), '/work/w/liba.so': library() };
      assert.ok(lack(content));
      for (const value of ['LD_LIBRARY_PATH=/p:/o', 'LD_LIBRARY_PATH=w', 'LD_PRELOAD=/x.so', 'LD_AUDIT=x'])
        assert.equal(lack(content, { environment: [value] }), undefined, value);
    });

    it('that something mounted may hold', () => {
      assert.ok(lack({ '/bin/app': app }, { mounted: ['/data', '/etc/hosts', '/proc'] }));
      for (const mounted of ['/lib', '/usr/lib/liba.so', '/usr', '/bin/app', '/bin', '/etc/ld.so.cache', '/etc'])
        assert.equal(lack({ '/bin/app': app }, { mounted: [mounted] }), undefined, mounted);
    });
  });

  it('hostile files are understood, or not, and nothing else', () => {
    const whole = program({ needed: ['liba.so'], rpath: '/x', soname: 's' });
    const change = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { maxLength: 8 });
    fc.assert(
      fc.property(change, fc.nat(whole.length), (changes, length) => {
        const bytes = Buffer.from(whole.subarray(0, length));
        for (const [at, value] of changes) if (at < length) bytes[at] = value;
        const elf = readElf(readerOf(bytes));
        for (const text of [...(elf?.needed ?? []), ...(elf?.paths ?? [])]) assert.match(text, /^[ -~]{0,4096}$/);
      }),
      { numRuns: 3000 },
    );
    assert.equal(readElf(readerOf(program({ needed: ['a\x1b[2J'] }))), undefined);
    assert.equal(readElf(readerOf(program({ needed: Array.from({ length: 300 }, (_, i) => `l${i}`) }))), undefined);
    assert.equal(readElf(readerOf(buildElf({ entries: [[1, 2 ** 52]] }))), undefined);
  });

  it('a library that leads to ever more directories ends the search', () => {
    const list = (prefix: string): string => Array.from({ length: 600 }, (_, i) => `${prefix}${i}`).join(':');
    assert.ok(lack({ '/bin/app': program({ needed: ['liba.so'], rpath: list('/') }) }));
    assert.equal(
      lack({ '/bin/app': program({ needed: ['liba.so'], rpath: list('/'), runpath: list('/x') }) }),
      undefined,
    );
  });

  it('knows the loaders of distributions, and what their files say', () => {
    for (const loader of [LOADER, MUSL, '/lib/ld-linux-aarch64.so.1', '/lib/ld-linux.so.2', '/lib64/ld64.so.2'])
      assert.match(loader, KNOWN_LOADER);
    assert.doesNotMatch('/opt/lib/ld-linux.so.2', KNOWN_LOADER);
    assert.deepEqual(configured('include /etc/ld.so.conf.d/*.conf\n/a # x\n /b=libc6\nhwcap 0 nosegneg\n'), [
      '/a',
      '/b',
    ]);
    const { directories, names } = cached(['\x01\x02', '/l/liba.so', 'liba.so', 'libz.so', '/l/libb.so']);
    assert.deepEqual([directories, [...names]], [['/l'], ['\x01\x02', 'libz.so']]);
  });
});
