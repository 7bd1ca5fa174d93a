import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { completionScript, SHELLS } from '../../../stage0/cli/completion';
import { helpText } from '../../../stage0/cli/help';
import { descend, ROOT, type Topic } from '../../../stage0/cli/lookup';
import { manPage } from '../../../stage0/cli/man';
import { REGISTRY } from '../../../stage0/cli/registry';
import { registry } from './fixture';

const help = (...words: readonly string[]): string =>
  helpText(
    words.reduce<Topic>((topic, word) => descend(registry, topic, word), ROOT),
    registry,
  );

const titles = (text: string): string[] => [...text.matchAll(/^([A-Z].*):$/gm)].map(([, title]) => title ?? '');

describe('help', () => {
  it('has the sections of rkt’s template', () => {
    deepEqual(titles(help()), ['NAME', 'USAGE', 'VERSION', 'COMMANDS', 'DESCRIPTION', 'GLOBAL OPTIONS']);
    deepEqual(titles(help('image')), ['NAME', 'USAGE', 'COMMANDS', 'GLOBAL OPTIONS']);
    deepEqual(titles(help('image', 'list')), [
      'NAME',
      'USAGE',
      'DESCRIPTION',
      'OPTIONS',
      'GLOBAL OPTIONS',
      'EXAMPLES',
      'EXIT STATUS',
    ]);
  });

  it('shows flags with value, choices, default and repetition, and hides what is hidden', () => {
    const text = help('image', 'list');
    match(text, /--fields=A,B,… +columns \(any of id, name, size; default id,name\)/);
    match(text, /--format=json\|json-pretty +JSON instead of a table\n/);
    match(text, /--tag=K=V +label \(may be repeated\)/);
    ok(!text.includes('--secret'));
    ok(!help().includes('__complete'));
    match(help('run'), /--net\[=NET\]/);
    match(help('run'), /IMAGE OPTIONS \(each behind its image\):\n +--exec=PATH/);
  });

  it('shows how arguments are written', () => {
    match(help('enter'), /podctl enter \[OPTIONS\] UUID \[CMD…\]/);
    match(help('run'), /podctl run \[OPTIONS\] IMAGE \[IMAGE OPTIONS\] \[-- ARGUMENT…\] \[--- IMAGE/);
    match(help('status'), /\[UUID\]/);
  });

  it('no line is wider than a terminal of 100 columns, for any command there is', () => {
    const topics: Topic[] = [ROOT, ...REGISTRY.commands.map((command): Topic => ({ kind: 'command', command }))];
    for (const line of topics.flatMap((topic) => helpText(topic, REGISTRY).split('\n'))) {
      ok(line.length <= 100 || /podctl /.test(line), line);
    }
  });
});

describe('the registry', () => {
  it('every command has what the documents need', () => {
    for (const { spec } of REGISTRY.commands) {
      match(spec.name, /^[a-z_-]+( [a-z-]+)?$/);
      ok(/^[^A-Z].*[^.]$/.test(spec.summary), `${spec.name}: summary "${spec.summary}"`);
      const args = Object.values(spec.args);
      ok(
        args.slice(0, -1).every((arg) => !arg.repeated && arg.min === 1),
        `${spec.name}: only the last may be open`,
      );
      const [group = '', leaf] = spec.name.split(' ');
      ok(leaf === undefined || Object.hasOwn(REGISTRY.groups, group), `${spec.name}: its group has no description`);
    }
    const names = REGISTRY.commands.map(({ spec }) => spec.name);
    equal(new Set(names).size, names.length);
  });

  it('no command has a flag of the globals’ names', () => {
    for (const { spec } of REGISTRY.commands) {
      const own = [...Object.keys(spec.flags), ...Object.keys(spec.images?.flags ?? {})];
      deepEqual(
        own.filter((key) => ['debug', 'dir', 'help', 'insecureOptions', 'systemConfig', 'localConfig'].includes(key)),
        [],
        spec.name,
      );
    }
  });
});

describe('man page', () => {
  it('has every command and flag, and dashes that copy as dashes', () => {
    const page = manPage(registry);
    match(page, /\.SS podctl image list\n/);
    match(page, /\.B \\-\\-grace\\-period=DURATION/);
    ok(!page.includes('__complete'));
    ok(!/[^\\]-[^\n]/.test(page.replace(/^\.SH NAME.*$/gm, '')), 'an unescaped dash');
  });
});

/** What bash offers for the last of the words. */
function bashOffers(...words: readonly string[]): string[] {
  const script = `
${completionScript('bash', registry)}
podctl() { if [[ $2 == pods ]]; then echo 5a3e 77aa; else echo sha512-1; fi; }
COMP_WORDS=(podctl "$@") COMP_CWORD=$#
_podctl
printf '%s\\n' "\${COMPREPLY[@]}"`;
  const text = execFileSync('bash', ['-c', script, 'bash', ...words], { encoding: 'utf8' });
  return text.split('\n').filter((line) => line !== '');
}

describe('completion', () => {
  for (const shell of SHELLS) {
    it(`${shell}: names every command and visible flag`, () => {
      const script = completionScript(shell, registry);
      for (const { spec } of registry.commands) {
        if (spec.hidden !== true) ok(script.includes(spec.name.split(' ').at(-1) ?? ''), spec.name);
      }
      for (const word of ['grace-period', 'caps-retain', 'insecure-options', 'json-pretty'])
        ok(script.includes(word), word);
      ok(!script.includes('secret'));
    });
  }

  it('bash: commands', () => {
    deepEqual(bashOffers('st'), ['status', 'stop']);
    deepEqual(bashOffers('image', ''), ['list', 'rm']);
    deepEqual(bashOffers('--debug', '--dir', '/x', 'im'), ['image']);
  });

  it('bash: flags and their values', () => {
    deepEqual(bashOffers('image', 'list', '--f'), ['--fields', '--format']);
    deepEqual(bashOffers('image', 'list', '--format', 'json-'), ['json-pretty']);
    deepEqual(bashOffers('image', 'list', '--format', '=', 'json-'), ['json-pretty']);
    deepEqual(bashOffers('image', 'list', '--format', '='), ['json', 'json-pretty']);
    deepEqual(bashOffers('run', 'img', '--ca'), ['--caps-retain']);
    deepEqual(bashOffers('gc', '--insecure-options', 'all-'), ['all-fetch', 'all-run']);
  });

  it('bash: pods and images, asked of podctl', () => {
    deepEqual(bashOffers('stop', '5'), ['5a3e']);
    deepEqual(bashOffers('image', 'rm', 'sha'), ['sha512-1']);
    deepEqual(bashOffers('status', '--wait', '7'), ['77aa'], 'an optional value does not take the next word');
    deepEqual(bashOffers('run', 'img', '--', '--d'), [], 'nothing among an app’s arguments');
  });
});
