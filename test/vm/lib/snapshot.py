"""A machine that has booted, frozen: its disk and its memory. New machines continue it, which takes seconds."""

import os
import shutil
import subprocess

import channel
import image
import machine
import qmp
from errors import HostError

# So that their files are in memory, and need not be read again by each machine.
WARM_UP = ["sh", "-c", "node -e 0; systemctl show --property=Version; nft list tables; journalctl -n 1 -q; sync"]


def get(checkout, built):
    """@returns the directory with disk and state, over the image in the directory `built`"""
    version = subprocess.run(["qemu-system-x86_64", "--version"], stdout=subprocess.PIPE, check=True).stdout.decode()
    # Another QEMU, or one with other devices, cannot read the state.
    inputs = [built, version, image.digest(machine.__file__), image.digest(__file__)]
    return image.layer("booted", inputs, lambda directory: _build(checkout, directory, built))


def _build(checkout, directory, built):
    place = machine.Machine(checkout, directory, "", "build")
    with place.locked():
        try:
            machine.link(place, built, None)
            machine.make_disk(place, f"{built}/root.ext4", "raw")
            machine.start(place, "tcg", machine.Start.FREEZE)
            machine.wait_until_up(place)
            channel.capture(place, WARM_UP, machine.timeout())
            with qmp.Monitor(place.path("monitor")) as monitor:
                monitor.execute("migrate-set-capabilities", capabilities=[{"capability": "events", "state": True}])
                monitor.execute("migrate", uri="exec:cat >state")
                while (status := monitor.event("MIGRATION", machine.timeout())["status"]) != "completed":
                    if status in ("failed", "cancelled"):
                        raise HostError(f"the machine could not be frozen: {status}", machine.log_of_qemu(place))
                # Its end writes what it holds back of the disk.
                monitor.execute("quit")
                monitor.wait_for_end(machine.timeout())
        finally:
            machine.stop(place)
        for name in ("disk", "state"):
            os.rename(place.path(name), f"{directory}/{name}")
        for name in os.listdir(place.directory):
            os.unlink(place.path(name))
    shutil.rmtree(place.directory, ignore_errors=True)
