/**
 * A change within the same tick of the kernel's clock (up to 10 ms) leaves the ctime as it was; what was changed so shortly ago
 * cannot be told from what it may yet become.
 */
const RACY_MS = 50;
/** The tick of file systems that keep whole seconds, or every other one. */
const RACY_SECONDS_MS = 2_000 + RACY_MS;

const NS_PER_MS = 1_000_000n;

/** True if a ctime that was read at `nowMs` tells a file from every later state of it. */
export function isSettledSince(ctimeNs: bigint, nowMs: number): boolean {
  const mayBeCoarse = ctimeNs % (1000n * NS_PER_MS) === 0n;
  return nowMs - Number(ctimeNs / NS_PER_MS) > (mayBeCoarse ? RACY_SECONDS_MS : RACY_MS);
}
