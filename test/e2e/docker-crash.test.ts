/**
 * Docker and OCI images on their way into the store, cut short at every system call that changes something: by SIGKILL, a full disk,
 * or one that fails. No layer, image or tree is ever half there, the same command succeeds afterwards, and gc leaves nothing.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { createContext } from '../../stage0/cli/context';
import { createServices } from '../../stage0/cli/services';
import { sweepLeftovers } from '../../stage0/usecases/garbage';
import type { Services } from '../../stage0/usecases/services';
import { checkStore } from '../../stage0/usecases/store-check';
import { imageIdOf } from '../fixtures/aci';
import { DockerRegistry } from '../fixtures/docker-registry';
import { dockerArchive, layer, layoutOf, type TestImage } from '../fixtures/oci';
import { snapshotTree } from '../fixtures/snapshot';
import { survives } from '../rig/cut-short';
import { EVERY } from '../rig/faults';
import { initialGlobals } from '../rig/globals';
import { needsHost, Rig } from '../rig/rig';

describe('imports of Docker and OCI images cut short', function () {
  this.timeout(EVERY ? 7_200_000 : 600_000);
  let rig: Rig;
  let expected: readonly string[];
  let rendered: readonly string[];
  const image: TestImage = {
    layers: [
      layer([
        { name: 'd/', mode: 0o750 },
        { name: 'd/set', mode: 0o4755, content: 'x' },
        { name: 'gone', content: '' },
        { name: 'fifo', type: '6' },
        { name: 'big', content: randomBytes(1_000_000) },
      ]),
      layer([{ name: '.wh.gone' }, { name: 'd/' }, { name: 'd/link', type: '2', linkName: 'set' }], 'gzip'),
      layer([{ name: 'large', content: randomBytes(1_500_000) }], 'gzip'), // written by a thread of its own
    ],
    config: { Cmd: ['/d/set'] },
  };
  const ROOMS = ['images', 'trees', 'remotes', 'sources', 'downloads'];

  before(function () {
    needsHost(this);
    rig = new Rig();
    rig.write('image.tar', dockerArchive([{ ...image, tags: ['cut:1'] }], 'flat'));
    layoutOf(image, 'cut').write(`${rig.root}/layout`);
    rig.ok('rm', rig.ok('prepare', archive()).trim());
    expected = images();
    rendered = trees();
    assert.deepEqual([expected.length, below('trees').length], [4, 4]);
  });
  after(() => rig?.dispose());

  const archive = (): string => `docker-archive:${rig.root}/image.tar`;
  const below = (room: string): readonly string[] =>
    fs.existsSync(`${rig.dataDir}/${room}`) ? fs.readdirSync(`${rig.dataDir}/${room}`).sort() : [];
  const images = (): readonly string[] => below('images').filter((name) => !name.startsWith('.'));
  const snapshotOf = (tree: string): readonly string[] => {
    // The directory above is as old as the rendering.
    const lines = snapshotTree(`${rig.dataDir}/trees/${tree}/rootfs`);
    return lines.map((line) => (/^\/? /.test(line) ? line.replace(/ \d{19} /, ' ') : line));
  };
  /** All that trees have in them; what is called a tree is complete. */
  const trees = (): readonly string[] =>
    below('trees').flatMap((tree) => {
      JSON.parse(fs.readFileSync(`${rig.dataDir}/trees/${tree}/tree.json`, 'utf8'));
      return snapshotOf(tree);
    });
  const forget = (): void => {
    for (const room of ROOMS) fs.rmSync(`${rig.dataDir}/${room}`, { recursive: true, force: true });
  };
  const services = (): Services => createServices(createContext('test', initialGlobals(rig.dataDir)));
  async function findings(): Promise<readonly string[]> {
    const found: string[] = [];
    await checkStore(services(), { repair: false, deep: false }, ({ code }) => found.push(code));
    return found;
  }

  const demands = {
    nothingHalf(at: string): void {
      for (const name of images()) {
        const place = `${rig.dataDir}/images/${name}`;
        assert.equal(imageIdOf(fs.readFileSync(`${place}/image.tar`)), name, at);
        for (const other of ['manifest', 'info.json']) JSON.parse(fs.readFileSync(`${place}/${other}`, 'utf8'));
      }
      const known = new Set(rendered);
      assert.deepEqual(
        trees().filter((line) => !known.has(line)),
        [],
        at,
      );
    },
    async sound(at: string): Promise<void> {
      const left = (await findings()).filter(
        (code) => !['temporary', 'source-dangling', 'name-dangling'].includes(code),
      );
      assert.deepEqual(left, [], at);
    },
    async clean(at: string): Promise<void> {
      sweepLeftovers(services());
      assert.deepEqual([...(await findings()), ...below('tmp'), ...below('downloads')], [], at);
    },
  };
  const stored = (): void => assert.deepEqual(images(), expected);

  it('fetch docker-archive:', () =>
    survives(rig, demands, 30, { args: ['fetch', archive()], before: forget, done: stored }, 2));
  it('fetch docker:// of a registry', async () => {
    const registry = await DockerRegistry.start(rig.root);
    try {
      await registry.push(`oci:${rig.root}/layout:cut`, 'cut:1');
      const args = ['--insecure-options=http', 'fetch', `docker://${registry.host}/cut:1`];
      const done = (): void => {
        services().partials.sweep(Date.now() + 1000); // as gc does when a day is over
        assert.deepEqual([images().length, below('downloads')], [4, []]);
      };
      await survives(rig, demands, 40, { args, before: forget, done }, 3);
    } finally {
      await registry.stop();
    }
  });
  it('prepare oci:, which renders each layer', () =>
    survives(
      rig,
      demands,
      50,
      {
        args: ['prepare', `oci:${rig.root}/layout`],
        before: forget,
        done: () => {
          rig.removeEnded();
          assert.deepEqual([images().length, below('trees').length], [4, 4]);
        },
      },
      4,
    ));
});
