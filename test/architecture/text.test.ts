/** Rules that can be seen in the text of the sources. */
import { deepEqual, equal } from 'node:assert/strict';
import { PLANNERS, roomOf } from './rooms';
import { filesBelow, PRODUCT, productSources, readText, withoutComments } from './sources';

const MAX_LINES = 300;

/** `path:line: text` of every line of code that matches. */
function matches(path: string, text: string, pattern: RegExp): string[] {
  return withoutComments(text)
    .split('\n')
    .flatMap((line, index) => (pattern.test(line) ? [`${path}:${index + 1}: ${line.trim()}`] : []));
}

/** The same in many files, some excepted. */
const matchesIn = (files: readonly { path: string; text: string }[], pattern: RegExp, except: readonly string[]) =>
  files.filter(({ path }) => !except.includes(path)).flatMap(({ path, text }) => matches(path, text, pattern));

describe('sources', () => {
  const sources = productSources();
  const native = filesBelow(['stage1/native', 'stage0/front'], ['.cc', '.h']).map((path) => ({
    path,
    text: readText(path),
  }));

  it(`have at most ${MAX_LINES} lines`, () => {
    const all = filesBelow([...PRODUCT, 'test'], ['.ts', '.mjs', '.cc', '.h', '.py']);
    const long = all
      .map((path) => [path, readText(path).split('\n').length - 1] as const)
      .filter(([, lines]) => lines > MAX_LINES);
    deepEqual(long, []);
  });

  it('write through Output, never through console', () => {
    deepEqual(matchesIn(sources, /\bconsole\./, []), []);
  });

  it('load the addon in one place', () => {
    deepEqual(matchesIn(sources, /\bdlopen\b|\.node['"`]/, ['stage1/native/index.ts']), []);
  });

  it('planners read no clock, no environment, no chance, and wait for nothing', () => {
    const pure = sources.filter(({ path }) => PLANNERS.includes(roomOf(path)));
    deepEqual(matchesIn(pure, /\bprocess\.|\bDate\.now|\bnew Date\b|\bMath\.random|\bawait\b|\bsetTimeout\b/, []), []);
  });

  it('make raw system calls in sys.cc alone', () => {
    const call = /\bsyscall\s*\(|\b__NR_(?!SCMP_)|\bSYS_|\basm\s+volatile\s*\(\s*"(syscall|svc)/;
    const homes = ['stage1/native/sys.cc', 'stage1/native/sys.h'];
    deepEqual(matchesIn(native, call, homes), []);
  });

  it('know N-API in the files of addons alone', () => {
    const includes = /#\s*include\s*[<"](napi|node_api|js_native_api|node)\.h/;
    const homes = ['addon', 'seccomp_addon', 'gunzip_addon', 'layer_addon'].map((name) => `stage1/native/${name}.cc`);
    deepEqual(matchesIn(native, includes, homes), []);
  });
});

describe('withoutComments', () => {
  it('keeps line numbers, and what is no comment', () => {
    equal(withoutComments("a /* x\ny */ b // c\n'https://d' // e"), "a \n b \n'https://d' ");
  });
});
