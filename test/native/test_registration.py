"""Registration with machined, by a system bus that answers as a test says."""
import os
import signal
import socket
import struct
import subprocess
import threading

from rig import HERE, app
from test_facade import align, text

UUID = '0f6bd2d1-2b54-4a5c-9c53-3c3e0d1f7a10'
TAKEN = 'org.freedesktop.machine1.MachineExists'
RETURN, ERROR = 2, 3


def answer(serial, error=None):
    fields = bytes([5, 1]) + b'u\0' + struct.pack('<I', serial)
    body = b''
    if error:
        fields = align(fields, 8) + bytes([4, 1]) + b's\0' + text(error)
        fields = align(fields, 8) + bytes([8, 1]) + b'g\0\1s\0'
        body = text('so it is')
    kind = ERROR if error else RETURN
    return align(struct.pack('<BBBBIII', ord('l'), kind, 0, 1, len(body), 1, len(fields)) + fields, 8) + body


class SystemBus:
    """Takes one connection. Each call of RegisterMachine is answered with the next of `errors`, and with none at their end."""

    def __init__(self, path, errors):
        self.errors, self.calls = list(errors), []
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(path)
        self.listener.listen()
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        connection = self.listener.accept()[0]
        connection.send(b'OK 0123456789abcdef\r\n')
        data = b''
        while piece := connection.recv(65536):
            data += piece
            if b'BEGIN\r\n' in data:
                data = data.split(b'BEGIN\r\n', 1)[1]
            while len(data) >= 16:
                body, serial, fields = struct.unpack('<III', data[4:16])
                size = (16 + fields + 7) // 8 * 8 + body
                if len(data) < size:
                    break
                self.hear(connection, serial, data[:size])
                data = data[size:]

    def hear(self, connection, serial, message):
        member = next(name for name in ('Hello', 'UnregisterMachine', 'RegisterMachine') if name.encode() + b'\0' in message)
        self.calls.append(member)
        self.may_answer.wait(20)
        error = self.errors.pop(0) if member == 'RegisterMachine' and self.errors else None
        connection.send(answer(serial, error))


def messages(pod, removes):
    """The `machine` operation's, with or without the removal of an earlier machine before the registration."""
    both = bytes.fromhex(subprocess.check_output([HERE + '/machine-messages', 'web', UUID, pod.path + '/root'], text=True))
    body, _, fields = struct.unpack('<III', both[4:16])
    return both if removes else both[(16 + fields + 7) // 8 * 8 + body:]


def register(rig, errors, removes=True, is_late=False):
    """What a pod asks machined for, in order, and what it warns of. `is_late`: the bus answers when the pod is up already."""
    pod = rig.pod(app('echo up; trap "exit 0" TERM; while :; do sleep 0.05; done'))
    bus = SystemBus(pod.path + '/bus', errors)
    if is_late:
        bus.may_answer.clear()
    notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notify.bind(pod.path + '/notify')
    notify.settimeout(20)
    with open(pod.plan, 'w') as file:
        operation = f'machine {pod.path}/bus {messages(pod, removes).hex()}\n'
        file.write(pod.text.replace('hostname rig\n', operation + 'hostname rig\n'))
    pod.start(notify=pod.path + '/notify')
    while b'READY=1' not in notify.recv(4096):
        pass
    if is_late:
        bus.may_answer.set()
        bus.thread.join(20)  # the pod hangs up when it has heard
    os.kill(pod.init_pid(), signal.SIGTERM)
    pod.wait()
    bus.thread.join(20)
    return bus.calls[1:], [line for line in pod.err.splitlines() if 'warning: machine' in line]


def test_a_machine_that_is_about_to_be_forgotten_is_waited_for(rig):
    calls, warnings = register(rig, [TAKEN] * 3)
    assert (calls, warnings) == (['UnregisterMachine'] + ['RegisterMachine'] * 4, []), (calls, warnings)


def test_a_machine_that_stays_is_left_alone_in_the_end(rig):
    calls, warnings = register(rig, [TAKEN] * 100)
    assert 2 < calls.count('RegisterMachine') < 20 and calls.count('UnregisterMachine') == 1, calls
    assert len(warnings) == 1 and TAKEN in warnings[0], warnings


def test_another_s_machine_is_left_alone_at_once(rig):
    calls, warnings = register(rig, [TAKEN], removes=False)
    assert calls == ['RegisterMachine'] and len(warnings) == 1 and TAKEN in warnings[0], (calls, warnings)


def test_other_errors_are_final(rig):
    calls, warnings = register(rig, ['org.freedesktop.DBus.Error.AccessDenied'])
    assert calls == ['UnregisterMachine', 'RegisterMachine'] and len(warnings) == 1, (calls, warnings)


def test_a_machined_that_is_slow_holds_nobody_up_and_is_still_heard(rig):
    calls, warnings = register(rig, [], is_late=True)
    assert (calls, warnings) == (['UnregisterMachine', 'RegisterMachine'], []), (calls, warnings)
