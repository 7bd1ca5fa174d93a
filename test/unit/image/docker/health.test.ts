import assert from 'node:assert/strict';
import { decodeConfig } from '../../../../stage0/image/docker/config';
import { imageManifest } from '../../../../stage0/image/docker/manifest';

const SECOND = 1_000_000_000;

const config = (check: unknown, more: object = {}) =>
  decodeConfig(
    Buffer.from(
      JSON.stringify({
        os: 'linux',
        architecture: 'amd64',
        config: { Cmd: ['/bin/true'], Healthcheck: check, ...more },
        rootfs: { type: 'layers', diff_ids: [] },
      }),
    ),
  );

const origin = {
  name: 'localhost/web',
  tag: 'latest',
  repository: undefined,
  manifestDigest: undefined,
  configDigest: `sha256:${'0'.repeat(64)}`,
  annotations: {},
};

/** The annotations about health, without their prefix. */
const said = (check: unknown, more?: object): Readonly<Record<string, string>> => {
  const { annotations } = JSON.parse(imageManifest(origin, config(check, more), []).toString()) as {
    annotations: { name: string; value: string }[];
  };
  return Object.fromEntries(
    annotations
      .filter(({ name }) => name.startsWith('podctl/health-'))
      .map(({ name, value }) => [name.slice('podctl/health-'.length), value]),
  );
};

describe('the health check of a Docker image', () => {
  it('becomes annotations, times in milliseconds', () => {
    assert.deepEqual(
      said({
        Test: ['CMD-SHELL', 'curl -f http://localhost/ || exit 1'],
        Interval: 90 * SECOND,
        Timeout: 1_500_000,
        StartPeriod: 0,
        StartInterval: SECOND,
        Retries: 5,
      }),
      {
        cmd: '["CMD","/bin/sh","-c","curl -f http://localhost/ || exit 1"]',
        interval: '90000ms',
        timeout: '1ms',
        'start-interval': '1000ms',
        retries: '5',
      },
    );
    assert.deepEqual(said({ Test: ['CMD', '/check', 'a b'] }), { cmd: '["CMD","/check","a b"]' });
  });

  it("uses the image's own shell", () =>
    assert.deepEqual(said({ Test: ['CMD-SHELL', 'x'] }, { Shell: ['/bin/ash', '-ec'] }), {
      cmd: '["CMD","/bin/ash","-ec","x"]',
    }));

  it('is none where Docker runs none', () => {
    for (const check of [
      null,
      {},
      { Test: null },
      { Test: [] },
      { Test: ['NONE'] },
      { Test: ['CMD'] },
      { Test: ['WHAT', 'x'] },
    ])
      assert.deepEqual(said(check), {}, JSON.stringify(check));
  });

  it('takes a year for ever', () => {
    const ever = { Test: ['CMD', 'x'], Interval: 9e18, Retries: 1e15 };
    assert.deepEqual(said(ever), { cmd: '["CMD","x"]', interval: '31622400000ms', retries: '1000000000' });
  });

  for (const [check, place] of [
    ['true', /Healthcheck must be/],
    [{ Test: 7 }, /Healthcheck\.Test/],
    [{ Test: ['CMD', 7] }, /Healthcheck\.Test/],
    [{ Test: ['CMD', 'a\0b'] }, /NUL/],
    [{ Test: ['CMD', 'x'.repeat(20_000)] }, /more than 16384 bytes/],
    [{ Test: ['CMD', 'x'], Interval: 999_999 }, /Healthcheck\.Interval must be 0, or at least 1000000/],
    [{ Test: ['CMD', 'x'], Timeout: -1 }, /Healthcheck\.Timeout must be 0/],
    [{ Test: ['CMD', 'x'], StartPeriod: '5s' }, /Healthcheck\.StartPeriod must be a whole number/],
    [{ Test: ['CMD', 'x'], StartInterval: 1.5 }, /Healthcheck\.StartInterval/],
    [{ Test: ['CMD', 'x'], Retries: -1 }, /Healthcheck\.Retries must not be negative/],
  ] as const)
    it(`is refused as ${JSON.stringify(check).slice(0, 50)}`, () =>
      assert.throws(
        () => config(check),
        (error: Error & { code?: string }) => error.code === 'image-document-invalid' && place.test(error.message),
      ));
});
