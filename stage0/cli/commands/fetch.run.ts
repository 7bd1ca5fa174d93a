import { PodctlError } from '#kernel/errors';
import type { Observe } from '../../image/fetch/events';
import { fetchImages } from '../../usecases/fetch';
import type { Handler } from '../command';
import type { Context } from '../context';
import { createServices } from '../services';
import type { spec } from './fetch';
import { fetchOptionsOf } from './fetch-words';
import { fetchedImageId } from './image-view';

export const run: Handler<typeof spec> = async (context, { flags, apps }) => {
  if (apps.length === 0) throw new PodctlError('usage', 'must provide at least one image');
  const { out } = context;
  const options = fetchOptionsOf(context, flags, 'update');
  const images = apps.map(({ image, flags: own }) => ({ image, signature: own.signature }));
  if (flags.format === 'json') {
    await fetchImages(createServices(context), images, { ...options, observe: jsonEvents(context) }, () => undefined);
    return 0;
  }
  await fetchImages(createServices(context), images, options, (id) => out.line(flags.full ? id : fetchedImageId(id)));
  return 0;
};

/** Nobody reads of progress more often (ms). */
const PROGRESS_MS = 200;

function jsonEvents({ out, now }: Context): Observe {
  let last = 0;
  return (event) => {
    if (event.event === 'progress' && event.done !== event.total && now() - last < PROGRESS_MS) return;
    last = now();
    out.line(JSON.stringify(event));
  };
}
