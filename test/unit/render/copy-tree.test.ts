import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { copyTree } from '../../../stage0/render/copy-tree';
import { native } from '../../../stage1/native/index';
import { needsRoot, scratchDirectory } from '../../fixtures/scratch';
import { snapshotTree } from '../../fixtures/snapshot';

function attribute(root: string, name: string, value: Buffer): void {
  const fd = fs.openSync(root, 'r');
  native().lsetxattrat(fd, 'file', name, value);
  fs.closeSync(fd);
}

describe('copies of trees', () => {
  const place = scratchDirectory();
  const copied = (fill: (root: string) => void): [from: string, to: string] => {
    const from = fs.mkdtempSync(`${place()}/from-`);
    fill(from);
    const to = `${from}-copy`;
    copyTree(from, to);
    return [from, to];
  };
  it('keeps content, modes, times, links and names that are no text', () => {
    const odd = Buffer.from([0x6f, 0xff, 0xfe, 0x0a]);
    const [from, to] = copied((root) => {
      fs.mkdirSync(`${root}/a/b/c`, { recursive: true });
      fs.writeFileSync(`${root}/a/b/big`, Buffer.alloc(3_000_000, 'x'));
      fs.writeFileSync(`${root}/empty`, '');
      fs.writeFileSync(Buffer.concat([Buffer.from(`${root}/`), odd]), 'odd');
      fs.linkSync(`${root}/a/b/big`, `${root}/a/again`);
      fs.linkSync(`${root}/a/b/big`, `${root}/third`);
      fs.symlinkSync('/etc/passwd', `${root}/link`);
      fs.symlinkSync('nowhere', `${root}/a/dangling`);
      fs.chmodSync(`${root}/empty`, 0o4711);
      fs.utimesSync(`${root}/empty`, 1.5, 1_000_000_000.123456);
      fs.lutimesSync(`${root}/link`, 5, -7.25);
      fs.chmodSync(`${root}/a/b`, 0o1700);
      fs.utimesSync(`${root}/a/b`, 9, 9);
      fs.utimesSync(`${root}/a`, 8, 8.5);
    });
    assert.deepEqual(snapshotTree(to), snapshotTree(from));
    const inode = (name: string): number => fs.statSync(`${to}/${name}`).ino;
    assert.equal(new Set([inode('a/b/big'), inode('a/again'), inode('third')]).size, 1);
    assert.notEqual(inode('third'), fs.statSync(`${from}/third`).ino);
    assert.equal(fs.lstatSync(`${to}/link`).mtimeMs, fs.lstatSync(`${from}/link`).mtimeMs);
    assert.equal(
      fs.statSync(`${to}/empty`, { bigint: true }).mtimeNs,
      fs.statSync(`${from}/empty`, { bigint: true }).mtimeNs,
    );
  });

  it('keeps owners, attributes, capabilities, devices and FIFOs', function () {
    needsRoot(this);
    const [from, to] = copied((root) => {
      fs.writeFileSync(`${root}/file`, 'x');
      fs.chownSync(`${root}/file`, 1000, 1001);
      attribute(root, 'user.note', Buffer.from('kept'));
      // Version 2, effective; permitted: CAP_NET_RAW.
      attribute(root, 'security.capability', Buffer.from('0100000200200000000000000000000000000000', 'hex'));
      execFileSync('mknod', [`${root}/device`, 'c', '240', '300']);
      execFileSync('mknod', [`${root}/block`, 'b', '259', '1048575']);
      execFileSync('mkfifo', [`${root}/fifo`]);
      fs.symlinkSync('x', `${root}/link`);
      fs.lchownSync(`${root}/link`, 7, 8);
      fs.mkdirSync(`${root}/dir`);
      fs.chownSync(`${root}/dir`, 9, 10);
    });
    assert.deepEqual(snapshotTree(to), snapshotTree(from));
    for (const name of ['device', 'block'])
      assert.equal(fs.lstatSync(`${to}/${name}`).rdev, fs.lstatSync(`${from}/${name}`).rdev);
    assert.match(snapshotTree(to).join('\n'), /security\.capability=.*user\.note=/);
    assert.equal(fs.lstatSync(`${to}/link`).uid, 7);
  });

  it('shares content where the file system can, and copies where it cannot', () => {
    let clones = 0;
    const addon = {
      ...native(),
      copyContent: (from: number, to: number): void => {
        clones += 1;
        native().copyContent(from, to);
      },
    };
    const from = fs.mkdtempSync(`${place()}/from-`);
    fs.writeFileSync(`${from}/file`, 'content');
    copyTree(from, `${from}-copy`, addon);
    assert.equal(clones, 1);
    assert.equal(fs.readFileSync(`${from}-copy/file`, 'utf8'), 'content');
    // Between two file systems, and from one that has no copy_file_range(2) of its own.
    const target = fs.openSync(`${place()}/version`, 'wx');
    const source = fs.openSync('/proc/version', 'r');
    native().copyContent(source, target);
    fs.closeSync(source);
    fs.closeSync(target);
    assert.equal(fs.readFileSync(`${place()}/version`, 'utf8'), fs.readFileSync('/proc/version', 'utf8'));
  });
});
