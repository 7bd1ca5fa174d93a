import { createInterface } from 'node:readline/promises';
import { PodctlError } from '#kernel/errors';
import { configDirs } from '../../config/dirs';
import { describeTrusted, type Review, trustKeys } from '../../image/verify/trust';
import type { Handler } from '../command';
import type { Context } from '../context';
import type { spec } from './trust';

/** The prefix of a root key. */
const EVERY_NAME = '';

export const run: Handler<typeof spec> = async (context, { args, flags }) => {
  if ((flags.prefix === undefined) === !flags.root) {
    throw new PodctlError('usage', 'either --prefix=NAME or --root has to say which images the keys count for');
  }
  const request = {
    keyFiles: args.keys,
    prefix: flags.prefix ?? EVERY_NAME,
    review: reviewer(context, flags.skipFingerprintReview),
  };
  const trusted = await trustKeys(configDirs(context.globals), request);
  for (const one of trusted) context.out.line(describeTrusted(one));
  return trusted.some(({ kind }) => kind === 'declined') ? 1 : 0;
};

function reviewer({ err, isTerminal }: Context, skip: boolean): Review {
  if (skip) return { kind: 'skip' };
  if (!isTerminal('stdin') || !isTerminal('stderr')) return { kind: 'impossible' };
  return {
    kind: 'ask',
    confirm: async (keys) => {
      err.write(keys);
      const questions = createInterface({ input: process.stdin, output: process.stderr });
      try {
        for (;;) {
          const answer = await questions.question('Are you sure you want to trust this key (yes/no)? ');
          if (/^yes$/i.test(answer)) return true;
          if (/^no$/i.test(answer)) return false;
        }
      } finally {
        questions.close();
      }
    },
  };
}
