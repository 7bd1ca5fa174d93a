"""Shows hosts: a table for people, JSON for programs."""

import json
import os
import time

import diagnosis
import record

NONE_RUNS = 3  # as systemctl(1) status


def show(places, name, form):
    """name: only this one. The exit status of the command."""
    rows = [describe(place) for place in places if name in (None, place.name)]
    if form == "json":
        print(json.dumps(rows, indent=2))
    else:
        _table(rows, name)
    return 0 if any(row["since"] is not None for row in rows) else NONE_RUNS


def describe(place):
    """One host.

    name; directory; pid: of the init, or null; since: seconds since it had booted, or null if it has not;
    state: systemd's own word for it, or changing (an `up` or `down` is at it), or incomplete (what a killed `up` left;
    the next `up` or `down` removes it).
    """
    pid = place.running()
    return {
        "name": place.name,
        "state": diagnosis.system_state(pid) if pid else ("changing" if place.busy() else "incomplete"),
        "pid": pid or record.read(place.init),
        "since": round(time.time() - os.stat(place.ready).st_mtime) if pid else None,
        "directory": place.directory,
    }


def _table(rows, name):
    if not rows:
        print(f"no host named {name}" if name else "no hosts")
        return
    print(f"{'NAME':<12} {'STATE':<12} {'PID':>8} {'UP (s)':>8}  DIRECTORY")
    for row in rows:
        pid, since = (row[key] if row[key] is not None else "-" for key in ("pid", "since"))
        print(f"{row['name']:<12} {row['state']:<12} {pid:>8} {since:>8}  {row['directory']}")
