/** The ports of a start that is watched: what goes past the file system is seen here. */
import type { Watch } from './replay';
import type { Services } from './services';

/**
 * The same services. What they are asked that no later start could see is an obstacle: another process, the network, a
 * warning that the next start has to give again.
 */
export function witnessed(services: Services, watch: Watch): Services {
  const { witness } = watch;
  const refusing =
    <Args extends unknown[], Result>(why: string, act: (...args: Args) => Result) =>
    (...args: Args): Result => {
      witness.refuse(why);
      return act(...args);
    };
  const { verifier, native, warn, web, registry, connect, keys } = services;
  return {
    ...services,
    warn: refusing('there was a warning', warn),
    web: refusing('the network was asked', web),
    registry: refusing('a registry was asked', registry),
    connect: refusing('the bus was asked', connect),
    keys: { ...keys, learn: refusing('keys were learnt', keys.learn) },
    verifier: {
      ...verifier,
      open: refusing('a signature was verified', verifier.open),
      stillTrusted: (recorded, imageName) => {
        const { expiresAt = Infinity } = recorded;
        watch.trustUntil = Math.min(watch.trustUntil, expiresAt);
        return verifier.stillTrusted(recorded, imageName);
      },
    },
    native: {
      ...native,
      openat2: (dirFd, path, ...rest) => {
        // Sources of volumes; every other root is that of a tree, which does not change.
        if (witness.pathOf(dirFd) === '/') witness.look(path, false);
        return native.openat2(dirFd, path, ...rest);
      },
      viewOverlay: (trees) => {
        const fd = native.viewOverlay(trees);
        witness.opened(fd, trees[0] ?? '');
        return fd;
      },
    },
  };
}
