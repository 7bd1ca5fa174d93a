/** Which image of an index fits a platform, as Docker and containerd choose. */
import { PodctlError } from '#kernel/errors';
import type { IndexEntry, WantedPlatform } from './documents';

/** Go's names of Node's architectures (`GOARCH`). */
const ARCHITECTURES: Readonly<Record<string, string>> = {
  x64: 'amd64',
  arm64: 'arm64',
  ia32: '386',
  arm: 'arm',
  ppc64: 'ppc64le',
  s390x: 's390x',
  riscv64: 'riscv64',
  loong64: 'loong64',
  mips64el: 'mips64le',
};
/** As uname(1) and packagers call them. */
const ALIASES: Readonly<Record<string, string>> = {
  x86_64: 'amd64',
  'x86-64': 'amd64',
  i386: '386',
  i686: '386',
  aarch64: 'arm64',
  armhf: 'arm/v7',
  armel: 'arm/v6',
};
const MAX_SHOWN = 20;

export const hostPlatformOfImages = (): WantedPlatform => ({
  os: 'linux',
  architecture: ARCHITECTURES[process.arch] ?? process.arch,
});

/** `linux/arm/v7`, `linux/arm64`, `arm64`. @throws PodctlError `usage` */
export function parsePlatform(written: string): WantedPlatform {
  const parts = written.toLowerCase().split('/');
  const [os, rest] = parts.length === 1 ? ['linux', parts] : [parts[0], parts.slice(1)];
  const [architecture = '', variant, ...more] = (ALIASES[rest.join('/')] ?? rest.join('/')).split('/');
  const isWord = (word: string | undefined): boolean => word !== undefined && /^[a-z0-9_.-]+$/.test(word);
  if (isWord(os) && isWord(architecture) && (variant === undefined || isWord(variant)) && more.length === 0)
    return { os: os ?? '', architecture, ...(variant === undefined ? {} : { variant }) };
  throw new PodctlError('usage', `--platform=${written}: not OS/ARCHITECTURE[/VARIANT], for example linux/arm/v7`);
}

export const formatPlatform = ({ os, architecture, variant }: WantedPlatform): string =>
  [os, architecture, ...(variant === undefined || variant === '' ? [] : [variant])].join('/');

/** The oldest processors of a kind that a variant runs on; an image for an older one runs on all newer. */
const number = ({ architecture, variant = '' }: WantedPlatform): number => {
  const match = /^v([0-9]{1,2})/.exec(variant);
  if (match?.[1] !== undefined) return Number(match[1]);
  return architecture === 'arm' ? 7 : architecture === 'arm64' ? 8 : 1;
};

const fits = (offered: WantedPlatform, wanted: WantedPlatform): boolean =>
  offered.os === wanted.os &&
  offered.architecture === wanted.architecture &&
  (wanted.architecture === 'arm' || wanted.architecture === 'arm64' || wanted.architecture === 'amd64'
    ? number(offered) <= number(wanted)
    : wanted.variant === undefined || offered.variant === wanted.variant);

/**
 * The best entry: the newest variant that the platform can execute, the first of equals. Entries without a platform count only
 * if they are alone.
 * @throws PodctlError `image-platform-missing`, with what there is
 */
export function choosePlatform(entries: readonly IndexEntry[], wanted: WantedPlatform): IndexEntry {
  const [only, ...others] = entries;
  if (only !== undefined && others.length === 0 && only.platform === undefined) return only;
  let best: IndexEntry | undefined;
  for (const entry of entries) {
    if (entry.platform === undefined || !fits(entry.platform, wanted)) continue;
    if (best?.platform === undefined || number(entry.platform) > number(best.platform)) best = entry;
  }
  if (best !== undefined) return best;
  // Attestations are entries, too.
  const offered = entries.flatMap(({ platform }) =>
    platform === undefined || platform.os === 'unknown' ? [] : [platform],
  );
  throw missing(offered, wanted);
}

function missing(platforms: readonly WantedPlatform[], wanted: WantedPlatform): PodctlError {
  const offered = [...new Set(platforms.map(formatPlatform))];
  const more = offered.length > MAX_SHOWN ? ` and ${offered.length - MAX_SHOWN} more` : '';
  const there = offered.length === 0 ? 'no platform' : `${offered.slice(0, MAX_SHOWN).join(', ')}${more}`;
  return new PodctlError(
    'image-platform-missing',
    `the image is not there for ${formatPlatform(wanted)}, but for ${there}`,
    {
      hint: 'choose one of these with --platform',
    },
  );
}

/** Of an image that is not one of several, its configuration says what it is for. @throws PodctlError `image-platform-missing` */
export function requireForPlatform({ os, architecture, variant }: WantedPlatform, wanted: WantedPlatform): void {
  const offered = { os, architecture, ...(variant === undefined ? {} : { variant }) };
  if (architecture === '' || fits(offered, wanted)) return;
  throw missing([offered], wanted);
}
