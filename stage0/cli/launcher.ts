/**
 * Node's part of the executable `podctl`, executed by the other one (stage0/front) for all that needs Node: runs the bundle.
 * bundle.mjs makes one file of this module and those it imports.
 */
import { dirname } from 'node:path';
import { type Program, requireCompiled } from './compiled';

const { start } = requireCompiled(`${dirname(__dirname)}/podctl.cjs`) as Program;
start(process.argv.slice(2));
