import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import type { ImageId } from '#kernel/brand';
import { parseImageReference } from '../../../stage0/image/reference';
import { DirectoryStore } from '../../../stage0/store/cas-dir';
import { buildAci, imageIdOf } from '../../fixtures/aci';
import { throwsCode } from '../../fixtures/expect';
import { scratchDirectory } from '../../fixtures/scratch';
import { TestStore } from '../../fixtures/store';

describe('the content store', () => {
  const scratch = scratchDirectory();
  const store = () => new DirectoryStore(scratch());
  const facts = (more = {}) => ({ name: 'a', labels: [], source: 'test', verification: undefined, ...more });
  const put = (text: string, more = {}) => {
    const image = store().begin();
    image.write(Buffer.from(text));
    return image.commit(Buffer.from('{}'), facts(more));
  };
  const verification = (signatureDigest: string) => ({
    fingerprint: 'F',
    keyFileDigest: 'K',
    prefix: 'a',
    signatureDigest,
    signedAt: 1,
    verifiedAt: 2,
  });
  const find = (text: string) => store().find(parseImageReference(text));

  it('names an image by the sha512 of its bytes', () => {
    const image = put('hello');
    assert.equal(image.id, imageIdOf(Buffer.from('hello')));
    assert.deepEqual(fs.readdirSync(`${scratch()}/images/${image.id}`).sort(), ['image.tar', 'info.json', 'manifest']);
    assert.deepEqual(store().get(image.id), { ...image, lastUsedAt: image.importedAt });
  });

  it('is empty before the first image', () => {
    assert.deepEqual(store().list(), []);
    assert.equal(store().sweepTemporary(), 0);
    throwsCode('image-not-found', () => find('example.com/none'));
    throwsCode('image-not-found', () => find('sha512-00'));
  });

  it('keeps the first of two equal images, and adds a verification it lacks', () => {
    const first = put('x');
    assert.equal(put('x').importedAt, first.importedAt);
    assert.equal(put('x', { verification: verification('1') }).verification?.signatureDigest, '1');
    assert.equal(put('x').verification?.signatureDigest, '1');
    assert.equal(put('x', { verification: verification('2') }).verification?.signatureDigest, '2');
    assert.equal(store().get(first.id)?.verification?.signatureDigest, '2');
    assert.deepEqual(fs.readdirSync(`${scratch()}/tmp`), []);
  });

  it('leaves nothing of an abandoned image', () => {
    const image = store().begin();
    image.write(Buffer.from('x'));
    image.abandon();
    image.abandon();
    assert.deepEqual([store().list(), fs.readdirSync(`${scratch()}/tmp`)], [[], []]);
  });

  it('finds by ID prefix, and says if it is ambiguous', () => {
    const ids = Array.from({ length: 300 }, (_, i) => imageIdOf(Buffer.from(`${i}`)));
    const twice = ids.findIndex((id, i) => ids.findIndex((other) => other.slice(0, 9) === id.slice(0, 9)) < i);
    for (const i of [ids.findIndex((id) => id.slice(0, 9) === ids[twice]?.slice(0, 9)), twice]) put(`${i}`);
    throwsCode('image-ambiguous', () => find(ids[twice]?.slice(0, 9) ?? ''), /2 matches/);
    assert.equal(find(ids[twice]?.slice(0, 30) ?? '').id, ids[twice]);
    assert.equal(find(ids[twice] ?? '').id, ids[twice]);
  });

  it('finds by name and labels the one imported last', async () => {
    const version = (value: string) => ({
      labels: [
        { name: 'version', value },
        { name: 'os', value: 'linux' },
      ],
    });
    const [one, two] = [put('1', version('1')), put('2', version('2'))];
    put('3', { name: 'b' });
    for (const [image, at] of [
      [one, 1],
      [two, 2],
    ] as const) {
      const file = `${scratch()}/images/${image.id}/info.json`;
      fs.writeFileSync(file, JSON.stringify({ ...JSON.parse(fs.readFileSync(file, 'utf8')), importedAt: at }));
    }
    assert.equal(find('a').id, two.id);
    assert.equal(find('a:1').id, one.id);
    assert.equal(find('a:1,os=linux').id, one.id);
    throwsCode('image-not-found', () => find('a:3'), /name: "a" and labels: \[version=3\]/);
    assert.deepEqual(
      store()
        .list()
        .map((image) => image.id)
        .slice(0, 2),
      [one.id, two.id],
    );
  });

  it('removes', () => {
    const { id } = put('x');
    assert.equal(store().remove(id), true);
    assert.equal(store().remove(id), false);
    assert.equal(store().get(id), undefined);
    throwsCode('image-removed', () => store().openTar(id));
    assert.deepEqual(fs.readdirSync(`${scratch()}/tmp`), []);
  });

  it('remembers the last use', () => {
    const { id } = put('x');
    store().touch(id);
    store().touch(id);
    assert.ok(Math.abs((store().get(id)?.lastUsedAt ?? 0) - Date.now()) < 5000);
  });

  it('reports damage, leaves damaged images out of lists, and a new import mends them', () => {
    const { id } = put('x');
    for (const damage of [
      () => fs.truncateSync(`${scratch()}/images/${id}/image.tar`),
      () => fs.rmSync(`${scratch()}/images/${id}/image.tar`),
      () => fs.writeFileSync(`${scratch()}/images/${id}/info.json`, '{'),
      () => fs.rmSync(`${scratch()}/images/${id}/info.json`),
    ]) {
      damage();
      throwsCode('image-damaged', () => store().get(id));
      assert.deepEqual(store().list(), []);
      put('x');
      assert.equal(store().get(id)?.size, 1);
    }
    fs.writeFileSync(`${scratch()}/images/${id}/manifest`, 'x');
    throwsCode('image-damaged', () => store().manifest(id));
  });

  it('refuses an ID that is not one of a directory', () =>
    throwsCode('image-removed', () => store().manifestBytes('sha512-00' as ImageId)));

  /** Another process that begins an image, says so, and waits to be killed. */
  const WRITER = `
    const { DirectoryStore } = require(process.argv[1]);
    const image = new DirectoryStore(process.argv[2]).begin();
    image.write(Buffer.alloc(100000));
    process.stdout.write('ready');
    setInterval(() => {}, 1000);`;

  it('sweeps what a killed process left, and not what a living one makes', async () => {
    const module = require.resolve('../../../stage0/store/cas-dir');
    const writer = spawn(process.execPath, ['-e', WRITER, module, scratch()], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(writer.stdout, 'data');
    assert.equal(store().sweepTemporary(), 0);
    assert.equal(fs.readdirSync(`${scratch()}/tmp`).length, 1);
    writer.kill('SIGKILL');
    await once(writer, 'exit');
    assert.equal(store().sweepTemporary(), 1);
    assert.deepEqual(fs.readdirSync(`${scratch()}/tmp`), []);
  });

  /** Another process that imports one file. */
  const IMPORTER = `
    const { DirectoryStore } = require(process.argv[1] + '/store/cas-dir.js');
    const { SourceCache } = require(process.argv[1] + '/store/source-cache.js');
    const { fetchFile } = require(process.argv[1] + '/image/fetch/file.js');
    const [, , dir, path] = process.argv;
    const stores = { images: new DirectoryStore(dir), sources: new SourceCache(dir) };
    fetchFile({ path, signature: { kind: 'none' } }, stores).then((image) => console.log(image.id));`;

  it('takes the same image from several processes at once', async () => {
    const aci = buildAci({ files: [{ name: 'rootfs/a', content: Buffer.alloc(1_000_000, 'x') }] });
    fs.writeFileSync(`${scratch()}/x.aci`, aci);
    const stage0 = require.resolve('../../../stage0/store/cas-dir').replace('/store/cas-dir.js', '');
    const runs = Array.from({ length: 4 }, async () => {
      const child = spawn(process.execPath, ['-e', IMPORTER, stage0, scratch(), `${scratch()}/x.aci`], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const chunks: Buffer[] = await child.stdout.toArray();
      return Buffer.concat(chunks).toString().trim();
    });
    assert.deepEqual(await Promise.all(runs), Array(4).fill(imageIdOf(aci)));
    assert.deepEqual(
      [fs.readdirSync(`${scratch()}/images`), fs.readdirSync(`${scratch()}/tmp`)],
      [[imageIdOf(aci)], []],
    );
  }).timeout(20_000);

  it('forgets the sources of removed images', async () => {
    const all = new TestStore(scratch());
    const image = await all.add(buildAci());
    fs.mkdirSync(`${scratch()}/sources`, { recursive: true });
    fs.writeFileSync(`${scratch()}/sources/1-2.json`, JSON.stringify({ id: image.id }));
    fs.writeFileSync(`${scratch()}/sources/1-3.json.abc.tmp`, '');
    all.sources.sweep((id) => all.images.get(id) !== undefined);
    assert.ok(fs.readdirSync(`${scratch()}/sources`).includes('1-2.json'));
    all.images.remove(image.id);
    all.sources.sweep((id) => all.images.get(id) !== undefined);
    assert.deepEqual(fs.readdirSync(`${scratch()}/sources`), []);
  });
}).timeout(30_000);
