/** docs/errors.md, made of the table of errors. As a program it writes the file. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ERRORS, type ErrorRow } from '#kernel/error-table';

export const ERRORS_DOC = join(__dirname, '../../../docs/errors.md');

const cell = (text: string): string => text.replaceAll('|', '\\|');

export function errorsDocument(): string {
  const rows: readonly (readonly [string, ErrorRow])[] = Object.entries(ERRORS);
  const lines = rows.map(
    ([code, { exit, summary, hint }]) => `| \`${code}\` | ${exit} | ${cell(summary)} | ${cell(hint ?? '')} |`,
  );
  return `# Errors

Written by \`node dist/test/runner/errors-doc.js\` from stage0/kernel/error-table.ts; a test compares them.

Every failure of podctl is told on stderr as \`podctl: COMMAND: CODE: message\`, with \`  at POSITION\` and \`  hint: …\`
below it where there is something to say; with \`--format=json\` as
\`{"error":{"code","message","hint","position","exit"}}\`. Codes are stable: never renamed, never used again. An app's own
exit status passes through \`podctl run\` unchanged, death by signal n is 128+n, and \`podctl\` without a command is 2.

| code | exit | meaning | what to do |
|---|---|---|---|
${lines.join('\n')}
`;
}

if (require.main === module) writeFileSync(ERRORS_DOC, errorsDocument());
