import { PodctlError } from '#kernel/errors';
import { fetchImages } from '../../usecases/fetch';
import type { Handler } from '../command';
import { createServices } from '../services';
import type { spec } from './fetch';
import { fetchOptionsOf } from './fetch-words';
import { shortImageId } from './image-view';

export const run: Handler<typeof spec> = async (context, { flags, apps }) => {
  if (apps.length === 0) throw new PodctlError('usage', 'must provide at least one image');
  const { out } = context;
  const options = fetchOptionsOf(context, flags, 'update');
  const images = apps.map(({ image, flags: own }) => ({ image, signature: own.signature }));
  if (flags.format === 'json') {
    const observe: typeof options.observe = (event) => out.line(JSON.stringify(event));
    await fetchImages(createServices(context), images, { ...options, observe }, () => undefined);
    return 0;
  }
  await fetchImages(createServices(context), images, options, (id) => out.line(flags.full ? id : shortImageId(id)));
  return 0;
};
