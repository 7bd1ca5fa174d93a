"""The life of a virtual machine: one directory on the machine, a QEMU, and a virtiofsd that gives it the checkout."""

import contextlib
import hashlib
import os
import shutil
import socket
import subprocess
import sys

import channel
import image
import interrupts
import qmp
import record
from errors import HostError
from place import NAME, Place

MEMORY = "1536M"
PROCESSORS = 2
CONSOLE_LINES = 25  # of the console's end, in errors
VIRTIOFSD = ("/usr/lib/qemu/virtiofsd", "/usr/libexec/virtiofsd")
PROGRAMS = ("qemu-system-x86_64", "qemu-img", "debootstrap", "mkfs.ext4", "cpio", "depmod", "busybox", "g++")
PORTS = [channel.port_name(number) for number in range(channel.PORTS)]
SOCKETS = ["monitor", *PORTS]


class Machine(Place):
    """Where one machine of one checkout is kept."""

    KIND, VARIABLE = "vm", "PODCTL_VMS"

    def __init__(self, checkout, state_root, prefix, name):
        super().__init__(checkout, state_root, prefix, name)
        self.qemu = self.path("qemu")  # records of the processes
        self.files = self.path("virtiofsd")
        self.ready = self.path("ready")  # QEMU's record, written when systemd has booted
        self.console = self.path("console")
        self.disk = self.path("disk")  # copy-on-write over the image
        self.image = self.path("image")  # link to the image

    def alive(self):
        """The pid of QEMU, in whatever state the system in it is."""
        return record.read(self.qemu)

    def state(self):
        if self.running():
            return "up"
        if self.busy():
            return "changing"
        return "off" if os.path.exists(self.disk) and not self.alive() else "incomplete"

    def accelerator(self):
        with open(self.path("accelerator")) as file:
            return file.read()

    def diagnosis(self):
        """The end of the console, or None."""
        with contextlib.suppress(FileNotFoundError), open(self.console, errors="replace") as file:
            if lines := [line.rstrip() for line in file.read().splitlines() if line.strip()][-CONSOLE_LINES:]:
                return "the console ends with\n    " + "\n    ".join(lines)
        return None


def all_machines(checkout, state_root, prefix):
    entries = os.listdir(state_root) if os.path.isdir(state_root) else []
    names = sorted(entry.removeprefix(prefix) for entry in entries if entry.startswith(prefix))
    return [Machine(checkout, state_root, prefix, name) for name in names if NAME.fullmatch(name)]


def missing(checkout):
    """Why no machine can be made here, or None."""
    if os.uname().machine != "x86_64":
        return f"machines are made for x86_64 only, and this is {os.uname().machine}"
    absent = [program for program in PROGRAMS if not shutil.which(program)]
    if not any(map(os.path.exists, VIRTIOFSD)):
        absent.append("virtiofsd")
    return f"missing: {', '.join(absent)}; install with: {checkout}/test/host/packages build vm" if absent else None


def up(place):
    """Boots it. @returns False if it was up"""
    if reason := missing(place.checkout):
        raise HostError(f"no machine can be made here: {reason}")
    built = image.get(place.checkout)
    with place.locked():
        if place.running():
            return False
        _stop(place)
        try:
            _make_disk(place, built)
            _start(place, built)
            _wait_until_up(place)
        except BaseException:
            _stop(place)
            raise
        record.write(place.ready, place.alive())
    return True


def reboot(place):
    """As an administrator does it. QEMU tells when the kernel has reset the machine."""
    with place.locked():
        if not place.running():
            raise HostError(f"{place.name} is not up", "vm up")
        os.unlink(place.ready)
        with qmp.Monitor(place.path("monitor")) as monitor:
            channel.capture(place, ["systemctl", "--no-block", "reboot"], _timeout())
            if not monitor.wait_for("RESET", _timeout()):
                raise HostError("it did not shut down", place.diagnosis())
        _wait_until_up(place)
        record.write(place.ready, place.alive())


def power_cut(place):
    """@returns False if it was off"""
    with place.locked():
        return _stop(place)


def down(place):
    """@returns False if there was none"""
    if not place.exists():
        return False
    with place.locked(), interrupts.held():
        _stop(place)
        # The directory itself goes with the end of its lock.
        for name in os.listdir(place.directory):
            os.unlink(place.path(name))
    return True


def _stop(place):
    pids = [pid for pid in (record.read(place.qemu), record.read(place.files)) if pid]
    for pid in pids:
        record.kill(pid)
    for path in (place.ready, place.qemu, place.files):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
    return bool(pids)


