import assert from 'node:assert/strict';
import { fetchProgress } from '../../../stage0/cli/commands/fetch-progress';
import { type Context, createContext } from '../../../stage0/cli/context';
import type { Output } from '../../../stage0/cli/output';
import { progressLine } from '../../../stage0/cli/progress';
import type { FetchEvent } from '../../../stage0/image/fetch/events';

const GLOBALS = {
  dir: undefined,
  systemConfig: '',
  localConfig: '',
  userConfig: '',
  debug: false,
  insecureOptions: new Set<never>(),
  trustKeysFromHttps: false,
};

describe('the progress of fetching', () => {
  const shown = (terminal: boolean, events?: readonly FetchEvent[]): string => {
    const written: string[] = [];
    const write = (text: string): void => void written.push(text);
    const err: Output = {
      write,
      line: (text) =>
        write(`${text}
`),
      closed: false,
    };
    const context: Context = {
      ...createContext('fetch', GLOBALS),
      err,
      isTerminal: () => terminal,
      progress: (label) => progressLine(label, err, terminal),
    };
    const observe = fetchProgress(context);
    if (events !== undefined) {
      events.forEach(observe);
      return written.join('');
    }
    const url = 'https://example.com/a.aci';
    observe({ event: 'downloading', url, from: 0, total: 2048 });
    observe({ event: 'progress', url, done: 1024, total: 2048 });
    observe({ event: 'retrying', url, reason: 'it broke off', delayMs: 1500 });
    observe({ event: 'progress', url, done: 2048, total: 2048 });
    observe({ event: 'failed', url, code: 'fetch-status', reason: '404' });
    return written.join('');
  };

  it('is a line on a terminal, which every message takes away', () => {
    const erase = '\r\u001b[K';
    const line = (size: string): string => `${erase}https://example.com/a.aci: ${size} of 2KiB${erase}`;
    assert.equal(shown(true), `${line('1KiB')}it broke off; trying again in 2 s\n${line('2KiB')}`);
  });
  it('has a share for each of several at once', () => {
    const blob = (letter: string): string => `https://example.com/v2/a/blobs/sha256:${letter.repeat(64)}`;
    const line = shown(true, [
      { event: 'downloading', url: blob('a'), from: 0, total: 4096 },
      { event: 'downloading', url: blob('b'), from: 1024, total: 2048 },
      { event: 'progress', url: blob('a'), done: 1024, total: 4096 },
    ]);
    assert.equal(line, '\r\u001b[Kaaaaaaaa 1KiB of 4KiB, bbbbbbbb 1KiB of 2KiB');
  });
  it('is nothing anywhere else', () => assert.equal(shown(false), ''));
});
