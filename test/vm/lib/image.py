"""The image: a Debian with systemd and Node on an ext4 disk, a kernel, an initramfs. Built once, kept outside of checkouts.

Two layers, each in a directory named after the digest of what it is made of: `base` (from Debian, a minute or two) and
`image` (files of this checkout and of this machine added; seconds). A directory has its name only when it is complete.
"""

import contextlib
import fcntl
import glob
import hashlib
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import time

import base_layer
from base_layer import run as _run
from errors import HostError

DISK_SIZE = "8G"  # sparse
# What the initramfs needs: the disk, the agent's ports, the checkout. The rest is loaded from the disk.
MODULES = ("virtio_pci", "virtio_blk", "virtio_console", "virtiofs")
UDEV_TRIGGER = "udevadm trigger --action=add --subsystem-match=block --subsystem-match=net"
UNUSED_DAYS = 14
PROBE_SECONDS = 15


def get(checkout):
    """@returns the directory with root.ext4, vmlinuz and initrd; builds it if need be"""
    sources = os.path.join(checkout, "test/vm")
    packages = _words(f"{sources}/image/packages")
    suite = _suite()
    base = layer("base", [packages, suite, digest(base_layer.__file__)],
                  lambda directory: base_layer.build(directory, packages, suite))
    files = [f"{sources}/{name}" for name in ("image/init", "image/podctl-vm-agent.service", "image/masked",
                                              "agent/agent.cc")]
    return layer("image", [base, [digest(file) for file in [__file__, *files]], _node_identity()],
                  lambda directory: _build_image(directory, base, sources))


def accelerator(built):
    """kvm if a kernel boots on it, else tcg. What was found is true until this machine boots again."""
    if wanted := os.environ.get("PODCTL_VM_ACCEL"):
        return wanted
    with open("/proc/sys/kernel/random/boot_id") as file:
        boot = file.read().strip()
    note = f"{built}/accelerator"
    with contextlib.suppress(FileNotFoundError), open(note) as file:
        known, _, found = file.read().partition(" ")
        if known == boot:
            return found
    found = "kvm" if _boots_on_kvm(built) else "tcg"
    _write(f"{note}.{os.getpid()}", f"{boot} {found}")
    os.rename(f"{note}.{os.getpid()}", note)
    return found


def _boots_on_kvm(built):
    """/dev/kvm may be there, and no kernel come up on it: on some clouds only kernels that were made for it do."""
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return False
    argv = ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-machine", "q35",
            "-accel", "kvm", "-cpu", "host", "-m", "256M", "-serial", "stdio", "-kernel", f"{built}/vmlinuz",
            "-initrd", f"{built}/initrd", "-append", "console=ttyS0 quiet panic=-1 podctl.probe"]
    with contextlib.suppress(subprocess.TimeoutExpired):
        return b"vm: probe" in subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False,
                                              stderr=subprocess.DEVNULL, timeout=PROBE_SECONDS).stdout
    return False


