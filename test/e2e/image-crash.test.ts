/**
 * `fetch`, `image rm`, `image gc` and `image render`, each cut short at every system call that changes something: by SIGKILL, a
 * full disk, or a disk that fails. Whatever the instant, the store is sound, nobody sees half an image, the same command
 * succeeds afterwards, and gc leaves nothing.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { createContext } from '../../stage0/cli/context';
import { createServices } from '../../stage0/cli/services';
import { sweepLeftovers } from '../../stage0/usecases/garbage';
import type { Services } from '../../stage0/usecases/services';
import { checkStore } from '../../stage0/usecases/store-check';
import { buildAci, imageIdOf } from '../fixtures/aci';
import { snapshotTree } from '../fixtures/snapshot';
import { type Subject, survives as survivesAll } from '../rig/cut-short';
import { EVERY } from '../rig/faults';
import { initialGlobals } from '../rig/globals';
import { needsHost, Rig } from '../rig/rig';

/** Serves a file, at any path. */
const SERVER = `
  const fs = require('node:fs');
  const answer = (request, response) =>
    response.writeHead(200, { etag: '"1"', 'content-length': fs.statSync(process.argv[1]).size }) &&
    fs.createReadStream(process.argv[1]).pipe(response);
  const server = require('node:http').createServer(answer);
  server.listen(0, '127.0.0.1', () => process.stdout.write(String(server.address().port)));`;

