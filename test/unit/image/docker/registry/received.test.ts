import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import fs from 'node:fs';
import type { AbsPath } from '#kernel/brand';
import type { Descriptor, Digest } from '../../../../../stage0/image/docker/port';
import { partKey, Received } from '../../../../../stage0/image/docker/registry/received';
import { type Part, Partials } from '../../../../../stage0/store/partials';
import { scratchDirectory } from '../../../../fixtures/scratch';

const MIB = 1024 * 1024;

describe('what has come of a blob', () => {
  const scratch = scratchDirectory();
  const bytes = randomBytes(6 * MIB);
  const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}` as Digest;
  const descriptor = (size: number): Descriptor => ({ mediaType: 'application/octet-stream', digest, size });

  const partOf = (of: Descriptor): Part =>
    new Partials(scratch() as AbsPath).open(partKey(of)) ?? assert.fail('in use');
  const files = (): readonly string[] => fs.readdirSync(`${scratch()}/downloads`);
  /** @param size of the whole, as the manifest says it */
  async function begin(size: number): Promise<{ received: Received; part: Part }> {
    const part = partOf(descriptor(size));
    const received = new Received(descriptor(size), () => undefined, part);
    await received.recall();
    return { received, part };
  }
  const add = (received: Received, from: number, to: number): void => {
    for (let at = from; at < to; at += MIB / 4) void received.add(bytes.subarray(at, at + MIB / 4));
  };

  it('is dropped once it is clear that the rest comes in no time, and needs none of it', async () => {
    const { received, part } = await begin(bytes.length);
    add(received, 0, 3 * MIB);
    assert.equal(fs.statSync(part.path).size, 3 * MIB);
    add(received, 3 * MIB, 5 * MIB);
    assert.equal(fs.statSync(part.path).size, 0);
    // Whoever else wants the blob still waits.
    assert.equal(new Partials(scratch() as AbsPath).open(partKey(descriptor(bytes.length))), undefined);
    add(received, 5 * MIB, 6 * MIB);
    received.verify();
    assert.equal(received.file(), undefined);
    assert.deepEqual(files(), []);
  });

  it('is dropped so, and nothing is left if the rest does not come', async () => {
    const { received } = await begin(bytes.length);
    add(received, 0, 5 * MIB);
    received.end(true);
    assert.deepEqual(files(), []);
  });

  it('is kept if the rest takes long, and gone on with', async () => {
    const whole = 1024 * 1024 * MIB;
    const first = await begin(whole);
    add(first.received, 0, 5 * MIB);
    first.received.end(true);
    const { received, part } = await begin(whole);
    assert.equal(received.size, 5 * MIB);
    add(received, 5 * MIB, 6 * MIB);
    assert.equal(fs.statSync(part.path).size, 6 * MIB);
    received.end(false);
    assert.deepEqual(files(), []);
  });

  it('is kept, and is the blob in the end, if some of it was there before', async () => {
    const first = await begin(bytes.length);
    add(first.received, 0, 2 * MIB);
    first.received.end(true);
    const { received } = await begin(bytes.length);
    add(received, 2 * MIB, 6 * MIB);
    received.verify();
    const file = received.file() ?? assert.fail('it is in no file');
    assert.ok(fs.readFileSync(file.path).equals(bytes));
    file.release();
    assert.deepEqual(files(), []);
  });
});
