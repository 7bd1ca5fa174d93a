"""Every system call of a pod's set-up made to fail in turn: status 254, one sentence that names the operation, nothing left."""
import errno
import os
import platform
import re
import subprocess

from rig import HERE, JOURNAL_WARNING, ROOT, STAGE1, app, quote
from test_life import processes_of
from test_limits import with_limits

# Calls that cannot fail, do not return, or whose failure the kernel documents as harmless; and waiting for children, which
# fails only if there is none.
SKIPPED = {'close', 'exit_group', 'munmap', 'madvise', 'rt_sigaction', 'clock_gettime', 'umask', 'execve', 'getpid', 'wait4',
           'rt_sigtimedwait', 'ppoll'}

# Calls that may be about something a pod runs without (a journal, a path that need not be there), or belong to the init's loop.
# A pod that goes on all the same must show its app what it always does. All others must end it.
TOLERATED = {'openat2', 'socket', 'connect', 'sendto', 'sendmsg', 'kill', 'prctl', 'renameat2', 'statx', 'unlinkat', 'write'}

# What the app sees of its confinement; the same whatever failed.
PROBE = 'grep -E "^(Uid|Gid|Groups|Cap|NoNewPrivs|Seccomp)" /proc/self/status; ulimit -n; cat /proc/self/oom_score_adj /proc/sys/kernel/shmmax; echo /*; mount | cut -d" " -f3- | sort'


def names_of_calls():
    """Numbers and names of system calls, from the kernel's header."""
    text = subprocess.run(['gcc', '-E', '-dM', '-include', 'sys/syscall.h', '-xc', '/dev/null'], check=True, text=True,
                          stdout=subprocess.PIPE).stdout
    return {number: name for name, number in re.findall(r'#define __NR_(\w+) (\d+)', text)}


def build():
    program = os.path.join(ROOT, 'dist/native/test-inject')
    subprocess.run(['g++', '-std=c++17', '-O1', '-Wall', '-Wextra', '-Werror', '-o', program, HERE + '/inject.cc'], check=True)
    return program


class Injector:
    def __init__(self, rig):
        self.rig = rig
        self.program = build()
        self.names = names_of_calls()
        self.numbers = {name: number for number, name in self.names.items()}

    def run(self, pod, role=0, call=None, n=0, error=errno.EIO, programs=0):
        """Runs a pod with the N-th `call` of one of its processes failing; sets its status, out, err and calls."""
        log = pod.path + '.calls'
        number = '-1' if call is None else self.numbers[call]
        done = subprocess.run([self.program, log, str(role), number, str(n), str(error), STAGE1, 'run', pod.plan], preexec_fn=self.rig.join, env=dict(os.environ, INJECT_PROGRAMS=str(programs)),
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=20)
        pod.status, pod.out, pod.err = done.returncode, done.stdout, done.stderr.replace(JOURNAL_WARNING, '')
        with open(log) as f:
            pod.calls = [(int(role), self.names.get(number, number)) for role, number in map(str.split, f)]
        return pod


INIT = 1


def confined(rig):
    return with_limits(rig, PROBE, 'rlimit nofile 77 99', 'oom-score-adj 500', pod_extra='sysctl kernel/shmmax 123456\n')


def living(rig):
    """An app whose run has two processes in one mount namespace, and a socket for its readiness."""
    return rig.pod(app(PROBE, extra='notify /dev/ready\n', more='handler pre-start 1 true /bin/true\n'))


def targets_of(calls):
    """(role, call, n) of every call that is worth failing, each once. What the init does after the last clone3 is its loop's."""
    init = [index for index, (role, call) in enumerate(calls) if (role, call) == (INIT, 'clone3')]
    seen = {}
    for index, (role, call) in enumerate(calls):
        is_of_loop = role == INIT and (index > init[-1] or (call == 'read' and index > init[0]))
        if call in SKIPPED or is_of_loop:
            continue
        seen[role, call] = seen.get((role, call), 0) + 1
        yield role, call, seen[role, call]


def judge(pod, call, expected):
    """Null, or what is wrong with how the pod ended."""
    if pod.status == 0:
        if call not in TOLERATED:
            return 'the pod went on'
        return None if pod.out == expected else f'the app saw {pod.out!r}'
    if pod.status != 254:
        return f'status {pod.status}'
    sentences = [line for line in pod.err.splitlines() if line.startswith('podctl-stage1: ')]
    if not sentences:
        return 'no sentence'
    if os.path.exists(pod.path + '/failure') and not pod.keys('failure').get('operation'):
        return 'no operation in the record'
    return None


