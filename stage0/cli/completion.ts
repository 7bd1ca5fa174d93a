/** Completion scripts, rendered from the registry. */
import { bashScript } from './completion-bash';
import { fishScript } from './completion-fish';
import { type CompletionModel, completionModel } from './completion-model';
import { zshScript } from './completion-zsh';
import type { Registry } from './lookup';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

export const isShell = (word: string): word is Shell => SHELLS.some((shell) => shell === word);

const RENDER: Readonly<Record<Shell, (model: CompletionModel) => string>> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
};

export const completionScript = (shell: Shell, registry: Registry): string => RENDER[shell](completionModel(registry));
