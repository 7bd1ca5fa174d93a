/**
 * The executable `podctl`: answers `--version` without loading anything, else runs the bundle beside it. bundle.mjs makes
 * one file of this module and those it imports.
 */
import { writeSync } from 'node:fs';
import { type Program, requireCompiled } from './compiled';
import { versionText } from './version';

const argv = process.argv.slice(2);

if (argv.length === 1 && (argv[0] === '--version' || argv[0] === 'version')) {
  writeSync(1, versionText());
} else {
  const { start } = requireCompiled(`${__dirname}/podctl.cjs`) as Program;
  start(argv);
}
