/** A keystore of its own for a test, and images that are a few bytes. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { ErrorCode } from '#kernel/error-table';
import { PodctlError } from '#kernel/errors';
import type { Verification } from '../../../stage0/image/fetch/port';
import { signatureVerifier } from '../../../stage0/image/verify/verifier';

export const image = Buffer.from('not a real image, but the bytes of one'.repeat(50));
export const name = 'example.com/hello';

export class Keystore {
  readonly root = fs.mkdtempSync(path.join(os.tmpdir(), 'podctl-keys-'));
  readonly system = path.join(this.root, 'system');
  readonly local = path.join(this.root, 'local');
  readonly user = path.join(this.root, 'user');

  /** Writes a key file (or a mask) by hand. */
  put(layer: 'system' | 'local' | 'user', prefix: string, fingerprint: string, content: Buffer | string): string {
    const place = prefix === '' ? 'root.d' : `prefix.d/${prefix}`;
    const file = path.join(this[layer], 'trustedkeys', place, fingerprint.toLowerCase());
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, content);
    return file;
  }

  close(): void {
    fs.rmSync(this.root, { recursive: true });
  }

  async verify(image: Buffer, signature: Buffer, name: string | undefined, now?: number): Promise<Verification> {
    const check = await signatureVerifier(this, now === undefined ? Date.now : () => now).open(
      signature,
      'image.aci.asc',
    );
    check.update(image.subarray(0, 7));
    check.update(image.subarray(7));
    return check.finish(name);
  }
}

/** Expects a PodctlError of this code whose message and hint match. */
export async function refuses(code: ErrorCode, result: Promise<unknown>, pattern = /(?:)/): Promise<PodctlError> {
  try {
    await result;
  } catch (error) {
    if (!(error instanceof PodctlError)) throw error;
    assert.equal(error.code, code, error.message);
    assert.match(`${error.message}\n${error.hint}`, pattern);
    return error;
  }
  return assert.fail(`accepted what is ${code}`);
}