def layer(kind, inputs, build):
    cache = _cache()
    digest = hashlib.sha256(json.dumps(inputs).encode()).hexdigest()[:16]
    path = f"{cache}/{kind}-{digest}"
    with open(f"{path}.lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"vm: waiting for another build of {path}", file=sys.stderr)
            fcntl.flock(lock, fcntl.LOCK_EX)
        if os.path.isdir(path):
            os.utime(path)
            return path
        print(f"vm: building {path}", file=sys.stderr)
        started, temporary = time.monotonic(), f"{path}.new"
        shutil.rmtree(temporary, ignore_errors=True)
        os.mkdir(temporary, 0o700)
        try:
            build(temporary)
            _run("sync", "-f", temporary)
            os.rename(temporary, path)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        print(f"vm: built in {time.monotonic() - started:.0f} s", file=sys.stderr)
        _remove_unused(cache)
    return path


def _cache():
    path = os.path.join(os.environ.get("XDG_CACHE_HOME") or "/var/cache", "podctl-vm")
    os.makedirs(path, 0o700, exist_ok=True)
    status = os.stat(path)
    if status.st_uid != 0 or status.st_mode & 0o022:
        raise HostError(f"{path} must be a directory that only root can write to")
    return path


def _remove_unused(cache):
    for path in glob.glob(f"{cache}/*-*[0-9a-f]"):
        if os.path.isdir(path) and time.time() - os.stat(path).st_mtime > UNUSED_DAYS * 86400:
            shutil.rmtree(path, ignore_errors=True)


def _build_image(directory, base, sources):
    root, units = f"{directory}/root", f"{directory}/root/etc/systemd/system"
    _run("cp", "-a", "--reflink=auto", f"{base}/root", root)
    _run("cp", "-a", "--reflink=auto", f"{base}/vmlinuz", directory)
    _copy_program(_node(), root)
    _run("g++", "-std=c++17", "-O2", "-Wall", "-Wextra", "-static", "-o", f"{root}/usr/local/sbin/podctl-vm-agent",
         f"{sources}/agent/agent.cc")
    shutil.copy(f"{sources}/image/podctl-vm-agent.service", units)
    os.makedirs(f"{units}/sysinit.target.wants", exist_ok=True)
    os.symlink("../podctl-vm-agent.service", f"{units}/sysinit.target.wants/podctl-vm-agent.service")
    for unit in _words(f"{sources}/image/masked"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{units}/{unit}")
        os.symlink("/dev/null", f"{units}/{unit}")
    # Of the devices, only these are looked at again; logind starts when it is called.
    os.makedirs(f"{units}/systemd-udev-trigger.service.d")
    _write(f"{units}/systemd-udev-trigger.service.d/few.conf", f"[Service]\nExecStart=\nExecStart=-{UDEV_TRIGGER}\n")
    os.unlink(f"{root}/lib/systemd/system/multi-user.target.wants/systemd-logind.service")
    with contextlib.suppress(FileNotFoundError):
        os.unlink(f"{units}/default.target")
    os.symlink("/lib/systemd/system/multi-user.target", f"{units}/default.target")
    os.makedirs(f"{root}/var/log/journal", exist_ok=True)  # so that it survives a reboot
    _write(f"{root}/etc/hostname", "podctl-vm\n")
    _write(f"{root}/etc/machine-id", f"{secrets.token_hex(16)}\n")
    _write(f"{root}/etc/hosts", "127.0.0.1 localhost podctl-vm\n::1 localhost\n")
    _build_initrd(directory, root, sources)
    _run("mkfs.ext4", "-q", "-F", "-d", root, f"{directory}/root.ext4", DISK_SIZE)
    shutil.rmtree(root)


def _build_initrd(directory, root, sources):
    tree = f"{directory}/initrd.d"
    for name in ("bin", "proc", "sys", "dev", "root", "modules"):
        os.makedirs(f"{tree}/{name}")
    shutil.copy(shutil.which("busybox"), f"{tree}/bin/busybox")
    shutil.copy(f"{sources}/image/init", f"{tree}/init")
    (version,) = os.listdir(f"{root}/lib/modules")
    shown = "".join(_run("modprobe", "-d", root, "-S", version, "--show-depends", module) for module in MODULES)
    files = dict.fromkeys(re.findall(r"^insmod (\S+)", shown, re.MULTILINE))  # each once, in order
    for number, file in enumerate(files):
        shutil.copy(file, f"{tree}/modules/{number:02}-{os.path.basename(file)}")
    with open(f"{directory}/initrd", "wb") as out:
        subprocess.run("find . | cpio --quiet -o -H newc -R 0:0 | gzip -1", shell=True, cwd=tree, stdout=out, check=True)
    shutil.rmtree(tree)


def _copy_program(program, root):
    """A program of this machine and the libraries it needs that the image lacks, at their own paths."""
    libraries = re.findall(r"(?:=> )?(/\S+) \(0x", _run("ldd", program))
    for file in (program, *libraries):
        target = f"{root}{os.path.realpath(file) if file == program else file}"
        if not os.path.exists(target):
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copy(file, target)
    link = f"{root}/usr/local/bin/node"
    if not os.path.exists(link):
        os.symlink(os.path.realpath(program), link)


def _node():
    """The Node of whoever calls: `vm` itself runs with the system's own programs."""
    found = shutil.which("node", path=os.environ.get("PODCTL_VM_PATH")) or shutil.which("node")
    if not found:
        raise HostError("node is not installed")
    return os.path.realpath(found)


def _node_identity():
    status = os.stat(_node())
    return [_node(), status.st_size, status.st_mtime_ns]


def _suite():
    with open("/etc/os-release") as file:
        found = re.search(r"^VERSION_CODENAME=(\w+)", file.read(), re.MULTILINE)
    return found[1] if found else "bookworm"


def _words(path):
    with open(path) as file:
        return file.read().split()


def digest(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def _write(path, text):
    with open(path, "w") as file:
        file.write(text)
