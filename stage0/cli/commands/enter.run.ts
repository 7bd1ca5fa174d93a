import { PodctlError } from '#kernel/errors';
import { enterApp } from '../../usecases/enter';
import type { Handler, Parsed } from '../command';
import type { Context } from '../context';
import { createServices } from '../services';
import type { spec } from './enter';
import { podArgument } from './pod-argument';

export const run: Handler<typeof spec> = async (context, parsed) => enterAs('enter', context, parsed);

/** @param caller `enter`, or another command that does the same */
export function enterAs(caller: string, context: Context, { args, flags }: Parsed<typeof spec>): never {
  const services = createServices(context);
  return enterApp(services, podArgument(services, args.uuid), {
    caller,
    app: flags.app,
    argv: args.command[0] === '--' ? args.command.slice(1) : args.command,
    terminal: readBoolean(flags.tty),
    privileged: flags.privileged,
    workingDirectory: flags.workingDir,
    term: context.env['TERM'],
  });
}

function readBoolean(written: string | undefined): boolean | undefined {
  if (written === undefined) return undefined;
  if (written === 'true' || written === 'false') return written === 'true';
  throw new PodctlError('usage', `invalid value "${written}" for --tty: neither true nor false`);
}
