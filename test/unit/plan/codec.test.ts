import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { PodctlError } from '#kernel/errors';
import { decodePlan, encodePlan, quote } from '../../../stage1/plan/codec';
import { OPS, type Plan } from '../../../stage1/plan/op';
import { skip } from '../../runner/skip';

const head = 'podctl-plan 2\npod u /p\n';
const refused = (text: string, message: RegExp) =>
  assert.throws(
    () => decodePlan(text),
    (error) => error instanceof PodctlError && error.code === 'plan-invalid' && message.test(error.message),
  );

describe('plan codec', () => {
  it('round-trips any text that has no NUL', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme' }).filter((text) => !text.includes('\0'))), (args) => {
        const plan: Plan = [
          { name: 'pod', args: ['u', '/p'] },
          { name: 'app', args: ['a', 'app-a'] },
          { name: 'args', args },
        ];
        assert.deepEqual(decodePlan(encodePlan(plan)), plan);
      }),
    );
  });

  it('quotes what would break a line or a word, and nothing else', () => {
    assert.equal(quote(''), '%');
    assert.equal(quote('a b%\n\u00e9'), 'a%20b%25%0a%c3%a9');
    assert.equal(quote('/usr/bin/a-b_c=~!"$'), '/usr/bin/a-b_c=~!"$');
  });

  it('refuses another version, an unknown operation, and bad arguments, with the line', () => {
    refused('podctl-plan 1\npod u /p\n', /line 1/);
    refused(`${head}format-disk\n`, /unknown operation "format-disk"/);
    refused(`${head}toString x\n`, /unknown operation/);
    refused(`${head}stop-grace ten\n`, /not of kind num/);
    refused(`${head}stop-grace 1 2\n`, /takes 1 arguments/);
    refused(`${head}stop-grace 99999999999999999999\n`, /not of kind num/);
    refused(`${head}pod-root relative 1\n`, /not of kind path/);
    refused(`${head}hostname a%0\n`, /malformed quoting/);
    refused(`${head}hostname a%00b\n`, /malformed quoting/);
    refused(`${head}hostname  a\n`, /not quoted/);
    refused(`${head}hostname a`, /not ended/);
  });

  it('refuses operations out of order', () => {
    refused('podctl-plan 2\nhostname a\n', /first operation/);
    refused(`${head}hostname a\nstop-grace 1\n`, /cannot stand/);
    refused(`${head}cwd /\n`, /cannot stand/);
    refused(`${head}app a app-a\nhostname b\n`, /cannot stand/);
  });

  it('has the same table of operations as the executor', function () {
    const executor = path.resolve(__dirname, '../../../native/podctl-stage1');
    if (!fs.existsSync(executor)) skip(this, 'podctl-stage1 is not built: npm run build:native');
    const table = Object.entries(OPS).map(([name, { sections, args }]) =>
      [name, sections.join(','), ...args].join(' '),
    );
    assert.deepEqual(execFileSync(executor, ['ops'], { encoding: 'utf8' }).trimEnd().split('\n'), table);
  });
});
