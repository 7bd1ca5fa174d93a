import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { native } from '../../../stage1/native/index';
import { scratchDirectory } from '../../fixtures/scratch';

const RESOLVE_BENEATH = 0x08;

describe('the addon', () => {
  const scratch = scratchDirectory();
  const openScratch = (): number => fs.openSync(scratch(), fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
  const addonFile = (): string => require.resolve('../../../stage1/native/index');

  it('throws errors like those of node:fs', () => {
    const fd = openScratch();
    assert.throws(() => native().openat2(fd, 'none', 0, 0, 0), {
      name: 'Error',
      code: 'ENOENT',
      errno: -2,
      syscall: 'openat2',
      path: 'none',
      message: "ENOENT: No such file or directory, openat2 'none'",
    });
    fs.closeSync(fd);
  });

  it('refuses a name with a NUL byte, which the kernel would cut', () => {
    const fd = openScratch();
    assert.throws(() => native().mkdirat(fd, 'a\0b', 0o700), { code: 'EINVAL' });
    assert.throws(() => native().mkdirat(fd, Buffer.from([0x61, 0, 0x62]), 0o700), { code: 'EINVAL' });
    assert.deepEqual(fs.readdirSync(scratch()), []);
    fs.closeSync(fd);
  });

  it('opens beneath a directory only, and closes on exec', () => {
    const fd = openScratch();
    fs.writeFileSync(`${scratch()}/file`, 'x');
    fs.symlinkSync('/etc/passwd', `${scratch()}/link`);
    const file = native().openat2(fd, 'file', fs.constants.O_RDONLY, 0, RESOLVE_BENEATH);
    assert.match(fs.readFileSync(`/proc/self/fdinfo/${file}`, 'utf8'), /flags:\s+02/); // O_CLOEXEC is 02000000
    for (const name of ['../x', '/etc/passwd', 'link']) {
      assert.throws(() => native().openat2(fd, name, fs.constants.O_RDONLY, 0, RESOLVE_BENEATH), { code: 'EXDEV' });
    }
    fs.closeSync(file);
    fs.closeSync(fd);
  });

  it('locks against other open files, shared and exclusive', () => {
    const [one, two] = [openScratch(), openScratch()];
    assert.equal(native().flock(one, 'shared', false), true);
    assert.equal(native().flock(two, 'shared', false), true);
    assert.equal(native().flock(two, 'exclusive', false), false);
    assert.equal(native().flock(one, 'unlock', false), true);
    assert.equal(native().flock(two, 'exclusive', true), true);
    fs.closeSync(two);
    assert.equal(native().flock(one, 'exclusive', false), true);
    fs.closeSync(one);
  });

  it('puts a file with its metadata, never over or through anything', () => {
    const fd = openScratch();
    native().putFile(fd, Buffer.from([0xff, 0x61]), Buffer.from('content'), -1, -1, 0o640, -3, 5);
    const stat = fs.statSync(Buffer.concat([Buffer.from(`${scratch()}/`), Buffer.from([0xff, 0x61])]), {
      bigint: true,
    });
    assert.deepEqual([stat.mode, stat.mtimeNs, stat.size], [0o100640n, -2_999_999_995n, 7n]);
    fs.symlinkSync('elsewhere', `${scratch()}/link`);
    assert.throws(() => native().putFile(fd, 'link', Buffer.alloc(0), -1, -1, 0o640, 0, 0), { code: 'EEXIST' });
    assert.equal(fs.existsSync(`${scratch()}/elsewhere`), false);
    fs.closeSync(fd);
  });

  it('makes, reads and removes links, directories and attributes', () => {
    const fd = openScratch();
    native().mkdirat(fd, 'dir', 0o700);
    native().symlinkat(Buffer.from([0x2f, 0xff]), fd, 'link');
    assert.deepEqual(native().readlinkat(fd, 'link'), Buffer.from([0x2f, 0xff]));
    native().linkat(fd, 'link', fd, 'hard');
    native().renameat2(fd, 'hard', fd, 'renamed', 1);
    assert.throws(() => native().renameat2(fd, 'renamed', fd, 'link', 1), { code: 'EEXIST' });
    native().lsetxattrat(fd, 'dir', 'user.a', Buffer.from([0, 255]));
    assert.deepEqual(native().llistxattrat(fd, 'dir'), [Buffer.from('user.a')]);
    assert.deepEqual(native().lgetxattrat(fd, 'dir', 'user.a'), Buffer.from([0, 255]));
    native().unlinkat(fd, 'dir', 0x200);
    for (const name of ['link', 'renamed']) native().unlinkat(fd, name, 0);
    assert.deepEqual(fs.readdirSync(scratch()), []);
    native().syncfs(fd);
    fs.closeSync(fd);
  });

  it('replaces the process, hands over the descriptors it is told to, and restores SIGPIPE', () => {
    fs.writeFileSync(`${scratch()}/file`, 'handed over');
    const script = `
      const fs = require('node:fs');
      const { native } = require(process.argv[1]);
      const kept = fs.openSync(process.argv[2], 'r');
      fs.openSync('/dev/null', 'r');
      native().execve('/bin/sh', ['sh', '-c', 'echo $A; cat /proc/$$/fd/' + kept + '; ls /proc/self/fd | wc -l; grep SigIgn /proc/self/status'], ['A=b', 'PATH=/usr/bin:/bin'], [kept]);`;
    const output = execFileSync(process.execPath, ['-e', script, addonFile(), `${scratch()}/file`], {
      encoding: 'utf8',
    });
    const [variable, rest, , ignored] = output.replace('over', 'over\n').split('\n');
    assert.deepEqual([variable, rest], ['b', 'handed over']);
    assert.equal(Number.parseInt(ignored?.split('\t')[1] ?? '', 16) & (1 << 12), 0);
  });

  it('throws if the program to execute is not there', () =>
    assert.throws(() => native().execve('/none', [], [], []), { code: 'ENOENT', path: '/none' }));

  /** Node has no datagram sockets of the file system; Python prints the size of what came, or of the memfd that came with it. */
  const RECEIVER = `
import array, os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
for _ in range(2):
    data, control, _, _ = s.recvmsg(1 << 20, socket.CMSG_SPACE(4))
    for _, _, fds in control:
        data = os.pread(array.array('i', fds[:4])[0], 1 << 24, 0)
    print(len(data), data[:7].decode(), flush=True)`;

  it('sends to the journal, also more than fits a datagram', async () => {
    const socket = `${scratch()}/socket`;
    const receiver = spawn('python3', ['-c', RECEIVER, socket], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(receiver, 'spawn');
    while (!fs.existsSync(socket)) await setTimeout(10);
    native().journalSend(Buffer.from('MESSAGE=x\n'), socket);
    native().journalSend(Buffer.from(`MESSAGE=${'x'.repeat(2_000_000)}\n`), socket);
    const chunks: Buffer[] = await receiver.stdout.toArray();
    assert.equal(Buffer.concat(chunks).toString(), '10 MESSAGE\n2000009 MESSAGE\n');
    assert.throws(() => native().journalSend(Buffer.from('x'), `${scratch()}/none`), { code: 'ENOENT' });
  });

  it('says where it looked if it is not built', () => {
    const script = `require(process.argv[1]).native()`;
    assert.throws(
      () =>
        execFileSync(process.execPath, ['-e', script, addonFile()], {
          env: { ...process.env, PODCTL_NATIVE_DIR: '/none' },
          stdio: 'pipe',
        }),
      /podctl\.node is not at \/none\/podctl\.node/,
    );
  });
}).timeout(20_000);
