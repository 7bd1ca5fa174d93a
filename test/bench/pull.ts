/**
 * npm run bench -- pull [ROUNDS]: from a docker-registry on loopback to an image that is ready to run, beside podman pull and beside
 * skopeo copy with umoci unpack: an image of ten layers, then another one that has nine of them.
 *
 * Every contender gets a directory of its own each round. Before each, untimed, all is written to the disk, and the machine rests:
 * after much has been written the host of a virtual one is at work for some seconds, and takes its processors away.
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { DockerRegistry } from '../fixtures/docker-registry';
import { layer, type TestLayer, TestLayout } from '../fixtures/oci';
import type { TarItem } from '../fixtures/tar-writer';
import { bigImage } from './big-image';
import { type Contender, machineLine, measure, median, summed, type Timing, targetTable, timingTable } from './harness';
import { PODCTL } from './pods';

const rounds = Number(process.argv[2] ?? 5);
const WARM_UP = 1;
const REST_SECONDS = 3;
const LAYERS = 10;
const MIB = 1024 * 1024;

const isDirectory = ({ name }: TarItem): boolean => String(name).endsWith('/');

/** `a/b/c` → `a/`, `a/b/` */
const parentsOf = (name: string): readonly string[] => {
  const parts = name.replace(/\/$/, '').split('/').slice(0, -1);
  return parts.map((_, index) => `${parts.slice(0, index + 1).join('/')}/`);
};

const sizeOf = ({ content = '' }: TarItem): number => Buffer.byteLength(content);

/**
 * The big image in so many parts of about one size, each with the directories that its files are in, as programs that build images
 * write them. A hard link may name a file of an earlier one.
 */
function parts(): readonly (readonly TarItem[])[] {
  const items = [{ name: 'usr/program', mode: 0o755, content: '' }, ...bigImage()];
  const share = items.reduce((sum, item) => sum + sizeOf(item), 0) / LAYERS;
  const directories = new Map(items.filter(isDirectory).map((item) => [String(item.name), item]));
  const found: TarItem[][] = [];
  let there = new Set<string>();
  let filled = 0;
  for (const item of items) {
    if (filled >= share * found.length) {
      found.push([]);
      there = new Set();
    }
    const missing = parentsOf(String(item.name)).flatMap((name) =>
      there.has(name) ? [] : (directories.get(name) ?? []),
    );
    for (const one of [...missing, item]) {
      if (!there.has(String(one.name))) found.at(-1)?.push(one);
      there.add(String(one.name));
    }
    filled += sizeOf(item);
  }
  return found;
}

/** Pushes the images `first` and `second`, which differ in their last layers. @returns what each is, in words */
async function fill(registry: DockerRegistry, work: string): Promise<string> {
  const contents = parts();
  const layers: readonly TestLayer[] = contents.map((items) => layer(items, 'gzip'));
  const added = { name: 'usr/added', content: 'to the second image' };
  const last = layer([...(contents.at(-1) ?? []), added], 'gzip');
  const config = { Cmd: ['/usr/program'] };
  const layout = new TestLayout();
  layout.add(layout.image({ layers, config }), 'first');
  layout.add(layout.image({ layers: [...layers.slice(0, -1), last], config }), 'second');
  const directory = layout.write(`${work}/layout`);
  for (const tag of ['first', 'second']) await registry.push(`oci:${directory}:${tag}`, `big:${tag}`);
  fs.rmSync(directory, { recursive: true });
  const size = layers.reduce((sum, { tar }) => sum + tar.length, 0);
  return `${layers.length} layers, ${contents.flat().length} entries, ${(size / MIB).toFixed(0)} MiB expanded`;
}

