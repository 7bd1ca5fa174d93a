"""QEMU's monitor: JSON, a line for each message (QEMU Machine Protocol Specification)."""

import json
import os
import socket
import time


class Monitor:
    """From its beginning on it hears all events."""

    def __init__(self, path):
        self._socket = socket.socket(socket.AF_UNIX)
        directory = os.open(os.path.dirname(path), os.O_PATH)
        try:
            self._socket.connect(f"/proc/self/fd/{directory}/{os.path.basename(path)}")
        finally:
            os.close(directory)
        self._inbox = b""
        self._socket.sendall(b'{"execute": "qmp_capabilities"}\n')

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.close()

    def wait_for(self, event, timeout):
        """@returns False if it did not come within that many seconds, or QEMU ended"""
        deadline = time.monotonic() + timeout
        while (left := deadline - time.monotonic()) > 0:
            while b"\n" in self._inbox:
                line, _, self._inbox = self._inbox.partition(b"\n")
                if json.loads(line).get("event") == event:
                    return True
            self._socket.settimeout(left)
            try:
                received = self._socket.recv(65536)
            except TimeoutError:
                return False
            if not received:
                return False
            self._inbox += received
        return False
