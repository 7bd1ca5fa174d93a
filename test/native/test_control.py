"""The control socket of a pod's init: what it does, and what it survives."""
import os
import random
import resource
import signal
import socket
import subprocess
import time

from control_rig import Control, graft, ready, sandbox
from rig import HEAD, STAGE1, app


def test_control_lists_starts_and_stops(rig):
    pod = rig.pod(app('exec sleep 60', name='one'), app('trap "exit 0" TERM; echo up; while :; do sleep 0.05; done', name='two')).start()
    control = ready(pod)
    assert control.apps() == {'one': 'running', 'two': 'running'}
    assert control.ask('start one') == 'ok'  # it runs
    assert control.ask('stop one') == 'ok'
    assert pod.keys('status/one')['reason'] == 'stopped'
    assert control.apps() == {'one': 'exited', 'two': 'running'}
    assert control.ask('stop one') == 'ok'
    assert control.ask('start one') == 'ok'
    assert pod.keys('status/one')['state'] == 'running' and control.apps()['one'] == 'running'
    assert control.ask('stop nobody').startswith('error app-not-found nobody')
    assert control.ask('stop one x').startswith('error bad-request')
    pod.stop()
    assert pod.status == 0, pod.err


def test_control_kills_after_the_grace(rig):
    pod = rig.pod(app('trap "" TERM; echo up; while :; do sleep 0.05; done', name='deaf'), app('exec sleep 60', name='other')).start()
    pod.wait_for('up')
    control = ready(pod)
    begin = time.time()
    assert control.ask('stop deaf 200') == 'ok'
    assert 0.15 < time.time() - begin < 4 and pod.keys('status/deaf')['signal'] == '9'
    # A death by SIGKILL that follows a stop is a failure, and this pod ends with the first.
    assert pod.wait().status == 137


def test_control_refuses_what_is_no_request(rig):
    pod = sandbox(rig)
    ready(pod).close()
    null = os.open('/dev/null', os.O_RDONLY)
    for request in ('x', 'list ', ' list', 'list x', 'list\n', 'start', 'start a b', 'stop', 'stop a 1 2', 'add', 'add x', 'rm', 'LIST',
                    '\0', '\xff\xfe', 'start a\0b', 'start  a', 'x' * 4096, 'x' * 4097, 'x' * 60000, 'l' + 'i' * 20000):
        control = Control(pod)
        assert control.ask(request).startswith('error bad-request '), request[:20]
        assert control.answer() == '', request[:20]  # disconnected
        control.close()
    for request, fds in (('list', [null]), ('start a', [null]), ('add', [null, null]), ('list', [null] * 20)):
        control = Control(pod)
        assert control.ask(request, *fds).startswith('error bad-request '), (request, len(fds))
        control.close()
    for request in ('start a', 'stop a', 'rm a'):
        assert Control(pod).ask(request) == f'error app-not-found a: the pod has no such app'
    os.close(null)
    with open(f'{pod.path}/pid') as f:
        assert len(os.listdir(f'/proc/{f.read().strip()}/fd')) < 20
    pod.stop()
    assert pod.status == 0, pod.err


def test_control_survives_random_bytes(rig):
    pod = sandbox(rig)
    ready(pod).close()
    source = random.Random(1)
    for _ in range(500):
        control = Control(pod)
        try:
            for _ in range(source.randrange(4)):
                control.send(source.randbytes(source.randrange(1, 6000)))
        except (BrokenPipeError, ConnectionResetError):
            pass
        control.close()
    assert ready(pod).apps() == {}
    pod.stop()
    assert pod.status == 0, pod.err


def test_a_thousand_connections_neither_stop_the_pod_nor_stay(rig):
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    pod = sandbox(rig)
    ready(pod).close()
    waiting = []
    for i in range(1000):
        control = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        control.setblocking(False)
        directory = os.open(pod.path, os.O_PATH)
        try:
            control.connect(f'/proc/self/fd/{directory}/control')
        except BlockingIOError:
            pass  # the backlog is full: this one is not connected
        finally:
            os.close(directory)
        waiting.append(control)
    with open(f'{pod.path}/pid') as f:
        pid = f.read().strip()
    assert len(os.listdir(f'/proc/{pid}/fd')) < 40
    for control in waiting:
        control.close()
    assert ready(pod).apps() == {}
    pod.stop()
    assert pod.status == 0, pod.err


def test_control_closes_connections_that_say_nothing(rig):
    pod = sandbox(rig)
    ready(pod).close()
    begin = time.time()
    silent = [Control(pod, timeout=30) for _ in range(16)]
    assert Control(pod, timeout=30).apps() == {}
    assert 0.2 < time.time() - begin < 3  # sooner than where others wait for no place
    assert all(control.answer() == '' for control in silent)
    pod.stop()


