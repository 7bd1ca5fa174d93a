/** Renders the steps of a tree into an empty directory. */
import fs from 'node:fs';
import { PodctlError } from '#kernel/errors';
import { native } from '../../stage1/native/index';
import type { ContentStore } from '../store/cas';
import { ConfinedTree } from './confined';
import { Directories } from './directories';
import { Extractor, finishDirectories, type Selection, type Target } from './extract';
import { LinkPlan } from './links';
import type { RenderStep } from './order';
import { TarReader } from './tar';
import type { TarSink } from './tar-entry';
import { pathFilter } from './whitelist';
import { Whiteouts, whiteoutsOf } from './whiteouts';

/** Larger than nearly every file, so that most are written in one call. */
const CHUNK_BYTES = 1024 * 1024;

export interface Rendered {
  /** Bytes of all files, and number of entries, as in the archives. */
  readonly size: number;
  readonly entries: number;
}

/**
 * @param rootFd an empty directory (appc C1)
 * @param alone the tree is of a layer that others will be below: it keeps whiteouts, as overlayfs wants them. In a tree of several
 * they are applied
 * @throws PodctlError `image-*`
 */
export function buildTree(
  images: ContentStore,
  steps: readonly RenderStep[],
  rootFd: number,
  alone = steps.length === 1,
): Rendered {
  if (fs.readdirSync(`/proc/self/fd/${rootFd}`).length > 0)
    throw new PodctlError('internal', 'the directory to render into is not empty');
  const target = openTarget(rootFd);
  let size = 0;
  let entries = 0;
  try {
    for (const step of steps) {
      const extractor = extract(images, step, target, alone);
      size += extractor.bytes;
      entries += extractor.entries;
    }
    finishDirectories(target);
  } finally {
    target.tree.close();
  }
  return { size, entries };
}

/** `tree` is to be closed. Who is not root becomes the owner of everything. */
function openTarget(rootFd: number): Target {
  const addon = native();
  const directories = new Directories();
  const tree = new ConfinedTree(addon, rootFd, directories);
  return { addon, tree, directories, setOwners: process.geteuid?.() === 0 };
}

function extract(images: ContentStore, step: RenderStep, target: Target, alone: boolean): Extractor {
  const fd = images.openTar(step.image);
  try {
    const whiteouts = step.isLayer && alone ? new Whiteouts() : undefined;
    if (step.isLayer && !alone) applyWhiteouts(fd, target);
    const extractor = new Extractor(target, select(fd, step), whiteouts ?? (step.isLayer ? 'applied' : undefined));
    try {
      readTar(fd, extractor);
      whiteouts?.mark(target.addon, target.tree, target.directories);
    } finally {
      extractor.abandon();
    }
    return extractor;
  } finally {
    fs.closeSync(fd);
  }
}

/** They count for what is below only, so they come before anything of their own layer. */
function applyWhiteouts(fd: number, { addon, tree }: Target): void {
  const whiteouts = new Whiteouts();
  readTar(fd, whiteoutsOf(whiteouts));
  whiteouts.apply(addon, tree);
}

function select(fd: number, step: RenderStep): Selection | undefined {
  const filter = pathFilter(step.whitelists);
  if (filter === undefined) return undefined;
  const links = new LinkPlan(filter);
  readTar(fd, links);
  return { filter, links };
}

/** From the beginning, through one buffer: sinks do not keep what they are given. */
function readTar(fd: number, sink: TarSink): void {
  const reader = new TarReader(sink);
  const buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  for (let at = 0; ; ) {
    const size = fs.readSync(fd, buffer, 0, buffer.length, at);
    if (size === 0) break;
    reader.write(buffer.subarray(0, size));
    at += size;
  }
  reader.finish();
}
