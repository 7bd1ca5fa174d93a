"""QEMU's monitor: JSON, a line for each message (QEMU Machine Protocol Specification)."""

import json
import os
import socket
import time

from errors import HostError

ANSWER_SECONDS = 60


class Monitor:
    """From its beginning on it hears all events."""

    def __init__(self, path):
        self._socket = socket.socket(socket.AF_UNIX)
        directory = os.open(os.path.dirname(path), os.O_PATH)
        try:
            self._socket.connect(f"/proc/self/fd/{directory}/{os.path.basename(path)}")
        finally:
            os.close(directory)
        self._inbox, self._messages = b"", []
        self.execute("qmp_capabilities")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.close()

    def execute(self, command, **arguments):
        """Events that come before the answer are kept."""
        self._socket.sendall(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
        deadline = time.monotonic() + ANSWER_SECONDS
        answer = self._take(lambda message: "return" in message or "error" in message, deadline)
        if answer is None:
            raise HostError(f"QEMU did not answer {command}")
        if "error" in answer:
            raise HostError(f"QEMU: {command}: {answer['error']['desc']}")
        return answer["return"]

    def event(self, name, timeout):
        """@returns its data. @raises HostError if it did not come within that many seconds, or QEMU ended"""
        found = self._take(lambda message: message.get("event") == name, time.monotonic() + timeout)
        if found is None:
            raise HostError(f"QEMU did not tell of {name} within {timeout:.0f} s")
        return found.get("data", {})

    def wait_for_end(self, timeout):
        self._take(lambda message: False, time.monotonic() + timeout)

    def _take(self, wanted, deadline):
        """The first such message; None after the deadline or QEMU's end."""
        while True:
            for message in self._messages:
                if wanted(message):
                    self._messages.remove(message)
                    return message
            if not self._receive(deadline):
                return None

    def _receive(self, deadline):
        self._socket.settimeout(max(0.001, deadline - time.monotonic()))
        try:
            received = self._socket.recv(65536)
        except (TimeoutError, ConnectionError):
            return False  # ignored: who waits is told
        *lines, self._inbox = (self._inbox + received).split(b"\n")
        self._messages += map(json.loads, lines)
        return bool(received)
