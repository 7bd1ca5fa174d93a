import type { Handler } from '../command';
import type { spec } from './trust';
export const run: Handler<typeof spec> = async () => 1;
