"""The life of apps: handlers, restarts, exit policies, order, readiness, stop signals, reasons."""
import os
import subprocess
import time

from rig import HEAD, STAGE1, app, quote


def handler(kind, script):
    argv = ['sh', '-c', script]
    return f'handler {kind} {len(argv)} ' + ' '.join(map(quote, argv)) + ' /bin/sh\n'


def policy(words):
    return HEAD + f'exit-policy {words}\n'


NOTIFY = 'notify /dev/ready\n'
# busybox has no client for datagram sockets, and a host's Python is not in the image: the init's own tests send for the app.
def say(pod, name, message):
    """Sends as if from inside the app: through its root."""
    import socket
    pid = pid_in(pod, name)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    directory = os.open(f'/proc/{pid}/root/dev', os.O_PATH)
    sock.connect(f'/proc/self/fd/{directory}/ready')
    sock.send(message)
    os.close(directory)


def pid_in(pod, name):
    for _ in range(200):
        for path, _, _ in os.walk(pod.rig.cgroup):
            if path.endswith('/app-' + name):
                with open(path + '/cgroup.procs') as f:
                    pids = f.read().split()
                if pids and os.path.exists(f'/proc/{pids[0]}/root/dev/ready'):
                    return int(pids[0])
        time.sleep(0.01)
    raise AssertionError(f'no process of {name} with a socket')


def until(test, what):
    for _ in range(500):
        found = test()
        if found:
            return found
        time.sleep(0.01)
    raise AssertionError(f'waited in vain for {what}')


def freeze(cgroup, value):
    with open(cgroup + '/cgroup.freeze', 'w') as f:
        f.write(value)
    until(lambda: f'frozen {value}' in open(cgroup + '/cgroup.events').read(), 'the freezer')


def state_of(pod, name):
    try:
        return pod.keys('status/' + name)
    except FileNotFoundError:
        return {}


def test_B11_handlers_share_the_app_s_root_and_run_in_order(rig):
    script = 'test -e /pre && ! test -e /post && echo main; echo x > /dev/shm/x; mount | grep -c " / "; exit 3'
    pre = handler('pre-start', 'test ! -e /pre && echo x > /pre; test ! -e /main && id -u; echo "pre $FOO $PWD"; hostname > /dev/private')
    post = handler('post-stop', 'test -e /pre && cat /dev/private && echo post; id -u >&2')
    for user in (0, 1000):
        pod = rig.pod(app(script, more=pre + post + 'env FOO=bar\n', uid=user, gid=user, cwd='/etc')).run()
        assert pod.out.decode().splitlines() == ['0', 'pre bar /etc', 'main', '1', 'rig', 'post'], (pod.out, pod.err)
        assert pod.err == ('0\n' if user == 0 else 'sh: can\'t create /dev/shm/x: Permission denied\n0\n') or '0\n' in pod.err, pod.err
        assert (pod.status, pod.keys('status/web')['exit'], pod.keys('status/web')['reason']) == (3, '3', 'exit')


def test_B11_handlers_are_confined_as_the_app_is(rig):
    confined = 'caps 0000000000000001\nno-new-privs\n'
    show = 'grep -E "CapBnd|CapEff|NoNewPrivs" /proc/self/status; cat /proc/self/cgroup | grep 0::'
    pod = rig.pod(app(show, more=confined + handler('pre-start', show) + handler('post-stop', show))).run()
    lines = pod.out.decode().splitlines()
    assert len(lines) == 12 and lines[:4] == lines[4:8] == lines[8:], lines
    assert lines[:3] == ['CapEff:\t0000000000000001', 'CapBnd:\t0000000000000001', 'NoNewPrivs:\t1'], lines


