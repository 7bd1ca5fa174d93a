"""Limits of a process and settings of the pod's namespaces: what the app finds, and what is said of one that cannot be had."""
import resource
import subprocess

from rig import HEAD, STAGE1, app
from test_faults import fails
from test_users import OWN


def with_limits(rig, script, *limits, pod_extra='', head=HEAD, **options):
    """A pod whose app has these operations before its root."""
    pod = rig.pod(app(script, **options), pod_extra=pod_extra, head=head)
    text = pod.text.replace('app web app-web\n', 'app web app-web\n' + ''.join(limit + '\n' for limit in limits))
    with open(pod.plan, 'w') as f:
        f.write(text)
    return pod


def limits_of(pod):
    """Soft and hard limit by the names that /proc/PID/limits gives them."""
    return {line[:26].strip(): tuple(line[26:].split()[:2]) for line in pod.out.decode().splitlines()[1:]}


def test_resource_limits_are_those_of_the_plan(rig):
    pod = with_limits(rig, 'cat /proc/self/limits', 'rlimit nofile 77 99', 'rlimit core 0 0', 'rlimit nproc 1000 1000',
                      'rlimit cpu 50 infinity').run()
    limits = limits_of(pod)
    assert pod.status == 0, (pod.status, pod.err)
    assert limits['Max open files'] == ('77', '99') and limits['Max core file size'] == ('0', '0'), limits
    assert limits['Max processes'] == ('1000', '1000') and limits['Max cpu time'] == ('50', 'unlimited'), limits


def test_resource_limits_hold_for_an_app_s_user_and_for_users_of_the_pod_s_own(rig):
    for options in (dict(uid=1000, gid=1000), dict(head=OWN), dict(head=OWN, uid=1000, gid=1000)):
        pod = with_limits(rig, 'cat /proc/self/limits', 'rlimit nofile 77 99', **options).run()
        assert pod.status == 0 and limits_of(pod)['Max open files'] == ('77', '99'), (options, pod.status, pod.err)


def test_a_low_limit_does_not_hinder_the_set_up(rig):
    pod = with_limits(rig, 'ulimit -n; ulimit -f', 'rlimit nofile 5 5', 'rlimit fsize 0 0').run()
    assert (pod.status, pod.out.split()) == (0, [b'5', b'0']), (pod.status, pod.out, pod.err)


def can_raise():
    done = subprocess.run(['sh', '-c', f'ulimit -Hn {resource.getrlimit(resource.RLIMIT_NOFILE)[1] - 1} && '
                           f'ulimit -Hn {resource.getrlimit(resource.RLIMIT_NOFILE)[1]}'], capture_output=True)
    return done.returncode == 0


def test_raising_a_hard_limit_is_the_host_s_to_refuse(rig):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    pod = with_limits(rig, 'ulimit -Hn', f'rlimit nofile 10 {hard + 1}')
    if can_raise():
        pod.run()
        assert (pod.status, pod.out) == (0, b'%d\n' % (hard + 1)), (pod.status, pod.out, pod.err)
        return
    failure, _ = fails(pod, app='web', operation='rlimit', syscall='prlimit64', errno='EPERM', object='nofile')
    assert 'CAP_SYS_RESOURCE' in failure['detail'], failure


def test_the_oom_score_is_that_of_the_plan(rig):
    for options in ({}, dict(uid=1000, gid=1000), dict(head=OWN)):
        pod = with_limits(rig, 'cat /proc/self/oom_score_adj', 'oom-score-adj 500', **options).run()
        assert (pod.status, pod.out) == (0, b'500\n'), (options, pod.status, pod.out, pod.err)


def test_lowering_the_oom_score_is_the_host_s_to_refuse(rig):
    pod = with_limits(rig, 'cat /proc/self/oom_score_adj', 'oom-score-adj -500')
    if can_raise():
        pod.run()
        assert (pod.status, pod.out) == (0, b'-500\n'), (pod.status, pod.out, pod.err)
        return
    failure, _ = fails(pod, app='web', operation='oom-score-adj', errno='EACCES')
    assert 'CAP_SYS_RESOURCE' in failure['detail'], failure


def test_sysctls_are_the_pod_s_own(rig):
    names = {'net/ipv4/ip_forward': '1', 'kernel/shmmax': '123456', 'fs/mqueue/msg_max': '7', 'kernel/domainname': 'pod.test'}
    before = {name: open('/proc/sys/' + name).read() for name in names}
    settings = ''.join(f'sysctl {name} {value}\n' for name, value in names.items())
    for head in (HEAD, OWN):
        pod = with_limits(rig, 'for i in %s; do cat /proc/sys/$i; done' % ' '.join(names), pod_extra=settings, head=head).run()
        assert pod.status == 0 and pod.out.decode().split() == list(names.values()), (pod.status, pod.out, pod.err)
    assert before == {name: open('/proc/sys/' + name).read() for name in names}


def test_sysctls_that_cannot_be_set(rig):
    def refused(setting):
        return fails(with_limits(rig, 'true', pod_extra=f'sysctl {setting}\n'), operation='sysctl')[0]
    assert refused('net/ipv4/nothing 1')['errno'] == 'ENOENT'
    assert 'refuses the value' in refused('net/ipv4/ip_forward nonsense')['detail']


def test_sysctls_of_a_namespace_that_is_the_host_s_are_refused(rig):
    for without, setting in (('net', 'net/ipv4/ip_forward 1'), ('ipc', 'kernel/sem 1')):
        pod = rig.pod(app('true'), head=HEAD.replace(' ' + without, ''), pod_extra=f'sysctl {setting}\n')
        done = subprocess.run([STAGE1, 'check', pod.plan], capture_output=True, text=True)
        assert done.returncode == 254 and 'would be set for the host' in done.stderr, (without, done.stderr)
