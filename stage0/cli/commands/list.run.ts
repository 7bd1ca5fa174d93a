import { formatAge } from '#kernel/quantity';
import { type AppView, type PodView, podStateOf, viewPods } from '../../pod/view';
import type { Handler } from '../command';
import { jsonText, table } from '../present';
import { createServices } from '../services';
import { shortImageId } from './image-view';
import type { spec } from './list';
import { podJson } from './pod-json';

const SHORT_UUID = 8;

export const run: Handler<typeof spec> = async (context, { flags }) => {
  const pods = viewPods(createServices(context).pods);
  if (flags.format !== '') {
    context.out.write(jsonText(pods.map(podJson), flags.format));
    return 0;
  }
  const time = (ms: number | undefined): string => {
    if (ms === undefined) return '';
    return flags.full ? new Date(ms).toISOString() : formatAge(ms, context.now());
  };
  const legend = [
    'UUID',
    'NAME',
    'APP',
    'IMAGE NAME',
    ...(flags.full ? ['IMAGE ID'] : []),
    'STATE',
    'CREATED',
    'STARTED',
  ];
  const rows = pods.flatMap((pod) => podRows(pod, flags.full, time));
  if (rows.length > 0 || !flags.noLegend) context.out.write(table(flags.noLegend ? rows : [legend, ...rows]));
  return 0;
};

/** One row per app; the pod's own columns stand in the first only. */
function podRows(
  pod: PodView,
  full: boolean,
  time: (ms: number | undefined) => string,
): readonly (readonly string[])[] {
  const apps: readonly (AppView | undefined)[] = pod.apps.length === 0 ? [undefined] : pod.apps;
  return apps.map((app, index) => {
    const first = index === 0;
    return [
      first ? (full ? pod.id : pod.id.slice(0, SHORT_UUID)) : '',
      first ? (pod.name ?? '-') : '',
      app?.name ?? '-',
      app?.imageName ?? '-',
      ...(full ? [app === undefined ? '-' : shortImageId(app.imageId)] : []),
      first ? podStateOf(pod) : '',
      first ? time(pod.createdAt) : '',
      first ? time(pod.startedAt) : '',
    ];
  });
}
