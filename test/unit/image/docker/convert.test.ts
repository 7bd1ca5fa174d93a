/** Names, platforms and the app of converted images. */
import assert from 'node:assert/strict';
import { appOf } from '../../../../stage0/image/docker/app';
import { decodeConfig } from '../../../../stage0/image/docker/config';
import type { IndexEntry } from '../../../../stage0/image/docker/documents';
import {
  acIdentifier,
  fullRepository,
  labelsOf,
  localRepository,
  splitTag,
} from '../../../../stage0/image/docker/names';
import { choosePlatform, formatPlatform, parsePlatform } from '../../../../stage0/image/docker/platform-choice';
import type { Digest } from '../../../../stage0/image/docker/port';
import { app as decodeApp } from '../../../../stage0/image/schema';
import { commandLine } from '../../../../stage2/conventions';
import { throwsCode } from '../../../fixtures/expect';

describe('converted images', () => {
  const execution = (config: object) =>
    decodeConfig(Buffer.from(JSON.stringify({ config, rootfs: { diff_ids: [] } }))).config;

  it('have an app that appc takes, whatever the configuration says', () => {
    const app = appOf(
      execution({
        Env: ['A=1', 'NONE', '=x', '1X=no', 'A=2', 'with space=no'],
        ExposedPorts: { '80/tcp': {}, '8000-8010/udp': {}, '0': {}, '70000': {}, 'x/tcp': {}, '5-4': {} },
        Volumes: { '/data': {}, '/data/': {}, '/Data': {}, '../up': {}, '/': {} },
        WorkingDir: 'rel/./a/../b/',
        User: ':5',
        Cmd: 'one word',
      }),
    );
    assert.deepEqual(decodeApp(JSON.parse(JSON.stringify(app)), ''), app);
    assert.deepEqual(app, {
      exec: ['one word'],
      user: '0',
      group: '5',
      workingDirectory: '/rel/b',
      environment: [{ name: 'A', value: '2' }],
      mountPoints: [
        { name: 'volume-data', path: '/Data' },
        { name: 'volume-data-2', path: '/data' },
        { name: 'volume-up', path: '/up' },
      ],
      ports: [
        { name: '80-tcp', port: 80, protocol: 'tcp' },
        { name: '8000-8010-udp', port: 8000, protocol: 'udp', count: 11 },
      ],
    });
  });

  it('refuses a configuration whose words are none', () => {
    for (const config of [
      { Cmd: [1] },
      { Env: ['A=\0'] },
      { Volumes: ['/a'] },
      { Labels: { a: 1 } },
      { StopSignal: 99 },
    ])
      throwsCode('image-document-invalid', () => execution(config));
  });

  it('are called by appc identifiers', () => {
    assert.equal(acIdentifier('Host:5000/My__App--X', 'x'), 'host-5000/my_app-x');
    assert.equal(acIdentifier('///', 'nothing'), 'nothing');
    assert.equal(fullRepository('busybox'), 'registry-1.docker.io/library/busybox');
    assert.equal(fullRepository('docker.io/a/b'), 'registry-1.docker.io/a/b');
    assert.equal(localRepository(undefined, 'Web Image.tar.gz'), 'localhost/web-image');
    assert.deepEqual(splitTag('h:5000/a/b:v1@sha256:00'), { repository: 'h:5000/a/b', tag: 'v1' });
    const arch = (architecture: string, variant?: string) =>
      labelsOf('1', { os: 'linux', architecture, ...(variant === undefined ? {} : { variant }) }).at(-1)?.value;
    assert.deepEqual(
      [arch('386'), arch('arm64', 'v8'), arch('arm', 'v6'), arch('arm', 'v7'), arch('arm'), arch('amd64')],
      ['i386', 'aarch64', 'armv6l', 'armv7l', 'armv7l', 'amd64'],
    );
  });

  const offer = (...platforms: readonly string[]): readonly IndexEntry[] =>
    platforms.map((written) => ({
      mediaType: '',
      digest: `sha256:${'0'.repeat(64)}` as Digest,
      size: 1,
      annotations: {},
      platform: parsePlatform(written),
    }));
  const chosen = (wanted: string, ...platforms: readonly string[]): string => {
    const { platform } = choosePlatform(offer(...platforms), parsePlatform(wanted));
    return platform === undefined ? 'none' : formatPlatform(platform);
  };

  it('are chosen of an index by platform: the newest variant that can be executed', () => {
    assert.equal(chosen('linux/arm/v7', 'linux/arm/v5', 'linux/arm/v7', 'linux/arm/v6'), 'linux/arm/v7');
    assert.equal(chosen('linux/arm/v6', 'linux/arm/v5', 'linux/arm/v7'), 'linux/arm/v5');
    assert.equal(chosen('arm64', 'linux/arm/v7', 'linux/arm64/v8'), 'linux/arm64/v8');
    assert.equal(chosen('armhf', 'linux/arm/v6'), 'linux/arm/v6');
    assert.equal(chosen('x86_64', 'windows/amd64', 'linux/amd64'), 'linux/amd64');
    throwsCode('image-platform-missing', () => chosen('linux/amd64', 'linux/amd64/v3'), /linux\/amd64\/v3/);
    throwsCode(
      'image-platform-missing',
      () => chosen('linux/arm/v5', 'linux/arm/v6', 'unknown/unknown'),
      /but for linux\/arm\/v6 $/,
    );
    for (const written of ['', 'a/b/c/d', 'linux/', 'linux/a b']) throwsCode('usage', () => parsePlatform(written));
  });

  it('execute arguments in place of CMD; an image of appc behind its own', () => {
    const docker = [
      { name: 'podctl/conventions', value: 'docker' },
      { name: 'appc.io/docker/entrypoint', value: '["e"]' },
    ];
    const image = { exec: ['e', 'c'], annotations: docker };
    assert.deepEqual(commandLine(image, undefined, []), ['e', 'c']);
    assert.deepEqual(commandLine(image, undefined, ['a']), ['e', 'a']);
    assert.deepEqual(commandLine(image, 'x', ['a']), ['x', 'a']);
    assert.deepEqual(commandLine({ ...image, annotations: [] }, undefined, ['a']), ['e', 'c', 'a']);
    const broken = [
      { name: 'podctl/conventions', value: 'docker' },
      { name: 'appc.io/docker/entrypoint', value: '[1' },
    ];
    assert.deepEqual(commandLine({ ...image, annotations: broken }, undefined, ['a']), ['a']);
  });
});
