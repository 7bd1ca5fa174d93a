/** `podctl run docker-archive:…` beside `podman run` of the same archive: what an app sees, and how it ends. */
import assert from 'node:assert/strict';
import { busyboxLayer, dockerArchive, layer } from '../fixtures/oci';
import { needsPodman, Podman } from '../rig/podman';
import { needsHost, type Outcome, Rig } from '../rig/rig';

/** What says the same of both: who runs, where, with which words and variables. */
const REPORT =
  'id -u; id -g; pwd; echo "$HOME|$PATH|$A|$B"; for word in "$0" "$@"; do echo "<$word>"; done; ls -ld /vol | cut -c1-10; ls /vol /merged; cat /dev/null';

interface Case {
  readonly what: string;
  readonly config: object;
  readonly args?: readonly string[];
  /** podman's --entrypoint, podctl's --exec. */
  readonly exec?: string;
  readonly flags?: readonly [podctl: readonly string[], podman: readonly string[]];
}

const SHELL = ['/bin/sh', '-c'];

const CASES: readonly Case[] = [
  { what: 'ENTRYPOINT and CMD', config: { Entrypoint: [...SHELL, REPORT], Cmd: ['zero', 'one two'] } },
  {
    what: 'arguments in place of CMD',
    config: { Entrypoint: [...SHELL, REPORT], Cmd: ['zero'] },
    args: ['a b', '', '$HOME'],
  },
  { what: 'arguments without ENTRYPOINT', config: { Cmd: ['/bin/false'] }, args: ['sh', '-c', REPORT] },
  { what: '--exec', config: { Entrypoint: ['/bin/false'], Cmd: ['x'] }, exec: '/bin/sh', args: ['-c', REPORT] },
  { what: 'a user by name', config: { Cmd: [...SHELL, REPORT], User: 'app' } },
  { what: 'a user by number', config: { Cmd: [...SHELL, REPORT], User: '1000' } },
  { what: 'a number that is no user', config: { Cmd: [...SHELL, REPORT], User: '4242' } },
  { what: 'user and group', config: { Cmd: [...SHELL, REPORT], User: 'app:extra' } },
  { what: 'user and group by number', config: { Cmd: [...SHELL, REPORT], User: '7:8' } },
  { what: 'a working directory that is not there', config: { Cmd: [...SHELL, REPORT], WorkingDir: '/made/for/me' } },
  {
    what: 'a working directory of a user',
    config: { Cmd: [...SHELL, 'pwd; ls -ld . | cut -c1-10'], WorkingDir: '/made', User: 'app' },
  },
  {
    what: 'variables',
    config: { Cmd: [...SHELL, REPORT], Env: ['A=x=y', 'B=two words', 'HOME=/elsewhere', 'PATH=/bin'] },
  },
  {
    what: 'a child that dies by a signal',
    config: { Cmd: [...SHELL, `sh -c 'kill -USR1 $$'; echo $?; exec /bin/false`] },
  },
  { what: 'standard error and an exit status', config: { Cmd: [...SHELL, 'echo out; echo err >&2; exit 42'] } },
];

describe('podctl run beside podman run', () => {
  let rig: Rig;
  let peer: Podman;
  before(function () {
    needsHost(this);
    needsPodman(this);
    rig = new Rig();
    peer = new Podman(rig, 'podman-test');
  });
  after(() => {
    peer?.dispose();
    rig?.dispose();
  });

  const podman = (...args: readonly string[]): Outcome => peer.run(...args);

  it('sees the same, and ends the same', function () {
    this.timeout(60_000);
    const layers = [
      busyboxLayer([
        { name: 'vol/', mode: 0o750 },
        { name: 'vol/seed', content: 'seed' },
        { name: 'merged/' },
        { name: 'merged/gone', content: '' },
        { name: 'merged/kept', content: '' },
      ]),
      layer([{ name: 'merged/' }, { name: 'merged/.wh.gone' }, { name: 'merged/new', content: '' }]),
    ];
    const images = CASES.map(({ config }, index) => ({
      layers,
      config: { Volumes: { '/vol': {} }, ...config },
      tags: [`localhost/case:${index}`],
    }));
    const archive = rig.write('cases.tar', dockerArchive(images, 'flat'));
    const loaded = podman('load', '--quiet', '--input', archive);
    assert.equal(loaded.status, 0, loaded.stderr);
    for (const [index, { what, exec, args = [] }] of CASES.entries()) {
      const image = `localhost/case:${index}`;
      const own = rig.podctl(
        'run',
        '--net=none',
        `docker-archive:${archive}:${image}`,
        ...(exec === undefined ? [] : [`--exec=${exec}`]),
        ...(args.length === 0 ? [] : ['--', ...args]),
      );
      const peer = podman(
        'run',
        '--rm',
        '--net=none',
        '--pids-limit=-1',
        ...(exec === undefined ? [] : ['--entrypoint', exec]),
        image,
        ...args,
      );
      const shown = ({ status, stdout, stderr }: Outcome) => ({ status, stdout, stderr });
      assert.deepEqual(shown(own), shown(peer), what);
    }
  });
});
