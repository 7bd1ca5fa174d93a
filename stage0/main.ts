/** argv → command → exit status. Every failure ends here, and is told in one form. */
import { PodctlError } from '#kernel/errors';
import { createContext } from './cli/context';
import { outputTo } from './cli/output';
import { type Invocation, parseCommandLine, UsageError } from './cli/parse';
import { type ErrorView, errorText, exitStatusOf } from './cli/present';

/** Exit status of `podctl` without a command, as rkt's. */
const NO_COMMAND = 2;

/** @returns the exit status; everything was written when it resolves */
export async function main(argv: readonly string[]): Promise<number> {
  const words = argv[0] === '--version' ? ['version', ...argv.slice(1)] : argv;
  let invocation: Invocation | undefined;
  try {
    invocation = await invocationOf(words);
    return await perform(invocation);
  } catch (error) {
    outputTo(2).write(errorText(error, viewOf(words, invocation, error)));
    return statusOf(invocation, error);
  }
}

/** What starts a pod need not know of thirty other commands: they are only looked at if it is not simply `run`. */
async function invocationOf(words: readonly string[]): Promise<Invocation> {
  if (words.includes('run')) {
    try {
      const { run } = await import('./cli/commands/run.js');
      const invocation = parseCommandLine(words, { commands: [run], groups: {}, isPartial: true });
      if (invocation.topic.kind === 'command') return invocation;
    } catch (error) {
      if (!(error instanceof UsageError)) throw error; // ignored: it is thrown again below
    }
  }
  const { REGISTRY } = await import('./cli/registry.js');
  return parseCommandLine(words, REGISTRY);
}

function statusOf(invocation: Invocation | undefined, error: unknown): number {
  const topic = invocation?.topic;
  const own = topic?.kind === 'command' && error instanceof PodctlError ? topic.command.spec.failureStatus : undefined;
  return own ?? exitStatusOf(error);
}

/** The process's main: leaves with the exit status, and tells even what was thrown where nobody waited. */
export function start(argv: readonly string[]): void {
  process.on('uncaughtException', (error) => {
    outputTo(2).write(errorText(error, viewOf(argv, undefined, error)));
    process.exit(exitStatusOf(error));
  });
  void main(argv).then((status) => process.exit(status));
}

async function perform({ topic, help, globals, parsed }: Invocation): Promise<number> {
  if (topic.kind !== 'command' || help) {
    const [{ helpText }, { REGISTRY }] = await Promise.all([import('./cli/help.js'), import('./cli/registry.js')]);
    outputTo(1).write(helpText(topic, REGISTRY));
  }
  if (help) return 0;
  if (topic.kind !== 'command') {
    const missing = new PodctlError(
      'usage',
      topic.kind === 'root' ? 'missing command' : `missing command of "${topic.name}"`,
    );
    outputTo(2).write(errorText(missing, { command: undefined, json: false, debug: false }));
    return topic.kind === 'root' ? NO_COMMAND : missing.exitStatus;
  }
  const { command } = topic;
  const context = createContext(command.spec.name, globals);
  if (command.spec.privilege === 'root' && context.uid !== 0) {
    throw new PodctlError('not-root', 'cannot run as unprivileged user');
  }
  return command.execute(context, parsed);
}

/** How to tell an error. If the command line could not be read, its raw words say whether a program is listening. */
function viewOf(argv: readonly string[], invocation: Invocation | undefined, error: unknown): ErrorView {
  const topic = invocation?.topic ?? (error instanceof UsageError ? error.topic : undefined);
  const command = topic?.kind === 'command' ? topic.command.spec.name : undefined;
  if (invocation !== undefined) {
    const { format } = invocation.parsed.flags;
    return { command, json: format === 'json' || format === 'json-pretty', debug: invocation.globals.debug };
  }
  const own = argv.includes('--') ? argv.slice(0, argv.indexOf('--')) : argv;
  const json = own.some(
    (word, i) => /^--format=json/.test(word) || (word === '--format' && own[i + 1]?.startsWith('json')),
  );
  return { command, json, debug: own.includes('--debug') };
}
