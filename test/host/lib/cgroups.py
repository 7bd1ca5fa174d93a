"""One child cgroup for a host in every hierarchy that the machine has mounted (v1 and v2)."""

import contextlib
import errno
import os
import time

import linux
import record
from errors import HostError

_PRIVATE_MOUNT = "/run"  # covered in a mount namespace of this process only; see hierarchies()


def hierarchies():
    """One mount point of each cgroup hierarchy."""
    mounts, has_v2 = {}, False
    with open("/proc/self/mountinfo") as file:
        for line in file:
            fields = line.split()  # proc(5): 2 is the device number, which tells hierarchies apart; 4 the mount point
            kind = fields[fields.index("-") + 1]
            if kind in ("cgroup", "cgroup2"):
                mounts.setdefault(fields[2], fields[4])
                has_v2 = has_v2 or kind == "cgroup2"
    return [*mounts.values()] if has_v2 else [*mounts.values(), _mount_v2()]


def _mount_v2():
    """On a machine with v1 only: a mount of v2 that nobody else sees and that goes with this process."""
    linux.unshare(linux.CLONE_NEWNS)
    linux.mount("", "/", "", linux.MS_REC | linux.MS_PRIVATE)
    try:
        linux.mount("none", _PRIVATE_MOUNT, "cgroup2")
    except OSError as error:
        raise HostError(f"cannot mount cgroup2: {error}", "systemd needs cgroup v2 (Linux 4.5)") from error
    return _PRIVATE_MOUNT


def _paths(name):
    return [os.path.join(top, name) for top in hierarchies()]


def exist(name):
    return any(os.path.isdir(path) for path in _paths(name))


def names():
    """The names of all cgroups beside which create() makes its own."""
    return {name for top in hierarchies() for name in os.listdir(top)}


def create(name):
    """Makes the cgroups; the paths to pass to join()."""
    paths = _paths(name)
    for path in paths:
        os.mkdir(path)
        _copy_cpuset(path)
    return paths


def _copy_cpuset(path):
    """A new v1 cpuset is empty and takes no process until it has CPUs and memory nodes."""
    for setting in ("cpuset.cpus", "cpuset.mems"):
        with contextlib.suppress(FileNotFoundError):  # ignored: not the v1 cpuset hierarchy
            with open(os.path.join(os.path.dirname(path), setting)) as file:
                value = file.read()
            if value.strip() and os.path.exists(os.path.join(path, "tasks")):
                with open(os.path.join(path, setting), "w") as file:
                    file.write(value)


def join(paths):
    for path in paths:
        with open(os.path.join(path, "cgroup.procs"), "w") as file:
            file.write("0")


def remove(name):
    """Kills whatever is left in the cgroups and removes them with all that was made below them."""
    for path in _paths(name):
        for directory, _, _ in os.walk(path, topdown=False):
            for pid in _processes(directory):
                record.kill(pid)
            _remove_empty(directory)


def _processes(directory):
    with open(os.path.join(directory, "cgroup.procs")) as file:
        return [int(line) for line in file if int(line) > 0]


def _remove_empty(directory, timeout=5):
    deadline = time.monotonic() + timeout
    while True:
        try:
            return os.rmdir(directory)
        except OSError as error:
            if error.errno != errno.EBUSY or time.monotonic() > deadline:
                raise
        # A process leaves its cgroup shortly after its pidfd has reported the end, and v1 has no event for it.
        time.sleep(0.001)
