"""The bus façade: what it answers, what it survives, and that it costs nothing when nobody calls."""
import os
import random
import resource
import signal
import socket
import struct
import time

from rig import app

BUS = '/run/dbus/system_bus_socket'
FACADE = 'mount tmpfs /run/dbus mode=0700 size=4096 - nosuid nodev noexec\n'
HELLO = ('org.freedesktop.DBus', 'Hello')
LOOP = 'trap "exit 0" TERM; echo up; while :; do sleep 0.05; done'


def align(data, to):
    return data + b'\0' * (-len(data) % to)


def text(value):
    return struct.pack('<I', len(value)) + value.encode() + b'\0'


def field(code, kind, value):
    head = bytes([code, 1]) + kind.encode() + b'\0'
    return head + (bytes([len(value)]) + value.encode() + b'\0' if kind == 'g' else text(value))


def message(interface, member, body=b'', signature='', path='/org/freedesktop/systemd1', serial=1):
    fields = b''
    for code, kind, value in ((1, 'o', path), (2, 's', interface), (3, 's', member), (8, 'g', signature)):
        if value:
            fields = align(fields, 8) + field(code, kind, value)
    return align(struct.pack('<BBBBIII', ord('l'), 1, 0, 1, len(body), serial, len(fields)) + fields, 8) + body


def texts(*values):
    data = b''
    for value in values:
        data = align(data, 4) + text(value)
    return data


class Caller:
    """A connection as machined makes it, but for the namespaces."""

    def __init__(self, pod, timeout=20):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        root = os.open(f'/proc/{pod.init_pid()}/root', os.O_PATH)
        try:
            while True:
                try:
                    self.socket.connect(f'/proc/self/fd/{root}{BUS}')
                    break
                except BlockingIOError:
                    time.sleep(0.001)  # the backlog is full
        finally:
            os.close(root)
        self.bytes = b''
        self.serial = 0

    def greet(self):
        self.socket.send(b'\0AUTH EXTERNAL\r\nDATA\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n')
        while self.bytes.count(b'\r\n') < 3:
            self.fill()
        lines = self.bytes.split(b'\r\n')
        assert lines[0] == b'DATA' and lines[1].startswith(b'OK ') and lines[2] == b'AGREE_UNIX_FD', lines
        self.bytes = b''
        assert self.call(*HELLO).endswith(b':1.1\0')
        return self

    def fill(self):
        piece = self.socket.recv(65536)
        assert piece, 'disconnected'
        self.bytes += piece

    def receive(self):
        """Type and body of the next message."""
        kind, _, body = self.receive_parts()
        return kind, body

    def receive_parts(self):
        """Type, header (with the signature and the error's name) and body of the next message."""
        while True:
            if len(self.bytes) >= 16:
                body, _, fields = struct.unpack('<III', self.bytes[4:16])
                start = (16 + fields + 7) // 8 * 8
                if len(self.bytes) >= start + body:
                    whole, self.bytes = self.bytes[:start + body], self.bytes[start + body:]
                    return whole[1], whole[:start], whole[start:]
            self.fill()

    def call(self, interface, member, body=b'', signature='', **more):
        self.serial += 1
        self.socket.send(message(interface, member, body, signature, serial=self.serial, **more))
        kind, answer = self.receive()
        assert kind == 2, (member, answer)
        return answer

    def manager(self, member, body=b'', signature=''):
        return self.call('org.freedesktop.systemd1.Manager', member, body, signature)

    def is_closed(self):
        try:
            return self.socket.recv(65536) == b''
        except ConnectionResetError:
            return True


def start(rig, *apps, **options):
    pod = rig.pod(*(apps or (app(LOOP, name='one'),)), pod_extra=FACADE + f'facade {BUS}\n', **options).start()
    while True:
        try:
            Caller(pod).greet()
            return pod
        except (FileNotFoundError, ConnectionRefusedError, PermissionError):
            assert pod.process.poll() is None, pod.wait().err
            time.sleep(0.01)


