"""What to show of a host that does not boot as it should."""

import subprocess

TAIL = 20  # lines


def inside(pid, *command, timeout=10):
    """The output of a command in the host, or why there is none."""
    full = ["nsenter", "-t", str(pid), "-a", *command]
    try:
        result = subprocess.run(full, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                text=True, timeout=timeout, check=False)
    except subprocess.TimeoutExpired:
        return f"({' '.join(command)}: no answer within {timeout} s)"
    return result.stdout.strip()


def system_state(pid):
    """running, degraded, starting, … : systemctl(1), is-system-running."""
    return inside(pid, "systemctl", "is-system-running")


def failed_units(pid):
    return inside(pid, "systemctl", "--failed", "--no-legend", "--plain", "--no-pager")


def console(place):
    try:
        with open(place.console, errors="replace") as file:
            lines = file.read().splitlines()[-TAIL:]
    except FileNotFoundError:
        lines = []
    return _section("console", "\n".join(lines))


def report(place, pid):
    return "\n".join([
        console(place),
        _section("failed units", failed_units(pid)),
        _section("waiting jobs", inside(pid, "systemctl", "list-jobs", "--no-legend", "--no-pager")),
        _section("journal", inside(pid, "journalctl", "--no-pager", "-q", "-n", str(TAIL))),
    ])


def _section(title, text):
    return f"--- {title}\n{text or '(nothing)'}"
