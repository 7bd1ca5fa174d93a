import { exportImage } from '../../usecases/image-output';
import type { Handler } from '../command';
import { createServices } from '../services';
import type { spec } from './image-export';
import { interrupts } from './interrupts';

export const run: Handler<typeof spec> = async (context, { args, flags }) => {
  await exportImage(createServices(context), args.image, args.output, flags.overwrite, interrupts);
  return 0;
};
