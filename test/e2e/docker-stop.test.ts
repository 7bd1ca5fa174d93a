/** `podctl stop` of Docker and OCI images beside `podman stop`: which signal an app gets, how long it has, and how it ends. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { busyboxLayer, dockerArchive } from '../fixtures/oci';
import { needsPodman, Podman } from '../rig/podman';
import { needsHost, type Outcome, PODCTL, Rig } from '../rig/rig';

interface Case {
  readonly what: string;
  readonly config: object;
  /** Seconds it may take. */
  readonly grace?: number;
}

const SHELL = ['/bin/sh', '-c'];
/** Says which signal came, and ends with a status of its own. */
const trapping = (...signals: readonly string[]): readonly string[] => [
  ...SHELL,
  `${signals.map((one) => `trap "echo got ${one}; exit 7" ${one}; `).join('')}echo ready; while :; do sleep 0.02; done`,
];
const ALL = ['TERM', 'INT', 'QUIT', 'USR1', 'WINCH', 'HUP', '37'];

const CASES: readonly Case[] = [
  { what: 'no STOPSIGNAL', config: { Cmd: trapping(...ALL) } },
  { what: 'STOPSIGNAL by name', config: { Cmd: trapping(...ALL), StopSignal: 'SIGINT' } },
  { what: 'STOPSIGNAL without SIG', config: { Cmd: trapping(...ALL), StopSignal: 'QUIT' } },
  { what: 'STOPSIGNAL by number', config: { Cmd: trapping(...ALL), StopSignal: '10' } },
  { what: 'a real-time STOPSIGNAL', config: { Cmd: trapping(...ALL), StopSignal: 'SIGRTMIN+3' } },
  { what: 'STOPSIGNAL for a user', config: { Cmd: trapping(...ALL), StopSignal: 'SIGWINCH', User: '1000:1000' } },
  {
    what: 'an entrypoint that replaces itself, with CMD as its words',
    config: { Entrypoint: [...SHELL, 'exec "$@"', 'entry'], Cmd: trapping(...ALL), StopSignal: 'SIGUSR1' },
  },
  {
    what: 'one that takes its time, and ends well',
    config: { Cmd: [...SHELL, 'trap "sleep 0.3; echo late; exit 0" TERM; echo ready; while :; do sleep 0.02; done'] },
  },
  {
    what: 'one that does not listen',
    config: { Cmd: [...SHELL, 'trap "echo no" TERM; echo ready; while :; do sleep 0.02; done'] },
    grace: 1,
  },
];

describe('podctl stop beside podman stop', function () {
  this.timeout(120_000);
  let rig: Rig;
  let archive: string;
  let podman: Podman;
  const children: ChildProcess[] = [];
  before(function () {
    needsHost(this);
    needsPodman(this);
    rig = new Rig();
    podman = new Podman(rig, 'podman-stop');
    const layers = [busyboxLayer()];
    const images = CASES.map(({ config }, index) => ({ layers, config, tags: [`localhost/stop:${index}`] }));
    archive = rig.write('stop.tar', dockerArchive(images, 'flat'));
    succeed(podman.run('load', '--quiet', '--input', archive));
  });
  after(() => {
    for (const child of children) child.kill('SIGKILL');
    podman?.dispose();
    rig?.dispose();
  });

  /** Runs until it has said "ready", then does what stops it. @returns what it said and how it ended */
  async function stopped(
    [program = '', ...args]: readonly string[],
    stop: (child: ChildProcess) => void,
  ): Promise<Outcome> {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    children.push(child);
    const said = { stdout: '', stderr: '' };
    let isAsked = false;
    child.stderr.on('data', (chunk) => (said.stderr += String(chunk)));
    child.stdout.on('data', (chunk) => {
      said.stdout += String(chunk);
      if (isAsked || !said.stdout.includes('ready\n')) return;
      isAsked = true;
      stop(child);
    });
    return new Promise((resolve) => child.on('close', (status, signal) => resolve({ status, signal, ...said })));
  }
  const runOwn = (image: string, name: string, grace: number): readonly string[] => [
    ...[PODCTL, ...rig.globals, 'run', '--net=none', `--name=${name}`, `--stop-timeout=${grace}s`],
    `docker-archive:${archive}:${image}`,
  ];
  const runPeer = (image: string, name: string, grace: number): readonly string[] => {
    const how = ['--rm', '--net=none', '--pids-limit=-1', `--name=${name}`, `--stop-timeout=${grace}`];
    return podman.line('run', ...how, image);
  };
  const succeed = ({ status, stderr }: Outcome): void => assert.equal(status, 0, stderr);
  const shown = ({ status, stdout, stderr }: Outcome) => ({ status, stdout, stderr });

  for (const [index, { what, grace = 10 }] of CASES.entries()) {
    it(what, async () => {
      const [image, name] = [`localhost/stop:${index}`, `stop-${index}`];
      const own = await stopped(runOwn(image, name, grace), () => succeed(rig.podctl('stop', name)));
      const peer = await stopped(runPeer(image, name, grace), () => succeed(podman.run('stop', name)));
      assert.deepEqual(shown(own), shown(peer));
      assert.match(own.stdout, grace === 1 ? /^ready\nno\n$/ : /^ready\n(?:got \w+|late)\n$/);
    });
  }
  it('SIGTERM to whoever runs it in the foreground stops it as well', async () => {
    const own = await stopped(runOwn('localhost/stop:0', 'signalled', 10), (child) => void child.kill('SIGTERM'));
    const peer = await stopped(runPeer('localhost/stop:0', 'signalled', 10), (child) => {
      // Before podman has noted that it runs, it drops the signal, and forwards none any more.
      succeed(podman.run('wait', '--condition=running', 'signalled'));
      child.kill('SIGTERM');
    });
    assert.deepEqual(shown(own), shown(peer));
  });
});
