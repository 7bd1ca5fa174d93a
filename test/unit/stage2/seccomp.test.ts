import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { PodctlError } from '#kernel/errors';
import { CAPABILITIES, type Capability, DEFAULT_CAPABILITIES } from '../../../stage2/capabilities';
import { planIsolators } from '../../../stage2/isolators/plan';
import { SECCOMP_REMOVE, SECCOMP_RETAIN } from '../../../stage2/isolators/seccomp';
import { deniedNames } from '../../../stage2/seccomp/default-list';
import { errnoNumber } from '../../../stage2/seccomp/errno';
import { DEFAULT_POLICY, isOptOut, policyKey, RULES_VERSION, type SeccompPolicy } from '../../../stage2/seccomp/policy';
import { filterOf, LIFE_CYCLE } from '../../../stage2/seccomp/rules';
import { namesOf, WILDCARDS } from '../../../stage2/seccomp/sets';

const DEFAULTS = new Set<Capability>(DEFAULT_CAPABILITIES);
const policy = (mode: SeccompPolicy['mode'], set: readonly string[], errno?: number): SeccompPolicy => ({
  mode,
  set,
  errno,
});
const plan = (...isolators: { name: string; value: unknown }[]) =>
  planIsolators({ app: 'web', isolators, facts: { controllers: [] }, lenient: false });
const policyOf = (name: string, value: unknown): SeccompPolicy | undefined =>
  plan({ name, value }).effects.flatMap((effect) => (effect.kind === 'seccomp' ? [effect.policy] : []))[0];
const refusal = (name: string, value: unknown, message: RegExp) =>
  assert.throws(
    () => plan({ name, value }),
    (error) => error instanceof PodctlError && error.code === 'isolator-invalid' && message.test(error.message),
  );
/** What becomes of a call without regard to its arguments; `if` where they count. */
const fate = (made: ReturnType<typeof filterOf>, name: string) => {
  const rules = made.rules.filter(({ syscall }) => syscall === name);
  const [first] = rules;
  return first === undefined ? made.otherwise : first.when === undefined ? first.action : 'if';
};

describe('stage2: seccomp isolators', () => {
  it('I7 take a set, sorted and each once', () =>
    assert.deepEqual(
      policyOf(SECCOMP_REMOVE, { set: ['reboot', 'mount', 'reboot'], errno: 'EPERM' }),
      policy('remove', ['mount', 'reboot'], 1),
    ));
  it('I7 I10 refuse an empty set', () => {
    refusal(SECCOMP_REMOVE, { set: [] }, /"set" is empty/);
    refusal(SECCOMP_RETAIN, { set: [] }, /"set" is empty/);
    refusal(SECCOMP_RETAIN, {}, /"set"/);
  });
  it('I8 an empty errno, or none, kills', () => {
    assert.equal(policyOf(SECCOMP_RETAIN, { set: ['read'], errno: '' })?.errno, undefined);
    assert.equal(policyOf(SECCOMP_RETAIN, { set: ['read'] })?.errno, undefined);
    assert.equal(filterOf(policy('retain', ['read']), DEFAULTS).otherwise, 'kill');
  });
  it('I9 knows the errors of C99 and POSIX.1-2001, and those of Linux', () => {
    const named = {
      EDOM: 33,
      ERANGE: 34,
      EILSEQ: 84,
      EPERM: 1,
      ENOSYS: 38,
      ENOTSUP: 95,
      EOPNOTSUPP: 95,
      EWOULDBLOCK: 11,
      EAGAIN: 11,
      EDEADLK: 35,
      EDEADLOCK: 35,
      ENOLINK: 67,
      EMULTIHOP: 72,
      EBADMSG: 74,
      EOVERFLOW: 75,
      ECANCELED: 125,
      EOWNERDEAD: 130,
      ENOTRECOVERABLE: 131,
      EHWPOISON: 133,
      EXFULL: 54,
      EDQUOT: 122,
      ESTALE: 116,
    };
    assert.deepEqual(Object.fromEntries(Object.keys(named).map((name) => [name, errnoNumber(name)])), named);
  });
  it('I9 agrees with Node where both know an error', async () => {
    const { constants } = await import('node:os');
    for (const [name, number] of Object.entries(constants.errno)) assert.equal(errnoNumber(name), number, name);
  });
  for (const errno of ['EWHAT', '-', '1', 'eperm', 'constructor']) {
    it(`I9 refuses the error ${errno}`, () => refusal(SECCOMP_REMOVE, { set: ['mount'], errno }, /there is no error/));
  }
  it('I9 takes one per app, and not both kinds', () => {
    const both = [SECCOMP_REMOVE, SECCOMP_RETAIN].map((name) => ({ name, value: { set: ['mount'] } }));
    assert.throws(() => plan(...both), /exclude each other/);
    const twice = { name: SECCOMP_REMOVE, value: { set: ['mount'] } };
    assert.throws(() => plan(twice, twice), /given twice/);
  });
  it('I9 handles every scope, and refuses wildcards that stand for nothing', () => {
    for (const wildcard of WILDCARDS) assert.ok(policyOf(SECCOMP_RETAIN, { set: [wildcard] }), wildcard);
    for (const name of ['@systemd/nope', '@rkt/', '@other/default-whitelist', '@'])
      refusal(SECCOMP_REMOVE, { set: [name] }, /wildcard|not the name/);
  });
  it('refuses what is no name at all', () => {
    for (const name of ['', 'READ', 'a b', 'x\n', 'a'.repeat(70)])
      refusal(SECCOMP_RETAIN, { set: [name] }, /not the name/);
  });
  it('I7 refuses to remove what no program lives without', () => {
    for (const name of LIFE_CYCLE) refusal(SECCOMP_REMOVE, { set: [name] }, /no app begins or ends/);
  });
  it('I9 I10 know both ways to opt out', () => {
    assert.ok(isOptOut(policy('remove', ['@appc.io/empty'])));
    assert.ok(isOptOut(policy('retain', ['@appc.io/all'])));
    assert.ok(!isOptOut(policy('remove', ['@appc.io/all'])) && !isOptOut(policy('retain', ['@appc.io/empty'])));
    assert.ok(!isOptOut(DEFAULT_POLICY));
  });
});

