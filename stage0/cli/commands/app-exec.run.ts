import type { Handler } from '../command';
import type { spec } from './app-exec';
import { enterAs } from './enter.run';

export const run: Handler<typeof spec> = async (context, parsed) => enterAs('app exec', context, parsed);
