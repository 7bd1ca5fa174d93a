import { parseImageReference } from '../../image/reference';
import { verifyImage } from '../../usecases/image-verify';
import type { Handler } from '../command';
import { createServices } from '../services';
import type { spec } from './image-verify';

/** rkt's sentences (rkt-cli.md §1.2); what was repaired is success. */
export const run: Handler<typeof spec> = async (context, { args }) => {
  const services = createServices(context);
  for (const reference of args.images) {
    const check = await verifyImage(services, services.images.find(parseImageReference(reference)));
    if (check.kind === 'repaired') {
      for (const { path, what } of check.differences) context.warn(`tree of "${reference}": ${path} ${what}`);
      context.warn(`tree of "${reference}" had changed: rendered it again`);
    }
    if (check.kind === 'not rendered') context.out.line(`image "${reference}" not rendered; no verification needed`);
    else context.out.line(`successfully verified checksum for image: "${reference}"`);
  }
  return 0;
};
