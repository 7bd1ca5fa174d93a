import { command, commandSpec } from '../command';
import { choice, csv, toggle } from '../flag';
import { FORMATS } from '../present';

/** Columns, in the order rkt shows them. */
export const FIELDS = ['id', 'name', 'size', 'importtime', 'lastused'] as const;
export type Field = (typeof FIELDS)[number];

export const spec = commandSpec({
  name: 'image list',
  summary: 'list the images in the store',
  args: {},
  flags: {
    fields: csv('columns to show', { choices: FIELDS, default: FIELDS }),
    sort: csv('columns to sort by', { choices: ['name', 'importtime', 'lastused', 'size'], default: ['importtime'] }),
    order: choice('direction of the sort', ['asc', 'desc'], { default: 'asc' }),
    full: toggle('whole IDs, sizes in bytes, exact times, and who signed the image, and when'),
    noLegend: toggle('no header line'),
    format: choice('print JSON instead of a table', FORMATS, { default: '' }),
  },
  privilege: 'any',
});

export const imageList = command(spec, () => import('./image-list.run.js'));
