"""The command line."""

import argparse
import os
import sys
import time

import boot
import diagnosis
import interrupts
import requirements
import status
import teardown
from errors import HostError
from place import Place, all_places

DESCRIPTION = """\
Container hosts: a real systemd as PID 1 in namespaces of its own, over a copy-on-write view of this machine's root.
Each belongs to one checkout, whose build is `podctl` inside."""

EPILOG = """\
environment:
  PODCTL_HOSTS          where hosts are kept (/var/tmp/podctl-hosts); best on a local disk
  PODCTL_HOST_TIMEOUT   how long a host may take to boot, in seconds (60)

exit status: 0 done; 1 not done, stderr says why; 2 wrong usage. Of exec: the command's own, 128+n if signal n killed
it, 127 not found, 126 not executable, 125 the command was never started."""


def parser():
    top = argparse.ArgumentParser(prog="host", description=DESCRIPTION, epilog=EPILOG,
                                  formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    named = _name_option("default", "which host: 1 to 32 of a-z, 0-9 and - (default: %(default)s)")
    up = commands.add_parser("up", parents=[named], help="bring a host up, if it is down")
    up.add_argument("--root", type=_tree, default="/", metavar="DIR",
                    help="over this root file system instead of the machine's own, to have another systemd")
    up.add_argument("--quiet", action="store_true", help="say nothing if all is well")
    run = commands.add_parser("exec", parents=[named], usage="host exec [--name NAME] [--] COMMAND ARGUMENT…",
                              help="run a command inside; brings the host up if it is down")
    run.add_argument("argv", nargs="+", metavar="[--] COMMAND ARGUMENT…")
    down = commands.add_parser("down", parents=[named], help="end a host and remove all that belongs to it")
    down.add_argument("--all", action="store_true", help="all hosts of this checkout")
    only = _name_option(None, "only this one")
    show = commands.add_parser("status", parents=[only], help="show hosts; exit status 3 if none runs")
    show.add_argument("--format", choices=("table", "json"), default="table", help="default: %(default)s")
    return top


def _name_option(default, text):
    parent = argparse.ArgumentParser(add_help=False)
    parent.add_argument("--name", default=default, help=text)
    return parent


def _tree(path):
    if not os.path.exists(f"{path}/lib/systemd/systemd"):
        raise argparse.ArgumentTypeError(f"no systemd in {path}")
    return os.path.realpath(path)


def main(checkout, state_root, prefix, arguments):
    options = parser().parse_args(arguments)
    interrupts.raise_exits()
    try:
        if options.command == "status":
            return status.show(all_places(checkout, state_root, prefix), options.name, options.format)
        requirements.check(checkout)
        place = Place(checkout, state_root, prefix, options.name)
        if options.command == "up":
            return _up(place, options.root, options.quiet)
        return _down(all_places(checkout, state_root, prefix) if options.all else [place])
    except (HostError, OSError) as error:
        print(f"host: {options.command}: {error}", file=sys.stderr)
        return 1


def _up(place, tree, quiet):
    started = time.monotonic()
    fresh = boot.up(place, tree)
    pid = place.running()
    state = diagnosis.system_state(pid) if fresh else "running"
    if state != "running":
        print(f"host {place.name}: {state}\n{diagnosis.failed_units(pid)}", file=sys.stderr)
    if not quiet:
        taken = f"up after {time.monotonic() - started:.1f} s" if fresh else "was up"
        print(f"host {place.name}: {taken}, pid {pid}")
    return 0


def _down(places):
    for place in places:
        print(f"host {place.name}: {'removed' if teardown.down(place) else 'there is none'}")
    return 0
