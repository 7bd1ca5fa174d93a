import assert from 'node:assert/strict';
import fc from 'fast-check';
import { metaTags } from '../../../../stage0/image/fetch/discovery/meta';
import { expandTemplate } from '../../../../stage0/image/fetch/discovery/template';

const contents = (page: string): readonly string[] => metaTags(page, 'ac-discovery').map(({ content }) => content);

describe('X1 discovery tags of a page', () => {
  const cases: readonly (readonly [string, string, readonly string[]])[] = [
    [
      'two in a head',
      '<html><head><meta name="ac-discovery" content="a b"><meta content="c d" name="ac-discovery">',
      ['a b', 'c d'],
    ],
    ['without html and head', '<meta name=ac-discovery content="a b">', ['a b']],
    ['in upper case', '<META NAME="AC-DISCOVERY" CONTENT=\'a b\'/>', ['a b']],
    ['over several lines', '<meta\n  name = "ac-discovery"\n  content = "a\nb" >', ['a\nb']],
    [
      'with character references',
      '<meta name="ac-discovery" content="a https://h/?x=1&amp;y=&#123;ext&#x7d;">',
      ['a https://h/?x=1&y={ext}'],
    ],
    ['with a ">" in a value', '<meta name="ac-discovery" content="a b>c">', ['a b>c']],
    [
      'behind a script',
      '<script>if (a < b) document.write("<meta name=x>")</script><meta name="ac-discovery" content="a b">',
      ['a b'],
    ],
    ['not of another name', '<meta name="ac-discovery-pubkeys" content="a b">', []],
    ['not in a comment', '<!-- <meta name="ac-discovery" content="a b"> -->', []],
    ['not in a comment with brackets', '<!-- > <meta name="ac-discovery" content="a b"> -->', []],
    ['not in a script', '<script><meta name="ac-discovery" content="a b"></script >', []],
    ['not in a title', '<title><meta name="ac-discovery" content="a b"></title>', []],
    ['not in an attribute', '<link title=\'<meta name="ac-discovery" content="a b">\'>', []],
    ['not in a body', '<head></head><body><meta name="ac-discovery" content="a b">', []],
    ['not behind a paragraph, which begins the body', '<p>text</p><meta name="ac-discovery" content="a b">', []],
    ['not behind </head>', '<head></head><meta name="ac-discovery" content="a b">', []],
    ['not in a comment that never ends', '<!-- <meta name="ac-discovery" content="a b">', []],
    ['cut off in a value', '<meta name="ac-discovery" content="a ', ['a']],
    ['nothing', '', []],
    ['lone brackets', '< > << <meta name="ac-discovery" content="a b"> <', ['a b']],
    ['the first of two contents', '<meta name="ac-discovery" content="a b" content="c d">', ['a b']],
  ];
  for (const [what, page, wanted] of cases) {
    it(what, () =>
      assert.deepEqual(
        contents(page).map((one) => one.trim()),
        wanted,
      ),
    );
  }

  it('takes time in proportion to a page made against it', () => {
    for (const piece of ['<', '<!--', '<meta ', '<meta a=', '<script>', '<meta "', '<a', '=', '<!', '</title', ' / ']) {
      const started = process.hrtime.bigint();
      contents(`<meta ${piece.repeat(Math.floor(524_288 / piece.length))}`);
      assert.ok(Number(process.hrtime.bigint() - started) < 5e9, piece);
    }
  });

  it('never throws, and never finds what is not there', () => {
    const piece = fc.constantFrom(
      '<',
      '>',
      '/',
      '!--',
      '-->',
      'meta',
      ' ',
      '"',
      "'",
      '=',
      'name',
      'content',
      '</head>',
      '<body',
      '&#0;',
      'é',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
        assert.deepEqual(contents(pieces.join('')), []);
      }),
    );
  });
});

describe('X3 X9 templates', () => {
  const values = new Map([
    ['name', 'example.com/a/b'],
    ['version', '1.0 ?#/'],
    ['os', 'linux'],
    ['dots', '..'],
  ]);
  const expand = (template: string): string | undefined => expandTemplate(template, values, 'aci.asc')?.href;

  it('are filled in; a label stays one component of the path', () => {
    assert.equal(
      expand('https://h.example.com/{os}/{name}-{version}.{ext}'),
      'https://h.example.com/linux/example.com/a/b-1.0%20%3F%23%2F.aci.asc',
    );
  });
  for (const [what, template] of [
    ['without {ext}', 'https://h/{name}.aci'],
    ['with an unknown variable', 'https://h/{name}-{flavour}.{ext}'],
    ['of another scheme', 'ftp://h/{name}.{ext}'],
    ['that is relative', '/{name}.{ext}'],
    ['with a password', 'https://u:p@h/{name}.{ext}'],
    ['that a label leads out of', 'https://h/images/{dots}/{name}.{ext}'],
    ['too long', `https://h/${'x'.repeat(5000)}.{ext}`],
    ['with braces left over', 'https://h/{{name}.{ext}'],
  ] as const) {
    it(`${what} are left out`, () => assert.equal(expand(template), undefined));
  }
});
