import { PodctlError } from '#kernel/errors';
import { appStateOf, viewPod } from '../../pod/view';
import type { Handler } from '../command';
import { jsonText, table } from '../present';
import { createServices } from '../services';
import type { spec } from './app-list';
import { podArgument } from './pod-argument';
import { appJson } from './pod-json';

export const run: Handler<typeof spec> = async (context, { args, flags }) => {
  const services = createServices(context);
  const entry = podArgument(services, args.uuid);
  const pod = viewPod(services.pods, entry);
  if (pod === undefined) throw new PodctlError('pod-not-found', `pod ${entry.id} is being removed`);
  if (flags.format !== '') {
    context.out.write(
      jsonText(
        pod.apps.map((app) => appJson(pod, app)),
        flags.format,
      ),
    );
    return 0;
  }
  const rows = pod.apps.map((app) => [app.name, appStateOf(app)]);
  context.out.write(table(flags.noLegend ? rows : [['NAME', 'STATE'], ...rows]));
  return 0;
};