def test_B11_a_failing_pre_start_fails_the_app(rig):
    pod = rig.pod(app('echo main', more=handler('pre-start', 'echo pre; exit 9') + handler('post-stop', 'echo post'))).run()
    assert pod.out == b'pre\n' and pod.status == 9, (pod.out, pod.status)
    status = pod.keys('status/web')
    assert (status['state'], status['reason'], status['exit']) == ('exited', 'pre-start', '9') and 'started' not in status
    assert pod.keys('failure') == {'app': 'web', 'operation': 'pre-start', 'detail': 'the handler failed, see the journal'}
    pod = rig.pod(app('echo main', more='handler pre-start 1 nope /bin/nope\n')).run()
    assert pod.out == b'' and pod.status == 254 and pod.keys('failure')['operation'] == 'pre-start', (pod.status, pod.err)
    assert pod.keys('status/web')['reason'] == 'exec' and '/bin/nope' in pod.keys('status/web')['detail'], pod.keys('status/web')


def test_B11_post_stop_runs_after_a_stop_and_a_kill(rig):
    post = handler('post-stop', 'echo post; ps | grep -c "[ ]sleep 77"')
    pod = rig.pod(app('(sleep 77 &); echo up; exec sleep 60', more=post)).start()
    pod.wait_for('up')
    pod.stop()
    assert pod.out == b'post\n0\n' and pod.status == 0, (pod.out, pod.status)
    pod = rig.pod(app('trap "" TERM; echo up; while :; do sleep 1; done', more=post), grace=2000).start()
    pod.wait_for('up')
    pod.stop()
    assert pod.out == b'post\n0\n' and pod.status == 137, (pod.out, pod.status)


def test_B11_post_stop_is_bounded_by_the_grace(rig):
    pod = rig.pod(app('echo up', more=handler('post-stop', 'echo post; trap "" TERM; while :; do sleep 1; done')), grace=2000).start()
    begin = time.time()
    pod.wait()
    assert pod.out == b'up\npost\n' and pod.status == 0 and 1.9 < time.time() - begin < 15, (pod.out, pod.status)


def test_B11_a_stop_during_pre_start_starts_nothing(rig):
    pod = rig.pod(app('echo main', more=handler('pre-start', 'echo pre; exec sleep 60') + handler('post-stop', 'echo post'))).start()
    pod.wait_for('pre')
    pod.stop()
    assert pod.out == b'' and pod.keys('status/web')['reason'] == 'stopped', (pod.out, pod.keys('status/web'))


def test_restart_on_failure_until_the_limit(rig):
    script = 'echo run >> /runs; wc -l < /runs; exit 3'
    begin = time.time()
    pod = rig.pod(app(script, more='restart on-failure 50 10000 3\n')).run()
    assert pod.out == b'1\n2\n3\n4\n' and pod.status == 3, (pod.out, pod.status)
    assert time.time() - begin > 0.05 + 0.1 + 0.2
    assert pod.keys('status/web').items() >= {'restarts': '3', 'exit': '3', 'reason': 'exit', 'state': 'exited'}.items()
    pod = rig.pod(app('echo x; exit 0', more='restart on-failure 50 10000 3\n')).run()
    assert pod.out == b'x\n' and pod.status == 0
    pod = rig.pod(app('echo x; exit 0', more='restart always 1 10000 2\n')).run()
    assert pod.out == b'x\nx\nx\n' and pod.status == 0
    pod = rig.pod(app('echo x; exit 1', more='restart never 1 10000 2\n')).run()
    assert pod.out == b'x\n' and pod.status == 1


def test_a_restarted_app_has_fresh_mounts_handlers_and_no_leftovers(rig):
    count = 'ps | grep -c "[ ]sleep 77"; '
    script = 'test ! -e /dev/mark && echo x > /dev/mark && ' + count + '(sleep 77 &); until ps | grep -q "[ ]sleep 77"; do :; done; exit 1'
    pod = rig.pod(app(script, more='restart always 1 10000 2\n' + handler('pre-start', 'echo pre') + handler('post-stop', 'echo post'))).run()
    assert pod.out.decode().split() == ['pre', '0', 'post'] * 3, pod.out


