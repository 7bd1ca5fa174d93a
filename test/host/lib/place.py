"""Where a host keeps what belongs to it on the machine: one directory, one lock, one cgroup in each hierarchy."""

import contextlib
import fcntl
import os
import re
import stat
import sys

import cgroups
import interrupts
import record
from errors import HostError

CGROUP_PREFIX = "podctl-host-"
NAME = re.compile(r"[a-z0-9-]{1,32}")


class Place:
    """The paths of one host of one checkout. test/vm has its own kind.

    The directory's lock (flock) is held by whoever changes the host. The host's init inherits it until it becomes
    systemd, so that whoever gets the lock knows that no half-made child is left that could still do something.
    """

    KIND, VARIABLE = "host", "PODCTL_HOSTS"  # for messages

    def __init__(self, checkout, state_root, prefix, name):
        if not NAME.fullmatch(name):
            raise HostError(f"invalid name '{name}': 1 to 32 of a-z, 0-9 and -")
        self.checkout, self.root, self.name = checkout, state_root, name
        self.directory = os.path.join(state_root, prefix + name)
        self.cgroup = CGROUP_PREFIX + _flat(self.directory)
        self.init = self.path("init")  # record of the init, written as soon as there is one
        self.ready = self.path("ready")  # the same, written when systemd has booted: the host is complete
        self.console = self.path("console")  # what systemd printed before it had a journal
        self.notify = self.path("notify")  # socket on which systemd says READY=1
        self.disk = self.path("disk")  # directories of the machine's disk for the host's /var/…
        self.mount = self.path("mount")  # where the root is put together, in the host's own mount namespace

    def path(self, name):
        return os.path.join(self.directory, name)

    def exists(self):
        return os.path.isdir(self.directory)

    def busy(self):
        """Whether somebody changes this host right now."""
        with contextlib.suppress(FileNotFoundError):  # ignored: what does not exist is not changed
            fd = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY)
            try:
                fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
            finally:
                os.close(fd)
        return False

    def running(self):
        """The pid of the complete host's init, or None."""
        return record.read(self.ready)

    @contextlib.contextmanager
    def locked(self):
        """Makes the directory if it is missing, and holds its lock. Gives the file descriptor that holds it. A directory
        that is empty at the end is removed: then there is no host."""
        while True:
            with interrupts.held():
                self._make_root()
                try:
                    with contextlib.suppress(FileExistsError):
                        os.mkdir(self.directory, 0o700)
                    fd = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
                except FileNotFoundError:
                    continue  # somebody's `down` removed it in between
                mine = self._try_lock(fd)
            try:
                if not mine:
                    print(f"{self.KIND} {self.name}: waiting for another {self.KIND} command", file=sys.stderr)
                    fcntl.flock(fd, fcntl.LOCK_EX)
                    mine = self._is_current(fd)
                if mine:
                    yield fd
                    return
            finally:
                if mine:
                    self._remove_if_empty()
                os.close(fd)

    def _make_root(self):
        os.makedirs(self.root, 0o755, exist_ok=True)
        # /var/tmp is open to everyone, and what lies here is executed by root.
        status = os.lstat(self.root)
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != 0 or status.st_mode & 0o022:
            raise HostError(f"{self.root} must be a directory that only root can write to",
                            f"remove it, or set {self.VARIABLE} to another directory")

    def _try_lock(self, fd):
        """Whether this got the lock. False also if the directory is not the host's any more."""
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return self._is_current(fd)

    def _is_current(self, fd):
        """`down` may have removed the directory, and another `up` made a new one, while this waited for its lock."""
        try:
            return os.path.samestat(os.fstat(fd), os.stat(self.directory))
        except FileNotFoundError:
            return False

    def _remove_if_empty(self):
        with contextlib.suppress(OSError):  # ignored: the host, or others in the same place, still exist
            os.rmdir(self.directory)
            os.rmdir(self.root)


def all_places(checkout, state_root, prefix):
    """The hosts of this checkout, in whatever state, sorted by name. A host whose directory somebody removed is known
    by its cgroups."""
    entries = os.listdir(state_root) if os.path.isdir(state_root) else []
    cgroup_prefix = CGROUP_PREFIX + _flat(os.path.join(state_root, prefix))
    names = {entry.removeprefix(prefix) for entry in entries if entry.startswith(prefix)}
    names |= {entry.removeprefix(cgroup_prefix) for entry in cgroups.names() if entry.startswith(cgroup_prefix)}
    return [Place(checkout, state_root, prefix, name) for name in sorted(names) if NAME.fullmatch(name)]


def _flat(path):
    return path.strip("/").replace("/", "-")
