import { PodctlError } from '#kernel/errors';
import { obtainImage } from '../../usecases/images';
import type { Handler } from '../command';
import { createServices } from '../services';
import type { spec } from './fetch';
import { shortImageId } from './image-view';
import { fetchPolicyOf } from './pod-request';

export const run: Handler<typeof spec> = async (context, { flags, apps }) => {
  if (apps.length === 0) throw new PodctlError('usage', 'must provide at least one image');
  const services = createServices(context);
  const policy = fetchPolicyOf(context.globals, flags);
  for (const { image, flags: own } of apps) {
    const { id } = await obtainImage(services, image, own.signature, policy);
    context.out.line(flags.full ? id : shortImageId(id));
  }
  return 0;
};
