/**
 * Build step behind tsc: makes of the TypeScript sources what is installed, in dist/:
 *
 *     podctl          the executable: launcher, version
 *     podctl.cjs      everything else, one CommonJS file; what is imported dynamically is evaluated only when it is
 *     openpgp.cjs     the one big library, out of the way of commands that verify nothing
 *     *.cache         V8's compiled code of the two, which only the Node that made it takes; the executable names that Node, too
 *                     (looking for it with env(1) costs 2.5 ms of every start)
 *     man/podctl.1
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, 'dist');
const require = createRequire(import.meta.url);
const inDist = (name) => join(dist, name);

/** Dependencies that are files of their own. */
const APART = ['openpgp'];

const apart = {
  name: 'apart',
  setup({ onResolve }) {
    onResolve({ filter: new RegExp(`^(${APART.join('|')})$`) }, ({ path }) => ({
      path: `./${path}.cjs`,
      external: true,
    }));
  },
};

const common = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  conditions: ['source'],
  // Names stay: stack traces need them, and the code cache makes their length free.
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'none',
  logLevel: 'warning',
  external: ['*.node'],
  // A dynamic import becomes a require inside a promise: scripts with cached code have no import().
  supported: { 'dynamic-import': false },
  plugins: [apart],
};

/**
 * esbuild copies every property of a built-in module for each module that imports its default (40 times node:fs alone, 5 ms
 * of every start). An object that inherits from the built-in does as well.
 */
const shareBuiltins = (source) =>
  source.replace(/__toESM\(require\(("node:[a-z/_]+")\)\)/g, '(m=>({__proto__:m,default:m}))(require($1))');

/** Builds to a temporary name, so that a podctl that starts meanwhile never sees half a file. */
async function bundle(entry, name, options = {}) {
  rmSync(inDist(`${name}.cache`), { force: true });
  await build({ ...common, entryPoints: [entry], outfile: inDist(`.${name}.new`), ...options });
  const source = shareBuiltins(readFileSync(inDist(`.${name}.new`), 'utf8'));
  // The digest ties the cache to the source (cli/compiled.ts).
  const digest = createHash('sha256').update(source).digest('hex');
  writeFileSync(inDist(`.${name}.new`), `${source}// ${digest}\n`);
  renameSync(inDist(`.${name}.new`), inDist(name));
}

mkdirSync(inDist('man'), { recursive: true });
await Promise.all([
  bundle('stage0/main.ts', 'podctl.cjs'),
  bundle('stage0/cli/launcher.ts', 'podctl', { banner: { js: `#!${process.execPath}` } }),
  ...APART.map((name) => bundle(require.resolve(name), `${name}.cjs`)),
]);
chmodSync(inDist('podctl'), 0o755);

// What the commands say while they are run for the cache is of interest only if the step fails.
execFileSync(
  process.execPath,
  [inDist('stage0/cli/compile-main.js'), 'podctl.cjs', ...APART.map((name) => `${name}.cjs`)],
  { cwd: dist, stdio: 'pipe' },
);
writeFileSync(inDist('man/podctl.1'), execFileSync(process.execPath, [inDist('stage0/cli/man-main.js')]));
