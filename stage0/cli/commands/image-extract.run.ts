import { imageToDirectory } from '../../usecases/image-output';
import type { Handler } from '../command';
import { createServices } from '../services';
import type { spec } from './image-extract';

export const run: Handler<typeof spec> = async (context, { args, flags }) => {
  await imageToDirectory(createServices(context), { ...args, ...flags, dependencies: false });
  return 0;
};
