"""The life of a pod: exit codes, output, stop, statuses, what is left of it."""
import fcntl
import os
import signal
import subprocess
import time

from rig import app
from test_apps import until


def processes_of(rig):
    pids = []
    for path, _, files in os.walk(rig.cgroup):
        with open(path + '/cgroup.procs') as f:
            pids += f.read().split()
    return pids


def test_exit_codes(rig):
    for script, status, keys in (
            ('true', 0, {'state': 'exited', 'exit': '0', 'reason': 'exit'}),
            ('exit 7', 7, {'exit': '7', 'reason': 'exit'}),
            ('exit 255', 255, {'exit': '255', 'reason': 'exit'}),
            ('kill -9 $$', 137, {'exit': '137', 'signal': '9', 'reason': 'signal'}),
            ('kill -15 $$', 143, {'exit': '143', 'signal': '15', 'reason': 'signal'})):
        pod = rig.pod(app(script)).run()
        status_file = pod.keys('status/web')
        assert pod.status == status and pod.err == '', (script, pod.status, pod.err)
        assert keys.items() <= status_file.items() and int(status_file['finished']) >= int(status_file['started']), status_file
        assert abs(int(status_file['started']) / 1e9 - time.time()) < 60, status_file
        assert not os.path.exists(pod.path + '/failure') and sorted(os.listdir(pod.path + '/status')) == ['web']
    assert processes_of(rig) == []


def test_the_first_failing_app_ends_the_pod(rig):
    pod = rig.pod(app('sleep 2; exit 5', name='one'), app('exec sleep 60', name='two'), app('true', name='three')).run()
    assert pod.status == 5
    assert pod.keys('status/two')['reason'] == 'stopped' and pod.keys('status/two')['signal'] == '15'
    assert pod.keys('status/three')['exit'] == '0' and pod.keys('status/one')['exit'] == '5'


def test_all_apps_must_end(rig):
    begin = time.time()
    assert rig.pod(app('true', name='one'), app('sleep 0.5', name='two')).run().status == 0
    assert time.time() - begin > 0.5


def test_stop(rig):
    pod = rig.pod(app('echo up; exec sleep 60', name='one'), app('trap "echo bye; exit 0" TERM; echo up; while :; do sleep 0.05; done', name='two'),
                  app('trap "exit 143" TERM; echo up; while :; do sleep 0.05; done', name='three')).start()
    pod.wait_for('up', 3)
    assert pod.keys('status/one')['state'] == 'running' and 'finished' not in pod.keys('status/one')
    pod.stop()
    assert pod.status == 0 and b'bye' in pod.out, (pod.status, pod.out, pod.err)
    assert [pod.keys('status/' + name)['exit'] for name in ('one', 'two', 'three')] == ['143', '0', '143']


def test_stop_kills_after_the_grace(rig):
    pod = rig.pod(app('trap "" TERM; echo up; while :; do sleep 1; done'), grace=300).start()
    pod.wait_for('up')
    begin = time.time()
    pod.stop()
    assert pod.status == 137 and 0.25 < time.time() - begin < 9, (pod.status, time.time() - begin)
    assert pod.keys('status/web')['reason'] == 'signal' and processes_of(rig) == []


def test_other_stop_signals(rig):
    for number in (signal.SIGINT, signal.SIGRTMIN + 3, signal.SIGRTMIN + 4):
        pod = rig.pod(app('echo up; exec sleep 60')).start()
        pod.wait_for('up')
        os.kill(pod.init_pid(), number)
        assert pod.wait().status == 0, number
    pod = rig.pod(app('echo up; exec sleep 3')).start()
    pod.wait_for('up')
    for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM, signal.SIGQUIT, signal.SIGPIPE):
        os.kill(pod.init_pid(), number)
    assert pod.wait().status == 0 and pod.keys('status/web')['reason'] == 'exit'


def test_an_early_stop_is_never_lost(rig):
    for i in range(40):
        pod = rig.pod(app('exec sleep 60')).start()
        time.sleep(i * 0.0004)
        begin = time.time()
        pod.stop()
        # Before the first instruction of stage1 the signal has its default effect, and nothing has happened yet.
        assert pod.status in (0, -signal.SIGTERM) and time.time() - begin < 9, (i, pod.status, pod.err)
        assert processes_of(rig) == [], i


def test_the_end_of_the_launcher_ends_the_pod(rig):
    pod = rig.pod(app('echo up; exec sleep 60')).start()
    pod.wait_for('up')
    pod.process.kill()
    pod.process.wait()
    for _ in range(100):
        if processes_of(rig) == []:
            break
        time.sleep(0.02)
    assert processes_of(rig) == []


