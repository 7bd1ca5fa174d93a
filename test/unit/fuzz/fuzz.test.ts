/** A few seconds of fuzzing in every run, from another seed each time; `npm run fuzz -- SECONDS` goes on for longer. */
import assert from 'node:assert/strict';
import { fuzz, TARGETS } from '../../fixtures/fuzz/targets';

const MILLISECONDS = 3000;

describe('fuzzing', () => {
  for (const target of TARGETS) {
    it(`finds nothing in the ${target.name}`, () => {
      assert.ok(fuzz(target, MILLISECONDS) > 20);
    });
  }
}).timeout(60_000);
