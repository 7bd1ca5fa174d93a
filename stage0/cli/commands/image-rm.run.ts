import { PodctlError } from '#kernel/errors';
import { parseImageReference } from '../../image/reference';
import { forgetSources } from '../../usecases/garbage';
import { removeImage } from '../../usecases/remove-image';
import type { Handler } from '../command';
import { createServices } from '../services';
import type { spec } from './image-rm';

/** As rkt, a name that means nothing is told and does not fail the command, so that scripts may clean up twice. */
export const run: Handler<typeof spec> = async (context, { args }) => {
  const services = createServices(context);
  const { images } = services;
  let removed = 0;
  for (const reference of args.images) {
    try {
      const { id } = images.find(parseImageReference(reference));
      if (removeImage(images, id) === undefined) continue;
      context.out.line(`successfully removed aci for image: "${id}"`);
      removed += 1;
    } catch (error) {
      if (!(error instanceof PodctlError)) throw error;
      context.warn(`${error.code}: ${error.message}`);
    }
  }
  if (removed > 0) forgetSources(services);
  context.err.line(`rm: ${removed} image(s) successfully removed`);
  return 0;
};
