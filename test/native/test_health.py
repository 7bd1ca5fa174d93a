"""Health checks: what they say of an app, and what follows."""
import os
import signal
import time

from rig import app, quote
from test_apps import freeze, handler, policy, state_of, until
from test_life import processes_of


def check(script, action='none', interval=50, timeout=5000, start_period=0, start_interval=50, retries=3, argv=None, candidates='/bin/sh'):
    argv = ['sh', '-c', script] if argv is None else argv
    return f'health {action} {interval} {timeout} {start_period} {start_interval} {retries} {len(argv)} ' + ' '.join(map(quote, argv)) + f' {candidates}\n'


WAIT = 'echo up; while :; do sleep 60; done'
READY = 'ready-when-healthy\n'


def until_health(pod, wanted, name='web'):
    return until(lambda: state_of(pod, name).get('health') == wanted and state_of(pod, name), f'{name} to be {wanted}')


def cgroup_of(pod, name='web'):
    return f'{pod.rig.cgroup}/apps/app-{name}'


def companions_of(pod, name='web'):
    pids = []
    for path, _, _ in os.walk(cgroup_of(pod, name)):
        if 'companion' in path:
            try:
                with open(path + '/cgroup.procs') as f:
                    pids += f.read().split()
            except OSError:
                pass  # removed meanwhile
    return pids


def test_health_follows_the_check(rig):
    pod = rig.pod(app(WAIT, more=check('test -e /well', interval=500))).start()
    pod.wait_for('up')
    assert state_of(pod, 'web')['health'] == 'starting'
    status = until_health(pod, 'unhealthy')
    assert int(status['health-failures']) >= 3 and status['health-output'] == 'status 1', status
    assert status['state'] == 'running'
    with open(f'/proc/{pid_of(pod)}/root/well', 'w'):
        pass
    status = until_health(pod, 'healthy')
    assert 'health-failures' not in status and 'health-output' not in status, status
    os.unlink(f'/proc/{pid_of(pod)}/root/well')
    until_health(pod, 'unhealthy')
    pod.stop()
    assert pod.status == 0 and pod.err == '', (pod.status, pod.err)
    assert processes_of(rig) == [] and 'health' not in pod.keys('status/web')


def pid_of(pod, name='web'):
    """Of the main process, out here."""
    with open(cgroup_of(pod, name) + '/cgroup.procs') as f:
        return int(f.read().split()[0])


def test_failures_in_the_start_period_do_not_count(rig):
    begin = time.time()
    pod = rig.pod(app(WAIT, more=check('exit 1', start_period=1000, retries=1))).start()
    pod.wait_for('up')
    until(lambda: state_of(pod, 'web').get('health-output'), 'a first failure')
    assert state_of(pod, 'web')['health'] == 'starting'
    until_health(pod, 'unhealthy')
    assert 1 < time.time() - begin < 8, time.time() - begin
    pod.stop()
    # Once healthy, the start period is over; and its interval is used in it only.
    pod = rig.pod(app('echo 1 > /n; ' + WAIT, more=check('read n < /n; echo $((n+1)) > /n; test $n = 1', start_period=60000, retries=1))).start()
    until_health(pod, 'unhealthy')
    pod.stop()
    pod = rig.pod(app(WAIT, more=check('true', start_period=60000, interval=60000))).start()
    until_health(pod, 'healthy')
    pod.stop()
    pod = rig.pod(app(WAIT, more=check('true', start_interval=50, interval=60000))).start()
    pod.wait_for('up')
    time.sleep(0.5)
    assert state_of(pod, 'web')['health'] == 'starting'
    pod.stop()


def test_an_unhealthy_app_is_restarted(rig):
    # The second run is well.
    script = 'echo run >> /runs; trap "echo asked; exit 0" TERM; echo up; while :; do sleep 0.05; done'
    pod = rig.pod(app(script, more='restart on-unhealthy 50 10000 0\n' + check('echo told; test $(wc -l < /runs) = 2', action='restart'))).start()
    status = until(lambda: state_of(pod, 'web').get('restarts') == '1' and state_of(pod, 'web').get('health') == 'healthy' and state_of(pod, 'web'), 'the restart')
    assert status['state'] == 'running'
    pod.stop()
    assert pod.out == b'up\nasked\nup\nasked\n' and pod.status == 0, (pod.out, pod.status)
    # As any end, it counts against the limit.
    pod = rig.pod(app('exec sleep 60', more='restart on-failure 50 10000 2\n' + check('echo told; false', action='restart', retries=1))).run()
    status = pod.keys('status/web')
    assert pod.status == 1 and (status['reason'], status['restarts'], status['detail']) == ('unhealthy', '2', 'status 1: told'), status
    # Other ends do not concern on-unhealthy.
    pod = rig.pod(app('exit 3', more='restart on-unhealthy 50 10000 0\n' + check('true', action='restart'))).run()
    assert pod.status == 3 and 'restarts' not in pod.keys('status/web')


def test_an_unhealthy_app_is_stopped_or_killed(rig):
    script = 'trap "echo asked; exit 0" TERM; echo up; while :; do sleep 0.05; done'
    pod = rig.pod(app(script, more='restart always 50 10000 0\n' + check('false', action='stop') + handler('post-stop', 'echo post'))).run()
    status = pod.keys('status/web')
    assert pod.out == b'up\nasked\npost\n' and pod.status == 1 and status['reason'] == 'unhealthy' and status['exit'] == '1', (pod.out, pod.status, status)
    pod = rig.pod(app(script, more=check('false', action='kill'))).run()
    status = pod.keys('status/web')
    assert pod.out == b'up\n' and pod.status == 137 and (status['reason'], status['signal']) == ('unhealthy', '9'), (pod.out, status)
    pod = rig.pod(app(script, more='restart always 50 10000 1\n' + check('false', action='kill'))).run()
    assert pod.out == b'up\nup\n' and pod.keys('status/web')['restarts'] == '1', pod.out
    # One that does not want to end is killed after the grace.
    pod = rig.pod(app('trap "" TERM; echo up; while :; do sleep 0.05; done', more=check('false', action='stop')), grace=300).run()
    status = pod.keys('status/web')
    assert pod.status == 137 and status['reason'] == 'unhealthy', status


