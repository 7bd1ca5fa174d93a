"""The root of a host, put together in the host's own mount namespace: the machine's own root, or another tree, with a layer on
top."""

import contextlib
import os
import shutil
import stat

import linux
import systemd

# What a service may expect in /dev, if the machine has it. Not kmsg: the host would read and write the machine's log.
DEVICES = ("null", "zero", "full", "random", "urandom", "tty", "fuse", "net/tun", "kvm", "loop-control")
LINKS = {"fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2", "ptmx": "pts/ptmx"}
# Directories on the machine's disk, because an overlay cannot be the upper layer of another overlay.
ON_DISK = {"/var/lib/podctl": 0o755, "/var/lib/containers": 0o755, "/var/lib/machines": 0o700, "/var/tmp": 0o1777}
DISK_FILESYSTEMS = ("ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "bcachefs")
# PID 1 raises fs.file-max and fs.nr_open when it starts, but these are the machine's. Only while it boots: if a part of
# /proc is covered, the kernel lets nobody mount a new /proc in a user namespace.
PROTECTED = "/proc/sys/fs"
TMPFS = linux.MS_NOSUID | linux.MS_NODEV


def enter(place, tree):
    """Makes the root and moves into it. Needs mount, cgroup, network and PID namespaces of its own. tree: the machine's
    own root, `/`, or the root file system of another Debian."""
    linux.mount("", "/", "", linux.MS_REC | linux.MS_PRIVATE)
    linux.mount("tmpfs", place.mount, "tmpfs", 0, "mode=755")
    root = os.path.join(place.mount, "root")
    _overlay(tree, root, place.mount, 0)
    if tree == "/":
        for number, path in enumerate(_other_disks(), 1):
            _overlay(path, root + path, place.mount, number)
    else:
        _bind_node(root)
    _kernel_filesystems(root)
    _devices(root)
    if _filesystem_of(place.disk) == "overlay":
        linux.mount("tmpfs", place.disk, "tmpfs", 0, "mode=755")  # memory is the second choice, but it works
    for path, mode in ON_DISK.items():
        _bind_new(place.disk + path, root + path, mode)
    _bind_checkout(place.checkout, root)
    _bind_file(place.notify, f"{root}{systemd.NOTIFY_SOCKET}")
    systemd.prepare(root, place)
    linux.pivot_root(root)


def _overlay(lower, target, scratch, number):
    upper, work = (os.path.join(scratch, f"{kind}{number}") for kind in ("upper", "work"))
    os.mkdir(upper)
    os.chmod(upper, stat.S_IMODE(os.stat(lower).st_mode))
    os.mkdir(work)
    os.makedirs(target, exist_ok=True)
    linux.mount("overlay", target, "overlay", 0, f"lowerdir={lower},upperdir={upper},workdir={work}")


def _other_disks():
    """Other disk file systems of the machine (a separate /usr, /var or /home), parents first."""
    skipped = ("/proc", "/sys", "/dev", "/run", "/tmp", "/boot")
    with open("/proc/self/mountinfo") as file:
        rows = [line.split() for line in file]
    paths = {row[4] for row in rows if row[row.index("-") + 1] in DISK_FILESYSTEMS}
    return sorted(path for path in paths
                  if path != "/" and "\\" not in path and os.path.isdir(path)
                  and not any(path == top or path.startswith(top + "/") for top in skipped))


def _filesystem_of(path):
    number = os.stat(path).st_dev
    device = f"{os.major(number)}:{os.minor(number)}"
    with open("/proc/self/mountinfo") as file:
        rows = [line.split() for line in file]
    return next((row[row.index("-") + 1] for row in rows if row[2] == device), None)


def _kernel_filesystems(root):
    strict = linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC
    linux.mount("proc", f"{root}/proc", "proc", strict)
    linux.bind(f"{root}{PROTECTED}", f"{root}{PROTECTED}", read_only=True)
    linux.mount("sysfs", f"{root}/sys", "sysfs", strict)
    linux.mount("cgroup2", f"{root}/sys/fs/cgroup", "cgroup2", strict)
    linux.mount("tmpfs", f"{root}/run", "tmpfs", TMPFS, "mode=755")
    linux.mount("tmpfs", f"{root}/tmp", "tmpfs", TMPFS, "mode=1777")


def _devices(root):
    dev = f"{root}/dev"
    linux.mount("tmpfs", dev, "tmpfs", linux.MS_NOSUID, "mode=755")
    for name in DEVICES:
        with contextlib.suppress(FileNotFoundError):  # ignored: the machine does not have this one
            os.stat(f"/dev/{name}")
            _bind_file(f"/dev/{name}", f"{dev}/{name}")
    for name, target in LINKS.items():
        os.symlink(target, f"{dev}/{name}")
    for name in ("pts", "shm"):
        os.mkdir(f"{dev}/{name}")
    linux.mount("devpts", f"{dev}/pts", "devpts", linux.MS_NOSUID | linux.MS_NOEXEC,
                "newinstance,ptmxmode=0666,mode=620,gid=5")
    linux.mount("tmpfs", f"{dev}/shm", "tmpfs", TMPFS, "mode=1777")


def _bind_file(source, target):
    os.makedirs(os.path.dirname(target), exist_ok=True)
    with open(target, "x"):
        pass
    linux.bind(source, target)


def _bind_new(source, target, mode):
    os.makedirs(source)
    os.chmod(source, mode)
    os.makedirs(target, exist_ok=True)
    linux.bind(source, target)


def _bind_node(root):
    """The Node that built the checkout: its addons and its command are for this one. Another tree has none, or its own."""
    node = shutil.which("node")
    if node is None:
        raise FileNotFoundError("node is not on PATH")
    target = root + os.path.realpath(node)
    with contextlib.suppress(FileNotFoundError):  # ignored: the tree has none, as expected
        os.unlink(target)
    _bind_file(os.path.realpath(node), target)
    linux.mount("", target, "", linux.MS_REMOUNT | linux.MS_BIND | linux.MS_RDONLY)


def _bind_checkout(checkout, root):
    """Live and read-only: it is rebuilt while hosts run, and the layer below an overlay must not change."""
    os.makedirs(root + checkout, exist_ok=True)
    linux.bind(checkout, root + checkout, read_only=True)
    link = f"{root}/usr/local/bin/podctl"
    os.makedirs(os.path.dirname(link), exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(link)
    os.symlink(f"{checkout}/dist/podctl", link)