describe('image commands cut short', function () {
  this.timeout(EVERY ? 7_200_000 : 600_000);
  let rig: Rig;
  let file: string;
  let whole: readonly string[];
  const aci = buildAci({
    name: 'example.com/one',
    files: [
      { name: 'rootfs/a/file', content: 'content', mode: 0o4755 },
      { name: 'rootfs/a/link', type: '2', linkName: 'file' },
      { name: 'rootfs/a/hard', type: '1', linkName: 'rootfs/a/file' },
      { name: 'rootfs/a/fifo', type: '6' },
      { name: 'rootfs/big', content: Buffer.alloc(3_000_000, 'x') },
    ],
  });
  const id = imageIdOf(aci);

  before(function () {
    needsHost(this);
    rig = new Rig();
    file = rig.write('one.aci', aci);
    fetch();
    rig.ok('image', 'render', id, `${rig.root}/expected`);
    whole = withoutTime(snapshotTree(`${rig.root}/expected`));
  });
  after(() => rig?.dispose());

  /** The directory itself and the manifest are as old as the rendering. */
  const withoutTime = (lines: readonly string[]): readonly string[] =>
    lines.map((line) => (line.startsWith('/rootfs') ? line : line.replace(/ \d{19} /, ' ')));
  const INSECURE = '--insecure-options=image';
  const INSECURE_HTTP = '--insecure-options=image,http';
  const images = (): readonly string[] => fs.readdirSync(`${rig.dataDir}/images`);
  const fetch = (): void => {
    if (!fs.existsSync(`${rig.dataDir}/images/${id}`)) rig.ok(INSECURE, 'fetch', file);
  };
  const forget = (): void => {
    fs.rmSync(`${rig.dataDir}/images/${id}`, { recursive: true, force: true });
    fs.rmSync(`${rig.dataDir}/sources`, { recursive: true, force: true });
  };
  /** A tree that no pod uses, as an ended pod leaves it. */
  const render = (): void => {
    const tree = `${rig.dataDir}/trees/t1-${id.slice('sha512-'.length, 'sha512-'.length + 64)}`;
    if (fs.existsSync(tree)) return;
    fs.mkdirSync(`${tree}/rootfs`, { recursive: true, mode: 0o700 });
    fs.chmodSync(`${rig.dataDir}/trees`, 0o700);
    fs.writeFileSync(
      `${tree}/tree.json`,
      JSON.stringify({ image: id, layers: [id], size: 0, entries: 1, renderedAt: 1 }),
    );
  };

  const services = (): Services => createServices(createContext('test', initialGlobals(rig.dataDir)));
  /** In this process: starting podctl for every moment would take most of the time. */
  async function findings(): Promise<readonly string[]> {
    const found: string[] = [];
    await checkStore(services(), { repair: false, deep: false }, ({ code }) => found.push(code));
    return found;
  }

  /** Through the eyes of a concurrent reader: what has a name is whole. */
  function nothingHalf(at: string): void {
    for (const name of images().filter((one) => !one.startsWith('.'))) {
      const place = `${rig.dataDir}/images/${name}`;
      assert.equal(imageIdOf(fs.readFileSync(`${place}/image.tar`)), name, at);
      for (const other of ['manifest', 'info.json']) JSON.parse(fs.readFileSync(`${place}/${other}`, 'utf8'));
    }
    const place = `${rig.root}/place`;
    if (fs.existsSync(place)) assert.deepEqual(withoutTime(snapshotTree(place)), whole, at);
  }

  async function sound(at: string): Promise<void> {
    // What a crash may leave is what gc removes.
    const left = (await findings()).filter((code) => code !== 'temporary' && code !== 'source-dangling');
    assert.deepEqual(left, [], at);
  }
  async function clean(at: string): Promise<void> {
    sweepLeftovers(services());
    assert.deepEqual([...(await findings()), ...fs.readdirSync(`${rig.dataDir}/tmp`)], [], at);
    assert.deepEqual(
      images().filter((name) => name !== id),
      [],
      at,
    );
    assert.deepEqual(
      fs.readdirSync(rig.root).filter((name) => name.startsWith('.')),
      [],
      at,
    );
  }
  const survives = (least: number, subject: Subject, stride = 1): Promise<void> =>
    survivesAll(rig, { nothingHalf, sound, clean }, least, subject, stride);

  it('fetch', async () => {
    await survives(15, {
      args: [INSECURE, 'fetch', file],
      before: forget,
      done: () =>
        assert.deepEqual(
          images().filter((name) => !name.startsWith('.')),
          [id],
        ),
    });
  });

  it('fetch of a URL', async () => {
    const server = spawn(process.execPath, ['-e', SERVER, file], { stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      const port = String(await once(server.stdout, 'data'));
      await survives(
        20,
        {
          args: [INSECURE_HTTP, 'fetch', `http://127.0.0.1:${port}/one.aci`],
          before: () => {
            forget();
            for (const room of ['downloads', 'remotes'])
              fs.rmSync(`${rig.dataDir}/${room}`, { recursive: true, force: true });
          },
          done: () => {
            assert.deepEqual(
              images().filter((name) => !name.startsWith('.')),
              [id],
            );
            services().partials.sweep(Date.now() + 1000); // as gc does when a day is over
            assert.deepEqual(fs.readdirSync(`${rig.dataDir}/downloads`), []);
          },
        },
        3,
      );
    } finally {
      server.kill('SIGKILL');
    }
  });

  it('image rm', async () => {
    await survives(6, {
      args: ['image', 'rm', id],
      before: fetch,
      done: () =>
        assert.deepEqual(
          images().filter((name) => !name.startsWith('.')),
          [],
        ),
    });
  });

  it('image gc', async () => {
    await survives(10, {
      args: ['image', 'gc', '--grace-period=0'],
      before: () => {
        fetch();
        render();
      },
      done: () => assert.deepEqual([...images(), ...fs.readdirSync(`${rig.dataDir}/trees`)], []),
    });
  });

  it('image render', async () => {
    const place = `${rig.root}/place`;
    await survives(15, {
      args: ['image', 'render', '--overwrite', id, place],
      before: fetch,
      done: () => {
        assert.deepEqual(withoutTime(snapshotTree(place)), whole);
        fs.rmSync(place, { recursive: true });
      },
    });
  });
});
