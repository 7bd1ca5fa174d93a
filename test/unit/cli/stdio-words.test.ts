import assert from 'node:assert/strict';
import { detachKeysOf, withStdio } from '../../../stage0/cli/commands/stdio-words';

const NONE = { stdin: undefined, stdout: undefined, stderr: undefined };

describe('words about stdin, stdout and stderr', () => {
  it('detach keys become bytes', () => {
    assert.equal(detachKeysOf('ctrl-p,ctrl-q'), '1011');
    assert.equal(detachKeysOf(''), '');
    assert.equal(detachKeysOf('~,.'), '7e2e');
    assert.equal(detachKeysOf('ctrl-@,ctrl-[,ctrl-\\,ctrl-],ctrl-^,ctrl-_'), '001b1c1d1e1f');
    for (const wrong of ['ctrl-1', 'ctrl-P', 'ab', 'a,', ',', 'ä', '\n', 'ctrl-', 'a,b,c,d,e,f,g,h,i'])
      assert.throws(() => detachKeysOf(wrong), { code: 'usage' }, wrong);
  });

  it('flags go over annotations, which others stay beside', () => {
    const annotations = [
      { name: 'podctl/stdin', value: 'stream' },
      { name: 'other', value: 'x' },
    ];
    assert.equal(withStdio(annotations, NONE), annotations);
    assert.deepEqual(withStdio(annotations, { ...NONE, stdin: 'null', stderr: 'stream' }), [
      { name: 'other', value: 'x' },
      { name: 'podctl/stdin', value: 'null' },
      { name: 'podctl/stderr', value: 'stream' },
    ]);
  });
});
