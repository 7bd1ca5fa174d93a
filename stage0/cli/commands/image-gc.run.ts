import { sweepLeftovers } from '../../usecases/garbage';
import { collectImages } from '../../usecases/image-garbage';
import type { Handler } from '../command';
import { createServices } from '../services';
import type { spec } from './image-gc';

/** rkt's sentences (rkt-cli.md §1.2). */
export const run: Handler<typeof spec> = async (context, { flags }) => {
  const services = createServices(context);
  let removed = 0;
  collectImages(services, flags.gracePeriod, (event) => {
    if (event.kind === 'tree') context.err.line(`removed treestore "${event.id}"`);
    else if (event.kind === 'kept')
      context.warn(`pod ${event.pod} has no readable record: nothing is removed, since it may need anything`);
    else {
      removed += 1;
      context.out.line(`successfully removed aci for image: "${event.id}"`);
    }
  });
  sweepLeftovers(services);
  context.err.line(`gc: ${removed} image(s) successfully removed`);
  return 0;
};
