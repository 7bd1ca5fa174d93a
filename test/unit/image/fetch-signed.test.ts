import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { PodctlError } from '#kernel/errors';
import { fetchFile } from '../../../stage0/image/fetch/file';
import type { SignatureVerifier, Verification } from '../../../stage0/image/fetch/port';
import { DirectoryStore } from '../../../stage0/store/cas-dir';
import { SourceCache } from '../../../stage0/store/source-cache';
import { buildAci, compress, imageIdOf } from '../../fixtures/aci';
import { rejectsCode } from '../../fixtures/expect';
import { scratchDirectory } from '../../fixtures/scratch';
import type { TarItem } from '../../fixtures/tar-writer';

const file = (name: string, more: Partial<TarItem> = {}): TarItem => ({ name, content: 'x', ...more });

describe('fetching a signed image from a file', () => {
  const scratch = scratchDirectory();
  const stores = () => ({ images: new DirectoryStore(scratch()), sources: new SourceCache(scratch()) });
  const save = (content: Buffer): string => {
    const path = `${scratch()}/image.aci`;
    fs.writeFileSync(path, content);
    return path;
  };
  /** Everything below the store, so that "nothing left" can be said in one line. */
  const leftovers = (): readonly string[] =>
    ['images', 'tmp', 'trees', 'sources'].flatMap((room) => {
      const path = `${scratch()}/${room}`;
      return fs.existsSync(path) ? fs.readdirSync(path).map((name) => `${room}/${name}`) : [];
    });

  const verification = (): Verification => ({
    fingerprint: 'ABCD',
    keyFileDigest: 'sha512-0',
    prefix: 'example.com',
    signatureDigest: 'sha512-1',
    signedAt: 1,
    verifiedAt: Date.now(),
  });
  /** Accepts a signature file that contains the sha512 of the image file. */
  class HashVerifier implements SignatureVerifier {
    opened = 0;
    trusted = true;
    async open(signature: Buffer) {
      this.opened += 1;
      const hash = createHash('sha512');
      return {
        update: (chunk: Buffer) => void hash.update(chunk),
        finish: async () => {
          if (hash.digest('hex') !== signature.toString()) throw new PodctlError('signature-invalid', 'does not match');
          return verification();
        },
        abort: () => undefined,
      };
    }
    stillTrusted() {
      return this.trusted;
    }
  }
  const sign = (content: Buffer): string => {
    const path = save(content);
    fs.writeFileSync(`${path}.asc`, createHash('sha512').update(content).digest('hex'));
    return path;
  };
  const settle = () => setTimeout(60); // ctimes of the last 50 ms are not believed

  it('keeps who signed it', async () => {
    const path = sign(buildAci());
    const image = await fetchFile({ path, signature: { kind: 'required', verifier: new HashVerifier() } }, stores());
    assert.equal(stores().images.get(image.id)?.verification?.fingerprint, 'ABCD');
  });

  it('A9 refuses an image without a signature file', async () => {
    const path = save(buildAci());
    await rejectsCode(
      'signature-missing',
      fetchFile({ path, signature: { kind: 'required', verifier: new HashVerifier() } }, stores()),
      /image\.aci\.asc/,
    );
    assert.deepEqual(leftovers(), []);
  });

  for (const compression of ['none', 'gzip', 'xz'] as const) {
    it(`reports a changed byte of a ${compression} image as tampering`, async () => {
      const content = compress(buildAci({ files: [file('rootfs/a', { content: 'abc'.repeat(5000) })] }), compression);
      const path = sign(content);
      for (const at of [3, Math.floor(content.length / 2), content.length - 10]) {
        const changed = Buffer.from(content);
        changed[at] = (changed[at] ?? 0) ^ 1;
        fs.writeFileSync(path, changed);
        await rejectsCode(
          'signature-invalid',
          fetchFile({ path, signature: { kind: 'required', verifier: new HashVerifier() } }, stores()),
        );
        assert.deepEqual(leftovers(), []);
      }
    });
  }

  it('blames the archive if the signature of a broken one is good', async () => {
    const path = sign(Buffer.from('not a tar at all '.repeat(100)));
    await rejectsCode(
      'image-archive-invalid',
      fetchFile({ path, signature: { kind: 'required', verifier: new HashVerifier() } }, stores()),
    );
  });

  it('does not read an unchanged file again', async () => {
    const path = sign(buildAci());
    await settle();
    const verifier = new HashVerifier();
    const request = { path, signature: { kind: 'required', verifier } } as const;
    const first = await fetchFile(request, stores());
    const second = await fetchFile(request, stores());
    assert.equal(second.id, first.id);
    assert.equal(second.verification?.fingerprint, 'ABCD');
    assert.equal(verifier.opened, 1);
  });

  it('reads it again when the key is no longer trusted, the signature or the image changed', async () => {
    const path = sign(buildAci());
    await settle();
    const verifier = new HashVerifier();
    const request = { path, signature: { kind: 'required', verifier } } as const;
    await fetchFile(request, stores());
    verifier.trusted = false;
    await fetchFile(request, stores());
    assert.equal(verifier.opened, 2);
    verifier.trusted = true;
    fs.writeFileSync(`${path}.asc`, 'nonsense');
    await rejectsCode('signature-invalid', fetchFile(request, stores()));
    const other = buildAci({ name: 'example.com/other' });
    sign(other);
    assert.equal((await fetchFile(request, stores())).id, imageIdOf(other));
  });

  it('does not take an unsigned import for a verified one', async () => {
    const path = save(buildAci());
    await settle();
    await fetchFile({ path, signature: { kind: 'none' } }, stores());
    await rejectsCode(
      'signature-missing',
      fetchFile({ path, signature: { kind: 'required', verifier: new HashVerifier() } }, stores()),
    );
    fs.writeFileSync(`${path}.asc`, 'nonsense');
    await rejectsCode(
      'signature-invalid',
      fetchFile({ path, signature: { kind: 'required', verifier: new HashVerifier() } }, stores()),
    );
  });
}).timeout(30_000);
