"""^C and its relatives: they end a command, but never between two steps that belong together."""

import contextlib
import signal
import sys

INTERRUPTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def _end(number, _frame):
    sys.exit(128 + number)


def raise_exits():
    """Each interrupt raises SystemExit(128+n), so that what was begun gets undone."""
    for number in INTERRUPTS:
        signal.signal(number, _end)


@contextlib.contextmanager
def held():
    """Interrupts wait until the end of the block."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, INTERRUPTS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def to_default():
    """For a child that becomes another program, which inherits the mask."""
    for number in INTERRUPTS:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, INTERRUPTS)
