"""Who holds the talk with an init for the user, in a terminal: what it makes of what the init says. The init is this process."""
import fcntl
import os
import pty
import socket
import struct
import subprocess
import termios

from rig import STAGE1
from test_apps import freeze

LEAVE = b'\x10\x11'


class Visit:
    """`podctl-stage1 foreground` in a terminal of its own, in which it is the job in the foreground."""

    def __init__(self, rig):
        self.directory = directory = os.path.join(rig.dir, 'visited')
        os.makedirs(directory, exist_ok=True)
        self.init = subprocess.Popen(['sleep', '1000'], preexec_fn=rig.join)
        with open(os.path.join(directory, 'pid'), 'w') as f:
            f.write(f'{self.init.pid}\n')
        self.socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(20)
        self.master, self.slave = pty.openpty()
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack('HHHH', 24, 80, 0, 0))
        self.before = termios.tcgetattr(self.slave)

        def enter():
            rig.join()
            os.setsid()
            fcntl.ioctl(self.slave, termios.TIOCSCTTY, 0)

        argv = [STAGE1, 'foreground', str(theirs.fileno()), directory, '--input', '--terminal', '--leave', LEAVE.hex()]
        self.process = subprocess.Popen(argv, stdin=self.slave, stdout=self.slave, stderr=self.slave, preexec_fn=enter,
                                        pass_fds=(theirs.fileno(),))
        theirs.close()

    def type(self, keys):
        os.write(self.master, keys)

    def end_pod(self):
        self.init.kill()
        self.init.wait()

    def end(self):
        """Status, what the terminal shows, and whether its modes are those of before."""
        status = self.process.wait(20)
        is_restored = termios.tcgetattr(self.slave) == self.before
        os.set_blocking(self.master, False)
        shown = b''
        try:
            # What was written in pieces may come in pieces.
            while True:
                shown += os.read(self.master, 65536)
        except BlockingIOError:
            pass
        self.end_pod()
        os.close(self.slave)
        os.close(self.master)
        return status, shown, is_restored


def test_a_terminal_is_given_back_whose_app_took_no_more_input(rig):
    visit = Visit(rig)
    assert visit.socket.recv(100) == b'w24 80' and termios.tcgetattr(visit.slave) != visit.before
    visit.socket.send(b'z')
    visit.socket.send(b'obye\r\n')
    visit.socket.send(b'x3')
    visit.end_pod()
    assert visit.end() == (3, b'bye\r\n', True)


def test_a_terminal_is_left_by_its_keys_after_its_app_took_no_more_input(rig):
    visit = Visit(rig)
    assert visit.socket.recv(100) == b'w24 80'
    visit.socket.send(b'z')
    visit.socket.send(b'ogone\r\n')
    assert os.read(visit.master, 100) == b'gone\r\n'
    visit.type(b'still here')
    assert visit.socket.recv(100) == b'istill here'
    visit.type(LEAVE)
    assert visit.socket.recv(100) == b''
    visit.socket.close()
    end = visit.end()
    assert end == (0, b'\r\r\npodctl: detached; the pod goes on\r\n', True), end


def test_what_an_init_said_is_heard_though_it_closed_without_having_heard_all(rig):
    visit = Visit(rig)
    assert visit.socket.recv(100, socket.MSG_PEEK) == b'w24 80'
    freeze(rig.cgroup, '1')
    visit.socket.send(b'olast words\r\n')
    visit.socket.send(b'x7')
    visit.socket.close()  # with the size unread, of which the kernel tells the other side before it lets it have what was said
    freeze(rig.cgroup, '0')
    visit.end_pod()
    assert visit.end() == (7, b'last words\r\n', True)


def test_an_init_whose_end_takes_a_while_is_told_as_killed(rig):
    visit = Visit(rig)
    assert visit.socket.recv(100) == b'w24 80'
    visit.socket.close()
    try:
        visit.process.wait(1)  # longer than an end usually takes
    except subprocess.TimeoutExpired:
        pass
    visit.end_pod()
    assert visit.end() == (137, b'podctl: run: pod-failed: the pod was killed\r\n', True)


def test_who_was_let_go_by_an_init_that_goes_on_is_told_why(rig):
    visit = Visit(rig)
    assert visit.socket.recv(100) == b'w24 80'
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as control:
        control.bind(os.path.join(visit.directory, 'control'))
        control.listen()
        visit.socket.close()
        status, shown, is_restored = visit.end()
    assert (status, is_restored) == (254, True) and b'this side took the output too slowly' in shown, shown
