/** Verification streams: what it holds does not grow with the image. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { Gpg } from '../../fixtures/gpg';
import { scratchDirectory } from '../../fixtures/scratch';

const MIB = 1 << 20;
const SMALL = 20 * MIB;
const LARGE = 400 * MIB;
/** V8 lets 64 MiB of buffers that nobody needs come together before it looks for them; keeping the larger image would take 380. */
const BOUND = 96 * MIB;

describe('verifying a large image', function () {
  this.timeout(120_000);
  const scratch = scratchDirectory();
  const gpg = new Gpg();
  after(() => gpg.close());

  /** A child that verifies a file as importing does. @returns its peak RSS in bytes */
  function peak(size: number, keys: string): number {
    const file = `${scratch()}/${size}`;
    fs.closeSync(fs.openSync(file, 'w'));
    fs.truncateSync(file, size);
    fs.writeFileSync(`${file}.asc`, gpg.signFile(file));
    const verifier = path.join(__dirname, '../../../stage0/image/verify/verifier.js');
    const script = `
      const fs = require('node:fs');
      const { signatureVerifier } = require(${JSON.stringify(verifier)});
      (async () => {
        const dirs = { system: '/nonexistent', local: ${JSON.stringify(keys)} };
        const check = await signatureVerifier(dirs).open(fs.readFileSync(${JSON.stringify(`${file}.asc`)}), 'x.asc');
        const fd = fs.openSync(${JSON.stringify(file)});
        for (;;) {
          const chunk = Buffer.allocUnsafeSlow(256 * 1024);
          const size = fs.readSync(fd, chunk);
          if (size === 0) break;
          await check.update(chunk.subarray(0, size));
        }
        const { fingerprint } = await check.finish('example.com/large');
        console.log(JSON.stringify({ fingerprint, peak: process.resourceUsage().maxRSS * 1024 }));
      })();`;
    const { status, stdout, stderr } = spawnSync(process.execPath, ['-e', script], { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    return JSON.parse(stdout).peak;
  }

  it(`of ${LARGE / MIB} MiB takes no more memory than one of ${SMALL / MIB} MiB`, () => {
    const key = gpg.key('large');
    const place = `${scratch()}/keys/trustedkeys/root.d`;
    fs.mkdirSync(place, { recursive: true });
    fs.writeFileSync(`${place}/${key.toLowerCase()}`, gpg.export([key]));
    const small = peak(SMALL, `${scratch()}/keys`);
    const large = peak(LARGE, `${scratch()}/keys`);
    assert.ok(large - small < BOUND, `${Math.round(large / MIB)} MiB, not ${Math.round(small / MIB)} MiB`);
  });
});