def test_control_is_for_the_hosts_root_only(rig):
    pod = sandbox(rig)
    ready(pod).close()
    assert os.stat(f'{pod.path}/control').st_mode & 0o777 == 0o600
    os.chmod(f'{pod.path}/control', 0o666)
    for path in (pod.path, rig.dir):
        os.chmod(path, 0o755)
    child = os.fork()
    if child == 0:
        os.setuid(65534)
        try:
            answer = Control(pod).answer()
            os._exit(0 if answer.startswith('error not-root') else 1)
        except BaseException:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    # The pod's own root, with the pod's directory before its eyes: number and user are right for the kernel, not for the init.
    with open(f'{pod.path}/pid') as f:
        pid = f.read().strip()
    script = ('import socket,sys; s=socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET); '
              's.connect(sys.argv[1]); print(s.recv(100).decode())')
    inside = subprocess.run(['nsenter', '-t', pid, '-p', 'python3', '-c', script, f'{pod.path}/control'], capture_output=True, text=True)
    assert inside.stdout.startswith('error not-root'), inside
    pod.stop()


def test_a_pod_without_apps_stays_until_it_is_stopped(rig):
    pod = sandbox(rig)
    assert ready(pod).apps() == {}
    time.sleep(0.2)
    assert pod.process.poll() is None
    pod.stop()
    assert pod.status == 0 and pod.err == '', pod.err


def test_a_stop_of_the_pod_answers_those_who_wait(rig):
    pod = rig.pod(app('trap "sleep 0.3; exit 0" TERM; echo up; while :; do sleep 0.05; done', name='slow')).start()
    pod.wait_for('up')
    control = ready(pod)
    control.send('stop slow')
    pod.process.send_signal(signal.SIGTERM)
    assert control.answer() in ('ok', '')  # '': the pod ended in the same moment
    assert pod.wait().status == 0


def test_the_verb_control(rig):
    pod = sandbox(rig)
    ready(pod).close()
    graft(rig, pod, app('true', name='x'))

    def control(*words):
        done = subprocess.run([STAGE1, 'control', pod.path, *words], capture_output=True, text=True)
        return done.returncode, done.stdout, done.stderr
    assert control('list') == (0, 'x created\nok\n', '')
    assert control('start', 'x') == (0, 'ok\n', '')
    assert control('rm', 'y') == (1, 'error app-not-found y: the pod has no such app\n', '')
    assert control('x' * 5000)[0] == 254
    pod.stop()
    code, out, err = control('list')
    assert (code, out) == (254, '') and 'the pod is not running' in err, err


def test_a_new_grace_is_that_of_the_stop_and_only_shortens_one_that_lasts(rig):
    notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notify.settimeout(10)
    pod = rig.pod(app('trap "" TERM; echo up; while :; do sleep 0.1; done', name='deaf'), grace=100)
    notify.bind(pod.path + '/notify')
    pod.start(notify=pod.path + '/notify')
    # Whoever reads takes the launcher's barrier, too, which it waits for.
    while b'READY=1' not in notify.recv(4096):
        pass
    pod.wait_for('up')
    control = ready(pod)
    for words in ('grace', 'grace x', 'grace -1', 'grace 1 2', 'grace 99999999999999999999'):
        assert Control(pod).ask(words).startswith('error bad-request'), words
    assert control.ask('grace 3600000') == 'ok'
    os.kill(pod.init_pid(), signal.SIGTERM)
    told = []
    while 'STOPPING=1' not in told:
        told.append(notify.recv(4096).decode())
    assert 'EXTEND_TIMEOUT_USEC=7205000000' in told
    assert control.ask('grace 7200000') == 'ok'
    assert control.apps() == {'deaf': 'running'}
    assert control.ask('grace 100') == 'ok'
    assert control.answer() == ''  # the init has ended
    assert pod.keys('status/deaf')['signal'] == '9'
    pod.wait()
    notify.close()


def test_control_restarts_one_app_and_not_the_pod(rig):
    # Its only app: stopped and started one after the other, the pod would have ended in between.
    pod = rig.pod(app('echo up; exec sleep 60', name='one')).start()
    control = ready(pod)
    first = pod.keys('status/one')['pid']
    for request in ('restart one', 'restart one 0', 'restart one 5000'):
        assert control.ask(request) == 'ok', request
        now = pod.keys('status/one')
        assert now['state'] == 'running' and now['pid'] != first, request
        first = now['pid']
    assert control.ask('restart nobody').startswith('error app-not-found')
    assert control.ask('restart one x').startswith('error bad-request')
    pod.stop()
    assert pod.status == 0, pod.err


def test_control_restart_of_an_app_that_is_over_starts_it(rig):
    head = HEAD.replace('stop-grace', 'exit-policy all\nstop-grace')
    pod = rig.pod(app('exit 3', name='short'), app('exec sleep 60', name='other'), head=head).start()
    control = ready(pod)
    while control.apps()['short'] != 'exited':
        pass
    # Its last output may still be on its way.
    while (answer := control.ask('restart short')).startswith('error app-wrong-state'):
        pass
    assert answer == 'ok'
    pod.stop()


def test_control_restart_ends_with_a_pod_that_is_stopped(rig):
    pod = rig.pod(app('trap "" TERM; echo up; while :; do sleep 0.05; done', name='deaf'), grace=500).start()
    pod.wait_for('up')
    asking, control = ready(pod), Control(pod)
    asking.send('restart deaf 60000')
    assert control.apps() == {'deaf': 'running'}
    pod.stop()
    answer = asking.answer()
    assert answer.startswith('error app-failed deaf') or answer == '', answer