function contenders(host: string, work: string): Readonly<Record<string, Contender>> {
  const place = `${work}/round{round}`;
  const own = (tag: string): string[] => [
    PODCTL,
    `--dir=${place}-data`,
    `--local-config=${work}/etc`,
    `--system-config=${work}/usr`,
    '--insecure-options=http',
    'prepare',
    `docker://${host}/big:${tag}`,
  ];
  const podman = (tag: string): string[] => [
    'podman',
    `--root=${place}-podman`,
    `--runroot=${work}/run`,
    'pull',
    '--quiet',
    '--tls-verify=false',
    `${host}/big:${tag}`,
  ];
  const copy = (tag: string): string[] => [
    'skopeo',
    '--insecure-policy',
    'copy',
    '--quiet',
    '--src-tls-verify=false',
    `docker://${host}/big:${tag}`,
    `oci:${place}-oci:${tag}`,
  ];
  const unpack = (tag: string): string[] => ['umoci', 'unpack', '--image', `${place}-oci:${tag}`, `${place}-${tag}`];
  return {
    own: { name: 'podctl prepare', argv: own('first') },
    podman: { name: 'podman pull', argv: podman('first') },
    copy: { name: 'skopeo copy', argv: copy('first') },
    unpack: { name: 'umoci unpack', argv: unpack('first') },
    ownMore: { name: 'podctl prepare, nine layers there', argv: own('second') },
    podmanMore: { name: 'podman pull, nine layers there', argv: podman('second') },
    copyMore: { name: 'skopeo copy, nine layers there', argv: copy('second') },
    unpackMore: { name: 'umoci unpack of the second', argv: unpack('second') },
  };
}

function compare(host: string, work: string): { text: string; met: boolean } {
  const all = contenders(host, work);
  const names = Object.keys(all);
  const {
    timings,
    rounds: samples,
    peakKiB,
  } = measure(Object.values(all), rounds, { warmUp: WARM_UP, settle: ['sh', '-c', `sync; sleep ${REST_SECONDS}`] });
  const sum = (title: string, ...added: string[]): Timing =>
    summed(
      title,
      added.map((name) => samples[names.indexOf(name)] ?? []),
    );
  const ratio = (a: Timing, b: Timing): number => median(a) / median(b);
  const [own, podman] = [sum('podctl prepare', 'own'), sum('podman pull', 'podman')];
  const plain = sum('skopeo copy, umoci unpack', 'copy', 'unpack');
  const [more, podmanMore] = [sum('podctl prepare', 'ownMore'), sum('podman pull', 'podmanMore')];
  const plainMore = sum('skopeo copy, umoci unpack', 'copyMore', 'unpackMore');
  const peak = Math.max(...['own', 'ownMore'].map((name) => peakKiB[names.indexOf(name)] ?? Number.NaN)) / 1024;
  const { text, met } = targetTable([
    { what: 'cold ÷ podman pull', limit: 0.8, measured: ratio(own, podman) },
    { what: 'cold ÷ skopeo copy + umoci unpack', limit: 0.4, measured: ratio(own, plain) },
    { what: 'one new layer ÷ podman pull', limit: 0.5, measured: ratio(more, podmanMore) },
    { what: 'peak RSS of podctl, MiB', limit: 250, measured: peak },
  ]);
  const tables = [timingTable([own, podman, plain]), timingTable([more, podmanMore, plainMore]), timingTable(timings)];
  return { text: [text, ...tables].join('\n\n'), met };
}

async function main(): Promise<void> {
  const work = fs.mkdtempSync('/var/lib/podctl/bench-');
  const registry = await DockerRegistry.start(work);
  try {
    const size = await fill(registry, work);
    const { text, met } = compare(registry.host, work);
    process.stdout.write(`## pull, ${rounds} rounds: ${machineLine()}\n\n${size}\n\n${text}\n`);
    process.exitCode = met ? 0 : 1;
  } finally {
    await registry.stop();
    // podman keeps a mount in each of its directories.
    const mounted = fs.readdirSync(work).filter((name) => name.endsWith('-podman'));
    for (const name of mounted) spawnSync('umount', ['--recursive', '--quiet', `${work}/${name}/overlay`]);
    fs.rmSync(work, { recursive: true, force: true });
  }
}

void main();
