/** Runs a classic BPF program of seccomp(2) on the data of one call: what the kernel's interpreter does, and no more. */

export interface Call {
  readonly number: number;
  /** AUDIT_ARCH_* */
  readonly architecture: number;
  readonly argument?: number;
}

const LOAD = 0x20;
const JUMP_ALWAYS = 0x05;
const JUMP: Readonly<Record<number, (accumulator: number, value: number) => boolean>> = {
  21: (a, k) => a === k,
  37: (a, k) => a > k,
  53: (a, k) => a >= k,
  69: (a, k) => (a & k) !== 0,
};
const AND = 0x54;
const RETURN = 0x06;

/** SECCOMP_RET_*, with its data. */
export function verdict(program: Buffer, { number, architecture, argument = 0 }: Call): number {
  const data = Buffer.alloc(64);
  data.writeUInt32LE(number >>> 0, 0);
  data.writeUInt32LE(architecture >>> 0, 4);
  data.writeUInt32LE(argument >>> 0, 16);
  let accumulator = 0;
  for (let at = 0; at * 8 < program.length; at += 1) {
    const code = program.readUInt16LE(at * 8);
    const [yes, no, value] = [program[at * 8 + 2] ?? 0, program[at * 8 + 3] ?? 0, program.readUInt32LE(at * 8 + 4)];
    const test = JUMP[code];
    if (code === RETURN) return value;
    if (code === LOAD) accumulator = data.readUInt32LE(value);
    else if (code === AND) accumulator = (accumulator & value) >>> 0;
    else if (code === JUMP_ALWAYS) at += value;
    else if (test !== undefined) at += test(accumulator, value) ? yes : no;
    else throw new Error(`instruction ${at}: code ${code}`);
  }
  throw new Error('the program does not return');
}
