import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createGunzip, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { gunzip } from '../../../stage0/image/gunzip';
import { rejectsCode } from '../../fixtures/expect';

interface Expanded {
  readonly content: Buffer;
  readonly digest: string;
}

async function expand(file: Buffer, pieceBytes: number): Promise<Expanded> {
  const pieces: Buffer[] = [];
  const expander = gunzip((piece) => pieces.push(Buffer.from(piece)), 'sha256');
  try {
    for (let at = 0; at < file.length; at += pieceBytes) await expander.write(file.subarray(at, at + pieceBytes));
    await expander.end();
  } finally {
    expander.destroy();
  }
  return { content: Buffer.concat(pieces), digest: expander.digest() };
}

/** What node:zlib makes of it; undefined if that refuses it. */
const byNode = (file: Buffer): Promise<Buffer | undefined> =>
  new Promise((resolve) => {
    const pieces: Buffer[] = [];
    const stream = createGunzip();
    stream.on('data', (piece: Buffer) => pieces.push(piece));
    stream.on('error', () => resolve(undefined));
    stream.on('end', () => resolve(Buffer.concat(pieces)));
    stream.end(file);
  });

const content = fc
  .tuple(fc.uint8Array({ maxLength: 200 }), fc.integer({ min: 0, max: 20_000 }))
  .map(([bytes, times]) =>
    Buffer.concat(Array.from({ length: Math.min(times, 3_000_000 / (bytes.length + 1)) }, () => bytes)),
  );

describe('expanding gzip', () => {
  it('gives what node:zlib gives, in whatever pieces it comes, and the digest of it', async () => {
    const members = fc.array(content, { minLength: 1, maxLength: 3 });
    await fc.assert(
      fc.asyncProperty(
        members,
        fc.integer({ min: 1, max: 70_000 }),
        fc.nat(600),
        async (contents, pieceBytes, padding) => {
          const file = Buffer.concat([...contents.map((one) => gzipSync(one, { level: 1 })), Buffer.alloc(padding)]);
          const expected = Buffer.concat(contents);
          const { content: is, digest } = await expand(file, Math.max(pieceBytes, file.length / 1000));
          assert.ok(is.equals(expected));
          assert.ok((await byNode(file))?.equals(expected));
          assert.equal(digest, createHash('sha256').update(expected).digest('hex'));
        },
      ),
      { numRuns: 60 },
    );
  });

  it('refuses what node:zlib refuses: cut short, damaged, followed by something else', async () => {
    const harm = fc.record({
      at: fc.nat(),
      to: fc.integer({ min: 0, max: 255 }),
      cut: fc.boolean(),
      more: fc.string(),
    });
    await fc.assert(
      fc.asyncProperty(content, harm, async (one, { at, to, cut, more }) => {
        const file = Buffer.concat([gzipSync(one), Buffer.from(more)]);
        const place = at % file.length;
        if (!cut) file[place] = to;
        const given = cut ? file.subarray(0, place) : file;
        const expected = given.length === 0 ? Buffer.alloc(0) : await byNode(given);
        const is = await expand(given, 4096).then(
          ({ content: whole }) => whole,
          () => undefined,
        );
        assert.deepEqual(is?.toString('latin1'), expected?.toString('latin1'));
      }),
      { numRuns: 300 },
    );
  });

  it('hands on a failure of the consumer, and stops', async () => {
    const expander = gunzip(() => {
      throw new Error('full');
    }, undefined);
    const file = gzipSync(Buffer.alloc(8 * 1024 * 1024));
    const all = async (): Promise<void> => {
      for (let at = 0; at < file.length; at += 1000) await expander.write(file.subarray(at, at + 1000));
      await expander.end();
    };
    await assert.rejects(all(), /^Error: full$/);
    expander.destroy();
  });

  it('says that a file is truncated', async () => {
    const file = gzipSync(Buffer.from('content'));
    await rejectsCode('image-archive-invalid', expand(file.subarray(0, -4), 1000), /truncated/);
  });
});
