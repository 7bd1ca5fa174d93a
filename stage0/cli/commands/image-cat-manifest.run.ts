import { parseImageReference } from '../../image/reference';
import type { Handler } from '../command';
import { jsonText } from '../present';
import { createServices } from '../services';
import type { spec } from './image-cat-manifest';

export const run: Handler<typeof spec> = async (context, { args, flags }) => {
  const { images } = createServices(context);
  const { id } = images.find(parseImageReference(args.image));
  // As its author wrote it, not as we understand it.
  const manifest: unknown = JSON.parse(images.manifestBytes(id).toString('utf8'));
  context.out.write(jsonText(manifest, flags.prettyPrint ? 'json-pretty' : 'json'));
  return 0;
};
