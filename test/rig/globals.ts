/** Global flags for tests that call use cases in their own process. */
import { GLOBAL_FLAGS, type Globals } from '../../stage0/cli/globals';

/** As they are when none is given, but for the data directory. */
export const initialGlobals = (dir: string): Globals => ({
  ...(Object.fromEntries(
    Object.entries(GLOBAL_FLAGS).map(([name, flag]) => [name, flag.initial]),
  ) as unknown as Globals),
  dir,
});
