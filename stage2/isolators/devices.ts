/** podctl/devices: which devices an app may open or make (cgroup-v2.rst, "Device controller"), and which it finds in /dev. */
import { type Effect, type HostFacts, IsolatorProblem, type IsolatorRow } from './types';
import { invalid, members, names } from './values';

/** null zero full random urandom tty console ptmx, and the terminals behind it: what every app has. */
export const DEFAULT_DEVICES: readonly string[] = [
  'c 1:3 rwm',
  'c 1:5 rwm',
  'c 1:7 rwm',
  'c 1:8 rwm',
  'c 1:9 rwm',
  'c 5:0 rwm',
  'c 5:1 rwm',
  'c 5:2 rwm',
  'c 136:* rwm',
];

/** The executor takes 256, those above included. */
const MAX_RULES = 200;

/** Beyond these the kernel has no numbers. */
const MAX_MAJOR = 4095;
const MAX_MINOR = 1_048_575;

/** `c 10:200 rw`, `b 8:* r`, `a *:* rwm`. A number that stands for all majors is one for all minors too: the unit knows no other. */
const RULE = /^([abc]) (\d{1,4}|\*):(\d{1,7}|\*) ([rwm]{1,3})$/;

interface Rule {
  readonly type: string;
  readonly major: string;
  readonly minor: string;
  readonly access: string;
}

function ruleOf(written: string): Rule {
  const [, type, major, minor, access] = RULE.exec(written) ?? [];
  const isNumber = (text: string, most: number): boolean => text === '*' || Number(text) <= most;
  if (type === undefined || major === undefined || minor === undefined || access === undefined) {
    throw invalid(`"${written.slice(0, 60)}" is not a rule such as "c 10:200 rw"`);
  }
  if (!isNumber(major, MAX_MAJOR) || !isNumber(minor, MAX_MINOR))
    throw invalid(`"${written}": no device has such a number`);
  if (major === '*' && minor !== '*') throw invalid(`"${written}": of all majors, only all minors can be meant`);
  if (new Set(access).size !== access.length) throw invalid(`"${written}": an access is named twice`);
  return { type, major, minor, access };
}

const written = ({ type, major, minor, access }: Rule): string => `${type} ${major}:${minor} ${access}`;

/** What DeviceAllow= of the pod's unit must say for the rule to hold: systemd.resource-control(5). */
function allowed({ type, major, minor, access }: Rule): readonly (readonly [string, string])[] {
  const kinds = type === 'a' ? ['block', 'char'] : [type === 'b' ? 'block' : 'char'];
  return kinds.map((kind) => [minor === '*' ? `${kind}-${major}` : `/dev/${kind}/${major}:${minor}`, access]);
}

/** `/dev/fuse`, `/dev/fuse:rw`: a node of the host, which the app finds at the same path. */
const PATH = /^(\/dev\/[^:]{1,255}?)(?::([rwm]{1,3}))?$/;

function nodeOf(text: string, facts: HostFacts): { readonly path: string; readonly rule: Rule } {
  const [, path, access = 'rwm'] = PATH.exec(text) ?? [];
  if (path === undefined || path.includes('\0') || path.split('/').some((part) => part === '..' || part === '.')) {
    throw invalid(`"${text.slice(0, 60)}" is not the path of a device below /dev, with or without :rwm`);
  }
  const node = facts.nodeAt?.(path);
  if (node === undefined) throw new IsolatorProblem('unenforceable', `${path} is no device of this host`);
  return { path, rule: ruleOf(`${node.type} ${node.major}:${node.minor} ${access}`) };
}

/** As the executor says it (devices.cc). */
export const UNRESTRICTED =
  'this host does not let podctl restrict devices: the kernel has no BPF for cgroups, or forbids it';

/** `{rules?, paths?}`: rules over those of the default devices, and nodes of the host with rules of their own. */
export const devices: IsolatorRow = {
  scopes: ['app'],
  facts: ['deviceNodes', 'deviceRules'],
  plan(value, { facts }): readonly Effect[] {
    const found = members(value, ['rules', 'paths']);
    const list = (name: string): readonly string[] => (found.has(name) ? names(found.get(name), name) : []);
    const nodes = list('paths').map((text) => nodeOf(text, facts));
    const rules = [...list('rules').map(ruleOf), ...nodes.map(({ rule }) => rule)];
    if (rules.length > MAX_RULES) throw invalid(`it has more than ${MAX_RULES} rules`);
    const paths = nodes.map(({ path }) => path);
    if (facts.restrictsDevices === false)
      throw new IsolatorProblem('unenforceable', UNRESTRICTED, undefined, [
        { kind: 'devices', rules: [], nodes: paths },
      ]);
    return [
      { kind: 'devices', rules: [...DEFAULT_DEVICES, ...rules.map(written)], nodes: paths },
      ...rules.flatMap(allowed).map((allow): Effect => ({ kind: 'device-allow', allow })),
    ];
  },
};
