"""What the kernel holds against an app: its system call filter, its devices, its labels."""
import platform
import shutil
import struct

from rig import app

LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, ERRNO, KILL = 0x7fff0000, 0x00050000, 0x80000000
EPERM = 1
NUMBERS = {
    'x86_64': dict(execve=59, exit_group=231, mkdir=83, unshare=272),
    'aarch64': dict(execve=221, exit_group=94, mkdir=34, unshare=97),
}[platform.machine()]


def filter_of(rules, otherwise):
    """`rules`: number of the call → what becomes of it."""
    out = struct.pack('=HBBI', LOAD, 0, 0, 0)
    for name, action in rules.items():
        out += struct.pack('=HBBI', EQUAL, 0, 1, NUMBERS[name]) + struct.pack('=HBBI', RETURN, 0, 0, action)
    return 'seccomp ' + (out + struct.pack('=HBBI', RETURN, 0, 0, otherwise)).hex() + '\n'


NO_MKDIR = filter_of({'mkdir': ERRNO | EPERM}, ALLOW)
NOTHING = filter_of({'execve': ALLOW, 'exit_group': ALLOW}, KILL)


def test_a_filter_is_in_force_and_root_keeps_no_more_than_its_capabilities(rig):
    pod = rig.pod(app('mkdir /x; grep -E "^(Seccomp:|Cap(Prm|Eff|Bnd)|NoNewPrivs)" /proc/self/status', more=NO_MKDIR)).run()
    text = pod.out.decode()
    assert "can't create directory" in pod.err and 'not permitted' in pod.err, pod.err
    assert 'Seccomp:\t2' in text and 'NoNewPrivs:\t0' in text, text
    for name in ('Prm', 'Eff', 'Bnd'):
        assert f'Cap{name}:\t00000000a80425fb' in text, text


def test_a_user_with_a_filter_gains_no_privileges(rig):
    pod = rig.pod(app('grep -E "^(Seccomp:|CapPrm|NoNewPrivs)" /proc/self/status', uid=1000, gid=1000, more=NO_MKDIR)).run()
    text = pod.out.decode()
    assert 'Seccomp:\t2' in text and 'NoNewPrivs:\t1' in text and 'CapPrm:\t0000000000000000' in text, text


def test_a_user_with_a_filter_may_gain_what_the_bounding_set_leaves_where_the_plan_says_so(rig):
    pod = rig.pod(app('mkdir /tmp/x; grep -E "^(Uid|Seccomp:|Cap(Prm|Eff|Inh|Bnd|Amb)|NoNewPrivs)" /proc/self/status', uid=1000,
                      gid=1000, more='may-gain-privs\n' + NO_MKDIR)).run()
    text = pod.out.decode()
    assert 'not permitted' in pod.err, pod.err
    assert 'Seccomp:\t2' in text and 'NoNewPrivs:\t0' in text and 'Uid:\t1000\t1000\t1000\t1000' in text, text
    for name in ('Prm', 'Eff', 'Inh', 'Amb'):
        assert f'Cap{name}:\t0000000000000000' in text, text
    assert 'CapBnd:\t00000000a80425fb' in text, text


def test_a_filter_that_kills_shows_as_SIGSYS(rig):
    pod = rig.pod(app('true', more=NOTHING)).run()
    assert pod.status == 128 + 31, (pod.status, pod.err)
    status = pod.keys('status/web')
    assert (status['signal'], status['exit'], status['reason']) == ('31', '159', 'seccomp'), status


def test_a_program_that_cannot_run_is_reported_whatever_the_filter_allows(rig):
    for candidate, words in (('/bin/nowhere', ('ENOENT', 'tried /bin/nowhere')), ('/etc/script', ('ENOENT', '/no/interpreter'))):
        with open(rig.tree + '/etc/script', 'w') as f:
            f.write('#!/no/interpreter\n')
        shutil.copymode(rig.tree + '/bin/busybox', rig.tree + '/etc/script')
        pod = rig.pod(app(argv=['x'], candidates=[candidate], more=NOTHING)).run()
        assert pod.status == 254, pod.status
        record = pod.keys('failure')
        assert record['operation'] == 'exec' and record['errno'] == words[0] and words[1] in record['detail'], record


def refused(rig, line, reason):
    pod = rig.pod(app('echo never', more=line)).run()
    assert pod.status == 254 and b'never' not in pod.out and reason in pod.err, (line[:80], pod.status, pod.err)


def test_filters_that_are_none_are_refused_before_anything_happens(rig):
    refused(rig, 'seccomp 0600000000\n', 'not a row of whole instructions')
    refused(rig, 'seccomp ' + '06000000000000ff' * 4097 + '\n', 'more than 4096 instructions')
    pod = rig.pod(app('echo never', more='seccomp ' + '00' * 8 + '\n')).run()  # does not return
    assert pod.status == 254 and pod.keys('failure')['syscall'] == 'seccomp', pod.err


def test_devices_are_what_the_rules_allow(rig):
    script = 'cat /dev/null && echo null; head -c 1 /dev/zero | wc -c; echo x >/dev/zero'
    pod = rig.pod(app(script, more='devices c%201:3%20rw c%201:5%20w\n')).run()
    assert pod.out.decode().split() == ['null', '0'], (pod.out, pod.err)
    assert 'not permitted' in pod.err, pod.err
    pod = rig.pod(app(script, more='devices c%20*:*%20rwm\n')).run()
    assert pod.out.decode().split() == ['null', '1'] and pod.err == '', (pod.out, pod.err)
    pod = rig.pod(app('cat /dev/null; echo $?', more='devices b%20*:*%20rwm\n')).run()
    assert pod.out == b'1\n', pod.out


def test_a_rule_that_is_none_is_refused(rig):
    for rule in ('c', 'c%201', 'c%201:3', 'c%201:3%20', 'c%201:3%20rx', 'c%201:3%20rr', 'd%201:3%20r', 'c%20-1:3%20r', 'c%201:%20r',
                 'c%201:9999999%20r', 'c%201:3%20r%20w'):
        refused(rig, f'devices {rule}\n', 'not a rule')
    refused(rig, 'devices' + ' c%201:3%20r' * 257 + '\n', 'more than 256 rules')


def test_labels_nobody_enforces_fail_the_app(rig):
    for line in ('selinux system_u:system_r:no_such_t:s0\n', 'apparmor no-such-profile\n'):
        pod = rig.pod(app('echo never', more=line)).run()
        assert pod.status == 254 and pod.out == b'', (line, pod.out)
        record = pod.keys('failure')
        assert 'attr/exec' in record['object'] and record['detail'].startswith('this kernel does not enforce'), record


def test_a_label_is_written_to_the_kernel_s_proc_only(rig):
    # The app's section has no other way to cover /proc than a bind mount over the real one.
    pod = rig.pod(app('echo never', extra='bind /dev/shm /proc\n', more='selinux a:b:c:s0\n')).run()
    assert pod.status == 254 and 'not a proc file system' in pod.keys('failure')['detail'], pod.err


def test_bandwidth_of_the_host_is_left_alone(rig):
    from rig import HEAD
    pod = rig.pod(app('echo never'), pod_extra='bandwidth 1000000\n', head=HEAD.replace(' net', '')).run()
    assert pod.status == 254 and "would limit the host's interfaces" in pod.err, pod.err
    pod = rig.pod(app('echo fine'), pod_extra='bandwidth 1000000\n').run()  # nothing but lo: nothing to limit
    assert pod.out == b'fine\n', pod.err
