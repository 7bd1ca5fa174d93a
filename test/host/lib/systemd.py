"""What the systemd of a host starts: a list of our own, so that it boots alike on every machine."""

import contextlib
import glob
import os
import shutil
import uuid

NOTIFY_SOCKET = "/run/podctl-host/notify"
UNIT_DIRECTORIES = ("/usr/lib/systemd", "/lib/systemd", "/usr/local/lib/systemd")

# Everything that is started at boot. logind, machined and the like come with the first call on the bus.
WANTS = {
    "sysinit.target": ("systemd-journald.service", "systemd-tmpfiles-setup.service"),
    "sockets.target": ("systemd-journald.socket", "systemd-journald-dev-log.socket", "dbus.socket"),
    "multi-user.target": ("dbus.service",),
}


def prepare(root, place):
    """Changes the units and the identity below root (the host's overlay, never the machine)."""
    _forget_what_packages_start(root)
    for target, units in WANTS.items():
        directory = f"{root}/etc/systemd/system/{target}.wants"
        os.mkdir(directory)
        for unit in units:
            os.symlink(f"/lib/systemd/system/{unit}", f"{directory}/{unit}")
    _identity(root, place.name)


def _forget_what_packages_start(root):
    shutil.rmtree(f"{root}/etc/systemd/system", ignore_errors=True)
    os.makedirs(f"{root}/etc/systemd/system")
    for directory in {os.path.realpath(root + path) for path in UNIT_DIRECTORIES}:
        # Generators: fstab, SysV scripts, gettys, postgresql…: of the machine, none of them meant for the host.
        for path in glob.glob(f"{directory}/system-generators"):
            shutil.rmtree(path)
        for kind in ("wants", "requires"):
            for path in glob.glob(f"{directory}/system/*.target.{kind}"):
                shutil.rmtree(path)


def _identity(root, name):
    """A machine id of its own (an empty one would mean first boot: every unit of every package gets enabled)."""
    files = {"machine-id": uuid.uuid4().hex, "hostname": f"podctl-{name}"}
    for file, text in files.items():
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{root}/etc/{file}")
        with open(f"{root}/etc/{file}", "w") as output:
            output.write(f"{text}\n")


def execute():
    """Becomes systemd. stdout and stderr are kept until it has a journal."""
    environment = {"container": "podctl-host", "NOTIFY_SOCKET": NOTIFY_SOCKET, "LANG": "C.UTF-8",
                   "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin"}
    os.execve("/lib/systemd/systemd", ["systemd", "--unit=multi-user.target", "--show-status=no"], environment)
