"""The system inside. All on one host, which the first test brings up."""

import os

from rig import HERE, bring_up, equal, host, read, states


def up_reaches_running():
    bring_up()
    equal(states()["default"]["state"], "running")
    equal(host("exec", "systemctl", "is-system-running").stdout, b"running\n")


def up_again_changes_nothing():
    pid = states()["default"]["pid"]
    equal(bring_up(), pid)


def bus_machined_and_journal_work():
    equal(host("exec", "machinectl", "list", "--no-legend").returncode, 0)
    equal(host("exec", "systemd-run", "--wait", "-q", "sh", "-c", "echo found-me; exit 3").returncode, 3)
    assert b"found-me" in host("exec", "sh", "-c", "journalctl --sync; journalctl --no-pager").stdout


def loopback_is_up():
    assert b"inet 127.0.0.1/8" in host("exec", "ip", "-4", "address", "show", "up", "dev", "lo").stdout


def overlay_works_in_the_state_directory():
    script = """cd /var/lib/podctl && mkdir l u w m && echo below >l/f
                mount -t overlay o -o lowerdir=l,upperdir=u,workdir=w m && cat m/f && umount m && rm -r l u w m"""
    equal(host("exec", "sh", "-c", script).stdout, b"below\n")


def checkout_is_live_and_read_only():
    checkout = HERE.removesuffix("/test/host")
    equal(host("exec", "cat", f"{HERE}/enter/enter.cc").stdout.decode(), read(f"{HERE}/enter/enter.cc"))
    equal(host("exec", "touch", f"{HERE}/x").returncode, 1)
    equal(host("exec", "readlink", "/usr/local/bin/podctl").stdout.decode(), f"{checkout}/dist/podctl\n")
    assert b"NODE_EXTRA_CA_CERTS" not in host("exec", "env").stdout


def the_machine_is_not_written_to():
    equal(host("exec", "sh", "-c", "echo x >/etc/podctl-selftest && echo x >/var/lib/podctl-selftest").returncode, 0)
    equal((os.path.exists("/etc/podctl-selftest"), os.path.exists("/var/lib/podctl-selftest")), (False, False))


TESTS = (
    up_reaches_running, up_again_changes_nothing, bus_machined_and_journal_work, loopback_is_up,
    overlay_works_in_the_state_directory, checkout_is_live_and_read_only, the_machine_is_not_written_to,
)
