import { deepEqual, equal, ok } from 'node:assert/strict';
import { homeless, impureWays, roomOf, wrongWays } from './rooms';
import { productSources, type Source, scanImports } from './sources';

/** A source that is not there, to see the rules refuse. */
const imagined = (path: string, text: string): Source => ({ path, text, imports: scanImports(path, text) });

describe('import direction', () => {
  const sources = productSources();

  it('finds the sources, and the imports in them', () => {
    ok(sources.length > 20);
    ok(sources.every(({ imports }) => imports.every(({ specifier }) => specifier !== '')));
    ok(
      sources.find(({ path }) => path === 'stage0/main.ts')?.imports.some(({ file }) => file === 'stage0/cli/help.ts'),
    );
  });

  it('every relative import leads to a file', () => {
    const known = new Set(sources.map(({ path }) => path));
    const lost = sources.flatMap(({ path, imports }) =>
      imports
        .filter(({ file }) => file !== undefined && !known.has(file))
        .map(({ specifier }) => `${path}: ${specifier}`),
    );
    deepEqual(lost, []);
  });

  it('every file is in a room', () => deepEqual(homeless(sources), []));
  it('no import runs upward', () => deepEqual(wrongWays(sources), []));
  it('planners reach no module of Node or npm', () => deepEqual(impureWays(sources), []));
});

describe('the rules of import direction', () => {
  it('print the way that leads to the offence', () => {
    const main = imagined('stage0/main.ts', "import { a } from './cli/context';");
    const cli = imagined('stage0/cli/context.ts', "import { b } from '../pod/state';");
    const pod = imagined('stage0/pod/state.ts', "import { REGISTRY } from '../cli/registry';");
    deepEqual(wrongWays([main, cli, pod]), [
      'stage0/main.ts → stage0/cli/context.ts → stage0/pod/state.ts → stage0/cli/registry.ts (stage0/pod may not import stage0/cli)',
    ]);
  });

  it('areas may know one another’s types, and use the code of those below', () => {
    const typed = imagined(
      'stage0/pod/a.ts',
      "import type { X } from '../store/cas';\nimport { type Y } from '../store/cas';",
    );
    const coded = imagined('stage0/pod/b.ts', "import { type X, y } from '../store/cas';");
    deepEqual(wrongWays([typed]), []);
    equal(wrongWays([coded]).length, 0, 'pod stands above store');
    const upward = imagined('stage0/store/b.ts', "import { x } from '../pod/state';");
    equal(wrongWays([upward]).length, 1);
    const peer = imagined('stage0/pod/c.ts', "import { x } from '../image/fetch/file';");
    deepEqual(wrongWays([peer]), [
      'stage0/pod/c.ts → stage0/image/fetch/file.ts (stage0/pod may import only types of stage0/image/fetch)',
    ]);
  });

  it('stages know nothing of stage0 but the kernel', () => {
    const stage2 = imagined(
      'stage2/user.ts',
      "import { x } from '#kernel/errors';\nimport type { P } from '../stage0/pod/state';",
    );
    equal(wrongWays([stage2]).length, 1);
  });

  it('a planner is impure through another file, too', () => {
    const plan = imagined('stage1/plan/op.ts', "import { u } from '../../units/name';");
    const unit = imagined('units/name.ts', "import fs from 'node:fs';");
    deepEqual(impureWays([plan, unit]), ['stage1/plan/op.ts → units/name.ts → node:fs']);
  });

  it('the scanner sees every form of import', () => {
    const text = `
      import a from 'one';
      import * as b from "two";
      import {
        c,
        type D,
      } from 'three';
      import type { E } from 'four';
      export { f } from 'five';
      export * from 'six';
      import 'seven';
      const g = await import('eight');
      const h = require('nine') as typeof import('ten');
      // import i from 'comment';
      /* import j from 'comment'; */
      import { type K, type L } from 'eleven';`;
    const found = scanImports('stage0/x.ts', text).map(({ specifier, typeOnly }) =>
      typeOnly ? `(${specifier})` : specifier,
    );
    deepEqual(found, ['one', 'two', 'three', '(four)', 'five', 'six', '(eleven)', 'seven', 'eight', 'nine', '(ten)']);
  });

  it('a room is the folder, with the kernel apart', () => {
    equal(roomOf('stage0/kernel/errors.ts'), 'kernel');
    equal(roomOf('stage0/image/fetch/file.ts'), 'stage0/image/fetch');
    equal(roomOf('stage0/image/schema.ts'), 'stage0/image');
    equal(roomOf('stage2/user.ts'), 'stage2');
  });
});
