"""The command line."""

import argparse
import json
import os
import sys
import time

import channel
import interrupts
import life
import machine
from errors import HostError

DESCRIPTION = """\
Virtual machines with a real kernel, all cgroup v2 controllers and a real systemd. Each belongs to one checkout, which is
at its own path inside, read-only and live, and whose build is `podctl` there."""

EPILOG = """\
environment:
  PODCTL_VMS          where machines are kept (/var/tmp/podctl-vms); best on a local disk
  PODCTL_VM_ACCEL     kvm or tcg; without it, kvm if a kernel boots on it here, else tcg
  PODCTL_VM_TIMEOUT   how long a machine may take to boot, in seconds (300)
  XDG_CACHE_HOME      podctl-vm below it keeps the built images (/var/cache)

exit status: 0 done; 1 not done, stderr says why; 2 wrong usage. Of exec: the command's own, 128+n if signal n killed
it, 127 not found, 126 not executable, 125 the command was never started."""

EXEC_USAGE = "vm exec [--name NAME] [--] COMMAND ARGUMENT…"


def parser():
    top = argparse.ArgumentParser(prog="vm", description=DESCRIPTION, epilog=EPILOG,
                                  formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    named = argparse.ArgumentParser(add_help=False)
    named.add_argument("--name", default="default", help="which machine: 1 to 32 of a-z, 0-9 and - (default: default)")
    commands.add_parser("up", parents=[named], help="boot a machine, if it is down")
    run = commands.add_parser("exec", parents=[named], usage=EXEC_USAGE,
                              help="run a command inside; boots the machine if it is down")
    run.add_argument("argv", nargs=argparse.REMAINDER, metavar="[--] COMMAND ARGUMENT…")
    commands.add_parser("reboot", parents=[named], help="reboot cleanly, and wait until it is up again")
    commands.add_parser("power-cut", parents=[named],
                        help="end it at once; its disk keeps what was flushed, and `up` boots it again")
    down = commands.add_parser("down", parents=[named], help="end a machine and remove all that belongs to it")
    down.add_argument("--all", action="store_true", help="all machines of this checkout")
    show = commands.add_parser("status", help="show machines; exit status 3 if none runs")
    show.add_argument("--format", choices=("table", "json"), default="table", help="default: %(default)s")
    commands.add_parser("check", help="say whether machines can be made here, and with what; exit status 3 if not")
    return top


def main(checkout, state_root, prefix, arguments):
    options = parser().parse_args(arguments)
    interrupts.raise_exits()
    never_started = 125 if options.command == "exec" else 1
    try:
        if options.command == "status":
            return _status(machine.all_machines(checkout, state_root, prefix), options.format)
        if options.command == "check":
            return _check(checkout)
        if os.geteuid() != 0:
            raise HostError("only root can make and enter machines", "run it with sudo")
        if options.command == "down" and options.all:
            return _down(machine.all_machines(checkout, state_root, prefix))
        place = machine.Machine(checkout, state_root, prefix, options.name)
        if options.command == "down":
            return _down([place])
        if options.command == "exec":
            return _exec(place, options.argv)
        return {"up": _up, "reboot": _reboot, "power-cut": _power_cut}[options.command](place)
    except (HostError, OSError) as error:
        print(f"vm: {options.command}: {error}", file=sys.stderr)
        return never_started


def _exec(place, argv):
    argv = argv[1:] if argv[:1] == ["--"] else argv
    if not argv:
        raise HostError("what shall run?", f"usage: {EXEC_USAGE}")
    if not place.running():
        life.up(place)
    return channel.run(place, argv, channel.environment(os.environ), os.getcwd())


def _up(place):
    started = time.monotonic()
    fresh = life.up(place)
    taken = f"up after {time.monotonic() - started:.1f} s" if fresh else "was up"
    print(f"vm {place.name}: {taken}, {place.accelerator()}, pid {place.running()}")
    return 0


def _reboot(place):
    started = time.monotonic()
    life.reboot(place)
    print(f"vm {place.name}: up again after {time.monotonic() - started:.1f} s")
    return 0


def _power_cut(place):
    print(f"vm {place.name}: {'off' if life.power_cut(place) else 'was off'}")
    return 0


def _down(places):
    for place in places:
        print(f"vm {place.name}: {'removed' if life.down(place) else 'there is none'}")
    return 0


def _status(places, form):
    rows = [{"name": place.name, "state": place.state(), "pid": place.running(), "directory": place.directory}
            for place in places]
    if form == "json":
        print(json.dumps(rows))
    else:
        print(f"{'NAME':<20} {'STATE':<10} {'PID':<8} DIRECTORY")
        for row in rows:
            print(f"{row['name']:<20} {row['state']:<10} {row['pid'] or '-':<8} {row['directory']}")
    return 0 if any(row["state"] == "up" for row in rows) else 3


def _check(checkout):
    missing = life.missing(checkout)
    print(f"no: {missing}" if missing else "yes")
    return 3 if missing else 0
