"""Which process is meant: "PID START-TIME BOOT-ID" in a file. `../host` reads the same form."""

import os
import select
import signal


def boot_id():
    with open("/proc/sys/kernel/random/boot_id") as file:
        return file.read().strip()


def describe(pid):
    """The record of a running process; None if there is none (a zombie does not run)."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # proc(5): field 3 is the state, field 22 the start time in clock ticks since boot.
    return None if fields[0] in "ZX" else f"{pid} {fields[19]} {boot_id()}"


def write(path, pid):
    """At once complete: a reader sees the whole record or none."""
    with open(f"{path}.new", "w") as file:
        file.write(f"{describe(pid)}\n")
    os.rename(f"{path}.new", path)


def read(path):
    """The pid of the recorded process if that very process still runs."""
    try:
        with open(path) as file:
            text = file.read().strip()
    except FileNotFoundError:
        return None
    pid = text.partition(" ")[0]
    return int(pid) if pid.isdigit() and describe(pid) == text else None


def kill(pid, timeout=10):
    """Kills a process and waits for its end. The death of a PID namespace's init ends all processes in it first."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        signal.pidfd_send_signal(fd, signal.SIGKILL)
        if not select.select([fd], [], [], timeout)[0]:
            raise TimeoutError(f"process {pid} did not end within {timeout} s of SIGKILL")
    except ProcessLookupError:
        pass  # ignored: it ended on its own in between, which is what was wanted
    finally:
        os.close(fd)
