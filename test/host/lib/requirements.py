"""What a machine must have before a host can be made on it."""

import os
import shutil

from errors import HostError

# program → the group of ../packages that installs it
PROGRAMS = {
    "/lib/systemd/systemd": "host",
    "/lib/systemd/systemd-machined": "host",
    "dbus-daemon": "host",
    "g++": "build",
}


def check(checkout):
    if os.geteuid() != 0:
        raise HostError("only root can make and enter hosts", "run it with sudo")
    missing = [program for program in PROGRAMS if not shutil.which(program)]
    if missing:
        groups = " ".join(sorted({PROGRAMS[program] for program in missing}))
        raise HostError(f"missing on this machine: {', '.join(missing)}",
                        f"install with: {checkout}/test/host/packages {groups}")
