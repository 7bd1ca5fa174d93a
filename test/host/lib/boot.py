"""Starts a host: a child becomes systemd in namespaces of its own, and says when it has booted."""

import contextlib
import os
import select
import signal
import socket
import subprocess
import time

import cgroups
import diagnosis
import interrupts
import linux
import record
import rootfs
import systemd
import teardown
from errors import HostError

NAMESPACES = (linux.CLONE_NEWNS | linux.CLONE_NEWCGROUP | linux.CLONE_NEWUTS | linux.CLONE_NEWIPC | linux.CLONE_NEWNET)
DEFAULT_TIMEOUT = 60  # seconds; 2 to 3 are usual, but a busy machine may take many


def up(place, tree="/"):
    """Brings the host up, over this root file system, if it is down. True if it had to."""
    with place.locked() as lock:
        if place.running():
            if tree != "/":
                raise HostError(f"{place.name} is up already, perhaps over another root", "`down` first")
            return False
        try:
            teardown.clean(place)
            _start(place, lock, tree)
        except BaseException:
            teardown.clean(place)
            raise
    return True


def _start(place, lock, tree):
    os.makedirs(place.disk)
    os.mkdir(place.mount)
    with _building_enter(place, lock), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready:
        ready.bind(f"/proc/self/fd/{lock}/{os.path.basename(place.notify)}")  # a socket's path is limited to 107 bytes
        pid = _launch(place, tree)
        _await_boot(place, pid, ready)
    _uncover(pid)
    record.write(place.ready, pid)


@contextlib.contextmanager
def _building_enter(place, lock):
    """Compiles enter.cc while the host boots. The compiler holds the lock too, so that nobody cleans under its hands."""
    source = os.path.join(place.checkout, "test/host/enter/enter.cc")
    command = ["g++", "-std=c++20", "-O1", "-o", place.path("enter"), source]
    compiler = None
    try:
        with interrupts.held():
            compiler = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, pass_fds=(lock,), process_group=0,
                env={**os.environ, "TMPDIR": place.directory})
        yield
        message = compiler.communicate()[1]
    except BaseException:
        if compiler and compiler.returncode is None:
            with interrupts.held():
                os.killpg(compiler.pid, signal.SIGKILL)
                compiler.communicate()  # until the last of its processes is gone
        raise
    if compiler.returncode:
        raise HostError(f"cannot compile {source}:\n{message}")


def _launch(place, tree):
    """Forks the child that becomes systemd. Its pid, as soon as it is systemd."""
    groups = cgroups.create(place.cgroup)
    reader, writer = os.pipe()
    with interrupts.held():
        linux.unshare(linux.CLONE_NEWPID)  # for the children of this process, from here
        pid = os.fork()
        if pid == 0:
            _become_systemd(place, tree, groups, writer)
        linux.setns("/proc/self/ns/pid", linux.CLONE_NEWPID)  # to here
        record.write(place.init, pid)
    os.close(writer)
    with open(reader, encoding="utf-8") as file:
        problem = file.read()
    if problem:
        raise HostError(f"cannot set the host up: {problem}")
    return pid


def _become_systemd(place, tree, groups, writer):
    """The child. Nothing of Python may run in it after a failure, so it ends with _exit."""
    try:
        linux.set_parent_death_signal(signal.SIGKILL)
        interrupts.to_default()
        os.setsid()  # ^C at a terminal would tell an init to reboot
        cgroups.join(groups)
        linux.unshare(NAMESPACES)
        _redirect_output(place.console)
        rootfs.enter(place, tree)
        linux.set_parent_death_signal(0)
        systemd.execute()
    except BaseException as error:
        os.write(writer, f"{error}".encode())
    finally:
        os._exit(1)


def _uncover(pid):
    problem = diagnosis.inside(pid, "umount", rootfs.PROTECTED)
    if problem:
        raise HostError(f"cannot unmount {rootfs.PROTECTED} in the host: {problem}")


def _redirect_output(path):
    null = os.open(os.devnull, os.O_RDWR)
    console = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for source, target in ((null, 0), (console, 1), (console, 2)):
        os.dup2(source, target)


def _await_boot(place, pid, ready):
    """Until systemd says READY=1 (sd_notify(3): PID 1 does so in a container when no start job is left)."""
    deadline = time.monotonic() + float(os.environ.get("PODCTL_HOST_TIMEOUT", DEFAULT_TIMEOUT))
    end = os.pidfd_open(pid)
    try:
        while True:
            readable, _, _ = select.select([ready, end], [], [], max(0, deadline - time.monotonic()))
            if ready in readable and "READY=1" in ready.recv(4096).decode().split("\n"):
                return
            if end in readable:
                raise HostError("systemd ended while it booted\n" + diagnosis.console(place))
            if not readable:
                raise HostError("systemd did not finish booting in time\n" + diagnosis.report(place, pid),
                                "PODCTL_HOST_TIMEOUT=SECONDS gives a slow machine more time")
    finally:
        os.close(end)
