"""Who is attached to an app, and the caller in the foreground: the messages, what is no message, and what must never wait."""
import os
import random
import select
import socket
import subprocess
import threading
import time

from control_rig import Control, ready
from rig import app


def fds_of(pod):
    with open(f'{pod.path}/pid') as f:
        return len(os.listdir(f'/proc/{f.read().strip()}/fd'))


def attach(pod, wish='auto', name='web', timeout=10):
    control = Control(pod, timeout)
    answer = control.ask(f'attach {name} {wish}')
    assert answer.startswith('ok '), answer
    return control


def said_by(control, last):
    said = ''
    while last not in said:
        piece = control.answer()
        assert piece[0] == 'o', piece
        said += piece[1:]
    return said


def until_fds(pod, count):
    deadline = time.time() + 10
    while fds_of(pod) > count:
        assert time.time() < deadline, (fds_of(pod), count)
        time.sleep(0.01)


TTY = 'stdio tty tty tty\nterminal 24 80\n'
DEVPTS = 'mount devpts /dev/pts newinstance ptmxmode=0666 mode=0620 - nosuid noexec\n'
CAT = app('cat', more='stdio stream stream stream\n')


def test_attached_input_and_output_and_end(rig):
    pod = rig.pod(app('while read a; do echo "<$a>"; done; echo over >&2; exit 4', more='stdio stream stream log\n')).start()
    ready(pod).close()
    assert Control(pod).ask('endpoints web') == 'ok stdin,stdout,stderr'
    one, two = attach(pod), attach(pod, 'stdout')
    one.send('ione\n')
    assert one.answer() == 'o<one>\n' and two.answer() == 'o<one>\n'
    one.send('itwo\nithree').send('i\n')
    assert said_by(one, '<ithree>') == '<two>\n<ithree>\n'
    one.send('z')
    assert one.answer() == 'eover\n'
    assert one.answer() == 'x4' and one.answer() == ''
    assert said_by(two, '<ithree>') == '<two>\n<ithree>\n' and two.answer() == 'x4'
    assert pod.wait().status == 4


def test_a_terminal_of_the_pods_own(rig):
    text = 'stty size 2>/dev/null; test -t 0 && test -t 1 && test -t 2 && echo terminal; read a; echo "<$a>"; exit 3'
    pod = rig.pod(app(text, extra=DEVPTS, more=TTY)).start()
    ready(pod).close()
    assert Control(pod).ask('endpoints web') == 'ok tty-in,tty-out'
    one = attach(pod, 'tty')
    one.send('w50 132').send('w').send('wx y').send('w99999 1').send('ihello\n')
    said_by(one, '<hello>\r\n')
    assert one.answer() == 'x3'
    assert pod.wait().status == 3


def test_what_is_no_message_ends_the_connection_and_nothing_else(rig):
    pod = rig.pod(CAT).start()
    ready(pod).close()
    before = fds_of(pod)
    null = os.open('/dev/null', os.O_RDONLY)
    for bad in ('x1', 'q', 'zz', 'w1 1', '\0', 'o', 'i' + 'x' * 20000):
        control = attach(pod)
        control.send(bad)
        assert control.answer() == '', bad[:10]
    for bad in ('i', 'z'):
        control = attach(pod, 'stdout')  # gives no input
        control.send(bad)
        assert control.answer() == '', bad
    control = attach(pod)
    control.send('iwith a file\n', *[null] * 5)
    assert control.answer() == 'owith a file\n'
    control.close()
    for bad in ('attach web', 'attach web x', 'attach web stdin,,stdout', 'attach nobody auto', 'attach web tty', 'attach web auto x',
                'endpoints', 'endpoints nobody', 'endpoints web x'):
        assert Control(pod).ask(bad).startswith('error '), bad
    until_fds(pod, before)
    os.close(null)
    control = attach(pod)
    control.send('z')
    assert control.answer() == 'x0'
    assert pod.wait().status == 0


def test_random_messages_leave_the_app_alone(rig):
    pod = rig.pod(app('cat >/dev/null', more='stdio stream stream stream\n'), app('exec sleep 60', name='other')).start()
    ready(pod).close()
    before = fds_of(pod)
    source = random.Random(2)
    for _ in range(400):
        control = attach(pod, source.choice(('auto', 'stdin', 'stdout,stderr')))
        try:
            for _ in range(source.randrange(5)):
                head = source.choice((b'', b'i', b'w', b'i', b'w7 '))
                control.send(head + source.randbytes(source.randrange(1, 3000)))
        except (BrokenPipeError, ConnectionResetError):
            pass
        control.close()
    until_fds(pod, before)
    assert ready(pod).apps() == {'web': 'running', 'other': 'running'}
    pod.stop()


def test_who_does_not_read_is_let_go_and_never_holds_the_app_back_for_long(rig):
    script = 'read go; dd if=/dev/zero bs=65536 count=800 2>/dev/null; echo done >&2; read end'
    pod = rig.pod(app(script, more='stdio stream stream stream\n')).start(stdout=subprocess.DEVNULL)
    ready(pod).close()
    before = fds_of(pod)
    deaf = [attach(pod, 'stdout') for _ in range(14)]
    giver = attach(pod, 'stdin,stderr', timeout=20)
    begin = time.time()
    giver.send('igo\n')
    assert giver.answer() == 'edone\n'
    assert time.time() - begin < 10
    until_fds(pod, before + 1)
    for control in deaf:
        got = 0
        while True:
            piece = control.socket.recv(65536)
            if not piece:
                break
            assert piece[:1] == b'o'
            got += len(piece) - 1
        assert got < 800 * 65536
    giver.send('iend\n')
    assert pod.wait().status == 0


