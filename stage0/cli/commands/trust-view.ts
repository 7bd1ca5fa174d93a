/** Keys as `podctl trust --list` shows them. */
import type { ListedKey } from '../../image/verify/inventory';

const LEGEND = ['PREFIX', 'FINGERPRINT', 'STATE', 'ALGORITHM', 'CREATED', 'EXPIRES', 'REVIEWED', 'OWNER', 'PATH'];

const date = (ms: number): string => new Date(ms).toISOString().slice(0, 10);

export const keyTable = (keys: readonly ListedKey[]): readonly (readonly string[])[] => [
  LEGEND,
  ...keys.map(({ file, state, facts }) => [
    file.prefix === '' ? '(root)' : file.prefix,
    file.fingerprint.toUpperCase(),
    state,
    facts?.algorithm ?? '-',
    facts === undefined ? '-' : date(facts.createdAt),
    facts === undefined ? '-' : facts.expiresAt === undefined ? 'never' : date(facts.expiresAt),
    facts?.admission?.reviewed ?? '-',
    facts?.userIds.join(', ') ?? '-',
    file.path,
  ]),
];

const nanoseconds = (ms: number): number => ms * 1e6;

/** Times in nanoseconds since the epoch, as in every JSON of podctl; `expires_at` null: never, or not known. */
export const keyJson = ({ file, state, revoked, facts, problem }: ListedKey) => ({
  prefix: file.prefix,
  root: file.prefix === '',
  fingerprint: file.fingerprint.toUpperCase(),
  state,
  masked: state === 'masked' || state === 'mask',
  revoked,
  user_ids: facts?.userIds ?? [],
  algorithm: facts?.algorithm ?? null,
  created_at: facts === undefined ? null : nanoseconds(facts.createdAt),
  expires_at: facts?.expiresAt === undefined ? null : nanoseconds(facts.expiresAt),
  subkeys: (facts?.subkeys ?? []).map(({ fingerprint, algorithm, createdAt, standing }) => ({
    fingerprint,
    algorithm,
    standing,
    created_at: nanoseconds(createdAt),
  })),
  layer: file.layer,
  path: file.path,
  added_at: facts?.admission?.at ?? null,
  added_from: facts?.admission?.from ?? null,
  reviewed: facts?.admission?.reviewed ?? null,
  problem: problem ?? null,
});
