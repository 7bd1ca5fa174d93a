/**
 * npm run bench -- images [ROUNDS]: what it takes to get a big signed image from a file to a tree, beside the plain pipeline of
 * gpg, sha512sum and tar, and beside umoci with the same content as an OCI image.
 *
 * Every contender gets a directory of its own each round, which stays until the end: removing one makes ext4 without a journal slow
 * for whoever makes files next. `sync` before each, untimed, so that nobody waits for another's writes.
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { snapshotTree } from '../fixtures/snapshot';
import { type BigFiles, IMAGE_NAME, writeBigFiles } from './big-files';
import {
  type Contender,
  machineLine,
  measure,
  median,
  runCommand,
  summed,
  type Timing,
  targetTable,
  timingTable,
} from './harness';
import { PODCTL } from './pods';

const rounds = Number(process.argv[2] ?? 5);
const WARM_UP = 1;
const MIB = 1024 * 1024;

/** A script of sh(1); `$1` is the directory of the round. */
const script = (text: string, place: string, more: Readonly<Record<string, string>> = {}): readonly string[] => [
  'env',
  ...Object.entries(more).map(([name, value]) => `${name}=${value}`),
  'sh',
  '-euc',
  text,
  'sh',
  place,
];

function contenders(work: string, { aci, signature, gpgHome, oci }: BigFiles): Record<string, Contender> {
  const place = `${work}/round{round}`;
  const podctl = (...args: string[]): string[] => [
    PODCTL,
    `--dir=${place}-data`,
    `--local-config=${work}/etc`,
    `--system-config=${work}/usr`,
    ...args,
  ];
  return {
    fetch: { name: '(a) podctl fetch', argv: podctl('fetch', aci) },
    render: { name: '(b) podctl image render', argv: podctl('image', 'render', IMAGE_NAME, `${place}-podctl`) },
    again: { name: 'podctl fetch, second time', argv: podctl('fetch', aci) },
    node: { name: 'node -e 0', argv: ['node', '-e', '0'] },
    gpg: { name: 'gpg --verify', argv: ['gpg', `--homedir=${gpgHome}`, '--batch', '--verify', signature, aci] },
    sum: { name: 'sha512sum', argv: ['sha512sum', aci] },
    tar: { name: 'tar -xzpf', argv: script(`mkdir "$1" && tar -xzpf ${aci} -C "$1"`, `${place}-tar`) },
    tarSync: { name: 'sync -f after tar', argv: ['sync', '-f', `${place}-tar`], goesOn: true },
    umoci: { name: 'umoci unpack', argv: ['umoci', 'unpack', '--image', `${oci}:big`, `${place}-umoci`] },
    umociSync: { name: 'sync -f after umoci', argv: ['sync', '-f', `${place}-umoci`], goesOn: true },
  };
}

/** All the same: names, types, modes, owners, times, contents, links. The root itself is as old as the unpacking. */
function requireSameTrees(work: string): void {
  const round = `${work}/round-${WARM_UP}`;
  const [own, tar, umoci] = [`${round}-podctl/rootfs`, `${round}-tar/rootfs`, `${round}-umoci/rootfs`].map((root) =>
    snapshotTree(root, (path) => path === ''),
  );
  for (const [maker, tree] of Object.entries({ tar, umoci })) {
    const different = own?.findIndex((line, index) => line !== tree?.[index]) ?? 0;
    assert.equal(tree?.[different], own?.[different], `${maker} made another tree`);
    assert.equal(tree?.length, own?.length, `${maker} made another tree`);
  }
}

function compare(work: string, files: BigFiles): { text: string; met: boolean } {
  const all = contenders(work, files);
  const names = Object.keys(all);
  const {
    timings,
    rounds: samples,
    peakKiB,
  } = measure(Object.values(all), rounds, { warmUp: WARM_UP, settle: ['sync'] });
  requireSameTrees(work);
  const index = (name: string): number => names.indexOf(name);
  const sum = (title: string, ...parts: string[]): Timing =>
    summed(
      title,
      parts.map((part) => samples[index(part)] ?? []),
    );
  const own = sum('podctl fetch, image render: (a) + (b)', 'fetch', 'render');
  const plain = sum('gpg, sha512sum, tar', 'gpg', 'sum', 'tar');
  const plainSync = sum('gpg, sha512sum, tar, sync -f', 'gpg', 'sum', 'tar', 'tarSync');
  const umoci = sum('umoci unpack', 'umoci');
  const umociSync = sum('umoci unpack, sync -f', 'umoci', 'umociSync');
  const again = median(sum('', 'again')) - median(sum('', 'node'));
  const peak = Math.max(peakKiB[index('fetch')] ?? Number.NaN, peakKiB[index('render')] ?? Number.NaN) / 1024;
  const { text, met } = targetTable([
    { what: '(a) + (b) ÷ pipeline with sync', limit: 0.9, measured: median(own) / median(plainSync) },
    { what: '(a) + (b) ÷ pipeline without sync', limit: 0.9, measured: median(own) / median(plain) },
    { what: '(a) + (b) ÷ umoci with sync', limit: 0.5, measured: median(own) / median(umociSync) },
    { what: '(a) + (b) ÷ umoci without sync', limit: 0.5, measured: median(own) / median(umoci) },
    { what: 'peak RSS of podctl, MiB', limit: 200, measured: peak },
    { what: 'second fetch over node -e 0, ms', limit: 50, measured: again },
  ]);
  const tables = [timingTable([own, plainSync, plain, umociSync, umoci]), timingTable(timings)];
  return { text: [text, ...tables].join('\n\n'), met };
}

async function main(): Promise<void> {
  const work = fs.mkdtempSync('/var/lib/podctl/bench-');
  try {
    const files = await writeBigFiles(work);
    const trust = ['trust', `--prefix=${IMAGE_NAME}`, '--skip-fingerprint-review', files.key];
    runCommand([PODCTL, `--local-config=${work}/etc`, `--system-config=${work}/usr`, ...trust]);
    runCommand(['gpg', `--homedir=${files.gpgHome}`, '--batch', '--quiet', '--import', files.key]);
    const size = `${(files.tarSize / MIB).toFixed(0)} MiB, ${files.entries} entries, ${(files.aciSize / MIB).toFixed(0)} MiB compressed`;
    const { text, met } = compare(work, files);
    process.stdout.write(`## images, ${rounds} rounds: ${machineLine()}\n\n${size}\n\n${text}\n`);
    process.exitCode = met ? 0 : 1;
  } finally {
    fs.rmSync(work, { recursive: true, force: true });
  }
}

void main();
