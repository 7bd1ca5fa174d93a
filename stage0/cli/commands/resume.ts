import { command, commandSpec, many } from '../command';
import { PAUSE_FLAGS } from './pause';

export const spec = commandSpec({
  name: 'resume',
  summary: 'let paused pods go on',
  description: 'Without --app everything of the pod goes on, apps that were paused by themselves included.',
  args: { uuids: many('UUID', 'pod') },
  flags: PAUSE_FLAGS,
  privilege: 'root',
  examples: [{ line: 'podctl resume shop', does: 'Let the pod called shop go on' }],
});

export const resume = command(spec, () => import('./resume.run.js'));
