import type { Handler } from '../command';
import { jsonText } from '../present';
import { versionInfo, versionText } from '../version';
import type { spec } from './version';

export const run: Handler<typeof spec> = async ({ out }, { flags: { format } }) => {
  out.write(format === '' ? versionText() : jsonText(versionInfo(), format));
  return 0;
};
