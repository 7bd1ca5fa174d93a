import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { PodctlError } from '#kernel/errors';
import type { Handler, Parsed } from '../../../stage0/cli/command';
import { nearest } from '../../../stage0/cli/suggest';
import { called, type enter, type gc, parse, raw, type run } from './fixture';

/** The usage error a command line gives. */
function refusal(...argv: readonly string[]): PodctlError {
  try {
    parse(...argv);
  } catch (error) {
    ok(error instanceof PodctlError, String(error));
    equal(error.code, 'usage');
    return error;
  }
  throw new Error(`accepted: ${argv.join(' ')}`);
}

describe('flags', () => {
  it('have their defaults when absent', () => {
    deepEqual(raw('gc').flags, { gracePeriod: 1_800_000, markOnly: false, pretty: true });
    deepEqual([...raw('gc').given], []);
  });

  it('take a value behind = or as the next word', () => {
    equal(raw('gc', '--grace-period=90s').flags['gracePeriod'], 90_000);
    equal(raw('gc', '--grace-period', '1h30m').flags['gracePeriod'], 5_400_000);
    deepEqual([...raw('gc', '--grace-period', '0').given], ['gracePeriod']);
  });

  it('a value may begin with a dash or contain =', () => {
    deepEqual(raw('image', 'list', '--tag', '-x', '--tag=a=b').flags['tag'], ['-x', 'a=b']);
  });

  it('booleans stand alone or take true and false behind =', () => {
    equal(raw('gc', '--mark-only').flags['markOnly'], true);
    equal(raw('gc', '--mark-only=false').flags['markOnly'], false);
    equal(raw('gc', '--pretty=0').flags['pretty'], false);
    equal(refusal('gc', '--mark-only', 'false').message, 'unexpected argument "false"');
    match(
      refusal('gc', '--mark-only=perhaps').message,
      /invalid value "perhaps" for --mark-only: neither true nor false/,
    );
  });

  it('an optional value is taken only behind =', () => {
    equal(raw('status', '--wait', 'abc').flags['wait'], true);
    equal(raw('status', '--wait=5', 'abc').flags['wait'], 5);
    equal(raw('run', '--net', 'img').flags['net'], 'default');
    equal(raw('run', '--net=host', 'img').flags['net'], 'host');
  });

  it('short and old spellings do', () => {
    equal(raw('enter', '-a', 'web', 'abc').flags['app'], 'web');
    equal(raw('enter', '-a=web', 'abc').flags['app'], 'web');
    deepEqual(raw('run', 'img', '--cap-retain=A,,B').apps[0]?.flags['capsRetain'], ['A', 'B']);
  });

  it('comma-separated and enumerated values are checked', () => {
    deepEqual(raw('image', 'list', '--fields=size,id').flags['fields'], ['size', 'id']);
    match(refusal('image', 'list', '--fields=size,colour').message, /for --fields: not one of id, name, size/);
    match(refusal('image', 'list', '--format=yaml').message, /for --format: not one of json, json-pretty/);
    equal(raw('image', 'list', '--format=').flags['format'], '');
  });

  it('an unknown one is refused, with the nearest known', () => {
    const error = refusal('gc', '--graceperiod=5m');
    equal(error.message, 'unknown flag --graceperiod');
    equal(error.hint, 'did you mean --grace-period?');
    equal(refusal('gc', '-x').message, 'unknown flag -x');
    equal(refusal('image', 'list', '--secre=1').hint, 'the flags are listed by --help', 'hidden flags are not offered');
  });

  it('a missing value is refused', () => {
    equal(refusal('gc', '--grace-period').message, '--grace-period needs a value');
    match(refusal('gc', '--grace-period=soon').message, /invalid value "soon" for --grace-period: not a duration/);
  });
});

