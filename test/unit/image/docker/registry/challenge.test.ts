import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parseChallenges } from '../../../../../stage0/image/docker/registry/challenge';

const read = (header: string) =>
  parseChallenges(header).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)]);

describe('WWW-Authenticate', () => {
  const realm = 'https://auth.example.com/token';
  for (const [what, header, meant] of [
    [
      'as Docker writes it',
      `Bearer realm="${realm}",service="s",scope="repository:a/b:pull"`,
      [['bearer', { realm, service: 's', scope: 'repository:a/b:pull' }]],
    ],
    [
      'in another order, with blanks',
      `BEARER  scope = "a b" , Realm="${realm}"`,
      [['bearer', { scope: 'a b', realm }]],
    ],
    ['without quotes', `Bearer realm=${realm},service=s`, [['bearer', { realm, service: 's' }]]],
    ['with escapes and commas in quotes', 'Basic realm="a \\"b\\", c=\\\\d"', [['basic', { realm: 'a "b", c=\\d' }]]],
    [
      'several in one',
      `Negotiate YII=, Basic realm="x", Bearer realm="${realm}"`,
      [
        ['negotiate', {}],
        ['basic', { realm: 'x' }],
        ['bearer', { realm }],
      ],
    ],
    ['one scheme alone', 'Negotiate', [['negotiate', {}]]],
    [
      'a parameter twice: the first counts',
      `Bearer realm="${realm}",realm="https://evil.example.com"`,
      [['bearer', { realm }]],
    ],
    [
      'with more parameters than known',
      `Bearer realm="${realm}",error="invalid_token",x=`,
      [['bearer', { realm, error: 'invalid_token', x: '' }]],
    ],
    ['with empty elements', `,, Bearer ,realm="${realm}",,`, [['bearer', { realm }]]],
    ['nothing', '', []],
    [
      'a quote that does not end',
      'Bearer realm="https://a',
      [
        ['bearer', { realm: '' }],
        ['https', {}],
        ['a', {}],
      ],
    ],
    ['parameters without a scheme', 'realm="x"', []],
    [
      'names that objects have',
      'Bearer __proto__="x",constructor=y',
      [
        [
          'bearer',
          Object.fromEntries([
            ['__proto__', 'x'],
            ['constructor', 'y'],
          ]),
        ],
      ],
    ],
  ] as const) {
    it(what, () => assert.deepEqual(read(header), meant));
  }

  it('any order and quoting mean the same', () => {
    const value = fc.stringMatching(/^[a-zA-Z0-9:/.-]{1,20}$/);
    const parameters = fc.uniqueArray(fc.tuple(fc.stringMatching(/^[a-z]{1,8}$/), value, fc.boolean()), {
      selector: ([name]) => name,
      minLength: 1,
    });
    fc.assert(
      fc.property(parameters, (list) => {
        const header = `Bearer ${list.map(([name, text, quoted]) => `${name}=${quoted ? `"${text}"` : text}`).join(', ')}`;
        assert.deepEqual(read(header), [['bearer', Object.fromEntries(list)]]);
      }),
    );
  });
  it('survives anything, in linear time', () => {
    const pieces = fc.array(
      fc.constantFrom('Bearer', ' ', ',', '=', '"', '\\', 'realm', 'é', '\t', 'x=y', '"a"', ';'),
      { maxLength: 200 },
    );
    fc.assert(
      fc.property(pieces, (parts) => void parseChallenges(parts.join(''))),
      { numRuns: 2000 },
    );
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => void parseChallenges(text)),
      { numRuns: 2000 },
    );
    const start = performance.now();
    for (const piece of ['"\\', 'a=', 'Bearer ', ' ', ',', '=', 'a '])
      parseChallenges(piece.repeat(32_768 / piece.length));
    assert.ok(performance.now() - start < 2000);
  });
});
