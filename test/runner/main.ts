/**
 * Runs the suites named (all of them if none is), takes the container host down whatever happens, looks for what was left
 * on the machine, and closes with the counts. test/run has built everything before.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Children } from './child';
import { leftovers, processesOf, RUN_VARIABLE, takeSnapshot } from './leftovers';
import { newResult, type Result, succeeded, summary } from './result';
import { perform, type Run, SUITES, type SuiteName } from './suites';

const CHECKOUT = join(__dirname, '../../..');
const HOST = join(CHECKOUT, 'test/host/host');
const VM = join(CHECKOUT, 'test/vm/vm');
/** Each run keeps its container hosts and virtual machines in a directory named after it. */
const STATE_PARENT = '/var/tmp';
const VM_NAME = 'ci';
const RUN_PREFIX = 'podctl-ci-';
/** Milliseconds for what is ending to be gone. */
const SETTLE = 10_000;

const print = (text: string): void => {
  writeSync(1, `${text}\n`);
};

const isSuite = (word: string): word is SuiteName => SUITES.some((name) => name === word);

function options(): { readonly suites: readonly SuiteName[]; readonly grep: string | undefined } {
  const { values, positionals } = parseArgs({ options: { grep: { type: 'string' } }, allowPositionals: true });
  const unknown = positionals.filter((word) => !isSuite(word));
  if (unknown.length > 0) throw new Error(`unknown suite ${unknown.join(', ')}; the suites are ${SUITES.join(', ')}`);
  const named = positionals.filter(isSuite);
  // Only mocha can pick tests by name.
  const all = values.grep === undefined ? SUITES : SUITES.filter((name) => name === 'unit' || name === 'e2e');
  return { suites: named.length > 0 ? named : all, grep: values.grep };
}

const stateOf = (run: string): string => join(STATE_PARENT, run);
const placesOf = (run: string) => ({ PODCTL_HOSTS: stateOf(run), PODCTL_VMS: join(stateOf(run), 'vms') });

/** Takes down the container hosts and virtual machines of a run, and its directory. */
function takeDown(run: string): string | undefined {
  if (!existsSync(stateOf(run))) return undefined;
  const env = { ...process.env, ...placesOf(run) };
  for (const program of [VM, HOST]) {
    const { status, stderr, error } = spawnSync(program, ['down', '--all'], { env, encoding: 'utf8' });
    if (status !== 0) return `${program} down: ${error?.message ?? stderr}`;
  }
  rmSync(stateOf(run), { recursive: true, force: true });
  return undefined;
}

function endProcesses(run: string): void {
  for (const { pid } of processesOf(run)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // ignored: it ended by itself
    }
  }
}

/** Runs that were killed could not clean up: their directories bear the number of a process that is no more. */
function takeDownAbandoned(): void {
  for (const name of readdirSync(STATE_PARENT).filter((entry) => entry.startsWith(RUN_PREFIX))) {
    if (existsSync(`/proc/${name.slice(RUN_PREFIX.length)}`)) continue;
    takeDown(name);
    endProcesses(name);
  }
}

function lint(): Result {
  const result = newResult('lint');
  const started = Date.now();
  const { status, stdout, stderr } = spawnSync(
    join(CHECKOUT, 'node_modules/.bin/biome'),
    ['check', '--colors=off', '--reporter=summary', '.'],
    {
      cwd: CHECKOUT,
      encoding: 'utf8',
    },
  );
  if (status === 0) result.passed = 1;
  else result.failures.push({ title: 'biome check', text: stdout + stderr });
  result.duration = Date.now() - started;
  return result;
}

/** Waits a while for leftovers to vanish, then ends the processes among them. */
async function lookForLeftovers(run: string, before: ReturnType<typeof takeSnapshot>): Promise<Result> {
  const result = newResult('leftovers');
  const started = Date.now();
  let left = leftovers(run, before);
  while (left.length > 0 && Date.now() - started < SETTLE) {
    await new Promise((done) => setTimeout(done, 200));
    left = leftovers(run, before);
  }
  if (left.length === 0) result.passed = 1;
  else result.failures.push({ title: 'something was left on the machine', text: left.join('\n') });
  endProcesses(run);
  result.duration = Date.now() - started;
  return result;
}

async function main(): Promise<number> {
  const { suites, grep } = options();
  const name = `${RUN_PREFIX}${process.pid}`;
  const children = new Children();
  let interrupted: NodeJS.Signals | undefined;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      interrupted = signal;
      children.endAll();
    });
  }
  takeDownAbandoned();
  const before = takeSnapshot();
  const { NODE_EXTRA_CA_CERTS: _, ...inherited } = process.env; // adds 80 ms to each start of Node
  const env = { ...inherited, [RUN_VARIABLE]: name, ...placesOf(name), PODCTL_TEST_VM: VM_NAME };
  const run: Run = { checkout: CHECKOUT, env, host: `ci-${process.pid}`, vm: VM_NAME, grep, children, print };

  const results: Result[] = grep === undefined ? [lint()] : [];
  for (const suite of suites) {
    if (interrupted === undefined) results.push(await perform(run, suite));
  }
  const failure = takeDown(name);
  const after = await lookForLeftovers(name, before);
  if (failure !== undefined) after.failures.push({ title: 'the container host', text: failure });
  if (interrupted !== undefined) after.failures.push({ title: 'the run', text: `interrupted by ${interrupted}` });
  results.push(after);
  print(summary(results).trimEnd());
  if (interrupted !== undefined) return 128 + (interrupted === 'SIGINT' ? 2 : interrupted === 'SIGTERM' ? 15 : 1);
  const tested = results.filter(({ suite }) => suite !== 'lint' && suite !== 'leftovers');
  return succeeded(results) && tested.some(({ passed }) => passed > 0) ? 0 : 1;
}

main().then(
  (status) => process.exit(status),
  (error: unknown) => {
    print(`test/run: ${error instanceof Error ? error.message : String(error)}\n\n0 passed, 1 failed`);
    process.exit(1);
  },
);
