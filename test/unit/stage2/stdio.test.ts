import assert from 'node:assert/strict';
import { NO_INTERACTION, type SaidStdio, settledStdio, stdioOf, USUAL_TERMINAL } from '../../../stage2/stdio';

const NOTHING: SaidStdio = { stdin: undefined, stdout: undefined, stderr: undefined };

/** What the three become, in one word each. */
function files(said: Partial<SaidStdio>, input = false, terminal?: { stderr: boolean }): string {
  const { stdin, stdout, stderr } = settledStdio({ ...NOTHING, ...said }, { input, terminal }, USUAL_TERMINAL);
  return `${stdin} ${stdout} ${stderr}`;
}

describe("an app's stdin, stdout and stderr", () => {
  it('are nothing and the journal, unless somebody says something else', () => {
    assert.equal(files({}), 'null log log');
    assert.equal(files({ stdin: 'stream', stdout: 'null' }), 'stream null log');
    assert.equal(files({ stdin: 'tty' }), 'tty tty tty');
    assert.equal(files({ stdin: 'tty', stderr: 'log' }), 'tty tty log');
    assert.equal(files({ stdout: 'tty' }), 'null tty log');
  });

  it('become pipes or a terminal for who starts the pod', () => {
    assert.equal(files({}, true), 'stream log log');
    assert.equal(files({ stdout: 'stream' }, true), 'stream stream log');
    assert.equal(files({}, true, { stderr: true }), 'tty tty tty');
    assert.equal(files({}, true, { stderr: false }), 'tty tty log');
    assert.equal(files({}, false, { stderr: true }), 'null tty tty');
    assert.equal(files({ stdin: 'stream' }, true, { stderr: true }), 'stream tty tty');
  });

  it('are refused where they contradict each other', () => {
    const invalid = { code: 'stdio-invalid' };
    assert.throws(() => files({ stdout: 'log' }, true, { stderr: true }), invalid);
    assert.throws(() => files({ stdin: 'null' }, true), invalid);
    for (const [name, value] of [
      ['podctl/stdin', 'log'],
      ['podctl/stdout', 'file'],
      ['podctl/stderr', 'tty'],
    ] as const)
      assert.throws(() => stdioOf([{ name, value }]), invalid, name);
    assert.throws(
      () =>
        stdioOf([
          { name: 'podctl/stdin', value: 'tty' },
          { name: 'podctl/stdout', value: 'stream' },
        ]),
      invalid,
    );
    assert.deepEqual(stdioOf([{ name: 'podctl/stdin', value: 'tty' }]), { ...NOTHING, stdin: 'tty' });
    assert.deepEqual(settledStdio(NOTHING, NO_INTERACTION, USUAL_TERMINAL).terminal, USUAL_TERMINAL);
  });
});