def test_only_so_many_are_attached_and_those_who_ask_are_served(rig):
    pod = rig.pod(CAT).start()
    ready(pod).close()
    before = fds_of(pod)
    held = [attach(pod) for _ in range(16)]
    assert Control(pod).ask('attach web auto').startswith('error control-busy ')
    assert Control(pod).apps() == {'web': 'running'}
    for control in held:
        control.close()
    until_fds(pod, before)
    attach(pod).send('z')
    assert pod.wait().status == 0


def test_hogs_do_not_keep_others_out(rig):
    pod = rig.pod(app('trap "" TERM; echo up; while :; do sleep 0.05; done', name='deaf'), grace=1000).start()
    pod.wait_for('up')
    ready(pod).close()
    waiting = [Control(pod) for _ in range(14)]
    for control in waiting:
        control.send('stop deaf 86400000')
    refused = [control for control in waiting[12:] if control.answer().startswith('error control-busy ')]
    assert len(refused) == 2
    silent = [Control(pod, timeout=30) for _ in range(20)]
    begin = time.time()
    assert Control(pod, timeout=30).apps() == {'deaf': 'running'}
    assert time.time() - begin < 10
    for control in waiting + silent:
        control.close()
    pod.stop()


def test_input_that_is_not_read_stops_nothing(rig):
    pod = rig.pod(app('sleep 60', more='stdio stream log log\n'), app('exec sleep 60', name='other')).start()
    ready(pod).close()
    control = attach(pod, 'stdin')
    control.socket.settimeout(0.5)
    sent = 0
    try:
        while sent < 10_000_000:
            control.send(b'i' + b'x' * 16384)
            sent += 16384
    except socket.timeout:
        pass
    assert sent < 10_000_000
    assert ready(pod).apps() == {'web': 'running', 'other': 'running'}
    control.close()
    another = attach(pod, 'stdin')
    another.close()
    pod.stop()
    assert pod.status == 0, pod.err


def foreground(rig, *apps, notify=None, **options):
    """A pod whose caller is this process. `notify`: as of Pod.start."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    theirs.set_inheritable(True)
    from rig import HEAD
    pod = rig.pod(*apps, head=HEAD + f'inherit caller {theirs.fileno()}\n', **options)
    pod.start(notify=notify, pass_fds=(theirs.fileno(),))
    theirs.close()
    ours.settimeout(20)
    return pod, ours


def test_the_caller_gives_input_and_is_told_the_end_of_the_pod(rig):
    pod, caller = foreground(rig, app('cat; exit 5', more='stdio stream log log\n'))
    def speak():
        for _ in range(100):
            caller.send(b'i' + b'0123456789abcde\n' * 1000)
        caller.send(b'z')
    threading.Thread(target=speak).start()
    assert pod.wait().out == b'0123456789abcde\n' * 100000
    assert caller.recv(100) == b'x5' and caller.recv(100) == b''
    assert pod.status == 5


def test_a_caller_that_leaves_is_not_written_to_any_more(rig):
    pod, caller = foreground(rig, app('echo up; read a; echo after; sleep 60', more='stdio stream log log\n'))
    pod.wait_for('up')
    caller.shutdown(socket.SHUT_WR)
    assert caller.recv(100) == b''
    ready(pod).close()
    attach(pod, 'stdin').send('igo\n')
    pod.stop()


def test_output_of_a_terminal_waits_for_the_caller(rig):
    pod, caller = foreground(rig, app('echo early; exit 6', extra=DEVPTS, more=TTY))
    time.sleep(1.5)  # longer than the output of a dead app is waited for
    assert pod.process.poll() is None
    caller.send(b'w24 80')
    assert pod.wait().out == b'early\r\n' and pod.status == 6
    assert caller.recv(100) == b'x6'


def test_output_of_a_terminal_waits_for_the_caller_of_a_pod_that_systemd_is_slow_to_take(rig):
    systemd = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    systemd.bind(rig.dir + '/slow-notify')
    systemd.settimeout(20)
    pod, caller = foreground(rig, app('echo early; exit 6', extra=DEVPTS, more=TTY), notify=rig.dir + '/slow-notify')
    while not os.path.exists(pod.path + '/status/web') or pod.keys('status/web')['state'] != 'exited':
        time.sleep(0.01)
    while b'READY=1' not in systemd.recv(4096):  # the barrier's file goes with its message
        pass
    assert not select.select([pod.process.stdout], [], [], 0.3)[0]
    caller.send(b'w24 80')
    assert pod.wait().out == b'early\r\n'
    assert caller.recv(100) == b'x6'


def test_a_caller_that_dies_lets_the_terminal_go_on(rig):
    pod, caller = foreground(rig, app('seq 20000; exit 7', extra=DEVPTS, more=TTY))
    caller.close()
    assert pod.wait().status == 7
