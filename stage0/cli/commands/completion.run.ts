import { PodctlError } from '#kernel/errors';
import type { Handler } from '../command';
import { completionScript, isShell, SHELLS } from '../completion';
import { REGISTRY } from '../registry';
import type { spec } from './completion';

export const run: Handler<typeof spec> = async ({ out }, { args: { shell } }) => {
  if (!isShell(shell)) {
    throw new PodctlError('usage', `no completion for "${shell}"`, { hint: `the shells are ${SHELLS.join(', ')}` });
  }
  out.write(completionScript(shell, REGISTRY));
  return 0;
};