describe('stage2: filters', () => {
  it('I7 a remove-set is the union with the default blacklist; others are not blocked', () => {
    const made = filterOf(policy('remove', ['mkdir'], 13), DEFAULTS);
    assert.equal(made.otherwise, 'allow');
    assert.equal(made.foreign, 13);
    for (const name of ['mkdir', ...deniedNames(DEFAULTS)]) assert.equal(fate(made, name), 13, name);
    assert.equal(made.rules.length, new Set(['mkdir', ...deniedNames(DEFAULTS)]).size);
  });
  it('I7 removing everything leaves the life cycle', () => {
    const made = filterOf(policy('remove', ['@appc.io/all'], 1), DEFAULTS);
    assert.deepEqual([made.otherwise, made.rules.map(({ syscall }) => syscall)], [1, [...LIFE_CYCLE]]);
  });
  it('I10 a retain-set is the set and the life cycle; all else is blocked', () => {
    const made = filterOf(policy('retain', ['read', 'write'], 22), DEFAULTS);
    assert.equal(made.otherwise, 22);
    assert.deepEqual(made.rules.map(({ syscall }) => syscall).sort(), [...LIFE_CYCLE, 'read', 'write'].sort());
    const bare = filterOf(policy('retain', ['@appc.io/empty']), DEFAULTS);
    assert.deepEqual(bare.rules.map(({ syscall }) => syscall).sort(), [...LIFE_CYCLE].sort());
  });
  it('I10 what is named beside a whitelist is allowed whatever its arguments', () => {
    const listed = filterOf(policy('retain', ['@rkt/default-whitelist']), DEFAULTS);
    assert.deepEqual(
      ['clone', 'clone3', 'socket', 'keyctl', 'read'].map((name) => fate(listed, name)),
      ['if', 38, 'if', 'kill', 'allow'],
    );
    const named = filterOf(policy('retain', ['@rkt/default-whitelist', 'clone', 'clone3', 'keyctl']), DEFAULTS);
    assert.deepEqual(
      ['clone', 'clone3', 'keyctl'].map((name) => fate(named, name)),
      ['allow', 'allow', 'allow'],
    );
  });
  it('by default refuses with EPERM, calls of the future and clone3 with ENOSYS', () => {
    const made = filterOf(DEFAULT_POLICY, DEFAULTS);
    assert.deepEqual([made.otherwise, made.foreign, made.newerAreUnknown], [1, 38, true]);
    assert.equal(fate(made, 'clone3'), 38);
  });
  for (const [capability, name] of [
    ['CAP_SYS_ADMIN', 'mount'],
    ['CAP_SYS_ADMIN', 'bpf'],
    ['CAP_BPF', 'bpf'],
    ['CAP_PERFMON', 'perf_event_open'],
    ['CAP_SYSLOG', 'syslog'],
    ['CAP_DAC_READ_SEARCH', 'open_by_handle_at'],
    ['CAP_SYS_BOOT', 'reboot'],
    ['CAP_SYS_MODULE', 'init_module'],
    ['CAP_SYS_NICE', 'mbind'],
    ['CAP_SYS_PACCT', 'acct'],
    ['CAP_SYS_PTRACE', 'kcmp'],
    ['CAP_SYS_RAWIO', 'iopl'],
    ['CAP_SYS_TIME', 'settimeofday'],
    ['CAP_SYS_TTY_CONFIG', 'vhangup'],
    ['CAP_SYS_ADMIN', 'clone3'],
  ] as const) {
    it(`by default allows ${name} with ${capability} only`, () => {
      assert.equal(fate(filterOf(DEFAULT_POLICY, new Set([capability])), name), 'allow');
      const others = new Set(
        CAPABILITIES.filter((one) => one !== capability && one !== 'CAP_SYS_ADMIN' && one !== 'CAP_BPF'),
      );
      assert.notEqual(fate(filterOf(DEFAULT_POLICY, others), name), 'allow');
    });
  }
  it('allows chroot with the default capabilities, and not without', () => {
    assert.equal(fate(filterOf(DEFAULT_POLICY, DEFAULTS), 'chroot'), 'allow');
    assert.equal(fate(filterOf(DEFAULT_POLICY, new Set()), 'chroot'), 1);
  });
  it('never allows by default what has no namespace, whatever the capabilities', () => {
    const made = filterOf(DEFAULT_POLICY, new Set(CAPABILITIES));
    for (const name of ['keyctl', 'add_key', 'io_uring_setup', 'kexec_load', 'swapon', 'userfaultfd', 'uselib'])
      assert.equal(fate(made, name), 1, name);
  });
});

