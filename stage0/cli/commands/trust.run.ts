import { createInterface } from 'node:readline/promises';
import { PodctlError } from '#kernel/errors';
import { configDirs } from '../../config/dirs';
import { describeDistrusted, distrust, readFingerprint, stillCovered } from '../../image/verify/distrust';
import { listKeys } from '../../image/verify/inventory';
import { describeTrusted, type Review, trustKeys } from '../../image/verify/trust';
import { keySources } from '../../usecases/key-sources';
import type { Handler, Parsed } from '../command';
import type { Context } from '../context';
import { jsonText, table } from '../present';
import { createServices } from '../services';
import type { spec } from './trust';
import { keyJson, keyTable } from './trust-view';

/** The prefix of a root key. */
const EVERY_NAME = '';

type Words = Parsed<typeof spec>;

export const run: Handler<typeof spec> = async (context, words) => {
  const { args, flags } = words;
  if (flags.prefix !== undefined && flags.root)
    throw new PodctlError('usage', '--prefix and --root contradict each other');
  const [looking, removing] = [flags.list, flags.remove.length > 0];
  if ((looking || removing) && args.keys.length > 0) {
    throw new PodctlError('usage', `--${looking ? 'list' : 'remove'} takes no keys to trust`);
  }
  if (looking && removing) throw new PodctlError('usage', '--list and --remove contradict each other');
  if (flags.format !== '' && !looking) throw new PodctlError('usage', '--format is for --list');
  const prefix = flags.root ? EVERY_NAME : flags.prefix;
  if (looking) return list(context, prefix, flags.format);
  return removing ? remove(context, prefix, flags.remove) : add(context, prefix, words);
};

async function add(context: Context, prefix: string | undefined, { args, flags }: Words): Promise<number> {
  if (prefix === undefined || flags.prefix === '') {
    throw new PodctlError('usage', 'either --prefix=NAME or --root has to say which images the keys count for');
  }
  const { web } = createServices(context);
  const keyFiles = await keySources(args.keys, prefix, () =>
    web({ forKeys: true, plainHttp: flags.insecureAllowHttp }),
  );
  const review = reviewer(context, flags.skipFingerprintReview);
  const trusted = await trustKeys(configDirs(context.globals), { keyFiles, prefix, review });
  for (const one of trusted) context.out.line(describeTrusted(one));
  return trusted.some(({ kind }) => kind === 'declined') ? 1 : 0;
}

async function list(context: Context, prefix: string | undefined, format: Words['flags']['format']): Promise<number> {
  const { keys, strays } = await listKeys(configDirs(context.globals), prefix);
  if (format === '') context.out.write(table(keyTable(keys)));
  else context.out.write(jsonText(keys.map(keyJson), format));
  for (const stray of strays) context.warn(`ignored: ${stray}, whose name or place is not that of a key`);
  return 0;
}

async function remove(context: Context, prefix: string | undefined, written: readonly string[]): Promise<number> {
  const dirs = configDirs(context.globals);
  const fingerprints = new Set(written.map(readFingerprint));
  for (const fingerprint of fingerprints) {
    for (const one of distrust(dirs, fingerprint, prefix)) context.out.line(describeDistrusted(one));
    const places = stillCovered(dirs, fingerprint);
    if (places.length > 0) context.warn(`${fingerprint.toUpperCase()} is still trusted for ${places.join(', ')}`);
  }
  return 0;
}

function reviewer({ err, isTerminal }: Context, skip: boolean): Review {
  if (skip) return { kind: 'skip' };
  if (!isTerminal('stdin') || !isTerminal('stderr')) return { kind: 'impossible' };
  return {
    kind: 'ask',
    confirm: async (keys) => {
      err.write(keys);
      const questions = createInterface({ input: process.stdin, output: process.stderr });
      questions.setPrompt('Are you sure you want to trust this key (yes/no)? ');
      questions.prompt();
      for await (const answer of questions) {
        if (/^yes$/i.test(answer)) return true;
        if (/^no$/i.test(answer)) return false;
        questions.prompt();
      }
      return false; // the end of the input is no answer, and nobody must take it for a yes
    },
  };
}
