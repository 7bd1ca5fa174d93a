/** From an app of a pod that has ended to an image file: what its programs made of the image's files. */
import fs from 'node:fs';
import { PodctlError } from '#kernel/errors';
import { native } from '../../stage1/native/index';
import { openEndedRoot } from '../pod/app-tree';
import { chosenApp } from '../pod/lookup';
import { readManifest } from '../pod/manifest';
import type { PodEntry } from '../pod/pods';
import { type AppRecord, readRecord } from '../pod/record';
import type { ByteString } from '../render/byte-string';
import { packTree } from '../render/pack';
import { END_OF_ARCHIVE, memberHeader, paddingOf } from '../render/tar-writer';
import { requireOutput, writeOutput } from './output-file';
import type { Services } from './services';
import type { Interrupts } from './start';

export interface ExportRequest {
  /** Undefined: the only one. */
  readonly app: string | undefined;
  /** Ends in `.aci`. */
  readonly output: string;
  readonly overwrite: boolean;
}

const MAX_NAMED = 8;

/**
 * The archive appears under its name when it is complete and durable, or not at all.
 * @throws PodctlError `usage`, `output-exists`, `pod-wrong-state`, `app-not-found`, `image-too-large`
 */
export async function exportApp(
  services: Services,
  entry: PodEntry,
  request: ExportRequest,
  interrupts: Interrupts,
): Promise<void> {
  const { output, overwrite } = request;
  requireOutput(output, overwrite);
  const state = services.pods.state(entry);
  const held = state === 'exited' || state === 'exited garbage' ? services.pods.hold(entry) : undefined;
  if (held === undefined)
    throw new PodctlError('pod-wrong-state', `pod ${entry.id} is ${state ?? 'being removed'}, not exited`);
  try {
    const record = readRecord(entry.path);
    const app = chosenApp(record?.apps ?? [], request.app);
    const manifest = manifestOf(services, entry, app);
    const view = openEndedRoot(entry, app, record?.roots, native());
    try {
      await writeOutput(output, overwrite, interrupts, (write, pause) =>
        writeArchive(services, manifest, view, write, pause),
      );
    } finally {
      fs.closeSync(view);
    }
  } finally {
    fs.closeSync(held);
  }
}

/** The image's own, without what its tree is made of now already (as rkt). A pod keeps enough of it if the image is gone. */
function manifestOf({ images, warn }: Services, entry: PodEntry, { name, imageId }: AppRecord): string {
  if (images.sound(imageId) !== undefined) {
    const { dependencies, pathWhitelist, ...rest } = JSON.parse(
      images.manifestBytes(imageId).toString('utf8'),
    ) as Record<string, unknown>;
    return JSON.stringify(rest);
  }
  const pod = readManifest(entry.path);
  const app = pod?.apps.find((one) => one.name === name);
  if (pod === undefined || app === undefined)
    throw new PodctlError('pod-damaged', `pod ${entry.id} has no manifest of app "${name}"`);
  warn(`the image of app "${name}" is in the store no more: its manifest is made of what the pod knows`);
  const { image } = app;
  return JSON.stringify({
    acKind: 'ImageManifest',
    acVersion: pod.acVersion,
    name: image.name,
    labels: image.labels,
    app: app.app,
  });
}

async function writeArchive(
  { warn }: Services,
  manifest: string,
  view: number,
  write: (bytes: Buffer) => void,
  pause: () => void,
): Promise<void> {
  const content = Buffer.from(manifest);
  const none = '' as ByteString;
  const facts = { mode: 0o644, uid: 0, gid: 0, seconds: 0, nanoseconds: 0, linkName: none, xattrs: new Map() };
  write(memberHeader({ ...facts, name: 'manifest' as ByteString, type: 'file', size: content.length }));
  write(content);
  write(paddingOf(content.length));
  const left: string[] = [];
  await packTree(view, { write, pause, leftOut: (name, what) => left.push(`${name} (${what})`) });
  write(END_OF_ARCHIVE);
  if (left.length === 0) return;
  const more = left.length > MAX_NAMED ? ` and ${left.length - MAX_NAMED} more` : '';
  warn(`left out, since an image may not contain it: ${left.slice(0, MAX_NAMED).join(', ')}${more}`);
}
