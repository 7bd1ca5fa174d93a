/** The program as it is installed: dist/podctl, its bundle and its exit statuses. */
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { VERSION, versionInfo, versionText } from '../../../stage0/cli/version';

const DIST = join(__dirname, '../../..');
const PODCTL = join(DIST, 'podctl');

function podctl(argv: readonly string[], executable = PODCTL) {
  const { status, stdout, stderr } = spawnSync(executable, argv, { encoding: 'utf8' });
  return { status, stdout, stderr };
}

/** A podctl of these files alone; it goes when `act` has ended. */
function withCopy(names: readonly string[], act: (copy: string) => void): void {
  const copy = mkdtempSync(join(tmpdir(), 'podctl-program-'));
  try {
    mkdirSync(join(copy, 'lib'));
    for (const name of names) copyFileSync(join(DIST, name), join(copy, name));
    act(copy);
  } finally {
    rmSync(copy, { recursive: true });
  }
}

describe('podctl', () => {
  it('version is the one of package.json', () => {
    const { version } = JSON.parse(readFileSync(join(DIST, '../package.json'), 'utf8'));
    equal(VERSION, version);
  });

  it('says its version without Node', () => {
    withCopy(['podctl', 'lib/version'], (copy) => {
      for (const word of ['--version', 'version']) {
        deepEqual(podctl([word], join(copy, 'podctl')), { status: 0, stdout: versionText(), stderr: '' });
      }
    });
  });

  it('says what is missing if Node or its program are not there', () => {
    withCopy(['podctl', 'lib/version'], (copy) => {
      const { status, stderr } = podctl(['list'], join(copy, 'podctl'));
      equal(status, 254);
      match(stderr, /^podctl: cannot execute \S+lib\/podctl: ENOENT: .* \(hint: build it again\)\n$/);
    });
  });

  it('says its version the same way through the command', () => {
    equal(podctl(['version', '--format=']).stdout, versionText());
    deepEqual(JSON.parse(podctl(['--version', '--format=json']).stdout), versionInfo());
    match(versionText(), /^podctl Version: .*\nappc Version: .*\nNode Version: .*\nNode OS\/Arch: .*\nFeatures: .*\n$/);
  });

  it('without a command: help on stdout, a message on stderr, 2', () => {
    const { status, stdout, stderr } = podctl([]);
    equal(status, 2);
    match(stdout, /^NAME:\n {4}podctl - /);
    equal(stderr, 'podctl: usage: missing command\n');
  });

  it('help comes on stdout with 0', () => {
    for (const argv of [['--help'], ['help'], ['version', '-h'], ['help', 'version']]) {
      const { status, stdout, stderr } = podctl(argv);
      deepEqual([status, stderr], [0, '']);
      match(stdout, /^NAME:/);
    }
  });

  it('a usage error is 254, and JSON if JSON was asked for', () => {
    const { status, stdout, stderr } = podctl(['version', '--fromat=json']);
    deepEqual([status, stdout], [254, '']);
    equal(stderr, 'podctl: version: usage: unknown flag --fromat\n  hint: did you mean --format?\n');
    const { error } = JSON.parse(podctl(['version', 'extra', '--format', 'json']).stderr);
    deepEqual([error.code, error.exit], ['usage', 254]);
  });

  it('a reader that goes away ends it quietly', () => {
    const line = `${PODCTL} help | true; exit \${PIPESTATUS[0]}`;
    const { status, stderr } = spawnSync('bash', ['-c', line], { encoding: 'utf8' });
    deepEqual([status, stderr], [0, '']);
  });

  it('a code cache of another source of the same length is not used', () => {
    withCopy(['podctl', 'lib/podctl', 'podctl.cjs.cache', 'more.cjs'], (copy) => {
      const source = readFileSync(join(DIST, 'podctl.cjs'), 'utf8');
      const other = source
        .replace('missing command', 'MISSING COMMAND')
        .replace(/[0-9a-f]{64}\n$/, `${'0'.repeat(64)}\n`);
      writeFileSync(join(copy, 'podctl.cjs'), other);
      match(podctl([], join(copy, 'podctl')).stderr, /MISSING COMMAND/);
    });
  });

  it('a damaged code cache costs time and nothing else', () => {
    withCopy(['podctl', 'lib/podctl', 'podctl.cjs', 'more.cjs'], (copy) => {
      ok(existsSync(join(DIST, 'podctl.cjs.cache')));
      const cache = readFileSync(join(DIST, 'podctl.cjs.cache'));
      for (const damage of ['', 'x'.repeat(5000), cache.subarray(0, cache.length / 2)]) {
        for (const name of ['podctl.cjs', 'more.cjs']) writeFileSync(join(copy, `${name}.cache`), damage);
        deepEqual(podctl(['help', 'version'], join(copy, 'podctl')), podctl(['help', 'version']));
      }
    });
  });
});
