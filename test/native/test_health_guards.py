"""When no check judges an app: while it stands still, and from the moment on at which it is to stop. Time passes here by the checks
of another app of the pod: so many of them, and the init has seen to the first app's just as often."""
import os

from control_rig import Control
from rig import app
from test_apps import freeze, state_of, until
from test_health import WAIT, check, cgroup_of, companions_of, pid_of, until_health

ENDLESS = 'while :; do sleep 60; done'


def path_in(pod, name, path):
    return f'/proc/{pid_of(pod, name)}/root{path}'


def touch(pod, path, name='web'):
    with open(path_in(pod, name, path), 'w'):
        pass


def count(pod, name):
    """Of the checks of an app that notes each of them."""
    try:
        return os.path.getsize(path_in(pod, name, '/checks')) // 2
    except (FileNotFoundError, IndexError):  # it has not begun
        return 0


def clock():
    return app(WAIT, name='clock', more=check('echo x >> /checks'))


def let_pass(pod, checks):
    before = count(pod, 'clock')
    until(lambda: count(pod, 'clock') >= before + checks, 'time to pass')


def is_being_checked(pod):
    """From the making of the check's cgroup to its removal: what is started in an app that stands still does not get there."""
    return any('companion' in path for path, _, _ in os.walk(cgroup_of(pod)))


def test_no_check_is_started_in_an_app_that_stands_still(rig):
    pod = rig.pod(app(WAIT, more=check('! test -e /sick')), clock()).start()
    until_health(pod, 'healthy')

    def froze_between_checks():
        freeze(cgroup_of(pod), '1')
        return not is_being_checked(pod) or freeze(cgroup_of(pod), '0')
    until(froze_between_checks, 'a moment without a check')
    let_pass(pod, 6)
    assert not is_being_checked(pod) and state_of(pod, 'web')['health'] == 'healthy', state_of(pod, 'web')
    touch(pod, '/sick')
    freeze(cgroup_of(pod), '0')
    until(lambda: 'health-failures' in state_of(pod, 'web'), 'the next check, when it moves again')
    pod.stop()
    assert pod.status == 0, pod.err


def test_the_time_of_a_check_stands_still_with_its_app(rig):
    script = 'echo x >> /checks; while ! test -e /answer; do sleep 0.02; done'
    # The other one's check never ends: as often as it is out of time, the first one's would have been.
    late = app(WAIT, name='late', more=check(ENDLESS, timeout=1000, retries=1000))
    pod = rig.pod(app(WAIT, more=check(script, timeout=1000, retries=1, action='kill')), late).start()
    until(lambda: count(pod, 'web') == 1, 'a check')
    freeze(cgroup_of(pod), '1')
    companions = companions_of(pod)
    assert companions
    until(lambda: int(state_of(pod, 'late').get('health-failures', 0)) >= 2, 'time to pass')
    assert companions_of(pod) == companions and state_of(pod, 'web')['health'] == 'starting', state_of(pod, 'web')
    touch(pod, '/answer')
    freeze(cgroup_of(pod), '0')
    until_health(pod, 'healthy')
    assert count(pod, 'web') >= 1 and state_of(pod, 'web')['state'] == 'running'
    pod.stop()
    assert pod.status == 0, pod.err


def test_a_check_that_is_out_of_time_has_failed_once(rig):
    pod = rig.pod(app(WAIT, more=check(ENDLESS, timeout=100, interval=1000))).start()
    until(lambda: 'health-failures' in state_of(pod, 'web'), 'the time-out')
    until(lambda: not companions_of(pod), 'its end')
    status = state_of(pod, 'web')
    assert (status['health-failures'], status['health-output']) == ('1', 'no answer within 100 ms'), status
    pod.stop()


def stop_alone(rig, checks):
    """A pod of whose apps one is being stopped, and takes its time. What it is asked with does not hear of the end yet."""
    script = 'trap "touch /asked; while ! test -e /end; do sleep 0.02; done; exit 0" TERM; echo up; while :; do sleep 0.02; done'
    pod = rig.pod(app(script, more='restart on-unhealthy 50 1000 0\n' + checks), clock(), grace=60000).start()
    until(lambda: count(pod, 'web') >= 1, 'a check')
    control = Control(pod).send('stop web 60000')
    until(lambda: os.path.exists(path_in(pod, 'web', '/asked')), 'the stop')
    return pod, control


def end(pod, control):
    """It ends as one that was stopped, and by itself."""
    status = state_of(pod, 'web')
    assert status['state'] == 'running' and status['health'] != 'unhealthy' and 'health-failures' not in status, status
    touch(pod, '/end')
    assert control.answer() == 'ok'
    status = state_of(pod, 'web')
    assert (status['state'], status['reason'], status['exit'], status.get('restarts')) == ('exited', 'stopped', '0', None), status
    let_pass(pod, 3)
    assert state_of(pod, 'web') == status
    pod.stop()
    assert pod.status == 0, pod.err


def test_an_app_that_is_stopped_alone_is_not_checked_any_more(rig):
    pod, control = stop_alone(rig, check('echo x >> /checks; ! test -e /asked', retries=1, action='kill'))
    until(lambda: not is_being_checked(pod), 'the last check')  # which had begun before
    before = count(pod, 'web')
    let_pass(pod, 6)
    assert count(pod, 'web') == before
    end(pod, control)


def test_a_check_that_an_app_s_stop_has_overtaken_says_nothing(rig):
    for action in ('kill', 'restart', 'stop'):
        script = 'echo x >> /checks; while ! test -e /asked; do sleep 0.02; done; exit 1'
        pod, control = stop_alone(rig, check(script, retries=1, action=action))
        until(lambda: not companions_of(pod), 'the check')
        let_pass(pod, 3)
        end(pod, control)


def test_a_check_that_is_late_says_nothing_of_an_app_that_is_being_stopped(rig):
    pod, control = stop_alone(rig, check('echo x >> /checks; ' + ENDLESS, timeout=2000, retries=1, action='kill'))
    until(lambda: not companions_of(pod), 'the check')
    let_pass(pod, 3)
    end(pod, control)
