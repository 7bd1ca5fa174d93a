/** Sizes and durations as people write and read them. */

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;

/** `7.2MiB`, `512B`. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(1).replace(/\.0$/, '')}${UNITS[unit]}`;
}

const STEP_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Milliseconds of a Go-style duration as rkt takes it (`90s`, `1h30m`, `0`), or undefined if it is not one. */
export function parseDuration(text: string): number | undefined {
  if (text === '0') return 0;
  if (!/^(?:\d+(?:\.\d+)?(?:ms|s|m|h))+$/.test(text)) return undefined;
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)) {
    total += Number(amount) * (STEP_MS[unit ?? ''] ?? Number.NaN);
  }
  return Math.round(total);
}

/** `30m0s`, `24h0m0s`, `1.5s`: the way rkt prints a duration. */
export function formatDuration(ms: number): string {
  const seconds = (ms % 60_000) / 1000;
  const minutes = Math.floor(ms / 60_000) % 60;
  const hours = Math.floor(ms / 3_600_000);
  return `${hours > 0 ? `${hours}h` : ''}${hours > 0 || minutes > 0 ? `${minutes}m` : ''}${seconds}s`;
}

/** Largest first. Sizes in seconds. */
const AGES = [
  { size: 86_400 * 365, name: 'year' },
  { size: 86_400 * 30, name: 'month' },
  { size: 86_400 * 7, name: 'week' },
  { size: 86_400, name: 'day' },
  { size: 3600, name: 'hour' },
  { size: 60, name: 'minute' },
  { size: 1, name: 'second' },
] as const;

/** "now", "5 minutes ago", "3 days ago": the age of a moment, both in milliseconds since the epoch. */
export function formatAge(thenMs: number, nowMs: number): string {
  const seconds = Math.max(0, Math.floor((nowMs - thenMs) / 1000));
  const unit = AGES.find(({ size }) => seconds >= size);
  if (unit === undefined) return 'now';
  const count = Math.floor(seconds / unit.size);
  return `${count} ${unit.name}${count === 1 ? '' : 's'} ago`;
}
