/** What podctl has noted down to find things again: which image a file or a URL gave, which pod has a name. */
import fs from 'node:fs';
import { isImageId } from '#kernel/brand';
import { isErrno } from '#kernel/errors';
import { namesIn } from '../files/names-in';
import { deadNames, releaseName } from '../pod/names';
import type { Services } from './services';
import type { Problem } from './store-check';

/** Longer than writing a note takes. */
const WRITING_MS = 60_000;

export async function* checkNotes(services: Services): AsyncGenerator<Problem> {
  const { dataDir, images, native, pods, now } = services;
  for (const directory of ['sources', 'remotes']) {
    for (const name of namesIn(`${dataDir}/${directory}`)) {
      const path = `${dataDir}/${directory}/${name}`;
      const repair = { what: 'removed', act: () => remove(path) };
      const age = now() - (fs.lstatSync(path, { throwIfNoEntry: false })?.mtimeMs ?? now());
      if (name.endsWith('.tmp')) {
        if (age > WRITING_MS) yield { code: 'temporary', path, message: 'left by a process that is gone', repair };
        continue;
      }
      const id = imageOf(path);
      if (id === undefined || (isImageId(id) && images.has(id))) continue;
      yield { code: 'source-dangling', path, message: 'names an image that is not in the store', repair };
    }
  }
  const alive = new Set(pods.list().map(({ id }) => id));
  for (const { name, holder } of deadNames(dataDir, (id) => alive.has(id))) {
    const path = `${dataDir}/names/${name}`;
    const act = (): boolean => {
      releaseName(dataDir, native, name, holder);
      return true;
    };
    const message = holder === undefined ? 'names no pod' : `names pod ${holder}, which is gone`;
    yield { code: 'name-dangling', path, message, repair: { what: 'released', act } };
  }
}

/** Empty for a note that says nothing; undefined if it is gone. */
function imageOf(path: string): string | undefined {
  try {
    const { id } = JSON.parse(fs.readFileSync(path, 'utf8')) as { readonly id?: unknown };
    return typeof id === 'string' ? id : '';
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    return ''; // ignored: a note that cannot be read is worth nothing
  }
}

function remove(path: string): boolean {
  fs.rmSync(path, { force: true });
  return true;
}
