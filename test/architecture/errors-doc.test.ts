import { equal } from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { ERRORS_DOC, errorsDocument } from '../runner/errors-doc';

describe('docs/errors.md', () => {
  it('lists exactly the table of errors (else run: node dist/test/runner/errors-doc.js)', () => {
    equal(readFileSync(ERRORS_DOC, 'utf8'), errorsDocument());
  });
});
