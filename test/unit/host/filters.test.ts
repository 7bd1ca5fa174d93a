import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { AbsPath } from '#kernel/brand';
import { filterSource } from '../../../stage0/host/filters';
import { type Capability, DEFAULT_CAPABILITIES } from '../../../stage2/capabilities';
import { DEFAULT_POLICY, type SeccompPolicy } from '../../../stage2/seccomp/policy';
import { skip } from '../../runner/skip';
import { verdict } from './bpf';

const ALLOW = 0x7fff_0000;
const KILL = 0x8000_0000;
const errno = (number: number): number => 0x5_0000 | number;
const X86_64 = 0xc000_003e;
const I386 = 0x4000_0003;
const AARCH64 = 0xc000_00b7;

describe('compiled filters', () => {
  let directory: AbsPath;
  beforeEach(() => (directory = fs.mkdtempSync(path.join(os.tmpdir(), 'podctl-filters-')) as AbsPath));
  afterEach(() => fs.rmSync(directory, { recursive: true }));

  const source = (policy: SeccompPolicy, held: readonly Capability[] = DEFAULT_CAPABILITIES) =>
    filterSource(directory)(policy, held);
  const program = (policy: SeccompPolicy, held?: readonly Capability[]) =>
    Buffer.from(source(policy, held).program, 'hex');
  const kept = () => fs.readdirSync(`${directory}/seccomp`);
  const file = () => `${directory}/seccomp/${kept()[0]}`;
  const remove = (...set: string[]): SeccompPolicy => ({ mode: 'remove', set, errno: 13 });

  it('are whole instructions, as many as the kernel takes', () => {
    for (const policy of [
      DEFAULT_POLICY,
      remove('@systemd/known'),
      { mode: 'retain', set: ['@systemd/known'], errno: undefined } as const,
    ]) {
      const { length } = program(policy);
      assert.ok(length % 8 === 0 && length / 8 <= 4096, `${length / 8} instructions`);
    }
  });

  it('answer for both architectures of x86_64, and as without them for x32 and what is newer', function () {
    if (process.arch !== 'x64') skip(this, 'the numbers are those of x86_64');
    const filter = program(DEFAULT_POLICY);
    const native = (number: number, argument = 0) => verdict(filter, { number, architecture: X86_64, argument });
    const compat = (number: number, argument = 0) => verdict(filter, { number, architecture: I386, argument });
    assert.deepEqual([native(39), compat(20)], [ALLOW, ALLOW]); // getpid
    assert.deepEqual([native(250), compat(288)], [errno(1), errno(1)]); // keyctl
    assert.deepEqual([native(435), compat(435)], [errno(38), errno(38)]); // clone3
    assert.deepEqual([native(5000), compat(5000)], [errno(38), errno(38)]);
    assert.equal(native(0x4000_0000 + 39), errno(38)); // getpid of x32
    assert.equal(verdict(filter, { number: 172, architecture: AARCH64 }), errno(38));
    for (const flag of [0x2_0000, 0x200_0000, 0x400_0000, 0x800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000]) {
      assert.deepEqual([native(56, flag | 17), compat(120, flag | 17)], [errno(1), errno(1)]); // clone into a namespace
    }
    assert.deepEqual([native(56, 0x0100_0011), native(41, 2), native(41, 40)], [ALLOW, ALLOW, errno(1)]); // clone, socket
    assert.deepEqual([native(135, 0xffff_ffff), native(135, 8), native(135, 0x4_0000)], [ALLOW, ALLOW, errno(1)]); // personality
  });

  it('of a policy refuse other architectures as they refuse calls', function () {
    if (process.arch !== 'x64') skip(this, 'the numbers are those of x86_64');
    const call = { number: 0x4000_0000 + 39, architecture: X86_64 };
    assert.equal(verdict(program(remove('mkdir')), call), errno(13));
    assert.equal(verdict(program({ mode: 'retain', set: ['getpid'], errno: undefined }), call), KILL);
  });

  it('tell the names that nobody knows, also from the cache, and enforce the others', () => {
    for (let i = 0; i < 2; i += 1) assert.deepEqual(source(remove('frobnicate', 'mkdirat')).unknown, ['frobnicate']);
    assert.deepEqual(source(DEFAULT_POLICY).unknown, []);
  });

  it('are compiled once for each policy and set of capabilities', () => {
    const first = source(DEFAULT_POLICY);
    const { ino } = fs.statSync(file());
    assert.deepEqual(source(DEFAULT_POLICY), first);
    assert.equal(fs.statSync(file()).ino, ino);
    source(DEFAULT_POLICY, ['CAP_SYS_ADMIN']);
    source(remove('mkdir'));
    assert.equal(kept().length, 3);
  });

  for (const [what, damage] of [
    ['cut short', (text: string) => text.slice(0, 300)],
    ['of zeros', (text: string) => text.replace(/./g, '\0')],
    ['of another policy', (text: string) => text.replace(' default ', ' remove ')],
    ['made by another library', (text: string) => text.replace(/^(\/\S+ \d+ )\d+$/m, '$11')],
    ['made by a library that is gone', (text: string) => text.replace(/^\/\S+/m, '/no/such/library')],
  ] as const) {
    it(`are compiled anew when the file is ${what}`, () => {
      const { program: made } = source(DEFAULT_POLICY);
      const text = fs.readFileSync(file(), 'latin1');
      fs.writeFileSync(file(), damage(text));
      assert.notEqual(fs.readFileSync(file(), 'latin1'), text);
      assert.equal(source(DEFAULT_POLICY).program, made);
      assert.equal(fs.readFileSync(file(), 'latin1'), text);
    });
  }

  it('do not fill the disk', () => {
    source(DEFAULT_POLICY);
    for (let i = 0; i < 200; i += 1) fs.writeFileSync(`${directory}/seccomp/other-${i}`, '');
    source(remove('mkdir'));
    assert.equal(kept().length, 1);
  });
});