def test_output_is_intact_and_separate(rig):
    pod = rig.pod(app('dd if=/dev/zero bs=1000 count=10000 2>/dev/null; echo end; echo error >&2')).run()
    assert pod.status == 0 and len(pod.out) == 10_000_004 and pod.out.endswith(b'\0end\n'), len(pod.out)
    assert pod.out.count(b'\0') == 10_000_000 and pod.err == 'error\n', pod.err
    pod = rig.pod(app('seq 1 300000')).run()
    assert pod.out == ''.join(f'{i}\n' for i in range(1, 300001)).encode()


def test_a_closed_reader_does_not_hurt(rig):
    pod = rig.pod(app('echo first; for i in 1 2 3 4 5; do echo $i; sleep 0.05; done; echo done >&2')).start()
    pod.process.stdout.readline()
    pod.process.stdout.close()
    pod.process.stdout = None
    pod.wait()
    assert (pod.status, pod.err) == (0, 'done\n'), (pod.status, pod.err)


def test_a_slow_reader_does_not_hold_up_other_apps(rig):
    loud = app('yes', name='loud')
    other = app('sleep 0.3; echo still here >&2; exit 4', name='other')
    pod = rig.pod(loud, other, grace=300).start()
    line = pod.process.stderr.readline()
    while b'still' not in line:
        line = pod.process.stderr.readline()
    pod.process.stdout.close()
    pod.process.stdout = None
    assert pod.wait().status == 4


def test_undelivered_output_waits_for_its_reader(rig):
    pod = rig.pod(app('seq 1 60000')).start()
    time.sleep(1.5)
    assert pod.process.poll() is None
    assert pod.wait().out.endswith(b'\n60000\n') and pod.status == 0


def test_a_stuck_reader_does_not_outlast_a_stop(rig):
    pod = rig.pod(app('exec yes'), grace=400).start()
    time.sleep(0.3)
    pod.process.send_signal(signal.SIGTERM)
    begin = time.time()
    pod.process.wait(timeout=10)
    assert pod.process.returncode == 0 and time.time() - begin < 9
    pod.wait()


def test_the_caller_s_files_keep_their_flags(rig):
    read, write = os.pipe()
    rig.pod(app('echo x')).run(stdout=write)
    assert fcntl.fcntl(write, fcntl.F_GETFL) & os.O_NONBLOCK == 0
    os.close(write)
    os.close(read)


def test_output_to_a_file_and_to_dev_null(rig):
    path = rig.dir + '/out'
    with open(path, 'w') as f:
        f.write('before\n')
        f.flush()
        rig.pod(app('echo x; echo y >&2')).run(stdout=f, stderr=f)
    assert sorted(open(path).read().splitlines()[-2:]) == ['x', 'y'] and open(path).read().startswith('before\n')
    assert rig.pod(app('echo x')).run(stdout=subprocess.DEVNULL).status == 0


def test_orphans_are_reaped(rig):
    script = 'i=0; while [ $i -lt 50 ]; do (sleep 0.05 & ); i=$((i+1)); done; echo spawned; sleep 0.5; echo ready; exec sleep 60'
    pod = rig.pod(app(script)).start()
    pod.wait_for('ready')
    init = pod.init_pid()

    def children():
        with open(f'/proc/{init}/task/{init}/children') as f:
            return f.read().split()
    until(lambda: len(children()) == 1, 'the end of the orphans')
    assert pod.stop().status == 0


def test_what_an_app_leaves_behind_is_killed(rig):
    begin = time.time()
    pod = rig.pod(app('(trap "" TERM HUP; sleep 60) & (sleep 60 &); echo x; exit 0', name='one'), app('sleep 0.4; ps | grep -c "[s]leep 60"', name='two')).run()
    assert pod.status == 1 or pod.out.splitlines()[-1] == b'0', (pod.status, pod.out)
    assert time.time() - begin < 9 and processes_of(rig) == []


def test_an_idle_pod_is_small(rig):
    pod = rig.pod(app('echo up; exec sleep 60')).start()
    pod.wait_for('up')
    time.sleep(0.2)
    with open(f'/proc/{pod.init_pid()}/smaps_rollup') as f:
        sizes = {line.split(':')[0]: int(line.split()[1]) for line in f if line.endswith(' kB\n')}
    assert sizes['Rss'] <= 128 and sizes['Pss_Anon'] <= 40, sizes
    pod.stop()
