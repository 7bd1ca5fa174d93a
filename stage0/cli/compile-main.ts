/**
 * Build step: writes the code cache of the files named. The cache holds the functions that ran, so typical commands run
 * first: on an image made for it, against a bus made for it. Without root the commands refuse, and less is kept.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import fs, { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { APPC_VERSION } from '#kernel/appc';
import { SYSTEMD_RUNTIME } from '../systemd/host';
import { startBus } from './compile-bus';
import { startRegistry } from './compile-registry';
import { cacheOfLoaded, codeCacheOf, type Program, requireCompiled } from './compiled';

const MANIFEST = {
  acKind: 'ImageManifest',
  acVersion: APPC_VERSION,
  name: 'example.com/typical',
  labels: [
    { name: 'os', value: 'linux' },
    { name: 'arch', value: process.arch === 'arm64' ? 'aarch64' : 'amd64' },
  ],
  app: { exec: ['/bin/true'], user: '0', group: '0' },
};

function makeImage(directory: string): string {
  mkdirSync(join(directory, 'rootfs/bin'), { recursive: true });
  writeFileSync(join(directory, 'rootfs/bin/true'), '', { mode: 0o755 });
  writeFileSync(join(directory, 'manifest'), JSON.stringify(MANIFEST));
  const image = join(directory, 'typical.aci');
  execFileSync('tar', ['-cf', image, '-C', directory, 'manifest', 'rootfs']);
  return image;
}

const globalsOf = (directory: string): readonly string[] => [
  `--dir=${join(directory, 'data')}`,
  `--system-config=${directory}`,
  `--local-config=${directory}`,
];

/** Nothing of this leaves the directory: nothing here may speak to systemd. */
function typicalCommands(directory: string): readonly (readonly string[])[] {
  const global = globalsOf(directory);
  const image = [
    ...global,
    '--insecure-options=image',
    '--net=none',
    makeImage(directory),
    '--exec=/bin/true',
    '--',
    'x',
  ];
  return [
    ['run', '--dry-run', ...image],
    ['run', ...image],
    ['list', ...global],
    ['image', 'list', ...global],
  ];
}

/** Until the returned function is called, this process finds compile-bus.ts where it looks for systemd. */
async function pretendSystemd(directory: string): Promise<() => Promise<unknown>> {
  const bus = join(directory, 'bus');
  const stop = await startBus(bus);
  const { existsSync } = fs;
  Object.assign(fs, { existsSync: (path: fs.PathLike) => path === SYSTEMD_RUNTIME || existsSync(path) });
  process.env['DBUS_SYSTEM_BUS_ADDRESS'] = `unix:path=${bus}`;
  return () => {
    Object.assign(fs, { existsSync });
    return stop();
  };
}

/**
 * Until the returned function is called, this process was executed by a unit that a pod can take over, but has no executor for it in
 * this directory.
 */
function pretendUnit(directory: string): () => void {
  const { readFileSync } = fs;
  const fakes: Readonly<Record<string, string>> = {
    '/proc/self/cgroup': '0::/system.slice/typical.service\n',
    '/proc/self/status': 'CapEff: ffffffffffffffff\nSeccomp: 0\n',
    '/proc/1/status': 'CapEff: ffffffffffffffff\nSeccomp: 0\n',
  };
  const readText = (path: fs.PathOrFileDescriptor, ...rest: unknown[]): unknown =>
    fakes[String(path)] ?? (readFileSync as (...args: unknown[]) => unknown)(path, ...rest);
  Object.assign(fs, { readFileSync: readText });
  const variables = {
    SYSTEMD_EXEC_PID: String(process.pid),
    INVOCATION_ID: '0'.repeat(32),
    PODCTL_NATIVE_DIR: directory,
  };
  Object.assign(process.env, variables);
  writeFileSync(join(directory, 'podctl-stage1'), '', { mode: 0o644 });
  return () => {
    Object.assign(fs, { readFileSync });
    for (const name of Object.keys(variables)) delete process.env[name];
  };
}

/** @param files the first is the program */
async function writeCaches(files: readonly string[], directory: string): Promise<void> {
  const [program = ''] = files;
  const commands = typicalCommands(directory);
  fillStore(commands, dirname(program));
  const stop = await pretendSystemd(directory);
  const { main } = requireCompiled(program) as Program;
  for (const argv of commands) await perform(main, argv);
  const leaveUnit = pretendUnit(directory);
  for (const argv of commands.filter(isStart)) await main(argv); // says that the executor cannot be executed
  leaveUnit();
  await stop();
  const write = (file: string): void => {
    requireCompiled(file);
    writeFileSync(codeCacheOf(file), cacheOfLoaded(file));
  };
  // What only pulls need is in files that a start does not read, but for a fourteenth of the one that it does.
  const registry = await startRegistry(directory);
  await main(['prepare', ...globalsOf(directory), '--quiet', '--insecure-options=http', registry.image]);
  registry.stop();
  for (const file of files) write(file);
}

const isRoot = (): boolean => process.getuid?.() === 0;
const isStart = (argv: readonly string[]): boolean => argv.includes('run') && !argv.includes('--dry-run');

async function perform(main: Program['main'], argv: readonly string[]): Promise<void> {
  const status = await main(argv);
  if (status !== 0 && isRoot()) throw new Error(`podctl ${argv.join(' ')}: exit status ${status}`);
}

/**
 * Imports and renders the image in another process: what that takes ten times as long to do need not start fast, and would
 * make the cache, which every start reads, twice as large.
 */
function fillStore([dryRun = []]: readonly (readonly string[])[], dist: string): void {
  // Refused without root, and then refused here again: ignored.
  spawnSync(process.execPath, [join(dist, 'lib/podctl'), ...dryRun], { stdio: 'ignore' });
}

const scratch = mkdtempSync(join(tmpdir(), 'podctl-build-'));
writeCaches(
  process.argv.slice(2).map((file) => resolve(file)),
  scratch,
).finally(() => rmSync(scratch, { recursive: true, force: true }));
