import { PodctlError } from '#kernel/errors';
import { readManifest } from '../../pod/manifest';
import type { Handler } from '../command';
import { jsonText } from '../present';
import { createServices } from '../services';
import type { spec } from './cat-manifest';
import { podArgument } from './pod-argument';

export const run: Handler<typeof spec> = async (context, { args, flags }) => {
  const pod = podArgument(createServices(context), args.uuid, flags.uuidFile);
  const manifest = readManifest(pod.path);
  if (manifest === undefined)
    throw new PodctlError('pod-wrong-state', `pod ${pod.id} was not prepared, so it has no manifest`);
  context.out.write(jsonText(manifest, flags.prettyPrint ? 'json-pretty' : 'json'));
  return 0;
};
