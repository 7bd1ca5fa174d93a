/** Every hostile image through the code that fetches and renders: its code, bounded time and memory, and nothing left. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { buildAci } from '../../fixtures/aci';
import { testCertificate } from '../../fixtures/certificate';
import type { Bytes, HostileCase } from '../../fixtures/hostile/case';
import { HOSTILE } from '../../fixtures/hostile/index';
import { Victim, type VictimAnswer } from '../../fixtures/hostile/victim';
import { needsRoot, scratchDirectory } from '../../fixtures/scratch';
import { content, page, Web } from '../../fixtures/web';

/** Of processor time, for one case; the slowest reads a million entries before it meets the limit. */
const MAX_MILLISECONDS = 30_000;
/** Beyond what the same process takes for a good image; of all cases together that are not heavy, of each that is. */
const MAX_GROWTH_KIB = 72 * 1024;
const MAX_HEAVY_GROWTH_KIB = 160 * 1024;

describe('hostile images', () => {
  const scratch = scratchDirectory();
  let web: Web;
  let shared: { readonly victim: Victim; readonly base: number } | undefined;
  before(async function () {
    needsRoot(this);
    web = await Web.open();
    web.on('example.com', page('example.com https://example.com/aci/{name}.{ext}'));
  });
  after(async () => {
    await shared?.victim.end();
    await web?.close();
  });

  it('have names of their own, and there are at least 60', () => {
    const names = HOSTILE.map(({ name }) => name);
    assert.deepEqual([...new Set(names)], names);
    assert.ok(names.length >= 60);
    assert.ok(names.every((name) => /^[a-z0-9]+(?:-[a-z0-9]+)*$/.test(name)));
  });

  const write = (path: string, bytes: Bytes): string => {
    const fd = fs.openSync(path, 'w');
    try {
      for (const piece of Buffer.isBuffer(bytes) ? [bytes] : bytes) fs.writeSync(fd, piece);
    } finally {
      fs.closeSync(fd);
    }
    return path;
  };
  const inside = (room: string): readonly string[] =>
    fs.existsSync(`${scratch()}/store/${room}`) ? fs.readdirSync(`${scratch()}/store/${room}`) : [];

  /** A process that has done its work once, and how much memory that took. */
  async function begin(): Promise<{ readonly victim: Victim; readonly base: number }> {
    const victim = new Victim(web.ports.https, testCertificate().caFile);
    fs.mkdirSync(`${scratch()}/good`);
    const good = write(`${scratch()}/good/good.aci`, buildAci({ files: [{ name: 'rootfs/a', content: 'x' }] }));
    const { text, peakKiB } = await victim.ask({ dir: `${scratch()}/good`, images: [good] });
    assert.equal(text, 'it was accepted');
    fs.rmSync(`${scratch()}/good`, { recursive: true });
    return { victim, base: peakKiB };
  }

  async function ask({ images, fetched, site, heavy }: HostileCase): Promise<VictimAnswer> {
    const paths = images().map((bytes, i) => write(`${scratch()}/${i}.aci`, bytes));
    fs.mkdirSync(`${scratch()}/store`);
    web.otherwise((url) => {
      const name = /\/aci\/(.*)\.aci$/.exec(url)?.[1];
      const aci = name === undefined ? undefined : site?.(name);
      return aci === undefined ? undefined : content(aci);
    });
    if (heavy !== true && shared === undefined) shared = await begin();
    const { victim, base } = heavy !== true && shared !== undefined ? shared : await begin();
    try {
      const reference = fetched === 'file' ? paths[0] : fetched;
      const answer = await victim.ask({
        dir: `${scratch()}/store`,
        images: paths,
        ...(reference === undefined ? {} : { reference }),
      });
      const growth = answer.peakKiB - base;
      assert.ok(growth < (heavy === true ? MAX_HEAVY_GROWTH_KIB : MAX_GROWTH_KIB), `it took ${growth} KiB of memory`);
      return answer;
    } finally {
      if (heavy === true) await victim.end();
      fs.rmSync(`${scratch()}/good`, { recursive: true, force: true });
    }
  }

  for (const one of HOSTILE) {
    it(one.name, async () => {
      const { code, text, stored, milliseconds } = await ask(one);
      assert.equal(code, one.code, text);
      assert.match(text, one.text);
      assert.ok(milliseconds < MAX_MILLISECONDS, `it took ${milliseconds} ms of processor time`);
      assert.equal(inside('images').length, stored, 'only images that were right are in the store');
      assert.deepEqual(
        ['tmp', 'trees', 'downloads'].map((room) => inside(room)),
        [[], [], []],
      );
      assert.deepEqual(
        fs.readdirSync(scratch()).filter((name) => !/^\d+\.aci$/.test(name)),
        ['store'],
      );
    });
  }
}).timeout(60_000);
