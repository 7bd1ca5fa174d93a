/** Stored images as files and directories of the user's: `image export`, `image extract`, `image render`. */
import fs from 'node:fs';
import path from 'node:path';
import { PodctlError } from '#kernel/errors';
import { native } from '../../stage1/native/index';
import { makeOutputDirectory } from '../files/output-directory';
import { parseImageReference } from '../image/reference';
import { buildTree } from '../render/build';
import { type RenderStep, renderSteps, stepOf } from '../render/order';
import { requireOutput, writeOutput } from './output-file';
import { ownImage } from './own-image';
import type { Services } from './services';
import type { Interrupts } from './start';

const CHUNK_BYTES = 1024 * 1024;
/** Signals get their turn this often. */
const CHUNKS_PER_TURN = 64;
const DIRECTORY = fs.constants.O_RDONLY | fs.constants.O_DIRECTORY | fs.constants.O_NOFOLLOW;

/** The image as it is stored: an uncompressed tar. @throws PodctlError `usage`, `output-exists`, `image-*` */
export async function exportImage(
  services: Services,
  reference: string,
  output: string,
  overwrite: boolean,
  interrupts: Interrupts,
): Promise<void> {
  requireOutput(output, overwrite);
  const { id } = await ownImage(services, services.images.find(parseImageReference(reference)));
  const tar = services.images.openTar(id);
  try {
    await writeOutput(output, overwrite, interrupts, async (write, pause) => {
      const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
      for (let count = 1; ; count += 1) {
        const size = fs.readSync(tar, chunk, 0, chunk.length, null);
        if (size === 0) break;
        write(chunk.subarray(0, size));
        if (count % CHUNKS_PER_TURN !== 0) continue;
        await new Promise(setImmediate);
        pause();
      }
    });
  } finally {
    fs.closeSync(tar);
  }
}

export interface DirectoryRequest {
  readonly image: string;
  readonly directory: string;
  /** With the images it depends on, under all whitelists; else what is in its own archive. */
  readonly dependencies: boolean;
  /** The content of rootfs/ alone; else `manifest` and `rootfs/`. */
  readonly rootfsOnly: boolean;
  readonly overwrite: boolean;
}

/**
 * Fills a directory, which appears when it is complete. An ordinary user becomes the owner of everything.
 * @throws PodctlError `usage`, `output-exists`, `image-*`
 */
export async function imageToDirectory(services: Services, request: DirectoryRequest): Promise<void> {
  const { rootfsOnly, overwrite, dependencies } = request;
  const { images } = services;
  const directory = checkDirectory(services, request.directory);
  const { id } = await ownImage(services, images.find(parseImageReference(request.image)));
  const steps: readonly RenderStep[] = dependencies ? await ownSteps(services, id) : [stepOf(images, id)];
  makeOutputDirectory(directory, overwrite, (fd) => {
    if (rootfsOnly) {
      buildTree(images, steps, fd, false);
      return;
    }
    const place = `/proc/self/fd/${fd}`;
    fs.writeFileSync(`${place}/manifest`, images.manifestBytes(id), { flag: 'wx', mode: 0o644 });
    native().mkdirat(fd, 'rootfs', 0o700);
    const rootfs = fs.openSync(`${place}/rootfs`, DIRECTORY);
    try {
      buildTree(images, steps, rootfs, false);
    } finally {
      fs.closeSync(rootfs);
    }
    fs.fchmodSync(fd, 0o755);
  });
}

/** The steps of a rendering, all of images that nobody else can change meanwhile. */
async function ownSteps(services: Services, id: RenderStep['image']): Promise<readonly RenderStep[]> {
  const { images } = services;
  for (;;) {
    const steps = renderSteps(images, id, images.manifest(id));
    const foreign = steps.flatMap(({ image }) => images.get(image) ?? []).find((image) => image.foreign);
    if (foreign === undefined) return steps;
    await ownImage(services, foreign);
  }
}

/** With --overwrite, what is there is removed: never the whole host, nor podctl's own directory. */
function checkDirectory({ dataDir }: Services, directory: string): string {
  const wanted = path.resolve(directory);
  const parent = fs.existsSync(path.dirname(wanted)) ? fs.realpathSync(path.dirname(wanted)) : path.dirname(wanted);
  const real = path.join(parent, path.basename(wanted));
  const holds = (inner: string): boolean => real === '/' || inner === real || inner.startsWith(`${real}/`);
  if (holds('/')) throw new PodctlError('usage', 'this command would delete your root filesystem. Refusing.');
  if (holds(dataDir)) throw new PodctlError('usage', `${real} holds the images themselves. Refusing.`);
  return real;
}
