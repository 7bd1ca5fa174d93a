/** Skipping with a reason, which the runner's summary shows. */
const reasons = new WeakMap<object, string>();

/** In a test or a hook: `skip(this, 'xz is not installed')`. A hook skips all the tests it stands before. */
export function skip(context: Mocha.Context, reason: string): never {
  const running = context.test;
  if (running !== undefined) {
    const inHook = 'type' in running && running.type === 'hook';
    reasons.set(inHook ? (running.parent ?? running) : running, reason);
  }
  return context.skip();
}

/** The reason of a skipped test, or of the nearest suite around it that was skipped. */
export function reasonOf(test: Mocha.Test | Mocha.Suite): string {
  const reason = reasons.get(test);
  if (reason !== undefined) return reason;
  return test.parent === undefined || test.parent.root ? 'no reason given' : reasonOf(test.parent);
}
