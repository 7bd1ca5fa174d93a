"""The layer that comes from Debian. A change here makes everybody build it again, which takes a minute or two."""

import os
import shutil
import subprocess

from errors import HostError

KERNEL = "linux-image-cloud-amd64"


def build(directory, packages, suite):
    root = f"{directory}/root"
    # In a mount namespace of its own: whatever happens, nothing stays mounted on this machine.
    alone = ["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child"]
    run(*alone, "debootstrap", "--variant=minbase", f"--include={','.join(packages)}", suite, root)
    script = f"""set -e
        apt-get -qq update; cd /tmp
        apt-get -qq download "$(apt-cache depends {KERNEL} | sed -n 's/.*Depends: \\(linux-image-[0-9].*\\)/\\1/p')"
        dpkg-deb -x linux-image-*.deb /tmp/kernel"""
    run(*alone, "chroot", root, "sh", "-c", script)
    (version,) = os.listdir(f"{root}/tmp/kernel/lib/modules")
    shutil.copytree(f"{root}/tmp/kernel/lib/modules/{version}", f"{root}/lib/modules/{version}")
    shutil.copy(f"{root}/tmp/kernel/boot/vmlinuz-{version}", f"{directory}/vmlinuz")
    run("depmod", "-b", root, version)
    for name in ("tmp", "var/cache/apt", "var/lib/apt/lists", "usr/share/doc", "usr/share/man", "usr/share/locale"):
        shutil.rmtree(f"{root}/{name}", ignore_errors=True)
    os.mkdir(f"{root}/tmp", 0o1777)
    os.chmod(f"{root}/tmp", 0o1777)


def run(*argv):
    """A program that must succeed; its stdout."""
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                          text=True, errors="replace")
    if done.returncode != 0:
        tail = "\n    ".join(done.stdout.splitlines()[-20:])
        raise HostError(f"{' '.join(argv[:6])}: status {done.returncode}\n    {tail}")
    return done.stdout
