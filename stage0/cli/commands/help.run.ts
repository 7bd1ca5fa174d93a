import type { Handler } from '../command';
import { helpText } from '../help';
import { descend, ROOT, type Topic } from '../lookup';
import { REGISTRY } from '../registry';
import type { spec } from './help';

export const run: Handler<typeof spec> = async ({ out }, { args }) => {
  const topic = args.words.reduce<Topic>((above, word) => descend(REGISTRY, above, word), ROOT);
  out.write(helpText(topic, REGISTRY));
  return 0;
};