describe('stage2: wildcards', () => {
  it('systemd groups contain the groups they name', () => {
    const service = namesOf('@systemd/system-service');
    for (const name of ['read', 'openat', 'futex', 'io_submit', 'kill']) assert.ok(service.includes(name), name);
    assert.ok(!service.includes('mount') && !service.some((name) => name.startsWith('@')));
    assert.deepEqual([...namesOf('@systemd/swap')].sort(), ['swapoff', 'swapon']);
  });
  it('every one but @appc.io/empty stands for plain names', () => {
    for (const wildcard of WILDCARDS) {
      const names = namesOf(wildcard);
      assert.equal(names.length === 0, wildcard === '@appc.io/empty', wildcard);
      assert.ok(
        names.every((name) => /^[a-z_][a-z0-9_]*$/.test(name)),
        wildcard,
      );
    }
  });
  it('the blacklists and whitelists do not meet', () => {
    const white = new Set(namesOf('@rkt/default-whitelist'));
    assert.deepEqual(
      namesOf('@rkt/default-blacklist').filter((name) => white.has(name)),
      [],
    );
  });
});

describe('stage2: the key of a filter', () => {
  it('differs with the policy and the capabilities', () => {
    const keys = [
      policyKey(DEFAULT_POLICY, []),
      policyKey(DEFAULT_POLICY, ['CAP_BPF']),
      policyKey(policy('remove', ['a']), []),
      policyKey(policy('retain', ['a']), []),
      policyKey(policy('retain', ['a'], 1), []),
      policyKey(policy('retain', ['a', 'b'], 1), []),
    ];
    assert.equal(new Set(keys).size, keys.length);
    assert.ok(keys.every((key) => !key.includes('\n')));
  });
  it('has a version that changes with the rules', () => {
    const made = [
      ...[[], DEFAULT_CAPABILITIES, CAPABILITIES].map((held) => filterOf(DEFAULT_POLICY, new Set(held))),
      ...WILDCARDS.flatMap((name) =>
        [policy('remove', [name]), policy('retain', [name])].map((one) => filterOf(one, DEFAULTS)),
      ),
    ];
    const digest = createHash('sha256').update(JSON.stringify(made)).digest('hex').slice(0, 16);
    assert.deepEqual(
      [RULES_VERSION, digest],
      [1, '366aab1a6d036c1c'],
      'raise RULES_VERSION, then write the new digest here',
    );
  });
});
