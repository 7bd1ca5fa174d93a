/** What a suite of tests came to. */
export interface Failure {
  readonly title: string;
  /** In full: message, stack, output. */
  readonly text: string;
}

export interface Skip {
  readonly title: string;
  readonly reason: string;
}

export interface Result {
  readonly suite: string;
  passed: number;
  readonly failures: Failure[];
  readonly skips: Skip[];
  /** Milliseconds. */
  duration: number;
}

export const newResult = (suite: string): Result => ({ suite, passed: 0, failures: [], skips: [], duration: 0 });

/** `12 passed, 0 failed` or `12 passed, 0 failed, 1 skipped`. */
export function countsLine(results: readonly Result[]): string {
  const sum = (count: (result: Result) => number): number => results.reduce((total, one) => total + count(one), 0);
  const skipped = sum(({ skips }) => skips.length);
  const line = `${sum(({ passed }) => passed)} passed, ${sum(({ failures }) => failures.length)} failed`;
  return skipped === 0 ? line : `${line}, ${skipped} skipped`;
}

const COUNTS = /^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$/;

/** Reads such a line; undefined if it is none. */
export function readCounts(line: string): { passed: number; failed: number; skipped: number } | undefined {
  const found = COUNTS.exec(line.trim());
  if (found === null) return undefined;
  return { passed: Number(found[1]), failed: Number(found[2]), skipped: Number(found[3] ?? 0) };
}

/** Whether the results, all told, are a success: nothing failed, and something was tested. */
export const succeeded = (results: readonly Result[]): boolean =>
  results.every(({ failures }) => failures.length === 0) && results.some(({ passed }) => passed > 0);

const indented = (text: string): string => text.trimEnd().replace(/^/gm, '    ');

/** The closing report: a line for each suite, skips with their reasons, failures in full, the counts alone at the end. */
export function summary(results: readonly Result[]): string {
  const lines = ['', 'Summary'];
  for (const result of results) {
    lines.push(`  ${result.suite.padEnd(10)} ${countsLine([result])}  (${(result.duration / 1000).toFixed(1)} s)`);
  }
  for (const { suite, skips } of results) {
    for (const { title, reason } of skips) lines.push('', `skipped: ${suite}: ${title}`, indented(reason));
  }
  for (const { suite, failures } of results) {
    for (const { title, text } of failures) lines.push('', `FAILED: ${suite}: ${title}`, indented(text));
  }
  return `${lines.join('\n')}\n\n${countsLine(results)}\n`;
}
