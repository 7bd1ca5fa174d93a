/** The suites: how each is run, and how what it says is counted. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ChildOptions, Children, Ended } from './child';
import { readEvent, type TestEvent } from './events';
import { newResult, type Result, readCounts } from './result';

export const SUITES = ['unit', 'native', 'e2e', 'host', 'vm'] as const;
export type SuiteName = (typeof SUITES)[number];

export interface Run {
  readonly checkout: string;
  readonly env: NodeJS.ProcessEnv;
  /** Name of the container host for the end-to-end tests. */
  readonly host: string;
  /** Name of the virtual machine. */
  readonly vm: string;
  readonly grep: string | undefined;
  readonly children: Children;
  readonly print: (text: string) => void;
}

/** Suites whose tests are shown one by one. */
const SLOW: readonly string[] = ['e2e', 'vm'];
/** Milliseconds after which a suite is taken for stuck. */
const SUITE_TIMEOUT = 30 * 60_000;
/** Milliseconds a single test may take, on a machine as busy as they get. */
const TEST_TIMEOUT = '60000';
/** The same in the virtual machine, which may be emulated. */
const VM_TEST_TIMEOUT = '300000';
/** End-to-end tests that show more where there are controllers, another kernel, and devices can be forbidden. */
const E2E_IN_VM = ['bandwidth', 'cgroup-values', 'confinement', 'systemd'];

/** Compiled tests of these folders. The sources are listed: dist may hold tests that are no more. */
function testFiles(checkout: string, folders: readonly string[]): string[] {
  return folders
    .map((folder) => join('test', folder))
    .filter((folder) => existsSync(join(checkout, folder)))
    .flatMap((folder) =>
      readdirSync(join(checkout, folder), { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name)),
    )
    .filter((path) => path.endsWith('.test.ts'))
    .sort()
    .map((path) => join(checkout, 'dist', path.replace(/ts$/, 'js')));
}

const mocha = ({ checkout, grep }: Run, files: readonly string[], ...options: readonly string[]): string[] => [
  join(checkout, 'node_modules/mocha/bin/mocha.js'),
  '--reporter',
  join(checkout, 'dist/test/runner/reporter.js'),
  '--forbid-only',
  ...(grep === undefined ? [] : ['--grep', grep]),
  ...options,
  ...files,
];

/** Counts one event, and prints failures at once. */
function count(result: Result, event: TestEvent, print: (text: string) => void): void {
  switch (event.type) {
    case 'pass':
      result.passed += 1;
      return;
    case 'fail':
      result.failures.push(event);
      print(`  failed: ${event.title}`);
      return;
    case 'skip':
      result.skips.push(event);
      return;
    case 'end':
  }
}

const optionsOf = ({ checkout, env }: Run, onLine: ChildOptions['onLine']): ChildOptions => ({
  cwd: checkout,
  env,
  timeout: SUITE_TIMEOUT,
  onLine,
});

async function runMocha(run: Run, name: SuiteName, argv: readonly [string, ...string[]]): Promise<Result> {
  const result = newResult(name);
  await addMocha(run, result, argv);
  return result;
}

/** Runs mocha, and adds what it says to a result. */
async function addMocha(run: Run, result: Result, argv: readonly [string, ...string[]]): Promise<void> {
  let ended = false;
  const { failure } = await run.children.run(
    argv,
    optionsOf(run, (line) => {
      const found = readEvent(line);
      if (found === undefined) return run.print(`  ${line}`);
      if (found.before !== '') run.print(`  ${found.before}`);
      if (found.event.type === 'end') ended = true;
      else if (SLOW.includes(result.suite) && found.event.type === 'pass')
        run.print(`  ✔ ${found.event.title} (${found.event.ms} ms)`);
      count(result, found.event, run.print);
    }),
  );
  if (!ended)
    result.failures.push({ title: 'the suite', text: `mocha ended before its tests: ${failure ?? 'status 0'}` });
  else noteStatus(result, failure);
}

/** The container host has no network to build them with. Without them tests are skipped, with the reason. */
async function buildImages(run: Run): Promise<void> {
  const builder = join(run.checkout, 'test/fixtures/debian/images');
  await run.children.run(
    [builder],
    optionsOf(run, (line) => run.print(`  ${line}`)),
  );
}

