/** A reporter for mocha that prints events.ts. */
import { writeSync } from 'node:fs';
import { inspect } from 'node:util';
import { eventLine, type TestEvent } from './events';
import { reasonOf } from './skip';

const say = (event: TestEvent): void => {
  writeSync(1, eventLine(event));
};

const textOf = (error: unknown): string => {
  if (!(error instanceof Error)) return inspect(error);
  const stack = (error.stack ?? '').split('\n').filter((line) => !/node_modules\/mocha|node:internal/.test(line));
  const cause = error.cause === undefined ? '' : `\ncaused by ${textOf(error.cause)}`;
  return stack.join('\n') + cause;
};

class Reporter {
  constructor(runner: Mocha.Runner) {
    runner.on('pass', (test) => say({ type: 'pass', title: test.fullTitle(), ms: test.duration ?? 0 }));
    runner.on('fail', (test, error) => say({ type: 'fail', title: test.fullTitle(), text: textOf(error) }));
    runner.on('pending', (test) => say({ type: 'skip', title: test.fullTitle(), reason: reasonOf(test) }));
    runner.on('end', () => say({ type: 'end' }));
  }
}

module.exports = Reporter;
