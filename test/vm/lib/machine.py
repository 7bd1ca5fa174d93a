"""A virtual machine: one directory on the machine, a QEMU, and a virtiofsd that gives it the checkout."""

import contextlib
import enum
import os
import shlex
import socket
import subprocess
import time

import channel
import interrupts
import qmp
import record
from errors import HostError
from place import NAME, Place

MEMORY = "1536M"
PROCESSORS = 2
CONSOLE_LINES = 25  # of the console's end, in errors
VIRTIOFSD = ("/usr/lib/qemu/virtiofsd", "/usr/libexec/virtiofsd")
PORTS = [channel.port_name(number) for number in range(channel.PORTS)]
SOCKETS = ["monitor", *PORTS]
FILES = {"bus": "files-port", "chardev": "files", "tag": "checkout"}
# The kernel may take a moment to see the device. image/init does the same at a boot.
MOUNT = """tries=0
until output=$(mount -t virtiofs -o ro,nosuid,nodev checkout "$1" 2>&1); do
    tries=$((tries + 1))
    [ $tries -lt 600 ] || { echo "$output"; exit 1; }
    sleep 0.05
done
ln -sfn "$1/dist/podctl" /usr/local/bin/podctl"""


class Start(enum.Enum):
    BOOT = 1
    FREEZE = 2  # boot without a checkout, to be frozen
    RESUME = 3  # continue what was frozen


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
        self.booted = self.path("booted")  # link to the frozen machine that the disk is made over, if it is

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


def stop(place):
    pids = [pid for pid in (record.read(place.qemu), record.read(place.files)) if pid]
    for pid in pids:
        record.kill(pid)
    for path in (place.ready, place.qemu, place.files):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
    return bool(pids)


def link(place, built, booted):
    """Notes what its disk is made over."""
    for path, target in ((place.image, built), (place.booted, booted)):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        if target:
            os.symlink(target, path)


def make_disk(place, backing, form):
    temporary = f"{place.disk}.new"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", form, "-b", backing, temporary], check=True)
    os.rename(temporary, place.disk)


def start(place, accelerator, how):
    with open(place.path("accelerator"), "w") as file:
        file.write(accelerator)
    if how != Start.FREEZE:
        _start_virtiofsd(place)
    # It takes over sockets that listen already: whoever connects at once need not wait for QEMU to make them.
    with contextlib.ExitStack() as stack:
        listeners = {name: stack.enter_context(_listen(place, name)).fileno() for name in SOCKETS}
        _spawn(place, place.qemu, qemu_arguments(place, accelerator, how, listeners), pass_fds=listeners.values())


def attach_checkout(place):
    """To a machine that continues a frozen one, which had none. Its clock has stood still meanwhile."""
    # Only a machine that runs, and does not still read its memory, can be given a device.
    _inside(place, 'date -s "@$1" >/dev/null && mkdir -p "$2"', f"{time.time():.3f}", place.checkout)
    with qmp.Monitor(place.path("monitor")) as monitor:
        monitor.execute("device_add", driver="vhost-user-fs-pci", **FILES)
    _inside(place, MOUNT, place.checkout)


def _inside(place, script, *arguments):
    status, text = channel.capture(place, ["sh", "-c", script, "sh", *arguments], timeout())
    if status != 0:
        raise HostError("the checkout could not be attached", text.strip())


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


def qemu_arguments(place, accelerator, how, listeners):
    built = os.path.realpath(place.image)
    kvm = accelerator == "kvm"
    arguments = [
        "qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none",
        "-machine", "q35,memory-backend=memory", "-smp", str(PROCESSORS), "-m", MEMORY,
        "-accel", "kvm" if kvm else "tcg,thread=multi,tb-size=512", "-cpu", "host" if kvm else "max",
        # virtiofsd reads and writes the machine's memory.
        "-object", f"memory-backend-memfd,id=memory,size={MEMORY},share=on",
        "-kernel", f"{built}/vmlinuz", "-initrd", f"{built}/initrd",
        "-append", " ".join(_kernel_arguments(place, how)),
        "-chardev", "file,id=console,path=console,append=on", "-serial", "chardev:console",
        "-drive", "file=disk,if=none,id=disk,cache=writeback,discard=unmap", "-device", "virtio-blk-pci,drive=disk",
        "-device", f"virtio-serial-pci,max_ports={channel.PORTS + 1}",
        # Where the checkout is plugged in.
        "-device", f"pcie-root-port,id={FILES['bus']},chassis=1,slot=1",
        "-mon", "chardev=monitor,mode=control",
    ]
    for name, fd in listeners.items():
        arguments += ["-chardev", f"socket,id={name},fd={fd},server=on,wait=off"]
    for name in PORTS:
        arguments += ["-device", f"virtserialport,chardev={name},name={name}"]
    if how != Start.FREEZE:
        arguments += ["-chardev", "socket,id=files,path=files.socket"]
    if how == Start.BOOT:
        arguments += ["-device", ",".join(["vhost-user-fs-pci", *(f"{key}={value}" for key, value in FILES.items())])]
    if how == Start.RESUME:
        arguments += ["-incoming", f"exec:cat {shlex.quote(os.path.realpath(place.booted))}/state"]
    return arguments


def _kernel_arguments(place, how):
    checkout = [] if how == Start.FREEZE else [f"podctl.checkout={place.checkout}"]
    return ["console=ttyS0", "quiet", "panic=-1", "mitigations=off", "net.ifnames=0", "systemd.show_status=no",
            f"podctl.ports={channel.PORTS}", *checkout]


def wait_until_up(place):
    try:
        status, text = channel.capture(place, ["systemctl", "is-system-running", "--wait"], timeout())
        if status == 0:
            return
        _, failed = channel.capture(place, ["systemctl", "--failed", "--no-legend", "--plain"], timeout())
    except HostError as error:
        raise HostError(f"{place.name} did not boot: {error.args[0]}", error.hint or log_of_qemu(place)) from error
    raise HostError(f"{place.name} booted, but is {text.strip()}", failed.strip() or place.diagnosis())


def log_of_qemu(place):
    with open(f"{place.qemu}.log", errors="replace") as file:
        return file.read().strip() or place.diagnosis()


def timeout():
    return float(os.environ.get("PODCTL_VM_TIMEOUT", "300"))
