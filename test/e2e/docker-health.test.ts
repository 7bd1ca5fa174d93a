/** HEALTHCHECK of Docker images: what podctl makes of it beside podman, which checks the same archive by hand. */
import assert from 'node:assert/strict';
import { busyboxLayer, dockerArchive } from '../fixtures/oci';
import { needsPodman, Podman } from '../rig/podman';
import { needsHost, type Outcome, Rig, until } from '../rig/rig';

interface Case {
  readonly what: string;
  readonly check: readonly string[];
  readonly more?: object;
  readonly becomes: 'healthy' | 'unhealthy' | 'unchecked';
}

const CASES: readonly Case[] = [
  { what: 'a command', check: ['CMD', 'test', '-e', '/bin/sh'], becomes: 'healthy' },
  { what: 'a command that fails', check: ['CMD', '/bin/false'], becomes: 'unhealthy' },
  { what: 'words as they are', check: ['CMD', 'test', '$HOME', '=', '$HOME'], becomes: 'healthy' },
  { what: 'a line for the shell', check: ['CMD-SHELL', 'test "$HOME" != "\\$HOME" || exit 1'], becomes: 'healthy' },
  { what: 'a line that fails', check: ['CMD-SHELL', 'exit 3'], becomes: 'unhealthy' },
  { what: 'a program that is not there', check: ['CMD', 'curl', '-f', 'http://localhost/'], becomes: 'unhealthy' },
  {
    what: 'user, directory and variables of the image',
    check: ['CMD-SHELL', 'test "$(id -u) $(id -g) $PWD $A" = "1000 1000 /srv x y"'],
    more: { User: '1000:1000', WorkingDir: '/srv', Env: ['A=x y', 'PATH=/bin'] },
    becomes: 'healthy',
  },
  { what: 'what the app has written', check: ['CMD', 'grep', '-q', 'main', '/dev/shm/mark'], becomes: 'healthy' },
  { what: 'none', check: ['NONE'], becomes: 'unchecked' },
];

const TIMES = { Interval: 50_000_000, Timeout: 10_000_000_000, Retries: 2 };

describe('HEALTHCHECK beside podman', () => {
  let rig: Rig;
  let peer: Podman;
  before(function () {
    needsHost(this);
    needsPodman(this);
    rig = new Rig();
    peer = new Podman(rig, 'podman-health');
  });
  after(() => {
    peer?.dispose();
    rig?.dispose();
  });

  const podman = (...args: readonly string[]): Outcome => peer.run(...args);

  /** Checked as often as makes it unhealthy; without its timer, so that nothing else checks. */
  function ofPodman(image: string): string {
    const started = podman('run', '--detach', '--net=none', '--pids-limit=-1', '--health-interval=disable', image);
    assert.equal(started.status, 0, started.stderr);
    const id = started.stdout.trim();
    try {
      for (let round = 0; round < TIMES.Retries; round += 1) podman('healthcheck', 'run', id);
      const seen = podman('inspect', '--format', '{{if .State.Health}}{{.State.Health.Status}}{{end}}', id);
      assert.equal(seen.status, 0, seen.stderr);
      return seen.stdout.trim() || 'unchecked';
    } finally {
      podman('rm', '--force', '--time=0', id);
    }
  }

  async function ofPodctl(image: string): Promise<string> {
    const pod = rig.ok('run', '--net=none', '--detach', image, '--name=web').trim();
    try {
      return await until(() => {
        const { apps } = JSON.parse(rig.ok('status', '--format=json', pod)) as {
          apps: { health: { state: string } | null }[];
        };
        const state = apps[0]?.health?.state ?? 'unchecked';
        return state === 'starting' ? undefined : state;
      }, 'a verdict');
    } finally {
      rig.ok('stop', '--force', pod);
    }
  }

  it('comes to the same verdicts', async function () {
    this.timeout(120_000);
    const images = CASES.map(({ check, more, becomes }, index) => ({
      layers: [busyboxLayer([{ name: 'srv/' }])],
      config: {
        Cmd: ['/bin/sh', '-c', 'echo main > /dev/shm/mark; exec sleep 60'],
        Healthcheck: { Test: check, ...TIMES, ...(becomes === 'healthy' ? { Retries: 1000 } : {}) },
        ...more,
      },
      tags: [`localhost/health:${index}`],
    }));
    const archive = rig.write('health.tar', dockerArchive(images, 'flat'));
    const loaded = podman('load', '--quiet', '--input', archive);
    assert.equal(loaded.status, 0, loaded.stderr);
    for (const [index, { what, becomes }] of CASES.entries()) {
      const image = `localhost/health:${index}`;
      const verdicts = [ofPodman(image), await ofPodctl(`docker-archive:${archive}:${image}`)];
      assert.deepEqual(verdicts, [becomes, becomes], what);
    }
  });
});
