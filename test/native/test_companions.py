"""Programs that the init runs beside an app's own, of which health checks are one kind."""
import os
import time

from rig import HEAD, app
from test_apps import policy, state_of, until
from test_health import WAIT, cgroup_of, check, companions_of, pid_of, until_health
from test_life import processes_of


def wakes_of(pid):
    with open(f'/proc/{pid}/status') as f:
        return sum(int(line.split()[1]) for line in f if 'ctxt_switches' in line)


def test_a_check_is_in_the_app_s_view_and_confined_as_it_is(rig):
    show = 'id -u; id -g; pwd; echo $FOO; grep -E "CapBnd|CapEff|NoNewPrivs|Groups|Seccomp:" /proc/self/status; cat /data/x; hostname; ls /proc/self/fd; readlink /proc/self/fd/0'
    confined = 'caps 0000000000000001\nno-new-privs\nenv FOO=bar\nrlimit nofile 77 77\n'
    for user in (0, 1000):
        script = f'mount -t tmpfs none /mnt 2>/dev/null; echo mine > /data/x; ulimit -n; ({show}) > /data/app; echo up; while :; do sleep 60; done'
        check_script = f'ulimit -n > /data/n; ({show}) > /data/check; cat /proc/self/cgroup > /data/cgroup'
        pod = rig.pod(app(script, extra='mkdir /data 0777\nmkdir /mnt 0755\nmount tmpfs /data mode=0777 - nosuid nodev\n',
                          more=confined + check(check_script, interval=60000, start_period=60000), uid=user, gid=user, cwd='/etc')).start()
        pod.wait_for('up')
        root = f'/proc/{pid_of(pod)}/root/data/'
        until_health(pod, 'healthy')
        of_app, of_check = (open(root + name).read().splitlines() for name in ('app', 'check'))
        assert of_app == of_check, (of_app, of_check)
        assert str(user) == of_check[0] and '/etc' in of_check and 'bar' in of_check and 'mine' in of_check, of_check
        assert open(root + 'n').read() == '77\n'
        assert '/companion-0' in open(root + 'cgroup').read().split('0::')[1], open(root + 'cgroup').read()
        pod.stop()
        assert pod.status == 0


def test_a_check_that_cannot_be_executed_fails(rig):
    pod = rig.pod(app(WAIT, more=check('', argv=['nope'], candidates='/bin/nope'))).start()
    status = until_health(pod, 'unhealthy')
    assert '/bin/nope' in status['health-output'] and 'ENOENT' in status['health-output'], status
    pod.stop()
    assert pod.status == 0 and pod.err == '', pod.err


def test_a_check_that_hangs_is_killed_with_all_it_started(rig):
    for script in ('trap "" TERM INT HUP; echo hung; while :; do sleep 1; done',
                   '(setsid sleep 77 &) ; (setsid sh -c "trap \\"\\" TERM; sleep 78" &); exec sleep 79',
                   'exec 0<&- 1>&- 2>&-; while :; do sleep 1; done'):
        pod = rig.pod(app(WAIT, more=check(script, timeout=200, interval=60000, start_interval=50, start_period=60000))).start()
        pod.wait_for('up')
        until(lambda: 'no answer within 200 ms' in state_of(pod, 'web').get('health-output', ''), 'the time-out')
        # They do not pile up: there are those of one check, and at most of one more that are on their way out.
        for _ in range(20):
            assert len(companions_of(pod)) <= 10, companions_of(pod)
            time.sleep(0.02)
        assert state_of(pod, 'web')['health'] == 'starting'
        pod.stop()
        assert pod.status == 0 and pod.err == '' and processes_of(rig) == [], (pod.status, pod.err)


def test_what_a_check_leaves_behind_is_killed(rig):
    leaving = '(setsid sleep 77 &); (sleep 78 &); true'
    pod = rig.pod(app(WAIT, more=check(leaving, interval=60000, start_period=60000))).start()
    until_health(pod, 'healthy')
    until(lambda: companions_of(pod) == [], 'the end of what it left')
    pod.stop()
    pod = rig.pod(app(WAIT, more=check(leaving, interval=1, retries=1))).start()
    until_health(pod, 'healthy')
    for _ in range(20):
        assert len(companions_of(pod)) <= 12 and state_of(pod, 'web')['health'] == 'healthy', (companions_of(pod), state_of(pod, 'web'))
        time.sleep(0.05)
    pod.stop()
    assert pod.status == 0 and processes_of(rig) == []


