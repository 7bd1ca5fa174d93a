/**
 * Build step behind tsc: makes of the TypeScript sources what is installed, in dist/:
 *
 *     podctl          the executable (stage0/front): answers `--version`, starts what can be started without Node, else executes
 *     lib/podctl      the launcher of Node
 *     lib/version     what `podctl --version` says
 *     podctl.cjs      what a warm start of a pod is made of: everything that WARM imports, but for what is imported dynamically
 *     more.cjs        everything else; a module of it is evaluated when it is needed
 *     openpgp.cjs     the one big library, out of the way of commands that verify nothing
 *     follower-thread.cjs  the program of the threads that hash images while they come in
 *     *.cache         V8's compiled code of these, which only the Node that made it takes; the launcher names that Node, too
 *                     (looking for it with env(1) costs 2.5 ms of every start)
 *     man/podctl.1
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, copyFileSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, 'dist');
const require = createRequire(import.meta.url);
const inDist = (name) => join(dist, name);

/** The program, and what it imports dynamically when it starts a pod, in a unit of the user's, too. */
const WARM = [
  'stage0/main.ts',
  'stage0/cli/commands/run.ts',
  'stage0/cli/commands/run.run.ts',
  'stage0/cli/commands/unit-progress.ts',
  'stage0/usecases/start-in-place.ts',
];

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

/** What cli/compiled.ts takes; there, it would cost every start a copy of the source. */
const wrapped = (source) => `(function (exports, require, module, __filename, __dirname) {${source}\n})\n`;

/** What cli/compiled.ts loads; the others are Node's to load. */
const WRAPPED = ['podctl.cjs', 'more.cjs', ...APART.map((name) => `${name}.cjs`)];

/** Where a file is made, so that a podctl that starts meanwhile never sees half of one. */
const newFile = (name) => join(dirname(inDist(name)), `.${basename(name)}.new`);

function replace(name, make) {
  make(newFile(name));
  renameSync(newFile(name), inDist(name));
}

async function bundle(entry, name, ...plugins) {
  rmSync(inDist(`${name}.cache`), { force: true });
  const file = newFile(name);
  await build({ ...common, ...entry, outfile: file, plugins: [apart, ...plugins] });
  const bare = shareBuiltins(readFileSync(file, 'utf8'));
  const source = WRAPPED.includes(name) ? wrapped(bare) : bare;
  // The digest ties the cache to the source (cli/compiled.ts).
  const digest = createHash('sha256').update(source).digest('hex');
  writeFileSync(file, `${source}// ${digest}\n`);
  renameSync(file, inDist(name));
}

/** Every module of podctl with what it imports: `{ original, path, kind, external }` each. */
async function importGraph() {
  const { metafile } = await build({ ...common, entryPoints: WARM, outdir: dist, write: false, metafile: true });
  return metafile.inputs;
}

/** The modules that are evaluated together with those of WARM. */
function warmModules(graph) {
  const found = new Set(WARM);
  for (const module of found) {
    for (const { path, kind, external } of graph[module].imports) {
      if (external !== true && kind !== 'dynamic-import') found.add(path);
    }
  }
  return found;
}

/** Modules of Node that are there before the program is. All others take milliseconds: process.getBuiltinModule() loads them when used. */
const LIGHT = ['node:fs', 'node:path'];

function requireLight(graph, warm) {
  const heavy = warm.flatMap((module) =>
    graph[module].imports
      .filter(({ path, kind }) => path.startsWith('node:') && kind === 'import-statement' && !LIGHT.includes(path))
      .map(({ path }) => `${module} imports ${path}: every start of a pod would load it`),
  );
  if (heavy.length > 0) throw new Error(heavy.join('\n'));
}

/** Of the modules `of`, those that one of the modules `by` imports. */
const imported = (graph, by, of) =>
  of.filter((module) => by.some((importer) => graph[importer].imports.some(({ path }) => path === module)));

/** A file that exports these modules: for each, by its path, a function that evaluates it. */
const exporting = (modules, also = '') => ({
  stdin: {
    contents: `${also}export const modules = {${modules.map((path) => `'${path}': () => require('./${path}')`).join(',')}};`,
    resolveDir: root,
  },
});

/** Imports of these modules go to another file (cli/compiled.ts). */
const elsewhere = (graph, modules, file) => ({
  name: 'elsewhere',
  setup({ onResolve }) {
    onResolve({ filter: /^[.#]/ }, ({ path: original, importer }) => {
      const { imports = [] } = graph[relative(root, importer)] ?? {};
      const { path } = imports.find((entry) => entry.original === original) ?? {};
      return modules.includes(path) ? { path: `./${file}:${path}`, external: true } : undefined;
    });
  },
});

async function bundlePodctl() {
  const graph = await importGraph();
  const isWarm = warmModules(graph);
  const warm = [...isWarm];
  requireLight(graph, warm);
  const cold = Object.keys(graph).filter((module) => !isWarm.has(module));
  const program = exporting(imported(graph, cold, warm), `export { main, start } from './${WARM[0]}';`);
  await Promise.all([
    bundle(program, 'podctl.cjs', elsewhere(graph, cold, 'more.cjs')),
    bundle(exporting(imported(graph, warm, cold)), 'more.cjs', elsewhere(graph, warm, 'podctl.cjs')),
  ]);
}

for (const directory of ['lib', 'man']) mkdirSync(inDist(directory), { recursive: true });
await Promise.all([
  bundlePodctl(),
  bundle({ entryPoints: ['stage0/cli/launcher.ts'], banner: { js: `#!${process.execPath}` } }, 'lib/podctl'),
  bundle({ entryPoints: ['stage0/store/follower-thread.ts'] }, 'follower-thread.cjs'),
  ...APART.map((name) => bundle({ entryPoints: [require.resolve(name)] }, `${name}.cjs`)),
]);
chmodSync(inDist('lib/podctl'), 0o755);
replace('lib/version', (file) => writeFileSync(file, require(inDist('stage0/cli/version.js')).versionText()));
replace('podctl', (file) => copyFileSync(inDist('native/podctl-front'), file));

// What the commands say while they are run for the cache is of interest only if the step fails.
execFileSync(
  process.execPath,
  [inDist('stage0/cli/compile-main.js'), 'podctl.cjs', 'more.cjs', ...APART.map((name) => `${name}.cjs`)],
  { cwd: dist, stdio: 'pipe' },
);
writeFileSync(inDist('man/podctl.1'), execFileSync(process.execPath, [inDist('stage0/cli/man-main.js')]));
