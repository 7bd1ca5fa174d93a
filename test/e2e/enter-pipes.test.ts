/** `podctl enter` between pipes, sockets and files: nothing is lost, nothing waits, nothing of the host's is given away. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { Entering, ended, SLEEP } from '../rig/entering';
import { needsHost, output, until } from '../rig/rig';

const MEGABYTE = 1024 * 1024;

describe('podctl enter through pipes', () => {
  let rig: Entering;

  before(function () {
    needsHost(this);
    rig = new Entering();
  });
  after(() => rig?.dispose());

  it('a shell is the default, and reads what it is given', () => {
    const done = rig.podctlWith('echo $0 is here; exit 3\n', 'enter', rig.plain);
    assert.deepEqual([done.status, done.stdout, done.stderr], [3, '/bin/sh is here\n', '']);
  });

  it('100 MB go through unchanged, both ways at once', async () => {
    const child = rig.entering(rig.plain, 'cat');
    const [sent, got] = [createHash('sha256'), createHash('sha256')];
    let size = 0;
    child.stdout?.on('data', (chunk: Buffer) => {
      got.update(chunk);
      size += chunk.length;
    });
    for (let i = 0; i < 100; i += 1) {
      const piece = randomBytes(MEGABYTE);
      sent.update(piece);
      if (child.stdin?.write(piece) === false) await new Promise((resolve) => child.stdin?.once('drain', resolve));
    }
    child.stdin?.end();
    assert.equal((await ended(child)).status, 0);
    assert.equal(size, 100 * MEGABYTE);
    assert.equal(got.digest('hex'), sent.digest('hex'));
  });

  it('stdout and stderr stay apart, and can be opened by name, also by a user', () => {
    const uuid = rig.run(rig.image, '--user=app', ...SLEEP);
    const { stdout, stderr } = rig.sh(uuid, 'echo out > /dev/stdout; echo err > /dev/stderr; cat < /dev/stdin');
    assert.deepEqual([stdout, stderr], ['out\n', 'err\n']);
    rig.ok('stop', '--force', uuid);
  });

  it('a regular file on stdin cannot be written through, one on stdout is written', () => {
    const file = rig.write('input', 'before\n');
    const target = `${rig.root}/target`;
    const line = `exec ${rig.line(rig.plain)} sh -c 'cat; echo evil > /proc/self/fd/0' < ${file} > ${target} 2>/dev/null`;
    output('sh', '-c', `${line} || true`);
    assert.deepEqual([fs.readFileSync(file, 'utf8'), fs.readFileSync(target, 'utf8')], ['before\n', 'before\n']);
  });

  it('an end is passed on, in both directions, while the command goes on', async () => {
    const child = rig.entering(rig.plain, 'sh', '-c', 'exec >&-; read line; exit 9');
    await new Promise((resolve) => child.stdout?.once('end', resolve).resume());
    assert.equal(child.exitCode, null);
    child.stdin?.end('go\n');
    assert.equal((await ended(child)).status, 9);
    // The reader that goes away ends an endless writer.
    const line = `${rig.line(rig.plain)} yes | head -1`;
    assert.equal(output('bash', '-c', line), 'y\n');
  });

  it('the last output is not lost when nobody reads until the command has ended', async () => {
    const gate = `${rig.root}/gate`;
    output('mkfifo', gate);
    // The first part fills the pipe behind podctl; what comes when podctl has taken it (a moment later, which the test needs
    // only to be sharp) stays in the command's own pipe.
    const command = `${rig.line(rig.plain)} sh -c 'head -c 70000 /dev/zero; sleep 0.3; head -c 30000 /dev/zero' | { read _ < ${gate}; wc -c; }`;
    const child = spawn('sh', ['-c', command], { stdio: ['ignore', 'pipe', 'inherit'] });
    let counted = '';
    child.stdout.on('data', (chunk) => (counted += String(chunk)));
    await until(() => (rig.pidsOf(rig.plain).length > 1 ? true : undefined), 'the command');
    await until(() => (rig.pidsOf(rig.plain).length === 1 ? true : undefined), 'its end');
    fs.writeFileSync(gate, 'go\n');
    await ended(child);
    assert.equal(counted, '100000\n');
  });

  it('what the command leaves behind is not waited for', () => {
    const { stdout, status } = rig.sh(rig.plain, '(while :; do echo later; done) & echo first; exit 4');
    assert.equal(status, 4);
    assert.match(stdout, /^first$/m);
  });

  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'] as const) {
    it(`${signal} goes to the command`, async () => {
      const name = signal.slice(3);
      const child = rig.entering(
        rig.plain,
        'sh',
        '-c',
        `trap "echo ${name}; exit 5" ${name}; echo up; while :; do sleep 0.01; done`,
      );
      let seen = '';
      child.stdout?.on('data', (chunk) => {
        if (seen === '') child.kill(signal);
        seen += String(chunk);
      });
      assert.equal((await ended(child)).status, 5);
      assert.equal(seen, `up\n${name}\n`);
    });
  }

  it('without stdin, stdout or stderr it still runs', () => {
    const line = `${rig.line(rig.plain)} sh -c 'cat; exit 6' <&- >&- 2>&-; echo $?`;
    assert.equal(output('sh', '-c', line), '6\n');
  });
});
