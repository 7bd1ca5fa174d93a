/** Signals by name (signal(7); the numbers are those of x86 and ARM). */

const NAMES: readonly string[] = [
  'HUP', 'INT', 'QUIT', 'ILL', 'TRAP', 'ABRT', 'BUS', 'FPE', 'KILL', 'USR1', 'SEGV', 'USR2', 'PIPE', 'ALRM', 'TERM', 'STKFLT',
  'CHLD', 'CONT', 'STOP', 'TSTP', 'TTIN', 'TTOU', 'URG', 'XCPU', 'XFSZ', 'VTALRM', 'PROF', 'WINCH', 'IO', 'PWR', 'SYS',
]; // biome-ignore format: a table in the order of the numbers

/** libc keeps the kernel's first two real-time signals for itself. */
const REAL_TIME_MIN = 34;
const LAST = 64;

/** The number of `SIGINT`, `int`, `SIGRTMIN+3`, `RTMAX-1` or `2`; undefined if there is none. */
export function signalNumber(written: string): number | undefined {
  const name = written.toUpperCase().replace(/^SIG/, '');
  if (/^\d{1,2}$/.test(written)) return within(1, Number(written));
  const realTime = /^RT(MIN|MAX)(?:([+-])(\d{1,2}))?$/.exec(name);
  if (realTime === null) return within(1, NAMES.indexOf(name) + 1);
  const [, base, sign, distance = '0'] = realTime;
  const isInward = sign === undefined || (base === 'MIN') === (sign === '+');
  return isInward
    ? within(REAL_TIME_MIN, base === 'MIN' ? REAL_TIME_MIN + Number(distance) : LAST - Number(distance))
    : undefined;
}

const within = (first: number, number: number): number | undefined =>
  number >= first && number <= LAST ? number : undefined;
