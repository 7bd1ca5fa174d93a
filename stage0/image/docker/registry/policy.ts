/** What an image of a registry has to prove before it may be used (kind `imagePolicy` of policy.d, and `--signed`). */

import { PodctlError } from '#kernel/errors';
import type { PolicySetting } from '../../../config/kinds';
import { mostSpecific, normalPrefix } from './reference';

export type PolicyTable = ReadonlyMap<string, PolicySetting>;

/** The prefix that stands for every repository. */
const EVERYTHING = '*';

const bareOf = (prefix: string): string => (prefix === EVERYTHING ? '' : normalPrefix(prefix));

export interface Decision extends PolicySetting {
  /** As the rule writes it; undefined: no rule covers the repository. */
  readonly prefix: string | undefined;
  /** Whether `--signed` asks for more than the rule does. */
  readonly demanded: boolean;
}

/**
 * The rule with the longest prefix that covers a repository decides; without one, digests do.
 * @param signed `--signed`: digests alone do not
 */
export function decide(policies: PolicyTable, repository: string, signed: boolean): Decision {
  const found = mostSpecific(policies, repository, bareOf);
  const { require = 'digest-only', keys, signedAs } = found?.value ?? {};
  const demanded = signed && require === 'digest-only';
  return { require: demanded ? 'signature' : require, keys, signedAs, prefix: found?.written, demanded };
}

/** @throws PodctlError `policy-rejected` */
export function requireAllowed({ require, prefix }: Decision, repository: string): void {
  if (require !== 'reject') return;
  throw new PodctlError('policy-rejected', `images of ${repository} are rejected by the policy for "${prefix}"`);
}

/** `example.com/shop/web` by the rule for `example.com/shop` signed as `build.example.com` is `build.example.com/web`. */
export function signedName({ prefix, signedAs }: Pick<Decision, 'prefix' | 'signedAs'>, repository: string): string {
  if (signedAs === undefined || prefix === undefined) return repository;
  const bare = bareOf(prefix);
  const rest = bare === '' ? repository : repository.slice(bare.length + 1);
  return [normalPrefix(signedAs), rest].filter((part) => part !== '').join('/');
}
