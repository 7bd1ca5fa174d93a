/** What a person sees of fetching: one line on a terminal, warnings about what has to be tried again. */
import type { FetchEvent, Observe } from '../../image/fetch/events';
import type { Context } from '../context';
import type { Progress } from '../progress';

/** Of several downloads the line shows the one that moved last. */
export function fetchProgress(context: Context): Observe {
  let line: { readonly url: string; readonly progress: Progress } | undefined;
  const end = (): void => {
    line?.progress.end();
    line = undefined;
  };
  return (event: FetchEvent) => {
    switch (event.event) {
      case 'progress':
        if (line?.url !== event.url) {
          end();
          line = { url: event.url, progress: context.progress(event.url) };
        }
        line.progress.update(event.done, event.total);
        return;
      case 'retrying':
        end();
        if (context.isTerminal('stderr')) {
          context.err.line(`${event.reason}; trying again in ${Math.ceil(event.delayMs / 1000)} s`);
        }
        return;
      case 'passed-over':
        end();
        context.debug(`${event.url}: passed over: ${event.reason}`);
        return;
      case 'waiting':
        end();
        context.debug(`${event.url}: another podctl is downloading it`);
        return;
      default:
        end();
    }
  };
}
