import type { ExplainedKey, Explanation } from '../../image/docker/registry/explain';
import { groupsOfFour } from '../../image/verify/openpgp';
import type { Handler } from '../command';
import { jsonText, table } from '../present';
import { createServices } from '../services';
import type { spec } from './image-policy';

export const run: Handler<typeof spec> = async (context, { args, flags }) => {
  const services = createServices(context);
  const explained: Explanation[] = [];
  for (const image of args.images) explained.push(await services.imagePolicy(image, flags.signed));
  if (flags.format !== '') context.out.write(jsonText(explained.map(json), flags.format));
  else context.out.write(explained.map((one) => table(rows(one))).join('\n'));
  return 0;
};

const json = ({ decision, ...rest }: Explanation) => ({
  ...rest,
  rule: decision.prefix ?? null,
  require: decision.require,
  demandedBySigned: decision.demanded,
});

function rows(one: Explanation): readonly (readonly string[])[] {
  const { image, name, places, lookasides, signedAs, keys, decision } = one;
  const head = [
    ['image', image],
    ['name', name],
    ['policy', sentence(one)],
  ];
  if (decision.require === 'reject') return head;
  const asked = places.map((place, index) => [index === 0 ? 'asked' : '', place]);
  if (decision.require === 'digest-only') return [...head, ...asked];
  return [
    ...head,
    ...asked,
    ['signed as', signedAs],
    ...lookasides.map((place, index) => [index === 0 ? 'signatures' : '', place]),
    ...(keys.length === 0 ? [['keys', `none: podctl trust --prefix=${name} KEYFILE`]] : keys.map(keyRow)),
  ];
}

const keyRow = ({ fingerprint, owner, state, trustedFor, allowed }: ExplainedKey, index: number): readonly string[] => {
  const doubt = state === 'trusted' ? '' : `, but ${state}`;
  const named = allowed ? '' : ', but the rule does not name it';
  return [
    index === 0 ? 'keys' : '',
    `${groupsOfFour(fingerprint)} ${owner}, trusted for ${trustedFor}${doubt}${named}`,
  ];
};

function sentence({ decision }: Explanation): string {
  const { prefix, require, demanded, keys } = decision;
  const rule = prefix === undefined ? 'no rule covers it' : `the rule for "${prefix}"`;
  if (demanded)
    return `--signed demands a signature (${prefix === undefined ? rule : `${rule} is content with digests`})`;
  if (require === 'reject') return `${rule} rejects it`;
  if (require === 'digest-only') return `${rule}: its digests are enough`;
  return `${rule} demands a signature${keys === undefined ? '' : ` by one of ${keys.length} keys`}`;
}
