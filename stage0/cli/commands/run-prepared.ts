import { command, commandSpec, required } from '../command';
import { START_FLAGS } from './pod-flags';

export const spec = commandSpec({
  name: 'run-prepared',
  summary: 'run a prepared pod',
  args: { uuid: required('UUID', 'pod') },
  flags: START_FLAGS,
  privilege: 'root',
  exitCodes: [{ status: '1–253', when: 'the status of the first app that failed' }],
  examples: [{ line: 'podctl run-prepared 5a3e', does: 'Run the pod whose UUID begins with 5a3e' }],
});

export const runPrepared = command(spec, () => import('./run-prepared.run.js'));
