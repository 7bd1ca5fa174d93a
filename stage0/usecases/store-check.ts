/** `store check`: finds whatever a crash, a disk or a hand left in the store, and mends it on request. */
import type { Services } from './services';
import { checkImages } from './store-check-images';
import { checkNotes } from './store-check-notes';
import { checkPermissions } from './store-check-permissions';
import { checkTrees } from './store-check-trees';

/** Stable, as the codes of errors; what each means and what becomes of it stands in store/README.md. */
export type FindingCode =
  | 'permissions'
  | 'temporary'
  | 'image-incomplete'
  | 'image-digest'
  | 'image-manifest'
  | 'tree-incomplete'
  | 'tree-changed'
  | 'source-dangling'
  | 'name-dangling'
  | 'stray';

export interface Finding {
  readonly code: FindingCode;
  readonly path: string;
  readonly message: string;
  /** What `--repair` does about it; undefined: nothing, it is for a human to decide. */
  readonly repair: string | undefined;
  readonly repaired: boolean;
}

/** A finding, and its remedy: false if it could not be applied. */
export interface Problem extends Omit<Finding, 'repair' | 'repaired'> {
  readonly repair?: { readonly what: string; readonly act: () => boolean | Promise<boolean> };
}

export interface CheckOptions {
  readonly repair: boolean;
  /** Renders every tree again to compare it: takes as long, and as much space, as the largest tree. */
  readonly deep: boolean;
}

export interface Totals {
  readonly images: { readonly count: number; readonly bytes: number };
  /** Each tree once, however many pods use it. */
  readonly trees: { readonly count: number; readonly bytes: number };
}

/** The parts in the order in which they are repaired: what is mended first may be needed to mend the rest. */
export async function checkStore(
  services: Services,
  options: CheckOptions,
  report: (finding: Finding) => void,
): Promise<Totals> {
  const tell = async ({ repair, ...finding }: Problem): Promise<void> => {
    const repaired = options.repair && repair !== undefined ? await repair.act() : false;
    report({ ...finding, repair: repair?.what, repaired });
  };
  for (const check of [checkPermissions, checkTemporaries, checkImages, checkTrees, checkNotes]) {
    for await (const problem of check(services, options)) await tell(problem);
  }
  return totals(services);
}

async function* checkTemporaries({ images }: Services): AsyncGenerator<Problem> {
  for (const path of images.temporaries()) {
    const act = (): boolean => {
      images.sweepTemporary();
      return true;
    };
    yield { code: 'temporary', path, message: 'left by a process that is gone', repair: { what: 'removed', act } };
  }
}

function totals({ images, trees }: Services): Totals {
  const sum = (sizes: readonly number[]) => ({ count: sizes.length, bytes: sizes.reduce((all, one) => all + one, 0) });
  return {
    images: sum(images.list().map(({ size }) => size)),
    trees: sum(trees.list().map(({ facts }) => facts.size)),
  };
}
