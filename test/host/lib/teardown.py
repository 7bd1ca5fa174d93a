"""Takes away what belongs to a host, whole or half made. The caller holds its lock."""

import os
import shutil
import subprocess

import cgroups
import interrupts
import record
from errors import HostError


def down(place):
    """True if there was something to remove."""
    if not place.exists() and not cgroups.exist(place.cgroup):
        return False
    with place.locked():
        clean(place)
    return True


def clean(place):
    """Leaves only the empty directory, which goes with the lock on it."""
    with interrupts.held():
        pid = record.read(place.init)
        if pid:
            record.kill(pid)
        cgroups.remove(place.cgroup)
        for entry in os.listdir(place.directory):
            _remove_tree(place.path(entry))


def _remove_tree(path):
    if not os.path.isdir(path) or os.path.islink(path):
        return os.unlink(path)
    # rm(1): Python's rmtree recurses, and images may hold trees deeper than its limit.
    result = subprocess.run(["rm", "-rf", "--one-file-system", path], stderr=subprocess.PIPE, text=True, check=False)
    if result.returncode:
        raise HostError(f"cannot remove {path}: {result.stderr.strip()}")
