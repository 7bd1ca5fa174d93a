"""Runs a command in a terminal of its own, and does to it what a user would. stdin: JSON {argv, stderr, steps}; stdout: JSON.

Steps, in order: {"expect": REGEX} waits until the output since the last one has it; {"send": TEXT}; {"size": [ROWS, COLUMNS]};
{"signal": NAME} to the command; {"run": ARGV} beside it; {"cooked": true} checks that the modes are those of before; {"alone": true} waits, reading nothing, until its child has gone; {"hangup": true} closes the terminal.
"""
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time

PATIENCE = 30


class Session:
    def __init__(self, argv, stderr):
        self.master, self.slave = pty.openpty()
        self.resize([24, 80])
        self.before = termios.tcgetattr(self.slave)
        self.output, self.seen, self.ended = b'', 0, False
        self.pid = os.fork()
        if self.pid == 0:
            os.setsid()
            fcntl.ioctl(self.slave, termios.TIOCSCTTY, 0)
            for fd in range(3):
                os.dup2(self.slave, fd)
            if stderr:
                os.dup2(os.open(stderr, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 2)
            os.closerange(3, 256)
            os.execvp(argv[0], argv)

    def resize(self, size):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack('HHHH', *size, 0, 0))

    def read(self, wait):
        if self.master < 0 or not select.select([self.master], [], [], wait)[0]:
            return False
        self.output += os.read(self.master, 65536)
        return True

    def expect(self, pattern):
        deadline = time.monotonic() + PATIENCE
        while True:
            found = re.search(pattern.encode(), self.output[self.seen:])
            if found:
                self.seen += found.end()
                return
            # What it said before it ended counts, also if that came when nothing more was to be read at first.
            if time.monotonic() > deadline or not self.read(1) and self.has_ended() and not self.read(0):
                raise SystemExit(f'waited in vain for {pattern!r} in {self.output[self.seen:]!r}')

    def await_loneliness(self):
        deadline = time.monotonic() + PATIENCE
        while subprocess.run(['pgrep', '-P', str(self.pid)], stdout=subprocess.DEVNULL).returncode == 0:
            if time.monotonic() > deadline:
                raise SystemExit('its child stays')

    def has_ended(self):
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def perform(self, step):
        (name, value), = step.items()
        if name == 'expect':
            self.expect(value)
        elif name == 'send':
            os.write(self.master, value.encode())
        elif name == 'size':
            self.resize(value)
        elif name == 'signal':
            os.kill(self.pid, getattr(signal, 'SIG' + value))
        elif name == 'run':
            subprocess.run(value, check=True, stdout=subprocess.DEVNULL)
        elif name == 'cooked':
            if termios.tcgetattr(self.slave) != self.before:
                raise SystemExit('the modes are not those of before')
        elif name == 'alone':
            self.await_loneliness()
        elif name == 'hangup':
            os.close(self.slave)
            os.close(self.master)
            self.master = self.slave = -1

    def finish(self):
        deadline = time.monotonic() + PATIENCE
        while not self.has_ended():
            if time.monotonic() > deadline:
                os.kill(self.pid, signal.SIGKILL)
                raise SystemExit(f'it does not end: {self.output!r}')
            if self.master < 0:
                time.sleep(0.005)
            else:
                self.read(0.05)
        while self.read(0):
            pass
        _, status = os.waitpid(self.pid, 0)
        restored = self.slave >= 0 and termios.tcgetattr(self.slave) == self.before
        return {'status': os.waitstatus_to_exitcode(status), 'output': self.output.decode(errors='replace'), 'restored': restored}


def main():
    task = json.load(sys.stdin)
    session = Session(task['argv'], task.get('stderr'))
    for step in task['steps']:
        session.perform(step)
    print(json.dumps(session.finish()))


main()
