import { command, commandSpec, required } from '../command';

export const spec = commandSpec({
  name: 'completion',
  summary: 'print the completion script for a shell',
  description: 'The shell is bash, zsh or fish. The script completes commands, flags, their values, pods and images.',
  args: { shell: required('SHELL') },
  flags: {},
  privilege: 'any',
  examples: [
    { line: 'source <(podctl completion bash)', does: 'Complete in this bash' },
    { line: 'podctl completion fish > ~/.config/fish/completions/podctl.fish', does: 'Complete in every fish' },
  ],
});

export const completion = command(spec, () => import('./completion.run.js'));
