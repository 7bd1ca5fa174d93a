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

/** Larger than nearly every file, so that most are written in one call. */
const CHUNK_BYTES = 1024 * 1024;

export interface Rendered {
  /** Bytes of all files, and number of entries, as in the archives. */
  readonly size: number;
  readonly entries: number;
}

/** @param rootFd an empty directory (appc C1). @throws PodctlError `image-*` */
export function buildTree(images: ContentStore, steps: readonly RenderStep[], rootFd: number): Rendered {
  if (fs.readdirSync(`/proc/self/fd/${rootFd}`).length > 0)
    throw new PodctlError('internal', 'the directory to render into is not empty');
  const addon = native();
  const directories = new Directories();
  const tree = new ConfinedTree(addon, rootFd, directories);
  const target: Target = { addon, tree, directories, setOwners: process.geteuid?.() === 0 };
  let size = 0;
  let entries = 0;
  try {
    for (const step of steps) {
      const extractor = extract(images, step, target);
      size += extractor.bytes;
      entries += extractor.entries;
    }
    finishDirectories(target);
  } finally {
    tree.close();
  }
  return { size, entries };
}

function extract(images: ContentStore, step: RenderStep, target: Target): Extractor {
  const fd = images.openTar(step.image);
  try {
    const extractor = new Extractor(target, select(fd, step));
    try {
      readTar(fd, extractor);
    } finally {
      extractor.abandon();
    }
    return extractor;
  } finally {
    fs.closeSync(fd);
  }
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
