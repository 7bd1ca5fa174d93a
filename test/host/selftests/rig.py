"""What the self-test uses: hosts in a state directory of its own, and what they could leave on the machine."""

import contextlib
import glob
import json
import os
import subprocess
import tempfile

HERE = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
HOST = os.path.join(HERE, "host")
STATE = tempfile.mkdtemp(prefix="podctl-host-selftest.", dir="/var/tmp")
os.chmod(STATE, 0o755)
ENVIRONMENT = {**os.environ, "PODCTL_HOSTS": STATE}


def host(*arguments, **options):
    defaults = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "timeout": 60}
    if "input" not in options:
        defaults["stdin"] = subprocess.DEVNULL
    return subprocess.run([HOST, *arguments], env=ENVIRONMENT, check=False, **{**defaults, **options})


def start(*arguments, **options):
    return subprocess.Popen([HOST, *arguments], env=ENVIRONMENT, start_new_session=True, **options)


def equal(actual, expected):
    if actual != expected:
        raise AssertionError(f"{actual!r} instead of {expected!r}")


def states():
    return {row["name"]: row for row in json.loads(host("status", "--format", "json").stdout)}


def bring_up(name="default"):
    result = host("up", "--name", name)
    equal((result.returncode, result.stderr), (0, b""))
    return states()[name]["pid"]


def namespaces(pid):
    return {os.readlink(f"/proc/{pid}/ns/{kind}") for kind in ("mnt", "net", "pid", "uts", "ipc", "cgroup")}


def read(path):
    with open(path, errors="replace") as file:
        return file.read()


def write(path, text):
    with open(path, "w") as file:
        file.write(text)


def all_namespaces():
    found = set()
    for path in glob.glob("/proc/[0-9]*"):
        with contextlib.suppress(OSError):  # ignored: the process ended while this looked at it
            found |= namespaces(os.path.basename(path))
    return found


def leftovers():
    """Everything that belongs to this test's hosts, as a list to be compared with []."""
    mark = STATE.strip("/").replace("/", "-")
    found = [line for line in read("/proc/mounts").splitlines() if STATE in line]
    found += glob.glob(f"/sys/fs/cgroup/*{mark}*") + glob.glob(f"/sys/fs/cgroup/*/*{mark}*")
    found += os.listdir(STATE) if os.path.isdir(STATE) else []
    for path in glob.glob("/proc/[0-9]*"):
        with contextlib.suppress(OSError):  # ignored: the process ended while this looked at it
            text = "".join(read(f"{path}/{file}") for file in ("stat", "cgroup", "cmdline"))
            # A zombie is dead: it waits for the machine's PID 1, which may reap only once in a second.
            if (STATE in text or mark in text) and ") Z " not in text:
                found.append(f"{path}: {text}")
    return found


def machine():
    """What hosts must not change on the machine."""
    sysctls = ("fs/file-max", "fs/nr_open", "kernel/core_pattern", "kernel/hostname", "net/ipv4/ip_forward")
    networks = subprocess.run(["ip", "netns"], capture_output=True, check=False).stdout
    return read("/proc/mounts"), [read(f"/proc/sys/{path}") for path in sysctls], os.listdir("/dev"), networks
