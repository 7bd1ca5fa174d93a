import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { FileDigest } from '../../../stage0/store/file-digest';
import { scratchDirectory } from '../../fixtures/scratch';

const MIB = 1024 * 1024;
/** So much that another thread hashes it (MiB). */
const LARGE = 40;

describe('the digest of a file that is being written', () => {
  const scratch = scratchDirectory();
  const piece = (index: number): Buffer => Buffer.alloc(MIB, `piece ${index} `);

  function withFile<T>(use: (fd: number) => T): T {
    const fd = fs.openSync(`${scratch()}/file`, 'w+');
    try {
      return use(fd);
    } finally {
      fs.closeSync(fd);
    }
  }

  /** What FileDigest says of so many pieces, each written before it is told. */
  function digestOf(pieces: number): { readonly is: string; readonly expected: string } {
    const hash = createHash('sha512');
    const is = withFile((fd) => {
      const digest = new FileDigest(fd);
      for (let index = 0; index < pieces; index += 1) {
        fs.writeSync(fd, piece(index));
        hash.update(piece(index));
        digest.update(piece(index));
      }
      return digest.digest();
    });
    return { is, expected: hash.digest('hex') };
  }

  for (const pieces of [0, 1, 15, 16, LARGE]) {
    it(`${pieces} MiB`, () => {
      const { is, expected } = digestOf(pieces);
      assert.equal(is, expected);
    });
  }

  it('a large one is hashed by another thread, from the file', () => {
    const is = withFile((fd) => {
      const digest = new FileDigest(fd);
      // What is told is not what is in the file: only who reads the file can know.
      for (let index = 0; index < LARGE; index += 1) fs.writeSync(fd, piece(index));
      for (let index = 0; index < LARGE; index += 1) digest.update(piece(0));
      return digest.digest();
    });
    const content = fs.readFileSync(`${scratch()}/file`);
    assert.equal(is, createHash('sha512').update(content).digest('hex'));
  });

  it('if the thread cannot do it, the writer does', () => {
    const is = withFile((fd) => {
      const digest = new FileDigest(fd);
      fs.writeSync(fd, 'short');
      // The thread finds less than was written, and gives up.
      for (let index = 0; index < LARGE; index += 1) digest.update(piece(index));
      return digest.digest();
    });
    assert.equal(is, createHash('sha512').update('short').digest('hex'));
  });

  it('abandoned, the thread lets go of the file', async () => {
    const held = (): number =>
      fs.readdirSync('/proc/self/fd').filter((fd) => {
        try {
          return fs.readlinkSync(`/proc/self/fd/${fd}`).startsWith(scratch());
        } catch {
          return false; // ignored: the descriptor with which the directory is read
        }
      }).length;
    withFile((fd) => {
      const digest = new FileDigest(fd);
      for (let index = 0; index < LARGE; index += 1) {
        fs.writeSync(fd, piece(index));
        digest.update(piece(index));
      }
      digest.abandon();
      digest.abandon();
    });
    while (held() > 0) await new Promise(setImmediate);
  });
});
