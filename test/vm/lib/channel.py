"""The client of ../agent/agent.cc, which says how they talk."""

import contextlib
import fcntl
import os
import select
import signal
import socket
import struct
import sys
import time

from errors import HostError

PORTS = 8  # as many commands can run in one machine at the same time
HELLO = b"\0podctl-vm\0hello\0"
NONCE = 32
FRAME = 64 * 1024
MAX_REQUEST = 1024 * 1024
RETRY = 5.0  # seconds until hello is said again
PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def port_name(number):
    return f"port{number}"


def environment(outside):
    """What commands inside get of the caller's environment: little, since it speaks of another machine."""
    kept = {key: value for key, value in outside.items()
            if key in ("LANG", "TERM", "NO_COLOR", "UPDATE_GOLDEN") or key.startswith("PODCTL_")}
    kept.pop("PODCTL_VM_PATH", None)
    return {"HOME": "/root", "PATH": PATH, "LANG": "C.UTF-8", **kept}


class Session:
    """A conversation with the agent, on a port that nobody else uses."""

    def __init__(self, place, timeout):
        """@param timeout seconds for the agent to answer; `place.alive()` is asked meanwhile"""
        self._lock, number = _free_port(place)
        self._socket = socket.socket(socket.AF_UNIX)
        self._inbox, self.outbox = b"", b""
        try:
            _connect(self._socket, place.path(port_name(number)))
            self._hello(place, timeout)
        except BaseException:
            self.close()
            raise

    def close(self):
        self._socket.close()
        os.close(self._lock)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _hello(self, place, timeout):
        """The agent, which may not have started yet, gives the hello back; what comes before belongs to another."""
        said, deadline, again, pause = [], time.monotonic() + timeout, 0.0, RETRY
        while (now := time.monotonic()) < deadline:
            if not self.outbox and now >= again:
                # Had a client been killed in the middle of a frame, NULs fill it.
                padding = b"\0" * FRAME if said else b""
                said.append(HELLO + os.urandom(NONCE // 2).hex().encode())
                self.outbox = padding + said[-1]
                again, pause = now + pause, pause * 2
            if not _wait(self, [self], min(deadline, again)):
                continue
            try:
                received = self._socket.recv(FRAME)
            except ConnectionError:
                received = b""  # ignored: it means the same as the end
            if not received:
                raise HostError("the machine ended", place.diagnosis())
            self._inbox += received
            for greeting in said:
                _, found, after = self._inbox.partition(greeting)
                if found:
                    self._inbox = after
                    return
        raise HostError(f"the machine does not answer within {timeout:.0f} s", place.diagnosis())

    def fileno(self):
        return self._socket.fileno()

    def send(self, kind, payload=b""):
        """What does not go at once waits in the outbox for `flush`: who only writes would wait for the agent, which may
        wait for its output to be read."""
        self.outbox += kind + struct.pack("<I", len(payload)) + payload
        self.flush()

    def flush(self):
        # ignored: the machine is slow; or it ended, which receiving tells
        with contextlib.suppress(BlockingIOError, ConnectionError):
            self.outbox = self.outbox[self._socket.send(self.outbox, socket.MSG_DONTWAIT):]

    def request(self, argv, variables, directory):
        words = [directory, *(f"{key}={value}" for key, value in variables.items()), "", *argv]
        payload = b"".join(os.fsencode(word) + b"\0" for word in words)
        if len(payload) > MAX_REQUEST:
            raise HostError(f"a command and its environment of {len(payload)} bytes are too long")
        self.send(b"R", payload)

    def frames(self):
        """The frames that have arrived: at least one byte of the next one must be there to be read."""
        received = self._socket.recv(FRAME)
        if not received:
            raise HostError("the machine ended while the command ran")
        self._inbox += received
        while len(self._inbox) >= 5:
            if self._inbox[0] == 0:  # a second answer, to a hello that was said again
                if len(self._inbox) < len(HELLO) + NONCE:
                    return
                self._inbox = self._inbox[len(HELLO) + NONCE:]
                continue
            size = 5 + struct.unpack("<I", self._inbox[1:5])[0]
            if len(self._inbox) < size:
                return
            kind, payload, self._inbox = self._inbox[:1], self._inbox[5:size], self._inbox[size:]
            yield kind, payload


def _free_port(place):
    for number in range(PORTS):
        fd = os.open(place.path(f"{port_name(number)}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return fd, number
        os.close(fd)
    raise HostError(f"{PORTS} commands run in {place.name} already, and it can run no more", "give it another --name")


def _connect(sock, path):
    """Through the directory's descriptor: a socket's path may have 107 bytes at most, unix(7)."""
    directory = os.open(os.path.dirname(path), os.O_PATH)
    try:
        sock.connect(f"/proc/self/fd/{directory}/{os.path.basename(path)}")
    except (ConnectionRefusedError, FileNotFoundError) as error:
        raise HostError("the machine is not running") from error
    finally:
        os.close(directory)


def capture(place, argv, timeout):
    """Runs a command without input. @returns its status and its output, both streams together"""
    deadline, output = time.monotonic() + timeout, b""
    with Session(place, timeout) as session:
        session.request(argv, environment({}), "/")
        session.send(b"I")
        while time.monotonic() < deadline:
            for kind, payload in session.frames() if _wait(session, [session], deadline) else ():
                if kind == b"X":
                    return payload[0], output.decode(errors="replace")
                output += payload
    raise HostError(f"{' '.join(argv)}: not done within {timeout:.0f} s", output.decode(errors="replace") or None)


def run(place, argv, variables, directory):
    """Runs a command with this process's stdin, stdout and stderr; passes signals on. @returns its status"""
    stdin = sys.stdin.fileno()
    with Session(place, timeout=60) as session:
        wake, wake_writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(wake_writer)
        for number in PASSED_ON:
            signal.signal(number, lambda *_: None)
        session.request(argv, variables, directory)
        inputs = {session, wake, stdin}
        if os.isatty(stdin) and os.getpgrp() != os.tcgetpgrp(stdin):
            inputs.remove(stdin)  # in the background: reading would stop this
        while True:
            ready = _wait(session, inputs - {stdin} if session.outbox else inputs)
            if wake in ready:
                for number in os.read(wake, 64):
                    session.send(b"S", bytes([number]))
            if session in ready:
                for kind, payload in session.frames():
                    if kind == b"X":
                        return payload[0]
                    _write(1 if kind == b"O" else 2, payload)
            if stdin in ready:
                data = os.read(stdin, FRAME)
                session.send(b"I", data)
                if not data:
                    inputs.remove(stdin)


def _wait(session, inputs, deadline=None):
    """@returns those of the inputs that can be read: none when the outbox has become empty, or after the deadline"""
    timeout = None if deadline is None else max(0, deadline - time.monotonic())
    readable, writable, _ = select.select(inputs, [session] if session.outbox else [], [], timeout)
    if writable:
        session.flush()
    return readable


def _write(fd, data):
    try:
        while data:
            data = data[os.write(fd, data):]
    except BrokenPipeError:
        # As a command in a pipe ends; the agent tells the one inside.
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGPIPE)
