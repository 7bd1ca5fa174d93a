/** Starts of a pod in its unit for which Node is not needed, since nothing has changed (stage0/front/README.md). */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { eventsOf } from '../rig/events';
import { Again, IDLE, RECORD, UNIT } from '../rig/replay';
import { output, PODCTL } from '../rig/rig';
import { helloImage, OwnUnits } from '../rig/suite';

describe('a pod that is started in its unit as it was before', () => {
  const own = new OwnUnits(helloImage);
  const again = new Again(own);
  const { restart, running, script, startAndSettle } = again;

  /** All that a start makes in the pod's directory, without what is another each time. */
  const madeFor = (uuid: string): readonly string[] => {
    const root = `${own.rig.dataDir}/pods/run/${uuid}`;
    const invocation = own.units.show(UNIT, 'InvocationID');
    const usual = (text: string): string =>
      text
        .replaceAll(uuid, 'UUID')
        .replaceAll(uuid.replaceAll('-', ''), 'UUID')
        .replaceAll(Buffer.from(uuid).toString('hex'), 'UUID')
        .replaceAll(invocation, 'INVOCATION')
        .replace(/"createdAt":\d{13}/, 'CREATED');
    const isWritten = (name: string): boolean => !/^(pid|control|status\/.*)$/.test(name);
    const names = (fs.readdirSync(root, { recursive: true }) as string[]).filter(isWritten).sort();
    return names
      .filter((name) => !/^apps\/[^/]+\/(upper|work)\/|^root\//.test(name))
      .map((name) => {
        const { mode, uid, gid } = fs.lstatSync(`${root}/${name}`);
        const isFile = fs.lstatSync(`${root}/${name}`).isFile();
        return `${name} ${mode.toString(8)} ${uid} ${gid} ${isFile ? usual(fs.readFileSync(`${root}/${name}`, 'utf8')) : ''}`;
      });
  };

  /** What the pod's init, and through it the apps, have of the process that was executed by systemd. */
  const inheritedBy = (uuid: string): readonly string[] => {
    const process = `/proc/${fs.readFileSync(`${own.rig.dataDir}/pods/run/${uuid}/pid`, 'utf8').trim()}`;
    const status = fs.readFileSync(`${process}/status`, 'utf8').split('\n');
    const kept = status.filter((line) => /^(Umask|Groups|Seccomp|NoNewPrivs|SigBlk|Cap\w+):/.test(line));
    // Numbers, pipes and sockets depend on how far the init is.
    const open = output('find', `${process}/fd`, '-type', 'l', '-ignore_readdir_race', '-printf', '%l\\n').split('\n');
    const paths = open.filter((file) => file.startsWith('/')).map((file) => file.replace(uuid, 'UUID'));
    const files = [...new Set(paths)].sort();
    return [
      fs.readFileSync(`${process}/limits`, 'utf8'),
      fs.readFileSync(`${process}/environ`, 'utf8'),
      ...kept,
      ...files,
    ];
  };

  it('needs no Node, and is what Node makes of it', () => {
    own.rig.write('shared/file', 'x');
    const rich = [
      `--volume=shared,kind=host,source=${own.rig.root}/shared`,
      '--volume=scratch,kind=empty,mode=0711,uid=7,gid=8',
      '--set-env=A=b c%d',
      '--hostname=elsewhere',
      '--dns=192.0.2.1',
      ...[own.image, '--name=one', '--exec=/bin/sh', '--mount=volume=shared,target=/shared'],
      ...['--mount=volume=scratch,target=/scratch', '--user=1000', '--group=1000', '--cap-retain=CAP_CHOWN'],
      ...['--', '-c', IDLE, '---'],
      ...[own.image, '--name=two', '--exec=/bin/sh', '--', '-c', 'sleep 1000 & wait'],
    ];
    again.write(rich, 'WatchdogSec=60', 'UMask=0027', 'Environment="WORD=two words"');
    startAndSettle();
    fs.unlinkSync(RECORD);
    assert.equal(restart(), true);
    const byNode = running();
    const made = madeFor(byNode);
    const inherited = inheritedBy(byNode);
    assert.equal(restart(), false);
    const next = running();
    assert.notEqual(next, byNode);
    const repeated = madeFor(next);
    // machined's machine of the last run is taken away in any case: Node knew that there was one, too.
    assert.deepEqual(repeated, made);
    assert.deepEqual(inheritedBy(next), inherited);
    assert.equal(
      made.some((file) => file.includes('apps/one/upper ')) && made.some((file) => file.startsWith('plan ')),
      true,
    );
  });

  it('is known to everybody under its new UUID, and the last one is gone', () => {
    again.write(script(IDLE));
    startAndSettle();
    const last = running();
    assert.equal(restart(), false);
    const next = running();
    assert.equal(fs.readlinkSync(`${own.rig.dataDir}/names/t-again`), next);
    assert.equal(fs.existsSync(`${own.rig.dataDir}/pods/exited-garbage/${last}`), false);
    assert.match(output('machinectl', 'show', 't-again'), new RegExp(`^Id=${next.replaceAll('-', '')}$`, 'm'));
    output('journalctl', '--sync');
    assert.equal(eventsOf(last).at(-1)?.['PODCTL_EVENT'], 'collected');
    const events = eventsOf(next).map((event) => event['PODCTL_EVENT']);
    assert.deepEqual(events, ['prepared', 'app-started', 'started']);
    assert.match(own.rig.ok('logs', next), /^.*up$/m);
    const { createdAt, unit } = JSON.parse(
      fs.readFileSync(`${own.rig.dataDir}/pods/run/${next}/record.json`, 'utf8'),
    ) as { createdAt: number; unit: { invocationId: string } };
    assert.ok(Math.abs(Date.now() - createdAt) < 30_000);
    assert.equal(unit.invocationId, own.units.show(UNIT, 'InvocationID'));
    assert.equal(fs.statSync(RECORD).mode & 0o777, 0o600);
    assert.equal(fs.statSync('/run/podctl/replay').mode & 0o777, 0o700);
  });

  it('is restarted by systemd itself, too', async () => {
    again.write(script('echo up; exec sleep 1000'), 'Restart=always', 'RestartSec=0');
    startAndSettle();
    const before = again.nodeStarts();
    const last = running();
    own.rig.podctl('kill', '-s', 'KILL', last);
    const isNext = (): boolean => again.pods().some(({ name, state }) => name !== last && state === 'running');
    while (!isNext()) output('journalctl', '--sync'); // which waits for the journal, not for a time
    assert.equal(again.nodeStarts(), before);
  });

  it('needs Node each time for what is new each time', () => {
    for (const more of [['--inherit-env'], [`--uuid-file-save=${own.rig.root}/uuid`]]) {
      again.write([...more, ...script(IDLE)]);
      own.units.start(UNIT);
      for (let starts = 0; starts < 3; starts += 1) assert.equal(restart(), true, more.join(' '));
      output('systemctl', 'stop', UNIT);
    }
  });

  it('needs Node in what is not the main process of its unit, or may make no cgroups there', () => {
    again.write(script('exit 0'), 'Type=oneshot');
    own.units.start(UNIT);
    own.units.start(UNIT);
    const starts = (): number => {
      const before = again.nodeStarts();
      own.units.start(UNIT);
      return again.nodeStarts() - before;
    };
    assert.equal(starts(), 0);
    again.dropIn(`ExecStartPre=${again.line(...script('exit 0'))}`);
    assert.equal(starts(), 1); // the first of the two
    again.dropIn('Delegate=no');
    assert.equal(starts(), 1);
    assert.match(own.units.journal(UNIT), /has no cgroups of its own \(Delegate=\)/);
  });

  it('needs Node while somebody holds what it needs', async () => {
    again.write(script(IDLE));
    startAndSettle();
    for (const held of ['names', 'prepare.lock']) {
      const holder = spawn('flock', [`${own.rig.dataDir}/${held}`, 'sh', '-c', 'echo held; read -r _'], {
        stdio: 'pipe',
      });
      await once(holder.stdout, 'data');
      const before = again.nodeStarts();
      const restarting = spawn('systemctl', ['restart', UNIT], { stdio: 'inherit' });
      const ended = once(restarting, 'exit');
      while (again.nodeStarts() === before) output('journalctl', '--sync');
      assert.equal(restarting.exitCode, null);
      holder.stdin.end();
      assert.deepEqual(await ended, [0, null]);
      running();
    }
  });

  it('leaves no record of a transient unit', () => {
    const name = 't-again-transient';
    const words = ['run', '--net=none', ...script(IDLE)];
    const globals = [...own.rig.globals, '--insecure-options=image'];
    output(
      'systemd-run',
      '-q',
      `--unit=${name}`,
      '-p',
      'Type=notify',
      '-p',
      'Delegate=yes',
      again.program,
      ...globals,
      ...words,
    );
    output('systemctl', 'stop', name);
    assert.equal(fs.existsSync(`/run/podctl/replay/|system.slice|${name}.service`), false);
  });

  it('loses its record to gc when the pod is gone, and no other data directory does', () => {
    again.write(script(IDLE));
    startAndSettle();
    output(PODCTL, `--dir=${own.rig.root}/other`, 'gc');
    own.rig.ok('gc');
    assert.equal(fs.existsSync(RECORD), true);
    output('systemctl', 'stop', UNIT);
    own.rig.ok('rm', 't-again');
    fs.writeFileSync('/run/podctl/replay/.killed', '');
    own.rig.ok('gc');
    assert.deepEqual(
      [RECORD, '/run/podctl/replay/.killed'].filter((file) => fs.existsSync(file)),
      [],
    );
  });
});
