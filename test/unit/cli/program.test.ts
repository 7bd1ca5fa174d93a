/** The program as it is installed: dist/podctl, its bundle and its exit statuses. */
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { VERSION, versionInfo, versionText } from '../../../stage0/cli/version';

const DIST = join(__dirname, '../../..');
const PODCTL = join(DIST, 'podctl');

function podctl(argv: readonly string[], executable = PODCTL) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [executable, ...argv], { encoding: 'utf8' });
  return { status, stdout, stderr };
}

describe('podctl', () => {
  it('version is the one of package.json', () => {
    const { version } = JSON.parse(readFileSync(join(DIST, '../package.json'), 'utf8'));
    equal(VERSION, version);
  });

  it('says its version with nothing beside it to load', () => {
    const alone = mkdtempSync(join(tmpdir(), 'podctl-version-'));
    try {
      copyFileSync(PODCTL, join(alone, 'podctl'));
      for (const word of ['--version', 'version']) {
        deepEqual(podctl([word], join(alone, 'podctl')), { status: 0, stdout: versionText(), stderr: '' });
      }
    } finally {
      rmSync(alone, { recursive: true });
    }
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
    const line = `${process.execPath} ${PODCTL} help | true; exit \${PIPESTATUS[0]}`;
    const { status, stderr } = spawnSync('bash', ['-c', line], { encoding: 'utf8' });
    deepEqual([status, stderr], [0, '']);
  });

  it('a code cache of another source of the same length is not used', () => {
    const copy = mkdtempSync(join(tmpdir(), 'podctl-cache-'));
    try {
      for (const name of ['podctl', 'podctl.cjs.cache', 'more.cjs']) copyFileSync(join(DIST, name), join(copy, name));
      const source = readFileSync(join(DIST, 'podctl.cjs'), 'utf8');
      const other = source
        .replace('missing command', 'MISSING COMMAND')
        .replace(/[0-9a-f]{64}\n$/, `${'0'.repeat(64)}\n`);
      writeFileSync(join(copy, 'podctl.cjs'), other);
      match(podctl([], join(copy, 'podctl')).stderr, /MISSING COMMAND/);
    } finally {
      rmSync(copy, { recursive: true });
    }
  });

  it('a damaged code cache costs time and nothing else', () => {
    const copy = mkdtempSync(join(tmpdir(), 'podctl-cache-'));
    try {
      for (const name of ['podctl', 'podctl.cjs', 'more.cjs']) copyFileSync(join(DIST, name), join(copy, name));
      ok(existsSync(join(DIST, 'podctl.cjs.cache')));
      const cache = readFileSync(join(DIST, 'podctl.cjs.cache'));
      for (const damage of ['', 'x'.repeat(5000), cache.subarray(0, cache.length / 2)]) {
        for (const name of ['podctl.cjs', 'more.cjs']) writeFileSync(join(copy, `${name}.cache`), damage);
        deepEqual(podctl(['help', 'version'], join(copy, 'podctl')), podctl(['help', 'version']));
      }
    } finally {
      rmSync(copy, { recursive: true });
    }
  });
});