def test_restarts_count_in_a_row_only(rig):
    # It runs longer than the longest delay each time, so that its limit of one restart is never reached.
    pod = rig.pod(app('echo run; sleep 1; exit 1', more='restart always 1 50 1\n')).start()
    for _ in range(4):
        pod.wait_for('run')
    assert pod.stop().status == 0


def test_a_stop_ends_a_pause(rig):
    pod = rig.pod(app('echo run; exit 3', more='restart always 60000 60000 0\n')).start()
    until(lambda: state_of(pod, 'web').get('state') == 'restarting', 'the pause')
    begin = time.time()
    pod.stop()
    assert time.time() - begin < 3 and pod.status == 0
    assert pod.keys('status/web').items() >= {'reason': 'stopped', 'exit': '3', 'restarts': '1', 'state': 'exited'}.items()


def test_a_restarting_app_ends_no_pod(rig):
    pod = rig.pod(app('exit 3', name='flaky', more='restart always 500 10000 3\n'), app('sleep 0.05; echo still; exec sleep 60', name='other')).start()
    pod.wait_for('still')
    assert pod.wait().status == 3 and pod.keys('status/other')['reason'] == 'stopped'
    assert pod.keys('status/flaky')['restarts'] == '3'


def test_exit_policies(rig):
    quick, bad, long = app('exit 0', name='quick'), app('sleep 0.2; exit 4', name='bad'), app('sleep 2; echo long', name='long')
    forever = app('exec sleep 60', name='forever')
    assert rig.pod(quick, forever, head=policy('any')).run().status == 0
    assert rig.pod(bad, forever, head=policy('any')).run().status == 4
    pod = rig.pod(bad, long, app('sleep 1.5; exit 5', name='worse'), head=policy('all')).run()
    assert pod.out == b'long\n' and pod.status == 4, (pod.out, pod.status)
    pod = rig.pod(bad, long, forever, head=policy('main long')).run()
    assert pod.out == b'long\n' and pod.status == 0 and pod.keys('status/bad')['exit'] == '4'
    assert rig.pod(app('sleep 0.1; exit 7', name='main'), quick, forever, head=policy('main main')).run().status == 7
    # What an app makes of being stopped is not the pod's status once another has settled it.
    rude = app('trap "exit 9" TERM; echo up; while :; do sleep 0.05; done', name='rude')
    assert rig.pod(app('sleep 0.3', name='main'), rude, head=policy('main main')).run().status == 0
    assert rig.pod(app('sleep 0.3', name='quick'), rude, head=policy('any')).run().status == 0
    pod = rig.pod(rude, forever, head=policy('all')).start()
    pod.wait_for('up')
    until(lambda: state_of(pod, 'forever').get('state') == 'running', 'the other')
    time.sleep(0.2)
    assert pod.stop().status == 9


def test_apps_start_after_others(rig):
    first = app('echo first; exec sleep 1', name='first', more=handler('pre-start', 'sleep 0.3; echo pre'))
    pod = rig.pod(first, app('sleep 0.5; echo second', name='second', more='after first\n'),
                  app('sleep 1; echo third', name='third', more='after second\n')).run()
    assert pod.out == b'pre\nfirst\nsecond\nthird\n' and pod.status == 0, pod.out
    bad = app('echo no', name='bad', more=handler('pre-start', 'exit 6'))
    pod = rig.pod(bad, app('echo second', name='second', more='after bad\n'), head=policy('all')).run()
    assert pod.out == b'' and pod.status == 6 and pod.keys('status/second')['reason'] == 'dependency', (pod.out, pod.status)


