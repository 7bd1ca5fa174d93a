"""The decoder: what it refuses, where it says so, and that nothing has happened by then."""
import os
import subprocess

from rig import STAGE1, app

GOOD = None


def good(rig):
    return rig.pod(app('true'))


def check(path):
    done = subprocess.run([STAGE1, 'check', path], capture_output=True, text=True)
    return done.returncode, done.stderr


def edit(rig, old, new):
    pod = good(rig)
    assert old in pod.text, old
    with open(pod.plan, 'wb') as f:
        f.write(pod.text.replace(old, new, 1).encode('latin-1'))
    return pod


# What is replaced, by what, and what the refusal says.
REFUSED = [
    ('podctl-plan 2', 'podctl-plan 1', 'line 1'),
    ('podctl-plan 2', ' podctl-plan 2', 'line 1'),
    ('pod 0f6b', 'podd 0f6b', 'line 2): podd: unknown operation'),
    ('inherit stdout 1\n', 'inherit stdout 1\npod x /y\n', 'line 4): pod: a second pod'),
    ('inherit stdout 1\n', '\n', 'line 3): unknown operation'),
    ('inherit stdout 1\n', 'inherit stdout\n', 'line 3): inherit: wrong number'),
    ('inherit stdout 1\n', 'inherit stdout 1 2\n', 'line 3): inherit: wrong number'),
    ('inherit stdout 1\n', 'inherit  stdout 1\n', 'line 3): inherit: an argument is empty or not quoted'),
    ('inherit stdout 1\n', 'inherit stdout 1 \n', 'line 3): inherit: an argument is empty or not quoted'),
    ('inherit stdout 1\n', 'inherit stdout\t1\n', 'line 3): inherit: an argument'),
    ('inherit stdout 1\n', 'inherit stdout 01\n', 'line 3): 01: argument is not of its kind'),
    ('inherit stdout 1\n', 'inherit stdout -1\n', 'line 3): -1: argument is not of its kind'),
    ('inherit stdout 1\n', 'inherit stdout 1000000000000000000\n', 'argument is not of its kind'),
    ('inherit stdout 1\n', 'inherit stdout 2147483648\n', 'line 3): inherit: no such role, or no fd'),
    ('inherit stdout 1\n', 'inherit stdlog 1\n', 'line 3): inherit: no such role'),
    ('inherit stdout 1\n', 'inherit std%6fut% 1\n', 'line 3): inherit: an argument'),
    ('inherit stdout 1\n', 'inherit std%00 1\n', 'line 3): inherit: an argument'),
    ('inherit stdout 1\n', 'inherit std%6F 1\n', 'line 3): inherit: an argument'),
    ('inherit stdout 1\n', 'inherit std%6 1\n', 'line 3): inherit: an argument'),
    ('inherit stdout 1\n', 'inherit std\xc3\xa4 1\n', 'line 3): inherit: an argument'),
    ('namespaces ipc', 'namespaces user', 'line 5): namespaces: no such namespace'),
    ('ipc uts net', 'ipc net', 'no namespace uts'),
    ('hostname rig', 'hostname %', 'line 7): hostname: not 1 to 64'),
    ('hostname rig', 'hostname ' + 'x' * 65, 'line 7): hostname: not 1 to 64'),
    ('hostname rig', 'cwd /\nhostname rig', 'line 7): cwd: operation cannot stand here'),
    ('hostname rig', 'hostname rig\nstop-grace 1', 'line 8): stop-grace: operation cannot stand here'),
    ('hostname rig', 'mkdir /x 0755', 'line 7): mkdir: there is no root yet'),
    ('pod-root /', 'pod-root x/', 'argument is not of its kind'),
    ('bind /dev/null', 'bind dev/null', 'argument is not of its kind'),
    ('bind /dev/null /dev/null', 'bind /dev/null /dev/null rw', 'bind: unknown mount flag'),
    ('- nosuid nodev noexec', '- nosuid nobody', 'mount: unknown mount flag'),
    ('os-release 0644', 'os-release 0844', 'argument is not of its kind'),
    ('os-release 0644', 'os-release 100644', 'argument is not of its kind'),
    ('\npivot\napp', '\npivot\nmkdir /x 0755\napp', 'mkdir: follows the pivot'),
    ('\npivot\napp', '\napp', "app: the pod's section has no pivot"),
    ('app web app-web', 'app a/b app-web', 'app: not a name'),
    ('app web app-web', 'app web ..', 'app: not a name'),
    ('root /apps/web\n', '', 'mount: there is no root yet'),
    ('root /apps/web\n', 'root /apps/web\nroot /\n', 'root: there is a root already'),
    ('root /apps/web\n', 'log a%0ab u\nroot /apps/web\n', 'log: not one line'),
    ('root /apps/web\n', 'cgroup ../cgroup.procs 1\nroot /apps/web\n', 'cgroup: not the file of a limit'),
    ('root /apps/web\n', 'cgroup cgroup.procs 1\nroot /apps/web\n', 'cgroup: not the file of a limit'),
    ('root /apps/web\n', 'cgroup memory 1\nroot /apps/web\n', 'cgroup: not the file of a limit'),
    ('root /apps/web\n', 'rlimit files 1 1\nroot /apps/web\n', 'rlimit: no such resource'),
    ('root /apps/web\n', 'rlimit nofile 2 1\nroot /apps/web\n', 'rlimit: no such resource, or not two limits'),
    ('root /apps/web\n', 'rlimit nofile infinity 1\nroot /apps/web\n', 'rlimit: no such resource, or not two limits'),
    ('root /apps/web\n', 'rlimit nofile -1 1\nroot /apps/web\n', 'rlimit: no such resource, or not two limits'),
    ('root /apps/web\n', 'oom-score-adj 1001\nroot /apps/web\n', 'oom-score-adj: not from -1000'),
    ('root /apps/web\n', 'oom-score-adj --1\nroot /apps/web\n', 'oom-score-adj: not from -1000'),
    ('root /apps/web\n', 'oom-score-adj %\nroot /apps/web\n', 'oom-score-adj: not from -1000'),
    ('pivot\n', 'sysctl kernel/core_pattern x\npivot\n', "sysctl: not a setting of a pod's own"),
    ('pivot\n', 'sysctl net/../kernel/core_pattern x\npivot\n', "sysctl: not a setting of a pod's own"),
    ('pivot\n', 'sysctl net//x 1\npivot\n', "sysctl: not a setting of a pod's own"),
    ('ipc uts net', 'uts net\nsysctl kernel/sem 1', 'operation cannot stand here'),
    ('hostname rig', 'sysctl kernel/sem 1', 'sysctl: there is no root yet'),
    ('hostname rig', 'credentials /x 0 0 a', 'credentials: there is no root yet'),
    ('pivot\n', 'credentials /x 0 0 ../a\npivot\n', 'credentials: not the name of a credential'),
    ('pivot\n', 'credentials /x 4294967295 0 a\npivot\n', 'credentials: not a user or group ID'),
    ('root /apps/web\n', 'listen 1 web\nroot /apps/web\n', 'listen: not a socket of the head'),
    ('root /apps/web\n', 'listen 5\nroot /apps/web\n', 'listen: not 1 to 64 pairs'),
    ('root /apps/web\n', 'listen\nroot /apps/web\n', 'listen: not 1 to 64 pairs'),
    ('root /apps/web\n', 'reload-signal 0\nroot /apps/web\n', 'reload-signal: no such signal'),
    ('root /apps/web\n', 'reload-signal 65\nroot /apps/web\n', 'reload-signal: no such signal'),
    ('root /apps/web\n', 'reload-signal 1\nreload-signal 1\nroot /apps/web\n', 'reload-signal: given twice'),
    ('pivot\ncwd', 'cwd', 'exec: there was no pivot'),
    ('groups', 'groups 1 x', 'groups: not a group ID'),
    ('user 0 0', 'user 0 4294967295', 'user: not a user or group ID'),
    ('caps 00000000a80425fb', 'caps 0000000000a80425fb', 'caps: a capability mask'),
    ('caps 00000000a80425fb', 'caps a8042', 'argument is not of its kind'),
    ('caps 00000000a80425fb', 'caps A80425FB', 'argument is not of its kind'),
    ('env PATH=/bin', 'env PATH', 'env: not NAME=value'),
    ('env PATH=/bin', 'env =x', 'env: not NAME=value'),
    ('exec /bin/sh', 'exec', 'exec: takes at least one argument'),
    ('exec /bin/sh\n', '', "does not end with an app's exec"),
    ('exec /bin/sh\n', 'exec /bin/sh', 'the last line is not ended'),
    ('exec /bin/sh\n', 'exec /bin/sh\nenv A=b\n', "env: follows the app's exec"),
    ('exec /bin/sh\n', 'exec /bin/sh\napp web app-2\nroot /\npivot\nexec /x\n', "web: an app's name or cgroup twice"),
    ('exec /bin/sh\n', 'exec /bin/sh\nhostname x\n', 'hostname: operation cannot stand here'),
]


