/** Labels of Linux security modules, of an app or of all apps of a pod (appc I13): the app's own wins. */
import { type Effect, IsolatorProblem, type IsolatorRow, type Scope } from './types';
import { invalid, members, text } from './values';

const MAX_PART = 256;

/** A part of a SELinux context; the level alone may have colons, commas and dots (`s0:c1,c2`). */
const part = (value: unknown, what: string, syntax: RegExp): string => {
  const written = text(value, what);
  if (written.length <= MAX_PART && syntax.test(written)) return written;
  throw invalid(`${what} is not part of a security context`);
};

const NAME = /^[A-Za-z0-9_.-]+$/;
const LEVEL = /^[A-Za-z0-9_.,:-]+$/;

const label = (module: 'selinux' | 'apparmor', value: string, scope: Scope): Effect => ({
  kind: 'label',
  module,
  value,
  scope,
});

/** `{user, role, type, level}` */
export const selinuxContext: IsolatorRow = {
  scopes: ['app', 'pod'],
  facts: ['security'],
  plan(value, { facts, scope }) {
    const found = members(value, ['user', 'role', 'type', 'level']);
    const names = ['user', 'role', 'type'].map((name) => part(found.get(name), `"${name}"`, NAME));
    const context = [...names, part(found.get('level'), '"level"', LEVEL)].join(':');
    if (facts.security?.selinux !== true)
      throw new IsolatorProblem('unenforceable', 'this host does not enforce SELinux');
    return [label('selinux', context, scope)];
  },
};

/** `{profile}` */
export const apparmorProfile: IsolatorRow = {
  scopes: ['app', 'pod'],
  facts: ['security'],
  plan(value, { facts, scope }) {
    const profile = text(members(value, ['profile']).get('profile'), '"profile"');
    if (profile.length > MAX_PART || !/^[!-~][ -~]*$/.test(profile))
      throw invalid('"profile" is not the name of a profile');
    const profiles = facts.security?.profiles;
    if (profiles === undefined) throw new IsolatorProblem('unenforceable', 'this host does not enforce AppArmor');
    if (profile !== 'unconfined' && !profiles.includes(profile)) {
      throw new IsolatorProblem(
        'unenforceable',
        `the profile "${profile}" is not loaded on this host`,
        'load it with apparmor_parser(8)',
      );
    }
    return [label('apparmor', profile, scope)];
  },
};
