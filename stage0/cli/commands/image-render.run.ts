import { imageToDirectory } from '../../usecases/image-output';
import type { Handler } from '../command';
import { createServices } from '../services';
import type { spec } from './image-render';

export const run: Handler<typeof spec> = async (context, { args, flags }) => {
  await imageToDirectory(createServices(context), { ...args, ...flags, dependencies: true });
  return 0;
};