describe('global flags', () => {
  it('stand before, between and behind the words of a command', () => {
    for (const argv of [
      ['--dir=/x', '--debug', 'image', 'list'],
      ['image', '--dir', '/x', '--debug', 'list'],
      ['image', 'list', '--debug', '--dir', '/x'],
    ]) {
      const { globals } = parse(...argv);
      equal(globals.dir, '/x');
      equal(globals.debug, true);
    }
  });

  it('have the defaults of the specification', () => {
    const { insecureOptions, ...rest } = parse('gc').globals;
    equal(insecureOptions.size, 0);
    deepEqual(rest, {
      debug: false,
      dir: undefined,
      systemConfig: '/usr/lib/podctl',
      localConfig: '/etc/podctl',
      userConfig: '',
      trustKeysFromHttps: false,
    });
  });

  it('--insecure-options takes words and groups, adds up, and refuses others', () => {
    const off = (...argv: readonly string[]): string[] => [...parse(...argv, 'gc').globals.insecureOptions].sort();
    deepEqual(off('--insecure-options=image,ondisk'), ['image']);
    deepEqual(off('--insecure-options=all-fetch'), ['http', 'image', 'pubkey', 'tls']);
    deepEqual(off('--insecure-options=all-run', '--insecure-options=tls'), ['capabilities', 'paths', 'seccomp', 'tls']);
    equal(off('--insecure-options=all').length, 8);
    deepEqual(off('--insecure-options=none'), []);
    match(refusal('--insecure-options=everything', 'gc').message, /"everything" is not one of none, image/);
  });
});

describe('commands', () => {
  it('are found by their words and by unambiguous prefixes', () => {
    equal(called('image', 'list'), 'image list');
    equal(called('im', 'l'), 'image list');
    equal(called('g'), 'gc');
    equal(called('stat'), 'status');
    equal(called('image'), 'image…');
    equal(called(), '');
  });

  it('a hidden one is found only by its whole word', () => {
    equal(called('__complete'), '__complete');
    equal(refusal('__comp').message, 'unknown command "__comp"');
  });

  it('ambiguous and unknown ones are refused with what was meant', () => {
    equal(refusal('st').hint, 'it could be status, stop');
    equal(refusal('image', 'lits').hint, 'did you mean "image list"?');
    equal(refusal('image', 'lits').message, 'unknown command "image lits"');
    equal(refusal('rnu').hint, 'did you mean "run"?');
    equal(refusal('xyzzy').hint, 'the commands are listed by podctl help');
    equal(refusal('').message, 'unknown command ""');
  });

  it('get as many arguments as they declare', () => {
    deepEqual(raw('image', 'rm', 'a', 'b').args, { images: ['a', 'b'] });
    deepEqual(raw('image', 'list').args, { images: [] });
    deepEqual(raw('status').args, { uuid: undefined });
    equal(refusal('image', 'rm').message, 'missing argument IMAGE');
    equal(refusal('image', 'rm').hint, 'usage: podctl image rm IMAGE…');
    equal(refusal('status', 'a', 'b').message, 'unexpected argument "b"');
    equal(refusal('gc', 'a').hint, 'gc takes no arguments');
  });

  it('-- ends flags', () => {
    deepEqual(raw('image', 'rm', '--', '--debug', '-x').args, { images: ['--debug', '-x'] });
    deepEqual(raw('image', 'rm', '-').args, { images: ['-'] }, 'a lone dash is an argument');
  });

  it('leadingFlags: what follows the first argument is not read', () => {
    const { args, flags } = raw('enter', '--app=web', 'abc', 'ls', '--all', '--', '-h');
    deepEqual(args, { uuid: 'abc', words: ['ls', '--all', '--', '-h'] });
    equal(flags['app'], 'web');
  });

  it('--help is heard anywhere flags are read, and needs no arguments', () => {
    equal(parse('--help').help, true);
    equal(parse('image', '-h').help, true);
    equal(parse('image', 'rm', '--help').help, true);
    equal(parse('run', 'img', '--exec', 'x', '--help').help, true);
    equal(parse('enter', 'abc', 'ls', '--help').help, false);
    equal(parse('run', 'img', '--', '--help').help, false);
  });

  it('handlers get the types of the declaration (checked by the compiler)', () => {
    const typed: Handler<typeof gc> = async (_, { flags }) => {
      const period: number = flags.gracePeriod;
      const mark: boolean = flags.markOnly;
      return period + Number(mark);
    };
    const entering: Handler<typeof enter> = async (_, { args, flags }) => {
      const uuid: string = args.uuid;
      const app: string | undefined = flags.app;
      // @ts-expect-error a command has no other flags than its own
      return [uuid, app, flags.apq, ...args.words].length;
    };
    const apps = ({ apps: [first] }: Parsed<typeof run>): readonly string[] | undefined => first?.flags.environment;
    ok([typed, entering, apps].every((handler) => typeof handler === 'function'));
  });
});

describe('nearest', () => {
  it('is the known word fewest edits away, if few enough', () => {
    equal(nearest('stauts', ['status', 'stop']), 'status');
    equal(nearest('ls', ['rm', 'gc']), undefined, 'two edits of two letters is another word');
    equal(nearest('', ['gc']), undefined);
  });
});
