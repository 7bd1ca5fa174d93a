import { formatImageName, parseImageReference } from '../../image/reference';
import { ownImage } from '../../usecases/own-image';
import type { Handler } from '../command';
import { jsonText } from '../present';
import { createServices } from '../services';
import type { spec } from './image-cat-manifest';
import { signatureJson } from './image-view';

export const run: Handler<typeof spec> = async (context, { args, flags }) => {
  const services = createServices(context);
  const { images } = services;
  const image = await ownImage(services, images.find(parseImageReference(args.image)));
  const { id, name, labels, source, importedAt, verification } = image;
  // As its author wrote it, not as we understand it.
  const manifest: unknown = JSON.parse(images.manifestBytes(id).toString('utf8'));
  context.out.write(jsonText(manifest, flags.prettyPrint ? 'json-pretty' : 'json'));
  if (flags.provenance) {
    const provenance = {
      id,
      name: formatImageName(name, labels),
      source,
      import_time: importedAt * 1e6,
      signature: signatureJson(verification),
    };
    context.err.write(jsonText(provenance, 'json'));
  }
  return 0;
};
