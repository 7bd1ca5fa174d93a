/** Pipes in and out of `podctl run`: bytes, ends, slowness, and callers that are gone. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import { busyboxAci } from '../fixtures/aci';
import { needsHost, output, until } from '../rig/rig';
import { Speaking, script } from '../rig/speaking';

const MEGABYTE = 1024 * 1024;

describe('podctl run between pipes', () => {
  let rig: Speaking;

  before(function () {
    needsHost(this);
    rig = new Speaking();
  });
  after(() => rig?.dispose());

  /** The process that podctl has become. */
  const foreground = (): Promise<number> =>
    until(() => {
      const pid = output('sh', '-c', `pgrep -f '^podctl-stage1 foreground [0-9]+ ${rig.dataDir}' || true`).trim();
      return pid === '' ? undefined : Number(pid);
    }, 'podctl to go on as the executor');

  it('200 MB go through an app unchanged, and end when the input does', async () => {
    const child = rig.spawn(rig.run('-i', rig.image, '--stdout=stream', '--exec=/bin/cat'));
    const [sent, got] = [createHash('sha256'), createHash('sha256')];
    let size = 0;
    child.stdout?.on('data', (chunk: Buffer) => {
      got.update(chunk);
      size += chunk.length;
    });
    const piece = randomBytes(MEGABYTE);
    for (let i = 0; i < 200; i += 1) {
      piece.writeUInt32LE(i);
      sent.update(piece);
      if (child.stdin?.write(Buffer.from(piece)) === false) await once(child.stdin, 'drain');
    }
    child.stdin?.end();
    const [status] = (await once(child, 'close')) as [number];
    assert.deepEqual([status, size], [0, 200 * MEGABYTE]);
    assert.equal(got.digest('hex'), sent.digest('hex'));
  });

  it('tar goes in and out', () => {
    fs.mkdirSync(`${rig.root}/in`);
    fs.mkdirSync(`${rig.root}/out`);
    for (const name of ['a', 'b']) fs.writeFileSync(`${rig.root}/in/${name}`, randomBytes(3 * MEGABYTE));
    const app = rig.line(
      '-i',
      rig.image,
      '--stdout=stream',
      ...script('mkdir /tmp/t; tar x -C /tmp/t; tar c -C /tmp/t .'),
    );
    output('sh', '-c', `tar c -C ${rig.root}/in . | ${app} | tar x -C ${rig.root}/out`);
    output('diff', '-r', `${rig.root}/in`, `${rig.root}/out`);
  });

  it('what is logged is shown byte by byte, too, and the journal has it', () => {
    const lines = Array.from({ length: 20_000 }, (_, i) => `line ${i}\n`).join('');
    const uuid = `${rig.root}/logged`;
    const done = rig.podctlWith(
      lines,
      ...rig.run('-i', `--uuid-file-save=${uuid}`, rig.image, '--exec=/bin/cat').slice(4),
    );
    assert.equal(done.stdout, lines);
    assert.equal(rig.journal(fs.readFileSync(uuid, 'utf8').trim()), lines);
  });

  it('without --interactive there is no input, and nobody takes the caller’s', () => {
    const foreground = rig.line(rig.image, ...script('cat; echo over'));
    const detached = rig.line('--detach', rig.image, ...script('cat'));
    for (const line of [foreground, detached]) {
      const shown = output('sh', '-c', `printf 'for the shell\\n' | { ${line} >&2; cat; } 2>/dev/null`);
      assert.equal(shown, 'for the shell\n');
    }
  });

  it('an input that nobody reads any more ends whoever writes it', async () => {
    const line = rig.line('-i', rig.image, ...script('trap "exit 3" TERM; exec <&-; while :; do sleep 0.1; done'));
    const child = rig.spawn(['bash', '-c', `{ yes; echo "yes is over: $?" >&2; } | ${line}; exit \${PIPESTATUS[1]}`]);
    let said = '';
    child.stderr?.on('data', (chunk) => (said += String(chunk)));
    await until(() => (said.includes('yes is over: 141') ? true : undefined), `the end of yes: ${said}`);
    process.kill(await foreground(), 'SIGTERM');
    assert.equal((await once(child, 'close'))[0], 3);
  });

  it('an app that ends first ends podctl, with its status', () => {
    const line = rig.line('-i', rig.image, ...script('head -n 1; exit 5'));
    const done = output('bash', '-c', `yes | ${line}; echo status $?`);
    assert.equal(done, 'y\nstatus 5\n');
  });

  it('a stop reaches a pod whose app does not read its input', async () => {
    const line = rig.line('-i', rig.image, ...script('echo up; exec sleep 1000'));
    const child = rig.spawn(['bash', '-c', `yes | ${line}; exit $?`]);
    await once(child.stdout ?? child, 'data');
    process.kill(await foreground(), 'SIGINT');
    assert.equal((await once(child, 'close'))[0], 0);
  });

  it('a caller that does not read holds back what it does not read, and nothing else', async () => {
    const child = rig.spawn(
      rig.run(
        '--exit-policy=any',
        ...[rig.image, '--name=loud', ...script('yes'), '---'],
        ...[rig.image, '--name=other', ...script('for i in $(seq 1000); do echo $i >&2; done')],
      ),
    );
    let said = '';
    child.stderr?.on('data', (chunk) => (said += String(chunk)));
    await until(() => (said.includes('\n1000\n') ? true : undefined), 'the app that is read');
    child.stdout?.resume();
    assert.equal((await once(child, 'close'))[0], 0);
  });

  it('a caller that is gone does not hurt the pod', async () => {
    for (const flags of [['-i'], []]) {
      const uuid = `${rig.root}/gone${flags.length}`;
      const child = rig.spawn(
        rig.run(...flags, `--uuid-file-save=${uuid}`, rig.image, ...script('while :; do echo tick; sleep 0.01; done')),
      );
      await once(child.stdout ?? child, 'data');
      child.kill('SIGKILL');
      child.stdout?.destroy();
      await once(child, 'exit');
      const pod = fs.readFileSync(uuid, 'utf8').trim();
      const before = rig.journal(pod).length;
      await until(() => (rig.journal(pod).length > before + 100 ? true : undefined), 'more ticks');
      assert.equal(rig.stateOf(pod), 'running');
      rig.ok('stop', pod);
      await rig.over(pod);
    }
    const cut = output(
      'bash',
      '-c',
      `${rig.line(rig.image, ...script('seq 100000; exit 6'))} | head -n 1; echo \${PIPESTATUS[0]}`,
    );
    assert.equal(cut, '1\n6\n');
  });

  it('stream goes to the caller only, null nowhere', () => {
    const uuid = `${rig.root}/modes`;
    const { stdout, stderr } = rig.podctl(
      ...rig
        .run(
          `--uuid-file-save=${uuid}`,
          rig.image,
          '--stdout=stream',
          '--stderr=null',
          ...script('echo out; echo err >&2'),
        )
        .slice(4),
    );
    assert.deepEqual([stdout, stderr], ['out\n', '']);
    assert.equal(rig.journal(fs.readFileSync(uuid, 'utf8').trim()), '');
    const all = rig.podctl(
      ...rig
        .run(rig.image, '--stdout=null', ...script('readlink /proc/$$/fd/1 | cat >&2; echo x > /dev/stdout'))
        .slice(4),
    );
    assert.equal(all.status, 0);
    assert.equal(all.stderr, '/dev/null\n');
  });

  it('a restarted app goes on reading where it was', () => {
    const restart = ['--restart=on-failure', '--restart-delay=10ms'];
    const text = script('read a; echo $a; [ "$a" = c ]');
    const done = rig.podctlWith('a\nb\nc\n', ...rig.run('-i', rig.image, ...restart, ...text).slice(4));
    assert.deepEqual([done.status, done.stdout], [0, 'a\nb\nc\n']);
  });

  it('handlers do not read what is the app’s', () => {
    const file = rig.write(
      'handlers.aci',
      busyboxAci({
        name: 'example.com/bb',
        app: {
          eventHandlers: [
            { name: 'pre-start', exec: ['/bin/sh', '-c', 'cat; echo before'] },
            { name: 'post-stop', exec: ['/bin/sh', '-c', 'cat; echo after'] },
          ],
        },
      }),
    );
    const done = rig.podctlWith('input\n', ...rig.run('-i', file, '--name=bb', '--exec=/bin/cat').slice(4));
    assert.equal(done.stdout, 'before\ninput\nafter\n');
  });

  it('what cannot be is refused', () => {
    const refused = (...words: readonly string[]): string => {
      const { status, stderr } = rig.podctl(...rig.run(...words).slice(4));
      assert.equal(status, 254);
      return stderr;
    };
    const before = rig.leftovers();
    assert.match(refused(rig.image, '--stdin=tty', '--stdout=log'), /stdio-invalid.*stdout/);
    assert.match(refused(rig.image, '--stderr=tty'), /stdio-invalid/);
    assert.match(refused('-it', rig.image, '--stdout=log'), /stdio-invalid/);
    assert.match(refused('-i', rig.image, '--stdin=null'), /stdio-invalid/);
    assert.match(refused(rig.image, '--stdin=log'), /--stdin/);
    assert.match(refused('--detach-keys=ctrl-1', rig.image), /detach-keys/);
    assert.match(refused('-ix', rig.image), /unknown flag -ix/);
    assert.deepEqual(rig.leftovers(), before);
  });
});
