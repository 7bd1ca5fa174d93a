/** `--pod-manifest` and the flags that say what a manifest can, on a real systemd. Numbers are those of appc §3.4. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { busyboxAci, imageIdOf } from '../fixtures/aci';
import { command, needsHost, PODCTL, Rig } from '../rig/rig';

const sh = (script: string) => ({ exec: ['/bin/sh', '-c', script], user: '0', group: '0' });

describe('pods from manifests', () => {
  let rig: Rig;
  let id: string;
  let image: string;

  before(function () {
    needsHost(this);
    rig = new Rig();
    const aci = busyboxAci({
      name: 'example.com/base',
      labels: [{ name: 'version', value: '1.0' }],
      exec: ['/bin/echo', 'of the image'],
      app: {
        environment: [
          { name: 'A', value: 'image' },
          { name: 'B', value: 'image' },
        ],
        ports: [{ name: 'www', port: 80, protocol: 'tcp' }],
        userLabels: { kept: 'yes', changed: 'no' },
      },
    });
    id = imageIdOf(aci);
    image = rig.write('base.aci', aci);
    rig.ok('--insecure-options=image', 'fetch', image);
  });
  after(() => rig?.dispose());

  const manifestFile = (more: object): string => {
    const document = { acKind: 'PodManifest', acVersion: '0.8.11', apps: [{ name: 'web', image: { id } }], ...more };
    return rig.write('pod.json', JSON.stringify(document));
  };
  const run = (more: object, ...flags: string[]) =>
    rig.podctl('--insecure-options=image', 'run', '--net=none', `--pod-manifest=${manifestFile(more)}`, ...flags);
  const refused = (more: object, pattern: RegExp): void => {
    const { status, stderr } = run(more);
    assert.equal(status, 254);
    assert.match(stderr, pattern);
  };
  interface Shown {
    readonly apps: readonly {
      readonly image: unknown;
      readonly app: Record<string, unknown>;
      readonly annotations: unknown;
    }[];
    readonly ports: unknown;
    readonly volumes: unknown;
    readonly annotations: unknown;
    readonly userLabels: unknown;
  }
  const prepared = (...args: string[]): Shown => {
    const uuid = rig.ok('--insecure-options=image', 'prepare', ...args).trim();
    try {
      return JSON.parse(rig.ok('cat-manifest', uuid)) as Shown;
    } finally {
      rig.ok('rm', uuid);
    }
  };

  it('D2 runs the app of the image where the manifest has none, and the manifest’s own instead of it', () => {
    assert.deepEqual([run({}).stdout, run({}).status], ['of the image\n', 0]);
    const own = { name: 'web', image: { id }, app: sh('echo own $A; exit 5') };
    const { status, stdout } = run({ apps: [own] });
    // Wholly: the image's environment is gone, too.
    assert.deepEqual({ status, stdout }, { status: 5, stdout: 'own\n' });
  });
  it('D2 takes the image by ID, and refuses one that is not there or is not what the name and labels beside it say', () => {
    refused({ apps: [{ name: 'web', image: { id: `sha512-${'0'.repeat(128)}` } }] }, /image-not-found/);
    refused(
      { apps: [{ name: 'web', image: { id, name: 'example.com/other' } }] },
      /pod-manifest-invalid.*not "example/,
    );
    const labels = [{ name: 'version', value: '2.0' }];
    refused({ apps: [{ name: 'web', image: { id, labels } }] }, /pod-manifest-invalid.*not version=2.0/);
    assert.equal(run({ apps: [{ name: 'web', image: { id: id.slice(0, 71), name: 'example.com/base' } }] }).status, 0);
    assert.deepEqual(
      rig.leftovers().filter((path) => !path.startsWith('pods/run/')),
      [],
    );
  });
  it('D4 shows the reified manifest: image by ID and name, the app as it will run', () => {
    const shown = prepared(
      `--pod-manifest=${manifestFile({
        apps: [{ name: 'web', image: { id: id.slice(0, 71) }, annotations: [{ name: 'a', value: 'b' }] }],
        ports: [{ name: 'www', hostPort: 8080, hostIP: '127.0.0.1' }],
        annotations: [{ name: 'of/pod', value: 'x' }],
        userLabels: { team: 'blue' },
      })}`,
    );
    const [web] = shown.apps;
    assert.deepEqual(web?.image, { id, name: 'example.com/base', labels: [{ name: 'version', value: '1.0' }] });
    assert.deepEqual(web?.app['exec'], ['/bin/echo', 'of the image']);
    assert.deepEqual(web?.annotations, [{ name: 'a', value: 'b' }]);
    assert.deepEqual(shown.ports, [{ name: 'www', hostPort: 8080, hostIP: '127.0.0.1' }]);
    assert.deepEqual(shown.annotations, [{ name: 'of/pod', value: 'x' }]);
    assert.deepEqual(shown.userLabels, { team: 'blue' });
  });
  it('D5 gives the apps of one pod each other’s processes, host name, localhost and shared memory', () => {
    const wait = 'while [ ! -e /dev/shm/ready ]; do usleep 10000; done';
    const first = sh('hostname > /dev/shm/name; echo $$ > /dev/shm/pid; > /dev/shm/ready; sleep 1000 & wait');
    const second = sh(
      `${wait}; kill -0 $(cat /dev/shm/pid) && echo sees; [ "$(hostname)" = "$(cat /dev/shm/name)" ] && echo named; exit 3`,
    );
    const apps = [
      { name: 'first', image: { id }, app: first },
      { name: 'second', image: { id }, app: second },
    ];
    const { status, stdout } = run({ apps });
    assert.deepEqual({ status, stdout }, { status: 3, stdout: 'sees\nnamed\n' });
  });
  it('D6 refuses a port that two apps declare, and one that none does unless podPort says it', () => {
    const ports = [{ name: 'www', hostPort: 80 }];
    const two = ['a', 'b'].map((name) => ({ name, image: { id } }));
    refused({ apps: two, ports }, /pod-manifest-invalid: port "www" is declared by apps "a" and "b"/);
    refused({ ports: [{ name: 'other', hostPort: 80 }] }, /no app of the pod declares the port "other"/);
    const podPort = { name: 'other', port: 8080, protocol: 'tcp' };
    assert.equal(run({ ports: [{ name: 'other', hostPort: 80, podPort }] }).status, 0);
  });

  for (const [what, args] of [
    ['an image', ['IMAGE']],
    ['--set-env', ['--set-env=A=1']],
    ['--inherit-env', ['--inherit-env']],
    ['--set-env-file', ['--set-env-file=/dev/null']],
  ] as const) {
    it(`refuses ${what} beside --pod-manifest`, () => {
      const { status, stderr } = run({}, ...args.map((word) => (word === 'IMAGE' ? image : word)));
      assert.equal(status, 254);
      assert.match(stderr, /usage: conflicting flags set with --pod-manifest \(see --help\)/);
    });
  }
  it('D1 says where a manifest is wrong, and leaves nothing behind', () => {
    const before = rig.leftovers();
    refused({ acVersion: '2.0.0' }, /pod-manifest-invalid: .*acVersion/);
    refused({ volumes: [{ name: 'v', kind: 'host' }] }, /at volumes\[0\]\.source/);
    const absent = rig.podctl('run', '--pod-manifest=/nowhere');
    assert.deepEqual([absent.status, /usage: --pod-manifest: ENOENT/.test(absent.stderr)], [254, true]);
    const endless = rig.podctl('run', '--pod-manifest=/dev/zero');
    assert.match(endless.stderr, /larger than 4194304 bytes/);
    assert.deepEqual(rig.leftovers(), before);
  });

  it('D7 D8 puts --annotation, --user-annotation and --user-label of an app into the manifest', () => {
    const [web] = prepared(
      image,
      '--annotation=a/b=1',
      '--annotation=a/b=2',
      '--user-annotation=any key=v=w',
      '--user-label=changed=yes',
    ).apps;
    assert.deepEqual(web?.annotations, [{ name: 'a/b', value: '2' }]);
    assert.deepEqual(web?.app['userAnnotations'], { 'any key': 'v=w' });
    assert.deepEqual(web?.app['userLabels'], { kept: 'yes', changed: 'yes' });
    const { status, stderr } = rig.podctl('--insecure-options=image', 'prepare', image, '--annotation=Not OK=1');
    assert.deepEqual([status, /AC Identifier/.test(stderr)], [254, true]);
  });
  it('takes variables from parent < image < --set-env-file < --set-env < --environment', () => {
    const file = rig.write('vars', '# comment\n; comment\n\nB=file\nC=file\nD=file # kept\n');
    const argv = [PODCTL, ...rig.globals, '--insecure-options=image', 'run', '--net=none', '--inherit-env'];
    const flags = [`--set-env-file=${file}`, '--set-env=C=pod', '--set-env=E=pod', image, '--environment=E=app'];
    const script = 'echo "$P|$A|$B|$C|$D|$E|$NOT_A-NAME"';
    const { stdout, stderr } = command([...argv, ...flags, '--exec=/bin/sh', '--', '-c', script], {
      env: { PATH: process.env['PATH'], P: 'parent', A: 'parent', B: 'parent', C: 'parent', 'BASH_FUNC_x%%': '() {}' },
    });
    assert.equal(stdout, 'parent|image|file|pod|file # kept|app|-NAME\n', stderr);
  });
  it('does not let the parent’s variables in without --inherit-env', () => {
    const { stdout } = command(
      [PODCTL, ...rig.globals, '--insecure-options=image', 'run', '--net=none', image, '--exec=/bin/env'],
      { env: { PATH: process.env['PATH'], SECRET: '1' } },
    );
    assert.ok(!stdout.includes('SECRET'));
    assert.ok(stdout.includes('AC_APP_NAME=base'));
  });
  it('names file and line of a bad variable', () => {
    const file = rig.write('vars', 'A=1\nnonsense\n');
    const { status, stderr } = rig.podctl('run', `--set-env-file=${file}`, image);
    assert.equal(status, 254);
    assert.ok(stderr.includes(`at ${file}:2`), stderr);
  });
  it('leaves nothing behind', () => {
    rig.ok('gc', '--grace-period=0');
    assert.deepEqual(rig.leftovers(), []);
    assert.ok(fs.existsSync(image));
  });
});