def test_output_is_bounded_and_printable(rig):
    script = 'head -c 3000000 /dev/zero; echo; printf "the \\033[1m\\t end\\303\\244 \\n\\n"; exit 7'
    begin = time.time()
    pod = rig.pod(app(WAIT, more=check(script, retries=1))).start()
    status = until_health(pod, 'unhealthy')
    assert time.time() - begin < 8
    output = status['health-output']
    assert output.endswith('? the ?[1m end??') and output.startswith('status 7: ???') and 500 < len(output) < 576, output
    pod.stop()
    # A flood does not keep the init from its other work, and ends with the time-out.
    pod = rig.pod(app(WAIT, more=check('exec yes', retries=1, timeout=2000))).start()
    status = until_health(pod, 'unhealthy')
    assert status['health-output'].startswith('no answer within 2000 ms: ') and 'y y y' in status['health-output'], status
    pod.stop()
    assert pod.status == 0


def test_a_check_that_scatters_is_gathered(rig):
    pod = rig.pod(app(WAIT, more=check('i=0; while [ $i -lt 150 ]; do (setsid sh -c "trap \\"\\" TERM; sleep 77" &) ; i=$((i+1)); done; exec sleep 79',
                                       timeout=1500, interval=200, retries=1))).start()
    until(lambda: len(companions_of(pod)) > 100, 'many processes')
    until(lambda: companions_of(pod) == [], 'their end')
    until_health(pod, 'unhealthy')
    pod.stop()
    assert pod.status == 0 and processes_of(rig) == []


def test_checks_cost_the_init_little_and_leave_nothing_in_it(rig):
    def anonymous(pid):
        """KiB, whole also while a check that was begun just now shares them."""
        with open(f'/proc/{pid}/smaps_rollup') as f:
            return next(int(line.split()[1]) for line in f if line.startswith('Anonymous:'))
    pod = rig.pod(app(WAIT, more=check('true', interval=20))).start()
    until_health(pod, 'healthy')
    pid = pod.init_pid()
    time.sleep(0.5)
    first, fds, wakes, begin = anonymous(pid), len(os.listdir(f'/proc/{pid}/fd')), wakes_of(pid), time.time()
    time.sleep(2)
    passed = wakes_of(pid) - wakes
    assert passed < (time.time() - begin) * 1000 / 20 * 12, passed
    assert anonymous(pid) <= first + 8 and first <= 48, (first, anonymous(pid))
    # A check that is being begun has six of its own.
    assert len(os.listdir(f'/proc/{pid}/fd')) <= fds + 6, os.listdir(f'/proc/{pid}/fd')
    pod.stop()
    # Nobody wakes for an app that is not checked.
    pod = rig.pod(app('echo up; exec sleep 60')).start()
    pod.wait_for('up')
    time.sleep(0.3)
    wakes = wakes_of(pod.init_pid())
    time.sleep(1)
    assert wakes_of(pod.init_pid()) == wakes
    pod.stop()


def test_a_check_ends_with_its_app(rig):
    pod = rig.pod(app('sleep 0.5; exit 3', more=check('exec sleep 60', timeout=60000)), app('exec sleep 60', name='two'), head=policy('all')).start()
    until(lambda: state_of(pod, 'web').get('state') == 'exited', 'the end of the app')
    until(lambda: companions_of(pod) == [], 'the end of the check')
    pod.stop()
    assert pod.status == 3 and processes_of(rig) == []
    # Restarts leave none behind, and the next run has its own.
    pod = rig.pod(app('echo run; sleep 0.2; exit 3', more='restart always 10 1000 5\n' + check('exec sleep 60', timeout=60000))).run()
    assert pod.out == b'run\n' * 6 and pod.status == 3 and processes_of(rig) == [], pod.out


def test_checks_of_a_pod_with_users_of_its_own(rig):
    head = HEAD + 'user-namespace 200000 65536\n'
    pod = rig.pod(app('echo up; touch /mine; exec sleep 60', more=check('test "$(cat /proc/self/uid_map | tr -s " ")" = " 0 200000 65536" && touch /ours && stat -c %u /mine /ours')), head=head).start()
    pod.wait_for('up')
    status = until(lambda: state_of(pod, 'web').get('health') in ('healthy', 'unhealthy') and state_of(pod, 'web'), 'a verdict')
    assert status['health'] == 'healthy', status
    pod.stop()
    assert pod.status == 0


def test_a_check_does_not_follow_an_app_to_users_of_its_own(rig):
    pod = rig.pod(app('cp /bin/busybox /tmp/sh; echo up; exec busybox unshare -U -m sleep 60', uid=1000, gid=1000, extra='mkdir /tmp 01777\n', more=check('true'))).start()
    pod.wait_for('up')
    status = until_health(pod, 'unhealthy')
    assert 'moved to mounts and users of its own' in status['health-output'], status
    pod.stop()
    assert pod.status == 0
