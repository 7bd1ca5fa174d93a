/** podctl.1, rendered from the same data as the help. */
import { ERRORS } from '#kernel/error-table';
import type { CommandSpec } from './command';
import type { Flags } from './flag';
import { GLOBAL_FLAGS } from './globals';
import {
  commandsBelow,
  exitStatuses,
  flagSummary,
  flagUsage,
  PROGRAM_DESCRIPTION,
  PROGRAM_SUMMARY,
  usageLine,
  visibleFlags,
} from './help';
import type { Registry } from './lookup';
import { VERSION } from './version';

/** Text as roff takes it: dashes are dashes, and no line begins with a control character. */
const roff = (text: string): string =>
  text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll('…', '...')
    .replaceAll('×', 'x')
    .replace(/^([.'])/gm, '\\&$1');

const paragraphs = (text: string): string =>
  text
    .split('\n\n')
    .map((paragraph) => roff(paragraph))
    .join('\n.PP\n');

const entry = (left: string, right: string): string => `.TP\n.B ${roff(left)}\n${roff(right)}\n`;

const flagList = (flags: Flags): string =>
  visibleFlags(flags)
    .map(([key, flag]) => entry(flagUsage(key, flag), flagSummary(flag)))
    .join('');

function commandPart(spec: CommandSpec): string {
  const parts = [
    `.SS podctl ${roff(spec.name)}\n${roff(spec.summary)}.\n.PP\n.B ${roff(usageLine(spec))}\n`,
    spec.description === undefined ? '' : `.PP\n${paragraphs(spec.description)}\n`,
    flagList(spec.flags),
    spec.images === undefined ? '' : `.PP\nEach behind its image:\n${flagList(spec.images.flags)}`,
    ...(spec.examples ?? []).map(({ line, does }) => `.PP\n${roff(does)}:\n.PP\n.nf\n.RS\n${roff(line)}\n.RE\n.fi\n`),
  ];
  const special = exitStatuses(spec).slice(1, -1);
  if (special.length > 0) parts.push('.PP\nExit status:\n', ...special.map(([status, when]) => entry(status, when)));
  return parts.join('');
}

export function manPage(registry: Registry): string {
  const errors = Object.entries(ERRORS).map(([code, { summary }]) => entry(code, summary));
  return [
    `.TH PODCTL 1 "" "podctl ${VERSION}" "User Commands"\n`,
    `.SH NAME\npodctl \\- ${roff(PROGRAM_SUMMARY)}\n`,
    '.SH SYNOPSIS\n.B podctl\n[GLOBAL OPTIONS] COMMAND [ARGUMENT...]\n',
    `.SH DESCRIPTION\n${paragraphs(PROGRAM_DESCRIPTION)}\n`,
    '.PP\nCommands may be shortened to any unambiguous prefix. A pod is named by its UUID or any unique prefix of it.\n',
    `.SH COMMANDS\n${commandsBelow(registry).map(commandPart).join('')}`,
    `.SH GLOBAL OPTIONS\n${flagList(GLOBAL_FLAGS)}`,
    '.SH EXIT STATUS\n0 for success, 254 for every failure of podctl itself; 2 if there was no command at all.\n',
    `.SH ERRORS\nEvery failure has a stable code.\n${errors.join('')}`,
    '.SH SEE ALSO\n.BR systemctl (1),\n.BR journalctl (1),\n.BR machinectl (1)\n',
  ].join('');
}
