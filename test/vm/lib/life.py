"""What can be done with a machine: up, reboot, power cut, down. Whoever does it holds the machine's lock."""

import os
import shutil
import sys

import channel
import image
import interrupts
import machine
import qmp
import record
import snapshot
from errors import HostError

PROGRAMS = ("qemu-system-x86_64", "qemu-img", "debootstrap", "mkfs.ext4", "cpio", "depmod", "busybox", "g++")


def missing(checkout):
    """Why no machine can be made here, or None."""
    if os.uname().machine != "x86_64":
        return f"machines are made for x86_64 only, and this is {os.uname().machine}"
    absent = [program for program in PROGRAMS if not shutil.which(program)]
    if not any(map(os.path.exists, machine.VIRTIOFSD)):
        absent.append("virtiofsd")
    return f"missing: {', '.join(absent)}; install with: {checkout}/test/host/packages build vm" if absent else None


def up(place):
    """Boots it. @returns False if it was up"""
    if reason := missing(place.checkout):
        raise HostError(f"no machine can be made here: {reason}")
    built = image.get(place.checkout)
    accelerator = image.accelerator(built)
    # Emulated, a boot takes long: a new machine continues one that has booted.
    booted = snapshot.get(place.checkout, built) if accelerator == "tcg" else None
    with place.locked():
        if place.running():
            return False
        machine.stop(place)
        try:
            if _make_disk(place, built, booted) and booted:
                machine.start(place, accelerator, machine.Start.RESUME)
                machine.attach_checkout(place)
            else:
                machine.start(place, accelerator, machine.Start.BOOT)
            machine.wait_until_up(place)
        except BaseException:
            machine.stop(place)
            raise
        record.write(place.ready, place.alive())
    return True


def _make_disk(place, built, booted):
    """A disk stays over the image it was made over, as long as that is there. @returns whether it is new"""
    if os.path.exists(place.disk):
        if all(os.path.exists(path) for path in (place.image, place.booted) if os.path.islink(path)):
            return False
        print(f"vm {place.name}: its image was removed: it begins with a new disk", file=sys.stderr)
    machine.link(place, built, booted)
    backing, form = (f"{booted}/disk", "qcow2") if booted else (f"{built}/root.ext4", "raw")
    machine.make_disk(place, backing, form)
    return True


def reboot(place):
    """As an administrator does it. QEMU tells when the kernel has reset the machine."""
    with place.locked():
        if not place.running():
            raise HostError(f"{place.name} is not up", "vm up")
        os.unlink(place.ready)
        with qmp.Monitor(place.path("monitor")) as monitor:
            channel.capture(place, ["systemctl", "--no-block", "reboot"], machine.timeout())
            monitor.event("RESET", machine.timeout())
        machine.wait_until_up(place)
        record.write(place.ready, place.alive())


def power_cut(place):
    """@returns False if it was off"""
    with place.locked():
        return machine.stop(place)


def down(place):
    """@returns False if there was none"""
    if not place.exists():
        return False
    with place.locked(), interrupts.held():
        machine.stop(place)
        # The directory itself goes with the end of its lock.
        for name in os.listdir(place.directory):
            os.unlink(place.path(name))
    return True