def test_readiness_waits_for_health(rig):
    first = app('sleep 0.3; touch /well; ' + WAIT, name='db', more=check('test -e /well', start_period=60000) + READY)
    second = app('echo second; exec sleep 60', name='web', more='after db\n')
    pod = rig.pod(first, second).start()
    assert b'second' in pod.wait_for('second')
    assert state_of(pod, 'db')['health'] == 'healthy'
    pod.stop()
    # An app that is never healthy keeps its dependants away, and can be stopped.
    pod = rig.pod(app(WAIT, name='db', more=check('false') + READY), app('echo second', name='web', more='after db\n')).start()
    until_health(pod, 'unhealthy', 'db')
    time.sleep(0.2)
    pod.stop()
    assert b'second' not in pod.out and state_of(pod, 'db')['reason'] == 'stopped', pod.out
    # One that is ended for it before it was ever healthy fails the pod, and says why.
    pod = rig.pod(app('exec sleep 60', name='db', more=check('echo no; exit 4', action='stop') + READY), app('echo second', name='web', more='after db\n')).run()
    assert pod.status == 1 and pod.out == b'', (pod.status, pod.out)
    assert pod.keys('failure') == {'app': 'db', 'operation': 'start', 'detail': 'ended before it was ever healthy: status 4: no'}, pod.keys('failure')
    # With a restart it gets another chance, and its dependants wait for that.
    first = app('echo x >> /runs; exec sleep 60', name='db', more='restart on-unhealthy 50 1000 0\n' + check('test $(wc -l < /runs) -ge 2', action='restart', retries=1) + READY)
    pod = rig.pod(first, second).start()
    pod.wait_for('second')
    assert state_of(pod, 'db')['restarts'] == '1'
    pod.stop()


def test_checks_do_not_pile_up_in_an_app_that_stands_still(rig):
    pod = rig.pod(app(WAIT, more=check('true', timeout=200))).start()
    until_health(pod, 'healthy')
    cgroup = cgroup_of(pod)
    freeze(cgroup, '1')
    for _ in range(25):
        time.sleep(0.05)
        assert len(companions_of(pod)) <= 1
    assert state_of(pod, 'web')['health'] == 'healthy', state_of(pod, 'web')
    freeze(cgroup, '0')
    pod.stop()
    assert pod.status == 0
    # Nor in one that has stopped itself: there, they answer.
    pod = rig.pod(app('echo up; kill -STOP $$; sleep 60', more=check('true', timeout=200))).start()
    until_health(pod, 'healthy')
    for pid in processes_of(rig):
        if pid in open(cgroup_of(pod) + '/cgroup.procs').read().split():
            os.kill(int(pid), signal.SIGKILL)
    pod.wait()
    assert pod.status == 137


def test_a_pod_that_stood_still_has_not_failed(rig):
    pod = rig.pod(app(WAIT, more=check('sleep 0.3', timeout=2000, retries=1, interval=100))).start()
    until_health(pod, 'healthy')
    until(lambda: companions_of(pod), 'a check')
    freezer = rig.cgroup + '/cgroup.freeze'
    try:
        with open(freezer, 'w') as f:
            f.write('1')
        time.sleep(4)  # longer than the time-out and what is taken for late
    finally:
        with open(freezer, 'w') as f:
            f.write('0')
    for _ in range(20):
        time.sleep(0.05)
        assert state_of(pod, 'web')['health'] == 'healthy', state_of(pod, 'web')
    pod.stop()
    assert pod.status == 0 and processes_of(rig) == []


def test_no_check_while_an_app_is_being_stopped(rig):
    script = 'trap "echo asked; sleep 1; exit 0" TERM; echo up; while :; do sleep 0.05; done'
    pod = rig.pod(app(script, more=check('echo x >> /checks; exit 1', retries=1000000))).start()
    pod.wait_for('up')
    root = os.open(f'/proc/{pid_of(pod)}/root', os.O_PATH)
    checks = f'/proc/self/fd/{root}/checks'
    until(lambda: os.path.exists(checks) and len(open(checks).read()) > 4, 'some checks')
    pod.process.send_signal(signal.SIGTERM)
    pod.wait_for('asked')
    time.sleep(0.2)
    before = open(checks).read()
    time.sleep(0.5)
    assert open(checks).read() == before
    os.close(root)
    assert pod.wait().status == 0


def test_a_plan_s_health_check_is_checked(rig):
    good = check('true')
    for more, fault in ((good + good, 'given twice'), (READY, 'no health check'), (good.replace('none', 'reboot'), 'neither none'),
                        (check('true', interval=0), 'times are not'), (check('true', timeout=0), 'times are not'),
                        (check('true', start_interval=10 ** 15), 'times are not'), (check('true', retries=0), 'not 1 to'),
                        ('health none 1 1 0 1 1 0 sh\n', 'no arguments'), ('health none 1 1 0 1 1 2 sh x\n', 'no candidates'),
                        ('health none 1 1 0 1 x 2 sh x\n', 'not of its kind')):
        pod = rig.pod(app('true', more=more)).run()
        assert pod.status == 254 and fault in pod.err, (more, pod.status, pod.err)