def test_a_good_plan_is_accepted(rig):
    assert check(good(rig).plan) == (0, '')


def test_bad_plans_are_refused_with_their_line(rig):
    for old, new, message in REFUSED:
        status, error = check(edit(rig, old, new).plan)
        assert status == 254 and message in error and error.startswith('podctl-stage1: plan') and error.count('\n') == 1, (
            old, new, status, error)


def test_a_refused_plan_has_no_effect(rig):
    for old, new, _ in REFUSED[::6]:
        pod = edit(rig, old, new)
        before = sorted(os.listdir(pod.path))
        assert pod.run().status == 254
        assert sorted(os.listdir(pod.path)) == before and os.listdir(pod.path + '/root') == [], (old, new)
        assert not os.path.exists(rig.cgroup + '/apps/app-web'), (old, new)


def test_damaged_plans_are_refused(rig):
    pod = good(rig)
    text = pod.text.encode()
    cases = [b'', b'\n', b'podctl-plan 2', b'podctl-plan 1\n', text + b'\0\n', b'\0' * 100, text * 200,
             b'podctl-plan 2\npod x /y\n' + b'loopback\n' * 20000, text.replace(b'env', b'env' + b' x' * 5000)]
    cases += [text[:n] for n in range(0, len(text), 37)]
    cases.append(text + b'#' * (4 * 1024 * 1024))
    for data in cases:
        with open(pod.plan, 'wb') as f:
            f.write(data)
        assert check(pod.plan)[0] == 254, data[:80]
    assert check('/nonexistent')[1].startswith('podctl-stage1: plan: openat2 /nonexistent: ENOENT')
    assert check('/')[0] == 254


def test_the_table_is_that_of_op_ts(rig):
    from rig import ROOT
    ours = subprocess.run([STAGE1, 'ops'], capture_output=True, text=True, check=True).stdout
    names = [line.split(' ')[0] for line in ours.splitlines()]
    assert 'bind pod,app path path texts' in ours.splitlines(), ours
    assert 'loopback pod' in ours.splitlines()
    with open(os.path.join(ROOT, 'stage1/plan/op.ts')) as f:
        table = f.read().split('export const OPS = {')[1].split('} as const')[0]
    theirs = [line.strip().split(':')[0].strip("'") for line in table.splitlines() if ': syntax(' in line]
    assert names == theirs, (names, theirs)


def test_version_and_usage(rig):
    run = lambda *args: subprocess.run([STAGE1, *args], capture_output=True, text=True)
    assert run('version').stdout == 'podctl-stage1 interface 1 plan 2\n'
    for args in ((), ('run',), ('run', 'a', 'b'), ('jump',)):
        assert run(*args).returncode == 254 and run(*args).stderr.startswith('usage:'), args
