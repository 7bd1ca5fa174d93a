/** What should not make a warm start slower, or hardly: more apps, a user namespace, a big image. */
import fs from 'node:fs';
import { median, race, runCommand, timingTable } from './harness';
import type { Part, Stage } from './pods';

const MIB = 1024 * 1024;

/** A pod of ten apps beside one of one. */
export function moreApps({ aci, podctl }: Stage, rounds: number): Part {
  const apps = (count: number): string[] =>
    Array.from({ length: count }, (_, index) => [aci, `--name=app-${index}`]).flat();
  const timings = race(
    [
      { name: '10 apps', argv: podctl('run', '--net=none', ...apps(10)) },
      { name: '1 app', argv: podctl('run', '--net=none', ...apps(1)) },
    ],
    rounds,
  );
  const [ten, one] = timings.map(median);
  return {
    text: timingTable(timings),
    targets: [{ what: '10 apps ÷ 1 app', limit: 1.5, measured: (ten ?? Number.NaN) / (one ?? Number.NaN) }],
  };
}

/** `--private-users` beside the host's users. */
export function userNamespace({ aci, podctl }: Stage, rounds: number): Part {
  const timings = race(
    [
      { name: '--private-users', argv: podctl('run', '--net=none', '--private-users', aci) },
      { name: "the host's users", argv: podctl('run', '--net=none', aci) },
    ],
    rounds,
  );
  const [mapped, plain] = timings.map(median);
  return {
    text: timingTable(timings),
    targets: [{ what: '--private-users, ms more', limit: 5, measured: (mapped ?? Number.NaN) - (plain ?? Number.NaN) }],
  };
}

/** An image of 10 MiB beside one of 2 GiB, both fetched and rendered before. */
export function imageSize({ work, tree, podctl }: Stage, rounds: number): Part {
  const contenders = [2048, 10].map((size) => ({
    name: `image of ${size} MiB`,
    argv: podctl('run', '--net=none', sizedImage(work, tree, size)),
  }));
  const timings = race(contenders, rounds);
  const [big, small] = timings.map(median);
  return {
    text: timingTable(timings),
    targets: [{ what: '2 GiB image, ms more', limit: 3, measured: (big ?? Number.NaN) - (small ?? Number.NaN) }],
  };
}

/** The tree with files of 10 MiB beside it, as an archive that exists before the race. */
function sizedImage(work: string, tree: string, mebibytes: number): string {
  const layout = `${work}/sized`;
  const aci = `${work}/sized-${mebibytes}.aci`;
  fs.mkdirSync(`${layout}/rootfs`, { recursive: true });
  runCommand(['cp', '-a', `${tree}/.`, `${layout}/rootfs`]);
  const app = { exec: ['/bin/true'], user: '0', group: '0' };
  const manifest = { acKind: 'ImageManifest', acVersion: '0.8.11', name: `example.com/sized-${mebibytes}`, app };
  fs.writeFileSync(`${layout}/manifest`, JSON.stringify(manifest));
  const block = Buffer.alloc(10 * MIB, 'podctl');
  for (let file = 0; file < mebibytes / 10; file += 1) fs.writeFileSync(`${layout}/rootfs/file-${file}`, block);
  runCommand(['tar', '-C', layout, '-cf', aci, 'manifest', 'rootfs']);
  fs.rmSync(layout, { recursive: true });
  return aci;
}
