/** Files copied in and out, past whatever an app puts in the way; limits changed while it runs. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { native } from '../../stage1/native/index';
import { busyboxAci } from '../fixtures/aci';
import { needsHost, output, Rig } from '../rig/rig';

describe('copying and updating', () => {
  let rig: Rig;
  let image: string;
  let pod: string;

  before(function () {
    needsHost(this);
    for (const file of ['/etc/subuid', '/etc/subgid']) fs.writeFileSync(file, 'podctl:1879048192:16777216\n');
    rig = new Rig();
    image = rig.write('sh.aci', busyboxAci({ name: 'example.com/sh', exec: ['/bin/sh', '-c', 'exec sleep 1000'] }));
    pod = detach('--name=copied', image);
  });
  after(() => rig?.dispose());

  const detach = (...args: string[]): string =>
    rig.ok('--insecure-options=image', 'run', '--detach', '--net=none', ...args).trim();
  const sh = (script: string, of = 'copied'): string => rig.ok('enter', of, 'sh', '-c', script);
  const refused = (code: string, ...args: string[]): string => {
    const { status: exit, stderr } = rig.podctl(...args);
    assert.match(stderr, new RegExp(`: ${code}: `));
    assert.equal(exit, 254);
    return stderr;
  };
  const at = (directory: string, act: (fd: number) => void): void => {
    const fd = fs.openSync(directory, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
    act(fd);
    fs.closeSync(fd);
  };
  const host = (name: string): string => `${rig.root}/${name}`;

  it('copies files and directories in and out, with modes, times, links and attributes', () => {
    fs.mkdirSync(host('tree/deep'), { recursive: true });
    fs.writeFileSync(host('tree/deep/file'), 'x'.repeat(700_000), { mode: 0o640 });
    fs.symlinkSync('deep/file', host('tree/link'));
    fs.linkSync(host('tree/deep/file'), host('tree/hard'));
    fs.chownSync(host('tree/deep'), 1000, 1001);
    at(host('tree/deep'), (fd) => native().lsetxattrat(fd, 'file', 'user.note', Buffer.from('kept')));
    rig.ok('cp', '-a', host('tree'), 'copied:/srv');
    assert.equal(
      sh('cd /srv; stat -c "%a %u %g %h" deep deep/file; readlink link; wc -c <hard'),
      '755 1000 1001 2\n640 0 0 2\ndeep/file\n700000\n',
    );
    rig.ok('cp', '-a', 'copied:/srv', host('back'));
    assert.equal(output('diff', '-r', '--no-dereference', host('tree'), host('back')), '');
    at(host('back/deep'), (fd) => assert.equal(String(native().lgetxattrat(fd, 'file', 'user.note')), 'kept'));
    assert.equal(fs.statSync(host('back/deep')).uid, 1000);
    assert.equal(fs.statSync(host('back/deep/file')).mtimeMs, fs.statSync(host('tree/deep/file')).mtimeMs);
    rig.ok('cp', 'copied:/srv/', host('contents'));
    assert.equal(fs.statSync(host('contents/deep')).uid, 0); // without --archive
    rig.ok('cp', host('tree/deep/file'), 'copied:/srv/deep/other');
    rig.ok('cp', host('tree/deep/file'), 'copied:sh:/tmp');
    assert.equal(sh('wc -c </srv/deep/other; wc -c </tmp/file'), '700000\n700000\n');
  });

  it('streams tar both ways', () => {
    fs.mkdirSync(host('unpacked'));
    output(
      'sh',
      '-c',
      `${output('which', 'podctl').trim()} ${rig.globals.join(' ')} cp copied:/srv - | tar -xf - -C ${host('unpacked')}`,
    );
    assert.equal(fs.statSync(host('unpacked/srv/deep/file')).size, 700_000);
    output(
      'sh',
      '-c',
      `tar -cf - -C ${host('tree')} . | ${output('which', 'podctl').trim()} ${rig.globals.join(' ')} cp - copied:/streamed`,
    );
    assert.equal(sh('wc -c </streamed/deep/file'), '700000\n');
  });

  it('keeps within the root of the app whatever links it makes, and never follows one that it copies', () => {
    fs.writeFileSync(host('secret'), 'of the host');
    sh(
      `ln -s ${host('secret')} /leak; ln -s / /up; ln -s ${rig.root} /out; mkdir /d; mkfifo /d/fifo; echo in >/d/in; ln -s /proc/1/root /d/magic`,
    );
    rig.ok('cp', 'copied:/leak', host('leak'));
    assert.equal(fs.readlinkSync(host('leak')), host('secret'));
    refused('copy-failed', 'cp', 'copied:/out/secret', host('never')); // there is no such directory in the app
    refused('copy-failed', 'cp', host('secret'), 'copied:/out/written');
    assert.ok(!fs.existsSync(host('written')));
    refused('copy-failed', 'cp', 'copied:/proc/1/root/etc/hostname', host('never'));
    rig.ok('cp', host('secret'), 'copied:/leak'); // replaces the link
    assert.equal(fs.readFileSync(host('secret'), 'utf8'), 'of the host');
    assert.equal(sh('cat /leak'), 'of the host');
    // A link of the host in the place of what is copied out is replaced, too.
    fs.symlinkSync('/etc/passwd', host('trap'));
    fs.mkdirSync(host('into'));
    fs.symlinkSync('/etc', host('into/d'));
    rig.ok('cp', 'copied:/d', host('into'));
    assert.ok(fs.lstatSync(host('into/d')).isDirectory());
    assert.ok(!fs.existsSync('/etc/in'));
    assert.ok(fs.lstatSync(host('into/d/fifo')).isFIFO());
    rig.ok('cp', host('secret'), 'copied:/d/fifo'); // nobody waits for a reader
    assert.equal(sh('cat /d/fifo'), 'of the host');
  });

  it('refuses archives that lead out', () => {
    output('sh', '-c', `cd ${rig.root} && tar -cPf evil.tar --transform='s,secret,../../evil,' secret`);
    const { status, stderr } = rig.podctlWith(fs.readFileSync(host('evil.tar'), 'latin1'), 'cp', '-', 'copied:/d');
    assert.equal(status, 254);
    assert.match(stderr, /image-path-escape/);
  });

  it('copies to and from a pod with users of its own, whose IDs are not those of the host', () => {
    const own = detach('--name=own', '--private-users', image);
    rig.ok('cp', '-a', host('tree'), 'own:/srv');
    assert.equal(sh('stat -c "%u %g" /srv/deep /srv/deep/file', 'own'), '1000 1001\n0 0\n');
    rig.ok('cp', host('secret'), 'own:/root-owned');
    assert.equal(sh('stat -c "%u %g" /root-owned', 'own'), '0 0\n');
    rig.ok('cp', '-a', 'own:/srv', host('from-own'));
    assert.equal(fs.statSync(host('from-own/deep')).uid, 1000);
    rig.ok('stop', own);
    rig.ok('cp', '-a', `${own}:/srv`, host('from-ended'));
    assert.equal(fs.statSync(host('from-ended/deep')).uid, 1000);
    assert.equal(output('diff', '-r', '--no-dereference', host('tree'), host('from-ended')), '');
    refused('pod-wrong-state', 'cp', host('secret'), `${own}:/late`);
  });

  it('says what is wrong with the command line', () => {
    refused('usage', 'cp', host('tree'), host('other'));
    refused('usage', 'cp', 'copied:/a', 'copied:/b');
    refused('usage', 'cp', 'copied:etc/hosts', '.');
    refused('app-not-found', 'cp', 'copied:none:/etc/hosts', '.');
    refused('pod-not-found', 'cp', 'nobody:/etc/hosts', '.');
    refused('copy-failed', 'cp', host('nothing'), 'copied:/');
    refused('copy-failed', 'cp', 'copied:/nothing', '.');
    refused('copy-failed', 'cp', host('secret'), 'copied:/none/such/file');
  });

  it('updates limits where the host can enforce them, and refuses where it cannot', () => {
    refused('usage', 'update', pod);
    refused('usage', 'update', '--cpu-shares=2', pod);
    refused('isolator-invalid', 'update', '--memory=much', pod);
    const has = output('cat', '/sys/fs/cgroup/cgroup.controllers').split(/\s+/).includes('memory');
    if (!has) {
      assert.match(refused('isolator-unenforceable', 'update', '--memory=100Mi', pod), /memory/);
      refused('isolator-unenforceable', 'update', '--app=sh', '--pids-limit=10', pod);
      assert.doesNotMatch(rig.ok('inspect', pod), /resource\/memory/);
      return;
    }
    const unit = `podctl-${pod}.service`;
    rig.ok('update', '--memory=100Mi', '--cpu=500m', pod);
    assert.equal(output('systemctl', 'show', '--value', '-p', 'MemoryMax', unit).trim(), String(100 * 1024 ** 2));
    rig.ok('update', '--app=sh', '--memory=50Mi', '--pids-limit=10', '--cpu=250m', pod);
    const read = (file: string): string =>
      fs.readFileSync(`/sys/fs/cgroup/machine.slice/${unit}/apps/app-sh/${file}`, 'utf8').trim();
    const limits = (): string[] => [read('memory.max'), read('pids.max'), read('cpu.max').split(' ')[0] ?? ''];
    assert.deepEqual(limits(), [String(50 * 1024 ** 2), '10', '25000']);
    rig.ok('restart', pod);
    assert.deepEqual(limits(), [String(50 * 1024 ** 2), '10', '25000']);
    assert.equal(output('systemctl', 'show', '--value', '-p', 'MemoryMax', unit).trim(), String(100 * 1024 ** 2));
  });
});
