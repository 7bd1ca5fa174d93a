/** Every number of the appc specification about images (appc.md §3.1–3.3, 3.10) is in the title of a test. */
import { deepEqual } from 'node:assert/strict';
import { filesBelow, readText } from './sources';

const numbers = (letter: string, last: number): readonly string[] =>
  Array.from({ length: last }, (_, index) => `${letter}${index + 1}`);

/** Archive, image manifest, rendering, discovery. */
const NUMBERS = [...numbers('A', 12), ...numbers('B', 21), ...numbers('C', 10), ...numbers('X', 9)];

/** What podctl leaves out on purpose. */
const LEFT_OUT: Readonly<Record<string, string>> = {
  A6: 'images encrypted with a passphrase: MAY; the passphrase would have to be on the host, beside what it protects',
  A10: 'for implementations that encrypt images: podctl does not',
};

const TITLE = /\b(?:it|describe)\(\s*(['"`])((?:\\.|(?!\1)[^\\])*)\1/g;

describe('numbers of the specification', () => {
  const titles = filesBelow(['test/unit', 'test/e2e'], ['.test.ts']).flatMap((path) =>
    [...readText(path).matchAll(TITLE)].map(([, , title = '']) => title),
  );
  const named = new Set(titles.flatMap((title) => title.match(/\b[A-Z][0-9]{1,2}\b/g) ?? []));

  it('each has a test of its name, or a reason to have none', () => {
    deepEqual(
      NUMBERS.filter((number) => !named.has(number) && LEFT_OUT[number] === undefined),
      [],
    );
  });

  it('what is left out has no test', () => {
    deepEqual(
      Object.keys(LEFT_OUT).filter((number) => named.has(number) || !NUMBERS.includes(number)),
      [],
    );
  });
});
