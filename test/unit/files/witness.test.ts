import assert from 'node:assert/strict';
import fs from 'node:fs';
import { type Look, Witness } from '../../../stage0/files/witness';
import { scratchDirectory } from '../../fixtures/scratch';

/** What was noted while `act` was at work. */
function watching(act: (witness: Witness) => void): Witness {
  const witness = new Witness();
  try {
    act(witness);
  } finally {
    witness.end();
  }
  return witness;
}

describe('the witness of a start', () => {
  const scratch = scratchDirectory();
  const at = (name: string): string => `${scratch()}/${name}`;
  /** Old enough to be told from a later one. */
  const old = (name: string, content = 'x'): string => {
    fs.writeFileSync(at(name), content);
    while (Date.now() - fs.statSync(at(name)).ctimeMs < 60); // the clock of the file system is what is waited for
    return at(name);
  };
  const kinds = ({ looks }: Witness): readonly string[] =>
    looks.map((look) => `${look.kind} ${look.kind === 'look' ? `${look.whole ? 'whole' : 'held'} ` : ''}${look.path}`);
  const stampOf = (looks: readonly Look[]): string =>
    looks.map((look) => (look.kind === 'look' ? look.stamp : '')).join();

  const UNDERSTOOD = [
    ...['closeSync', 'fstatSync', 'readSync', 'writeSync', 'fsyncSync', 'fdatasyncSync', 'ftruncateSync', 'fchmodSync'],
    ...['fchownSync', 'writeFileSync', 'mkdirSync', 'rmSync', 'rmdirSync', 'unlinkSync', 'utimesSync', 'chmodSync'],
    ...['chownSync', 'renameSync', 'symlinkSync', 'openSync', 'readFileSync', 'readlinkSync', 'realpathSync'],
    ...['readdirSync', 'opendirSync', 'statSync', 'existsSync', 'accessSync', 'lstatSync'],
  ];

  it('does not rely on notes once a function was called that it does not understand', () => {
    const functions = fs as unknown as Record<string, () => unknown>;
    const others = Object.keys(functions).filter(
      (name) => typeof functions[name] === 'function' && /^[a-z]/.test(name) && !UNDERSTOOD.includes(name),
    );
    assert.ok(others.includes('readFile') && others.includes('cpSync') && others.includes('createReadStream'));
    for (const name of others) {
      const { obstacle } = watching(() => assert.throws(() => functions[name]?.(), name));
      assert.equal(obstacle, `fs.${name}() was called`);
    }
  });

  it('gives node:fs its own functions back', () => {
    const before = { ...fs };
    watching(() => assert.notEqual(fs.readFileSync, before.readFileSync));
    assert.deepEqual({ ...fs }, before);
  });

  it('notes a file by its content, a directory by itself, one that was listed by its entries', () => {
    fs.mkdirSync(at('directory'));
    const file = old('file');
    const look = () =>
      watching(() => {
        fs.readFileSync(file);
        fs.existsSync(file);
        fs.statSync(at('directory'));
        assert.equal(fs.existsSync(at('missing')), false);
        assert.throws(() => fs.readFileSync(at('missing')), { code: 'ENOENT' });
      });
    const before = look();
    const wanted = [`look whole ${file}`, `look held ${at('directory')}`, `absent ${at('missing')}`];
    assert.deepEqual(kinds(before), wanted);
    assert.equal(before.obstacle, undefined);
    fs.writeFileSync(at('directory/more'), '');
    assert.deepEqual(look().looks, before.looks);
    const list = (): string => stampOf(watching(() => void fs.readdirSync(at('directory'))).looks);
    const listed = list();
    fs.writeFileSync(at('directory/other'), '');
    assert.notEqual(list(), listed);
    fs.writeFileSync(file, 'y');
    assert.notEqual(stampOf(look().looks), stampOf(before.looks));
  });

  it('does not rely on a file that has just been changed', () => {
    fs.writeFileSync(at('new'), '');
    assert.equal(watching(() => void fs.statSync(at('new'))).obstacle, `${at('new')} was changed a moment ago`);
  });

  it('notes a link itself, what it leads to, and every part of a resolved path', () => {
    old('target');
    fs.symlinkSync('target', at('link'));
    const notes = watching(() => {
      assert.equal(fs.readlinkSync(at('link')), 'target');
      fs.lstatSync(at('link'));
      fs.statSync(at('link'));
    });
    assert.deepEqual(notes.looks[0], { kind: 'link', path: at('link'), target: 'target' });
    assert.deepEqual(kinds(notes).slice(1), [`look held ${at('link')}`, `look whole ${at('link')}`]);
    const resolved = watching(() => assert.equal(fs.realpathSync(at('link')), at('target')));
    assert.ok(kinds(resolved).includes(`look held ${scratch()}`));
    assert.ok(kinds(resolved).includes(`look whole ${at('link')}`));
  });

  it('notes the text of files of the kernel, but not more than is compared', () => {
    const { looks } = watching(() => {
      fs.readFileSync('/proc/sys/kernel/ostype', 'utf8');
      fs.existsSync('/sys/kernel');
      assert.throws(() => fs.readFileSync('/proc/missing', 'utf8'));
    });
    assert.deepEqual(looks, [
      { kind: 'text', path: '/proc/sys/kernel/ostype', content: 'Linux\n' },
      { kind: 'present', path: '/sys/kernel' },
      { kind: 'absent', path: '/proc/missing' },
    ]);
    const { obstacle } = watching(() => void fs.readFileSync('/proc/kallsyms', 'utf8'));
    assert.equal(obstacle, '/proc/kallsyms is too much to compare');
  });

  it('knows what is reached through a descriptor that it saw opened, and no other', () => {
    const file = old('file');
    const notes = watching(() => {
      const fd = fs.openSync(scratch(), fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
      fs.readFileSync(`/proc/self/fd/${fd}/file`);
      fs.readlinkSync(`/proc/self/fd/${fd}`);
      fs.closeSync(fd);
    });
    assert.deepEqual(kinds(notes), [`look held ${scratch()}`, `look whole ${file}`]);
    assert.equal(notes.obstacle, undefined);
    const fd = fs.openSync(scratch(), 'r');
    const { obstacle } = watching(() => void fs.readFileSync(`/proc/self/fd/${fd}/file`));
    fs.closeSync(fd);
    assert.equal(obstacle, `/proc/self/fd/${fd}/file was opened unnoticed`);
  });

  it('notes what is changed', () => {
    const { changes, looks } = watching(() => {
      fs.writeFileSync(at('a'), '');
      fs.renameSync(at('a'), at('b'));
      fs.symlinkSync('x', at('c'));
      fs.closeSync(fs.openSync(at('d'), 'w'));
      fs.closeSync(fs.openSync(at('e'), fs.constants.O_RDONLY | fs.constants.O_CREAT));
      fs.mkdirSync(at('f'));
    });
    assert.deepEqual(changes, ['a', 'b', 'c', 'd', 'e', 'f'].map(at));
    assert.deepEqual(looks, []);
  });

  it('takes paths that are no text for an obstacle', () => {
    assert.equal(watching(() => void fs.statSync(Buffer.from('/'))).obstacle, 'a path was no text');
  });
});
