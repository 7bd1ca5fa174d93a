/** What a person sees of fetching: one line on a terminal, warnings about what has to be tried again. */
import type { FetchEvent, Observe } from '../../image/fetch/events';
import type { Context } from '../context';
import { type Progress, share } from '../progress';

interface Share {
  readonly done: number;
  readonly total?: number;
}

const SEVERAL = 'several';
/** What several downloads are called beside each other: as much of a digest as tells it from others. */
const shortName = (url: string): string => /([^/:]+)$/.exec(url)?.[1]?.slice(0, 8) ?? url;

/** Of several downloads at once (the layers of an image) each has its share of the line. */
export function fetchProgress(context: Context): Observe {
  const active = new Map<string, Share>();
  let line: { readonly label: string; readonly progress: Progress } | undefined;
  const end = (): void => {
    line?.progress.end();
    line = undefined;
  };
  const lineOf = (label: string): Progress => {
    if (line?.label === label) return line.progress;
    end();
    line = { label, progress: context.progress(label) };
    return line.progress;
  };
  const draw = (url: string, { done, total }: Share): void => {
    if (active.size <= 1) lineOf(url).update(done, total);
    else
      lineOf(SEVERAL).show(() =>
        [...active].map(([one, its]) => `${shortName(one)} ${share(its.done, its.total)}`).join(', '),
      );
  };
  return (event: FetchEvent) => {
    switch (event.event) {
      case 'downloading':
        end();
        active.set(event.url, { done: event.from, ...(event.total === undefined ? {} : { total: event.total }) });
        return;
      case 'progress':
        active.set(event.url, event);
        draw(event.url, event);
        if (event.done === event.total) active.delete(event.url);
        return;
      case 'retrying':
        end();
        if (context.isTerminal('stderr')) {
          context.err.line(`${event.reason}; trying again in ${Math.ceil(event.delayMs / 1000)} s`);
        }
        return;
      case 'passed-over':
        end();
        active.delete(event.url);
        context.debug(`${event.url}: passed over: ${event.reason}`);
        return;
      case 'waiting':
        end();
        context.debug(`${event.url}: another podctl is downloading it`);
        return;
      default:
        end();
        active.clear();
    }
  };
}