def test_apps_after_one_that_must_say_ready(rig):
    waiting = app('echo second', name='second', more='after first\n')
    pod = rig.pod(app('exec sleep 60', name='first', extra=NOTIFY), waiting).start()
    until(lambda: state_of(pod, 'first').get('state') == 'running', 'the first')
    say(pod, 'first', b'STATUS=almost\nMAINPID=1\nREADY=0\n')
    say(pod, 'first', b'READY=1' + b'\n' * 5000)  # longer than a message may be
    assert state_of(pod, 'second') == {}
    say(pod, 'first', b'X=1\nREADY=1\n')
    pod.wait_for('second')
    assert pod.stop().status == 0


def wakeups(pod):
    with open(f'/proc/{pod.init_pid()}/status') as f:
        return int(next(line for line in f if line.startswith('voluntary_ctxt_switches')).split()[1])


def test_a_flood_of_messages_is_bounded(rig):
    pod = rig.pod(app('exec sleep 60', extra=NOTIFY), app('echo up; exec sleep 60', name='other')).start()
    pod.wait_for('up')
    until(lambda: state_of(pod, 'web').get('state') == 'running', 'the app')
    pid_in(pod, 'web')
    before = wakeups(pod)
    begin = time.time()
    sent = 0
    while time.time() - begin < 1:
        say(pod, 'web', b'STATUS=' + b'x' * 3000)
        sent += 1
    assert sent > 20 and wakeups(pod) - before < 150, (sent, wakeups(pod) - before)
    assert pod.stop().status == 0


def test_a_socket_is_seen_by_its_app_only(rig):
    look = 'ls /dev | grep -c ready; ls -l /run 2>/dev/null | grep -c ready'
    pod = rig.pod(app('exec sleep 60', extra=NOTIFY), app(look + '; exec sleep 60', name='other')).start()
    assert pod.wait_for('0\n0\n') == b'0\n0\n'
    mode = os.stat(f'/proc/{pid_in(pod, "web")}/root/dev/ready').st_mode & 0o777
    assert mode == 0o666, oct(mode)
    assert pod.stop().status == 0


def test_stop_signals(rig):
    pod = rig.pod(app('trap "echo usr; exit 0" USR1; echo up; while :; do sleep 0.05; done', more='stop-signal 10\n'),
                  app('echo up; exec sleep 60', name='other', more='stop-signal 2\n')).start()
    pod.wait_for('up', 2)
    pod.stop()
    assert b'usr' in pod.out and pod.status == 0, (pod.out, pod.status)
    assert pod.keys('status/other').items() >= {'reason': 'stopped', 'signal': '2'}.items()


def test_lives_that_no_plan_may_have(rig):
    for more, detail in (('restart sometimes 1 1 1\n', 'neither never'), ('restart always 2 1 0\n', 'not ascending'),
                         ('stop-signal 65\n', 'no such signal'), ('stop-signal 0\n', 'no such signal'),
                         ('stop-signal 1\nstop-signal 2\n', 'given twice'), ('after web\n', 'not an app that stands before'),
                         ('after nobody\n', 'not an app that stands before'), ('handler main 1 a /a\n', 'neither pre-start'),
                         ('handler pre-start 0 /a\n', 'no arguments'), ('handler pre-start 1 a\n', 'no candidates'),
                         ('handler pre-start 1 a /a\nhandler pre-start 1 a /a\n', 'given twice'),
                         ('notify /ready\n', 'follows the pivot')):
        pod = rig.pod(app('true', more=more)).run()
        assert pod.status == 254 and detail in pod.err, (more, pod.err)
    for words, detail in (('some', 'neither any'), ('any web', 'main takes one'), ('main', 'main takes one'), ('main nobody', 'no such app')):
        pod = rig.pod(app('true'), head=policy(words)).run()
        assert pod.status == 254 and detail in pod.err, (words, pod.err)


def test_the_events_have_ids(rig):
    lines = subprocess.run([STAGE1, 'events'], stdout=subprocess.PIPE, check=True).stdout.decode().splitlines()
    assert all(len(line.split(' ')[1]) == 32 for line in lines) and len(set(lines)) == len(lines) > 0