def _make_disk(place, built):
    """A disk stays over the image it was made over, as long as that is there."""
    if os.path.exists(place.disk):
        if os.path.exists(f"{place.image}/root.ext4"):
            return
        print(f"vm {place.name}: its image was removed: it begins with a new disk", file=sys.stderr)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(place.image)
    os.symlink(built, place.image)
    temporary = f"{place.disk}.new"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", f"{built}/root.ext4", temporary],
                   check=True)
    os.rename(temporary, place.disk)


def _start(place, built):
    accelerator = image.accelerator(built)
    with open(place.path("accelerator"), "w") as file:
        file.write(accelerator)
    _start_virtiofsd(place)
    # It takes over sockets that listen already: whoever connects at once need not wait for QEMU to make them.
    with contextlib.ExitStack() as stack:
        listeners = {name: stack.enter_context(_listen(place, name)).fileno() for name in SOCKETS}
        _spawn(place, place.qemu, qemu_arguments(place, os.path.realpath(place.image), accelerator, listeners),
               pass_fds=listeners.values())


def _listen(place, name):
    """Through the directory's descriptor: a socket's path may have 107 bytes at most, unix(7)."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(place.path(name))
    directory = os.open(place.directory, os.O_PATH)
    try:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(f"/proc/self/fd/{directory}/{name}")
        listener.listen(1)
        return listener
    finally:
        os.close(directory)


def _start_virtiofsd(place):
    with _listen(place, "files.socket") as listener:
        program = next(filter(os.path.exists, VIRTIOFSD))
        limit = os.sysconf("SC_OPEN_MAX")  # its default is more than some machines allow
        _spawn(place, place.files, [program, f"--fd={listener.fileno()}", "-o", f"source={place.checkout}", "-o",
                                    "cache=auto", "-o", "sandbox=chroot", f"--rlimit-nofile={limit}"],
               pass_fds=[listener.fileno()])


def _spawn(place, path, argv, pass_fds=()):
    """A process that outlives this one, in the machine's directory; its output goes to PATH.log."""
    with interrupts.held(), open(f"{path}.log", "wb") as log:
        child = subprocess.Popen(argv, cwd=place.directory, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                 start_new_session=True, pass_fds=pass_fds, preexec_fn=interrupts.to_default)
        record.write(path, child.pid)


def qemu_arguments(place, built, accelerator, listeners):
    kvm = accelerator == "kvm"
    arguments = [
        "qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none",
        "-machine", "q35,memory-backend=memory", "-smp", str(PROCESSORS), "-m", MEMORY,
        "-accel", "kvm" if kvm else "tcg,thread=multi,tb-size=512", "-cpu", "host" if kvm else "max",
        # virtiofsd reads and writes the machine's memory.
        "-object", f"memory-backend-memfd,id=memory,size={MEMORY},share=on",
        "-kernel", f"{built}/vmlinuz", "-initrd", f"{built}/initrd",
        "-append", " ".join(_kernel_arguments(place)),
        "-chardev", "file,id=console,path=console,append=on", "-serial", "chardev:console",
        "-drive", "file=disk,if=none,id=disk,cache=writeback,discard=unmap", "-device", "virtio-blk-pci,drive=disk",
        "-device", f"virtio-serial-pci,max_ports={channel.PORTS + 1}",
        "-chardev", "socket,id=files,path=files.socket",
        "-device", "vhost-user-fs-pci,chardev=files,tag=checkout",
        "-mon", "chardev=monitor,mode=control",
    ]
    for name, fd in listeners.items():
        arguments += ["-chardev", f"socket,id={name},fd={fd},server=on,wait=off"]
    for name in PORTS:
        arguments += ["-device", f"virtserialport,chardev={name},name={name}"]
    return arguments


def _kernel_arguments(place):
    return [
        "console=ttyS0", "quiet", "panic=-1", "mitigations=off", "net.ifnames=0", "systemd.show_status=no",
        # The same at each boot, as on a real machine, without the work of a first boot.
        f"systemd.machine_id={hashlib.sha256(place.directory.encode()).hexdigest()[:32]}",
        f"systemd.hostname=vm-{place.name}",
        f"podctl.checkout={place.checkout}", f"podctl.ports={channel.PORTS}",
    ]


def _wait_until_up(place):
    try:
        status, text = channel.capture(place, ["systemctl", "is-system-running", "--wait"], _timeout())
        if status == 0:
            return
        _, failed = channel.capture(place, ["systemctl", "--failed", "--no-legend", "--plain"], _timeout())
    except HostError as error:
        raise HostError(f"{place.name} did not boot: {error.args[0]}", error.hint or _log_of_qemu(place)) from error
    raise HostError(f"{place.name} booted, but is {text.strip()}", failed.strip() or place.diagnosis())


def _log_of_qemu(place):
    with open(f"{place.qemu}.log", errors="replace") as file:
        return file.read().strip() or place.diagnosis()


def _timeout():
    return float(os.environ.get("PODCTL_VM_TIMEOUT", "300"))
