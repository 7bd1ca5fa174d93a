"""The system calls that Python 3.11 has no function for. Each raises OSError with the call and its objects named."""

import ctypes
import os

CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS = 0x00020000, 0x02000000, 0x04000000
CLONE_NEWIPC, CLONE_NEWPID, CLONE_NEWNET = 0x08000000, 0x20000000, 0x40000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 32, 4096, 16384, 1 << 18
MNT_DETACH = 2
PR_SET_PDEATHSIG = 1

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result, call, *objects):
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{call} {' '.join(map(str, objects))}: {os.strerror(number)}")


def unshare(flags):
    _check(_libc.unshare(flags), "unshare", hex(flags))


def setns(path, flags):
    fd = os.open(path, os.O_RDONLY)
    _check(_libc.setns(fd, flags), "setns", path)
    os.close(fd)


def set_parent_death_signal(number):
    """0 clears it."""
    _check(_libc.prctl(PR_SET_PDEATHSIG, number, 0, 0, 0), "prctl(PR_SET_PDEATHSIG)", number)


def mount(source, target, kind, flags=0, data=""):
    arguments = [str(text).encode() for text in (source, target, kind, data)]
    result = _libc.mount(*arguments[:3], ctypes.c_ulong(flags), arguments[3])
    _check(result, "mount", kind or "bind", source, "on", target)


def bind(source, target, read_only=False):
    mount(source, target, "", MS_BIND)
    if read_only:
        mount("", target, "", MS_REMOUNT | MS_BIND | MS_RDONLY)


def unmount(target, flags=0):
    _check(_libc.umount2(str(target).encode(), flags), "umount", target)


def pivot_root(new_root):
    """Makes new_root the root of this mount namespace; the old root is unmounted."""
    os.chdir(new_root)
    # pivot_root(".", ".") stacks the old root on the new one, so that no directory is needed for it: pivot_root(2).
    _check(_libc.pivot_root(b".", b"."), "pivot_root", new_root)
    unmount(".", MNT_DETACH)
    os.chdir("/")