/** In the virtual machine what it can prove, and then from outside its reboots and power cuts. */
async function runVm(run: Run): Promise<Result> {
  const result = newResult('vm');
  const vm = join(run.checkout, 'test/vm/vm');
  const said: string[] = [];
  const { failure } = await run.children.run(
    [vm, 'check'],
    optionsOf(run, (line) => said.push(line)),
  );
  if (failure !== undefined) {
    result.skips.push({ title: 'the suite', reason: said.join(' ').replace(/^no: /, '') || failure });
    return result;
  }
  const own = testFiles(run.checkout, ['vm/inside']);
  const shared = E2E_IN_VM.map((name) => join(run.checkout, 'dist/test/e2e', `${name}.test.js`));
  const inside = mocha(run, [...own, ...shared], '--timeout', VM_TEST_TIMEOUT);
  await addMocha(run, result, [vm, 'exec', '--name', run.vm, '--', 'node', ...inside]);
  await addMocha(run, result, [process.execPath, ...mocha(run, testFiles(run.checkout, ['vm/outside']))]);
  return result;
}

/** A suite that failed without saying which test. */
function noteStatus(result: Result, failure: Ended['failure']): void {
  if (failure === undefined || result.failures.length > 0) return;
  result.failures.push({ title: 'the suite', text: `every test passed, but it ended with ${failure}` });
}

/** A program that prints what it likes and closes with `N passed, N failed`. */
async function runProgram(run: Run, name: SuiteName, program: string): Promise<Result> {
  const result = newResult(name);
  if (!existsSync(join(run.checkout, program))) {
    result.failures.push({ title: 'the suite', text: `${program} does not exist` });
    return result;
  }
  const output: string[] = [];
  const argv = [join(run.checkout, program)] as const;
  const { failure } = await run.children.run(
    argv,
    optionsOf(run, (line) => {
      output.push(line);
      run.print(`  ${line}`);
    }),
  );
  const counts = readCounts(output.filter((line) => line.trim() !== '').at(-1) ?? '');
  if (counts === undefined) {
    result.failures.push({
      title: 'the suite',
      text: `${program} did not close with its counts: ${failure ?? 'status 0'}`,
    });
    return result;
  }
  result.passed = counts.passed;
  for (let i = 1; i <= counts.failed; i += 1) {
    result.failures.push({ title: `${i} of ${counts.failed}`, text: i === 1 ? output.join('\n') : 'see above' });
  }
  const reasons = output.filter((line) => /^\s*skip/i.test(line)).map((line) => line.trim());
  for (let i = 0; i < counts.skipped; i += 1) {
    result.skips.push({ title: reasons[i] ?? `${i + 1} of ${counts.skipped}`, reason: `as ${program} says` });
  }
  noteStatus(result, failure);
  return result;
}

async function runSuite(run: Run, name: SuiteName): Promise<Result> {
  const { checkout } = run;
  switch (name) {
    case 'unit':
      return runMocha(run, name, [
        process.execPath,
        ...mocha(run, testFiles(checkout, ['unit', 'architecture', 'golden']), '--timeout', TEST_TIMEOUT),
      ]);
    case 'e2e': {
      const inside = [process.execPath, ...mocha(run, testFiles(checkout, ['e2e']), '--timeout', TEST_TIMEOUT)];
      await buildImages(run);
      return runMocha(run, name, [join(checkout, 'test/host/host'), 'exec', '--name', run.host, '--', ...inside]);
    }
    case 'native':
      return runProgram(run, name, 'test/native/run');
    case 'host':
      return runProgram(run, name, 'test/host/selftest');
    case 'vm':
      return runVm(run);
  }
}

/** Runs a suite. One that tests nothing has failed, unless --grep was to leave little of it. */
export async function perform(run: Run, name: SuiteName): Promise<Result> {
  run.print(`\n${name}`);
  const started = Date.now();
  const result = await runSuite(run, name);
  result.duration = Date.now() - started;
  if (result.passed + result.failures.length + result.skips.length === 0 && run.grep === undefined) {
    result.failures.push({ title: 'the suite', text: 'it ran no test' });
  }
  return result;
}
