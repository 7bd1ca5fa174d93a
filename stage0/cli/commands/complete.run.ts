import { namesInUse } from '../../pod/names';
import { viewPods } from '../../pod/view';
import type { Services } from '../../usecases/services';
import type { Handler } from '../command';
import { REGISTRY } from '../registry';
import { createServices } from '../services';
import type { spec } from './complete';

/** Unknown kinds have no words: a script of another version may ask for them. */
export const run: Handler<typeof spec> = async (context, { args }) => {
  const words = wordsOf(args.what, createServices(context));
  for (const word of words) context.out.line(word);
  return 0;
};

function wordsOf(what: string, services: Services): readonly string[] {
  switch (what) {
    case 'pods':
      return [...namesInUse(services.dataDir), ...services.pods.list().map(({ id }) => id)];
    case 'apps':
      return [...new Set(viewPods(services.pods).flatMap(({ apps }) => apps.map(({ name }) => name)))].sort();
    case 'images':
      return services.images.list().map(({ id }) => id);
    case 'commands':
      return REGISTRY.commands.filter(({ spec }) => spec.hidden !== true).map(({ spec }) => spec.name);
    default:
      return [];
  }
}
