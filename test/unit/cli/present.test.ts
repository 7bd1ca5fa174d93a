import { deepEqual, equal, match } from 'node:assert/strict';
import fc from 'fast-check';
import { PodctlError } from '#kernel/errors';
import { outputTo } from '../../../stage0/cli/output';
import { errorText, exitStatusOf, jsonText, printable, table } from '../../../stage0/cli/present';
import { progressLine } from '../../../stage0/cli/progress';
import { redact } from '../../../stage0/cli/redact';

const PLAIN = { command: 'run', json: false, debug: false };

describe('table', () => {
  it('is aligned with tabs as rkt’s', () => {
    const rows = [
      ['UUID', 'APP', 'NETWORKS'],
      ['0123abcd', 'web', ''],
      ['', 'a-rather-long-name', 'default'],
    ];
    equal(table(rows), 'UUID\t\tAPP\t\t\tNETWORKS\n0123abcd\tweb\t\t\t\n\t\ta-rather-long-name\tdefault\n');
  });

  it('columns begin at the same tab stop in every row', () => {
    const cell = fc.stringMatching(/^[a-z]{1,20}$/);
    const width = (text: string): number =>
      [...text].reduce((at, letter) => (letter === '\t' ? (Math.floor(at / 8) + 1) * 8 : at + 1), 0);
    fc.assert(
      fc.property(fc.array(fc.tuple(cell, cell), { minLength: 1 }), (rows) => {
        const lines = table(rows).trimEnd().split('\n');
        const starts = new Set(lines.map((line) => width(line.slice(0, line.lastIndexOf('\t') + 1))));
        equal(starts.size, 1);
      }),
    );
  });

  it('shows control characters instead of sending them to the terminal', () => {
    equal(printable('a\u001b[31mb\n\u009b'), 'a\\x1b[31mb\\x0a\\x9b');
  });
});

describe('jsonText', () => {
  it('is one line, or indented by tabs', () => {
    equal(jsonText([{ a: 1 }], 'json'), '[{"a":1}]\n');
    equal(jsonText([], 'json-pretty'), '[]\n');
    equal(jsonText({ a: 1 }, 'json-pretty'), '{\n\t"a": 1\n}\n');
  });
});

describe('errors', () => {
  const error = new PodctlError('usage', 'bad', { position: 'f.json:3:1', hint: 'fix it' });

  it('are told with command, code, position and hint', () => {
    equal(errorText(error, PLAIN), 'podctl: run: usage: bad\n  at f.json:3:1\n  hint: fix it\n');
    equal(errorText(new PodctlError('io', 'bad'), { ...PLAIN, command: undefined }), 'podctl: io: bad\n');
  });

  it('are JSON for a program', () => {
    deepEqual(JSON.parse(errorText(error, { ...PLAIN, json: true })), {
      error: { code: 'usage', message: 'bad', hint: 'fix it', position: 'f.json:3:1', exit: 254 },
    });
  });

  it('show the chain of causes under --debug only', () => {
    const deep = new PodctlError('io', 'outer', { cause: new Error('middle', { cause: new Error('inner') }) });
    const text = errorText(deep, { ...PLAIN, debug: true });
    match(text, /^podctl: run: io: outer\n {2}└─middle\n {4}└─inner\nError: inner\n {4}at /);
    equal(errorText(deep, PLAIN), 'podctl: run: io: outer\n');
  });

  it('anything unexpected is internal', () => {
    match(
      errorText(new TypeError('x is not a function'), PLAIN),
      /^podctl: run: internal: x is not a function\n {2}hint: /,
    );
    match(errorText('thrown text', PLAIN), /internal: thrown text/);
    equal(exitStatusOf(new TypeError('x')), 254);
    equal(exitStatusOf(error), 254);
  });

  it('show no secret, in any face', () => {
    const leak = new PodctlError('io', 'GET https://me:hunter2@example.com/x failed', {
      hint: 'sent Authorization: Basic bWU6aHVudGVyMg==',
      cause: new Error('https://me:hunter2@example.com/y'),
    });
    for (const view of [PLAIN, { ...PLAIN, json: true }, { ...PLAIN, debug: true }]) {
      equal(/hunter2|bWU6/.test(errorText(leak, view)), false, errorText(leak, view));
    }
  });
});

describe('redact', () => {
  for (const [secret, shown] of [
    ['https://user:p%40ss@host/x', 'https://***@host/x'],
    ['https://token@host', 'https://***@host'],
    ['docker://host/a@sha256:1', 'docker://host/a@sha256:1'],
    ['https://host/path@2x', 'https://host/path@2x'],
    ['mail me@example.com', 'mail me@example.com'],
    ['Authorization: Bearer abc.def', 'Authorization: Bearer ***'],
    ['{"authorization":"Basic abc=="}', '{"authorization":"Basic ***"}'],
    ['authorization=secret', 'authorization= ***'],
    ['got Bearer eyJhbGciOi.J9', 'got Bearer ***'],
    ['a basic problem', 'a basic problem'],
    ['GET /x?token=abc&y=1', 'GET /x?token=***&y=1'],
    ['"password": "pw"', '"password": "***"'],
  ] as const) {
    it(`${secret} → ${shown}`, () => equal(redact(secret), shown));
  }
});

describe('output', () => {
  const failing = (code: string): Error => Object.assign(new Error(code), { code });

  it('goes on behind partial writes and a full pipe', () => {
    const got: string[] = [];
    const plan = ['EAGAIN', 2, 'EAGAIN', 100];
    const out = outputTo(1, (_, bytes) => {
      const step = plan.shift();
      if (typeof step !== 'number') throw failing(String(step));
      got.push(Buffer.from(bytes.subarray(0, step)).toString());
      return Math.min(step, bytes.length);
    });
    out.line('hello');
    equal(got.join('|'), 'he|llo\n');
  });

  it('is dropped once the reader went away', () => {
    let calls = 0;
    const out = outputTo(1, () => {
      calls += 1;
      throw failing('EPIPE');
    });
    equal(out.closed, false);
    out.write('a');
    out.write('b');
    deepEqual([out.closed, calls], [true, 1]);
  });
});

describe('progress', () => {
  const record = () => {
    const written: string[] = [];
    return { written, out: { write: (text: string) => written.push(text), line: () => undefined, closed: false } };
  };

  it('is silent unless stderr is a terminal', () => {
    const { written, out } = record();
    const progress = progressLine('fetching', out, false);
    progress.update(1, 2);
    progress.end();
    deepEqual(written, []);
  });

  it('redraws at most ten times a second, and takes itself away', () => {
    const { written, out } = record();
    let now = 0;
    const progress = progressLine('fetching', out, true, () => now);
    progress.update(1024, 2048);
    now = 50;
    progress.update(1500, 2048);
    now = 100;
    progress.update(2048);
    progress.end();
    deepEqual(written, ['\r\u001b[Kfetching: 1KiB of 2KiB', '\r\u001b[Kfetching: 2KiB', '\r\u001b[K']);
  });
});