def processes_of(pod):
    """All processes of the pod's PID namespace but the apps': the init, and those that serve callers."""
    own = os.readlink(f'/proc/{pod.init_pid()}/ns/mnt')
    found = []
    for name in os.listdir('/proc'):
        try:
            if name.isdigit() and os.readlink(f'/proc/{name}/ns/mnt') == own:
                found.append(int(name))
        except OSError:
            pass
    return found


def wait_until_alone(pod, seconds=60):
    end = time.time() + seconds
    while len(processes_of(pod)) > 1:
        assert time.time() < end, 'processes that serve callers stay'
        time.sleep(0.05)


def test_facade_lists_stops_and_restarts_apps(rig):
    pod = start(rig, app(LOOP, name='one'), app(LOOP, name='two'))
    caller = Caller(pod).greet()
    units = caller.manager('ListUnits')
    assert units.count(b'.service\0') == 2 and units.count(b'running\0') == 2, units
    caller.manager('StopUnit', texts('two.service', 'replace'), 'ss')
    kind, signal_body = caller.receive()
    assert kind == 4 and signal_body.endswith(b'done\0'), signal_body
    assert pod.keys('status/two')['reason'] == 'stopped'
    before = pod.keys('status/one')['pid']
    caller.manager('RestartUnit', texts('one.service', 'replace'), 'ss')
    assert caller.receive()[1].endswith(b'done\0')
    assert pod.keys('status/one')['state'] == 'running' and pod.keys('status/one')['pid'] != before
    caller.manager('StartUnit', texts('two.service', 'replace'), 'ss')
    assert caller.receive()[1].endswith(b'done\0') and pod.keys('status/two')['state'] == 'running'
    caller.socket.close()
    wait_until_alone(pod)
    pod.stop()
    assert pod.status == 0, pod.err


def test_facade_restarts_the_only_app_without_ending_the_pod(rig):
    pod = start(rig)
    caller = Caller(pod).greet()
    for _ in range(5):
        caller.manager('RestartUnit', texts('one.service', 'replace'), 'ss')
        assert caller.receive()[1].endswith(b'done\0')
    assert pod.process.poll() is None
    # Who leaves before the job is done leaves it to be done.
    before = pod.keys('status/one')['pid']
    caller.manager('RestartUnit', texts('one.service', 'replace'), 'ss')
    caller.socket.close()
    wait_until_alone(pod)
    assert pod.keys('status/one')['pid'] != before and pod.keys('status/one')['state'] == 'running'
    pod.stop()
    assert pod.status == 0, pod.err


def test_facade_power_off_and_reboot(rig):
    pod = start(rig, app(LOOP, name='one'), app(LOOP, name='two'))
    before = [pod.keys(f'status/{name}')['pid'] for name in ('one', 'two')]
    caller = Caller(pod).greet()
    caller.manager('Reboot')
    assert caller.receive()[1].endswith(b'done\0')
    end = time.time() + 20
    while True:
        now = [pod.keys(f'status/{name}').get('pid') for name in ('one', 'two')]
        if None not in now and not set(now) & set(before):
            break
        assert time.time() < end and pod.process.poll() is None, now
        time.sleep(0.02)
    caller.manager('PowerOff')
    assert pod.wait().status == 0, pod.err


def test_facade_refuses_what_it_does_not_know(rig):
    pod = start(rig)
    caller = Caller(pod).greet()
    for interface, member, body, signature in (
            ('org.freedesktop.systemd1.Manager', 'EnableUnitFiles', b'', ''), ('a.b', 'C', b'', ''),
            ('org.freedesktop.DBus', 'ListActivatableNames', b'', ''), ('org.freedesktop.systemd1.Manager', 'StopUnit', b'', ''),
            ('org.freedesktop.systemd1.Manager', 'StopUnit', texts('nobody.service', 'fail'), 'ss'),
            ('org.freedesktop.systemd1.Manager', 'KillUnit', texts('one.service', 'all'), 'ss'),
            ('org.freedesktop.systemd1.Manager', 'StartTransientUnit', texts('x.service', 'fail'), 'ss'),
            ('org.freedesktop.DBus.Properties', 'Get', texts('', 'Nothing'), 'ss')):
        caller.socket.send(message(interface, member, body, signature, serial=7))
        kind, answer = caller.receive()
        assert kind == 3 and len(answer) > 10, (member, answer)
    caller.socket.close()
    pod.stop()
    assert pod.status == 0, pod.err


