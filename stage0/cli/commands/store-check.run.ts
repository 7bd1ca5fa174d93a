import { formatBytes } from '#kernel/quantity';
import { checkStore, type Finding } from '../../usecases/store-check';
import type { Handler } from '../command';
import { jsonText, printable } from '../present';
import { createServices } from '../services';
import type { spec } from './store-check';

const WRONG = 1;

export const run: Handler<typeof spec> = async (context, { flags }) => {
  const findings: Finding[] = [];
  const totals = await checkStore(createServices(context), flags, (finding) => {
    findings.push(finding);
    if (flags.format === '') context.out.line(sentence(finding));
  });
  if (flags.format !== '') context.out.write(jsonText({ findings, ...totals }, flags.format));
  else {
    const { images, trees } = totals;
    context.err.line(
      `${images.count} image(s), ${formatBytes(images.bytes)}; ${trees.count} tree(s), ${formatBytes(trees.bytes)}; ` +
        `${findings.length} finding(s)`,
    );
  }
  return findings.every(({ repaired }) => repaired) ? 0 : WRONG;
};

function sentence({ code, path, message, repair, repaired }: Finding): string {
  const remedy = repaired ? repair : repair === undefined ? 'not repaired by podctl' : `--repair: ${repair}`;
  return printable(`${code}: ${path}: ${message} (${remedy})`);
}