def test_every_call_of_the_set_up_fails_in_turn(rig):
    if platform.machine() != 'x86_64':
        print('skip: the injector knows the registers of x86_64 only')
        return
    injector = Injector(rig)
    whole = injector.run(confined(rig))
    assert whole.status == 0, whole.err
    assert '\n77\n500\n123456\n' in whole.out, whole.out
    assert 'CapBnd' in whole.out and len(whole.calls) > 300, whole.calls
    tried = fail_in_turn(injector, confined, whole)
    assert tried > 200


def test_every_call_of_an_app_s_further_processes_fails_in_turn(rig):
    if platform.machine() != 'x86_64':
        print('skip: the injector knows the registers of x86_64 only')
        return
    injector = Injector(rig)
    whole = injector.run(living(rig))
    assert whole.status == 0 and 'CapBnd' in whole.out, (whole.err, whole.out)
    names = [call for role, call in whole.calls if role == INIT]
    assert names.count('setns') == 1 and 'bind' in names, names
    assert fail_in_turn(injector, living, whole) > 200


def fail_in_turn(injector, make, whole):
    """Returns how many calls were made to fail."""
    rig = injector.rig
    tried, wrong = 0, []
    for role, call, n in targets_of(whole.calls):
        pod = make(rig)
        try:
            fault = judge(injector.run(pod, role, call, n), call, whole.out)
        except subprocess.TimeoutExpired:
            fault = 'it hangs'
        if fault is None and processes_of(rig) != []:
            fault = 'processes are left'
        if fault is not None:
            wrong.append(f'process {role}, {call} {n}: {fault}: {pod.err.strip() if hasattr(pod, "err") else ""}')
        tried += 1
    print(f'{tried} calls made to fail')
    assert wrong == [], '\n'.join(wrong)
    return tried


# The launcher, the init and the app come before it.
COMPANION = 3


def checked(rig, seconds):
    """An app that is checked for so long; a check that succeeds leaves a file in the app's root."""
    check = quote('echo > /checked')
    more = f'health none 60000 5000 60000 50 1 3 sh -c {check} /bin/sh\n'
    return rig.pod(app(argv=['sleep', seconds], candidates=['/bin/sleep'], more=more))


SHORT, LONG = '0.45', '4'


def fault_of(injector, pod, role, call, n):
    """None if the pod is well although that call failed, and a check has succeeded."""
    try:
        injector.run(pod, role, call, n, programs=1)
    except subprocess.TimeoutExpired:
        return 'hangs'
    is_well = pod.status == 0 and os.path.exists(pod.path + '/web/upper/checked') and not os.path.exists(pod.path + '/failure')
    left = processes_of(pod.rig)
    return None if is_well and left == [] else f'{pod.status} {pod.err} {left}'


def test_every_call_of_a_check_s_start_fails_in_turn(rig):
    if platform.machine() != 'x86_64':
        print('skip: the injector knows the registers of x86_64 only')
        return
    injector = Injector(rig)
    whole = injector.run(checked(rig, LONG), programs=1)
    assert whole.status == 0 and whole.err == '', whole.err
    clones = [index for index, (role, call) in enumerate(whole.calls) if (role, call) == (INIT, 'clone3')]
    assert len(clones) == 2 and (COMPANION, 'setns') in whole.calls, whole.calls
    begin = max(index for index in range(clones[1]) if whole.calls[index] == (INIT, 'ppoll'))
    counts, tried, wrong = {}, 0, []
    for index, (role, call) in enumerate(whole.calls):
        if call in SKIPPED:
            continue
        counts[role, call] = counts.get((role, call), 0) + 1
        if role != COMPANION and not (role == INIT and begin < index <= clones[1]):
            continue
        # Whatever failed, it was the check's failure only: the next one succeeds. A busy machine needs longer for that.
        faults = [fault_of(injector, checked(rig, SHORT), role, call, counts[role, call])]
        if faults[0] is not None:
            faults.append(fault_of(injector, checked(rig, LONG), role, call, counts[role, call]))
        if faults[-1] is not None:
            wrong.append(f'process {role}, {call} {counts[role, call]}: {faults[-1]}')
        tried += 1
    print(f'{tried} calls made to fail')
    assert wrong == [], '\n'.join(wrong)
    assert tried > 40, tried
