"""What the tests of the control socket and of apps that join and leave share."""
import fcntl
import os
import socket
import subprocess
import time

from rig import APP, STAGE1

UUID = '0f6bd2d1-2b54-4a5c-9c53-3c3e0d1f7a10'
SEALS = 1 | 2 | 4 | 8
EMPTY = """podctl-plan 2
pod {uuid} {pod}
inherit stdout 1
inherit stderr 2
namespaces ipc uts net
stop-grace {grace}
exit-policy stop
"""


class Control:
    """A connection to the socket, made by a path that is never too long."""

    def __init__(self, pod, timeout=10):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(timeout)
        directory = os.open(pod.path, os.O_PATH)
        try:
            while True:
                try:
                    self.socket.connect(f'/proc/self/fd/{directory}/control')
                    break
                except BlockingIOError:
                    time.sleep(0.001)  # the backlog is full
        finally:
            os.close(directory)

    def send(self, request, *fds):
        data = request if isinstance(request, bytes) else request.encode()
        if fds:
            socket.send_fds(self.socket, [data], fds)
        else:
            self.socket.send(data)
        return self

    def answer(self):
        return self.socket.recv(65536).decode()

    def ask(self, request, *fds):
        return self.send(request, *fds).answer()

    def apps(self):
        found = {}
        self.send('list')
        while True:
            answer = self.answer()
            if answer == 'ok':
                return found
            assert answer.startswith('more\n'), answer
            found.update(line.split(' ') for line in answer.split('\n')[1:])

    def close(self):
        self.socket.close()


def memfd(content, seals=SEALS):
    fd = os.memfd_create('fragment', os.MFD_ALLOW_SEALING | os.MFD_CLOEXEC)
    os.write(fd, content.encode())
    fcntl.fcntl(fd, 1033, seals)
    return fd


def fragment(rig, pod, a, uuid=UUID, pod_ops=''):
    for part in ('upper', 'work'):
        os.makedirs(f'{pod.path}/{a["name"]}/{part}', exist_ok=True)
    return (f'podctl-plan 2\npod {uuid} {pod.path}\noverlay /apps/{a["name"]} {pod.path}/{a["name"]}/upper '
            f'{pod.path}/{a["name"]}/work {rig.tree}\n' + pod_ops + APP.format(**a))


def graft(rig, pod, a, **more):
    path = f'{pod.path}/{a["name"]}.fragment'
    with open(path, 'w') as f:
        f.write(fragment(rig, pod, a, **more))
    return subprocess.run([STAGE1, 'graft', pod.path, path], capture_output=True, text=True)


def ready(pod):
    """Waits until the init answers."""
    while True:
        try:
            control = Control(pod)
            control.apps()
            return control
        except (FileNotFoundError, ConnectionRefusedError):
            assert pod.process.poll() is None, pod.wait().err
            time.sleep(0.01)


def sandbox(rig, **options):
    return rig.pod(head=EMPTY.replace('{uuid}', UUID), **options).start()


def mounts_of(pod):
    with open(f'{pod.path}/pid') as f, open(f'/proc/{f.read().strip()}/mountinfo') as mounts:
        return sorted(line.split()[4] for line in mounts)
