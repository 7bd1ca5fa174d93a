import assert from 'node:assert/strict';
import { fetchName } from '../../../../stage0/image/fetch/name';
import { hostPlatform } from '../../../../stage0/image/platform';
import type { Label } from '../../../../stage0/image/schema';
import { buildAci, imageIdOf } from '../../../fixtures/aci';
import { rejectsCode } from '../../../fixtures/expect';
import { Remote } from '../../../fixtures/remote';
import { scratchDirectory } from '../../../fixtures/scratch';
import { content, page, Web } from '../../../fixtures/web';

const NAME = 'example.com/app';

describe('fetching an image by its name', () => {
  const scratch = scratchDirectory();
  let web: Web;
  let remote: Remote;
  beforeEach(async () => {
    web = await Web.open();
    remote = new Remote(web, scratch());
  });
  afterEach(() => web.close());

  const fetch = (labels: readonly Label[] = [], size?: number) =>
    fetchName({ name: NAME, labels, signature: { kind: 'none' }, size }, remote.network());
  const serve = (template: string): void => web.on(NAME, page(`${NAME} ${template}`));
  const image = (labels: readonly Label[] = [], name = NAME): Buffer => buildAci({ name, labels });
  const label = (name: string, value: string): Label => ({ name, value });

  it('X3 fills in the latest version and this host by default', async () => {
    const { os, arch } = hostPlatform();
    serve('https://example.org/{os}/{arch}/{name}-{version}.{ext}');
    web.on(`example.org/${os}/${arch}/${NAME}-latest.aci`, content(image()));
    assert.equal((await fetch()).id, imageIdOf(image()));
  });
  it('X3 fills in the labels that were asked for', async () => {
    const labels = [label('version', '1.0'), label('os', 'plan9'), label('arch', 'mips'), label('flavour', 'a b')];
    serve('https://example.org/{os}/{arch}/{flavour}/{version}.{ext}');
    web.on('example.org/plan9/mips/a%20b/1.0.aci', content(image(labels)));
    assert.equal((await fetch(labels)).id, imageIdOf(image(labels)));
  });
  it('X8 takes a template of plain http only where that is allowed', async () => {
    serve('http://example.org/x.{ext}');
    await rejectsCode('fetch-insecure', fetch());
  });

  it('tries every endpoint, in their order', async () => {
    const places = ['gone', 'broken', 'wrong', 'good', 'never'];
    web.on(NAME, page(...places.map((place) => `example.com https://example.org/${place}.{ext}`)));
    web.on('example.org/broken.aci', content('not an image'));
    web.on('example.org/wrong.aci', content(image([], 'example.com/other')));
    web.on('example.org/good.aci', content(image()));
    assert.equal((await fetch()).id, imageIdOf(image()));
    assert.deepEqual(
      web.urls.slice(1),
      places.slice(0, 4).map((place) => `example.org/${place}.aci`),
    );
    assert.deepEqual([remote.seen('passed-over'), remote.stored], [3, 1]);
  });
  it('says of every endpoint why it did not do', async () => {
    web.on(NAME, page('example.com https://example.org/1.{ext}', 'example.com https://example.org/2.{ext}'));
    await rejectsCode('fetch-status', fetch(), /1\.aci.*404.*2\.aci.*404/);
  });
  it('X3 leaves out templates that it cannot fill in', async () => {
    web.on(NAME, page('example.com https://example.org/{colour}.{ext}', 'example.com https://example.org/x.aci'));
    await rejectsCode('discovery-failed', fetch(), /no usable template/);
  });

  describe('X6 B4 refuses', () => {
    const refused = async (bytes: Buffer, labels: readonly Label[], text: RegExp): Promise<void> => {
      serve('https://example.org/x.{ext}');
      web.on('example.org/x.aci', content(bytes));
      await rejectsCode('image-name-mismatch', fetch(labels), text);
      assert.deepEqual([remote.stored, remote.downloads], [0, []]);
    };
    it('an image of another name', () => refused(image([], 'example.com/other'), [], /"example.com\/other"/));
    it('an image of a name that begins the same', () => refused(image([], `${NAME}s`), [], /apps/));
    it('an image of another version', () => refused(image([label('version', '2')]), [label('version', '1')], /:2/));
    it('an image without a label that was asked for', () => refused(image(), [label('version', '1')], /:1/));
  });
  it('X6 takes an image with more labels than were asked for', async () => {
    const labels = [label('version', '1'), label('extra', 'x')];
    serve('https://example.org/x.{ext}');
    web.on('example.org/x.aci', content(image(labels)));
    assert.equal((await fetch([label('version', '1')])).id, imageIdOf(image(labels)));
  });
  it('an image that was fetched under another name is not taken for it without asking', async () => {
    serve('https://example.org/x.{ext}');
    web.on(
      'example.org/x.aci',
      content(image([], 'example.com/other'), { 'cache-control': 'max-age=60', etag: '"1"' }),
    );
    await remote.fetch({ url: new URL('https://example.org/x.aci') });
    web.on('example.org/x.aci', content(image()));
    assert.equal((await fetch()).name, NAME);
  });
});