def test_facade_survives_garbage(rig):
    pod = start(rig)
    source = random.Random(2)
    valid = message('org.freedesktop.systemd1.Manager', 'StartTransientUnit', texts('container-shell@0.service', 'fail') + b'\0' * 12, 'ssa(sv)a(sa(sv))')
    valid += message('org.freedesktop.login1.Manager', 'GetSession', texts('1'), 's', path='/org/freedesktop/login1')
    for i in range(300):
        caller = Caller(pod)
        try:
            if i % 3:
                caller.greet()
            for _ in range(source.randrange(1, 4)):
                data = bytearray(valid * source.randrange(1, 4) if source.random() < 0.6 else source.randbytes(source.randrange(1, 70000)))
                for _ in range(source.randrange(6)):
                    data[source.randrange(len(data))] = source.randrange(256)
                caller.socket.send(bytes(data))
        except (BrokenPipeError, ConnectionResetError):
            pass
        caller.socket.close()
    # More than any message may be, announced and sent; files that nobody wanted; no NUL; an endless line.
    null = os.open('/dev/null', os.O_RDONLY)
    for data, fds in ((b'\0BEGIN\r\nl\1\0\1\xff\xff\xff\x7f\1\0\0\0\0\0\0\0', []), (b'AUTH EXTERNAL\r\n', []), (b'\0' + b'x' * 5000, []),
                      (b'\0BEGIN\r\nB' + b'\0' * 40, []), (b'\0', [null] * 20)):
        caller = Caller(pod)
        socket.send_fds(caller.socket, [data], fds)
        assert caller.is_closed(), data[:20]
    os.close(null)
    wait_until_alone(pod)
    assert Caller(pod).greet().manager('ListUnits').count(b'running\0') == 1
    pod.stop()
    assert pod.status == 0, pod.err


def test_a_thousand_callers_neither_stop_the_pod_nor_stay(rig):
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    pod = start(rig)
    root = os.open(f'/proc/{pod.init_pid()}/root', os.O_PATH)
    waiting = []
    for _ in range(1000):
        caller = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        caller.setblocking(False)
        try:
            caller.connect(f'/proc/self/fd/{root}{BUS}')
        except BlockingIOError:
            pass  # the backlog is full: this one is not connected
        waiting.append(caller)
    os.close(root)
    time.sleep(0.3)
    assert len(processes_of(pod)) <= 17 and len(os.listdir(f'/proc/{pod.init_pid()}/fd')) < 60
    # Those that say nothing are sent away before long, and whoever comes next is served.
    assert b'one.service' in Caller(pod, timeout=60).greet().manager('ListUnits')
    for caller in waiting:
        caller.close()
    wait_until_alone(pod)
    pod.stop()
    assert pod.status == 0, pod.err


def test_callers_end_with_the_pod_and_are_nobody_at_rest(rig):
    pod = start(rig)
    wait_until_alone(pod)
    caller = Caller(pod).greet()
    served = [pid for pid in processes_of(pod) if pid != pod.init_pid()]
    assert len(served) == 1
    os.kill(pod.init_pid(), signal.SIGKILL)
    pod.wait()
    assert caller.is_closed()
    end = time.time() + 10
    while any(os.path.exists(f'/proc/{pid}') for pid in served):
        assert time.time() < end
        time.sleep(0.01)


def test_the_facade_is_in_no_apps_reach(rig):
    script = (f'ls {BUS} /run/dbus /var/run/dbus /proc/1/root{BUS} 2>/dev/null; grep -c "/run/dbus" /proc/self/mounts; '
              f'mkdir -p /m; mount -t proc proc /m 2>/dev/null && ls /m/1/root{BUS} /m/1/cwd{BUS} 2>/dev/null; echo up; exec sleep 60')
    default = 0xa80425fb
    sys_admin = 1 << 21
    for capabilities in (default, default | sys_admin):
        pod = rig.pod(app(script, caps='%016x' % capabilities), pod_extra=FACADE + f'facade {BUS}\n').start()
        assert pod.wait_for('up').split() == [b'0', b'up'], hex(capabilities)
        pod.stop()
