import { formatAge, formatBytes } from '#kernel/quantity';
import { formatImageName } from '../../image/reference';
import type { StoredImage } from '../../store/cas';
import type { Trees } from '../../store/trees';
import type { Handler } from '../command';
import { jsonText, table } from '../present';
import { createServices } from '../services';
import type { Field, spec } from './image-list';
import { shortImageId, signatureJson } from './image-view';

const LEGEND: Readonly<Record<Field, string>> = {
  id: 'ID',
  name: 'NAME',
  size: 'SIZE',
  importtime: 'IMPORT TIME',
  lastused: 'LAST USED',
};

const compare = <T>(a: T, b: T): number => (a < b ? -1 : a > b ? 1 : 0);

const ORDER: Readonly<Record<Exclude<Field, 'id'>, (a: ListedImage, b: ListedImage) => number>> = {
  name: (a, b) => compare(a.name, b.name),
  size: (a, b) => sizeOf(a) - sizeOf(b),
  importtime: (a, b) => a.importedAt - b.importedAt,
  lastused: (a, b) => a.lastUsedAt - b.lastUsedAt,
};

/** With what its rendered tree takes, as in rkt; an unprivileged member of the group may not look at trees. */
interface ListedImage extends StoredImage {
  readonly treeSize: number;
}

const sizeOf = ({ size, treeSize }: ListedImage): number => size + treeSize;

export const run: Handler<typeof spec> = async (context, { flags }) => {
  const services = createServices(context);
  const treeSizes = treeSizesOf(services.trees);
  const listed = services.images.list().map((image) => ({ ...image, treeSize: treeSizes.get(image.id) ?? 0 }));
  const images = listed.sort((a, b) => {
    const difference =
      flags.sort.map((field) => ORDER[field](a, b)).find((order) => order !== 0) ?? compare(a.id, b.id);
    return flags.order === 'asc' ? difference : -difference;
  });
  if (flags.format !== '') {
    context.out.write(jsonText(images.map(imageJson), flags.format));
    return 0;
  }
  const legend = [
    ...flags.fields.map((field) => LEGEND[field]),
    ...(flags.full ? ['SIGNED BY', 'KEY OWNER', 'SIGNED AT'] : []),
  ];
  const rows = images.map((image) => [
    ...flags.fields.map((field) => cell(image, field, flags.full, context.now())),
    ...(flags.full ? signer(image) : []),
  ]);
  if (rows.length > 0 || !flags.noLegend) context.out.write(table(flags.noLegend ? rows : [legend, ...rows]));
  return 0;
};

/** A tree belongs to the image it was made for; two images never have one in common. */
function treeSizesOf(trees: Trees): ReadonlyMap<string, number> {
  const sizes = new Map<string, number>();
  for (const { facts } of trees.list()) sizes.set(facts.image, (sizes.get(facts.image) ?? 0) + facts.size);
  return sizes;
}

function cell(image: ListedImage, field: Field, full: boolean, now: number): string {
  const time = (ms: number): string => (full ? new Date(ms).toISOString() : formatAge(ms, now));
  switch (field) {
    case 'id':
      return full ? image.id : shortImageId(image.id);
    case 'name':
      return formatImageName(image.name, image.labels);
    case 'size':
      return full ? String(sizeOf(image)) : formatBytes(sizeOf(image));
    case 'importtime':
      return time(image.importedAt);
    case 'lastused':
      return time(image.lastUsedAt);
  }
}

const signer = ({ verification: found }: ListedImage): readonly string[] =>
  found === undefined
    ? ['-', '-', '-']
    : [found.fingerprint, found.keyOwner ?? '-', new Date(found.signedAt).toISOString()];

/** Times in nanoseconds since the epoch (rkt-cli.md §1.4). */
const imageJson = (image: ListedImage) => ({
  id: image.id,
  name: formatImageName(image.name, image.labels),
  import_time: image.importedAt * 1e6,
  last_used_time: image.lastUsedAt * 1e6,
  size: sizeOf(image),
  blob_size: image.size,
  tree_size: image.treeSize,
  source: image.source,
  signed_by: image.verification?.fingerprint ?? null,
  signature: signatureJson(image.verification),
});
