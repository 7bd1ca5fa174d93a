"""Several hosts, hosts that are not what their files say, and errors."""

import glob
import os
import shutil
import signal
import subprocess

from rig import ENVIRONMENT, HOST, STATE, bring_up, equal, host, namespaces, read, start, states, write


def two_hosts_at_once():
    first, second = states()["default"]["pid"], bring_up("second")
    equal(namespaces(first) & namespaces(second), set())
    equal(host("exec", "--name", "second", "hostname").stdout, b"podctl-second\n")
    equal(host("down", "--name", "second").returncode, 0)
    equal(set(states()), {"default"})


def concurrent_execs_start_one_host():
    children = [start("exec", "--name", "race", "cat", "/proc/sys/kernel/random/boot_id", "/etc/machine-id",
                      stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) for _ in range(5)]
    outputs = {child.communicate(timeout=60)[0] for child in children}
    equal((len(outputs), {child.returncode for child in children}), (1, {0}))
    equal(host("down", "--name", "race").returncode, 0)


def killed_init_is_noticed():
    os.kill(bring_up("stale"), signal.SIGKILL)
    while states()["stale"]["state"] == "running":
        pass  # until the kernel has ended it
    equal(states()["stale"]["state"], "incomplete")
    equal(host("status", "--name", "stale").returncode, 3)
    equal(host("exec", "--name", "stale", "systemctl", "is-system-running").stdout, b"running\n")
    equal(host("down", "--name", "stale").returncode, 0)


def reused_pid_is_not_taken_for_the_host():
    bring_up("reused")
    (directory,) = glob.glob(f"{STATE}/*@reused")
    with start("exec", "--name", "reused", "sh", "-c", "echo ready; exec sleep 60", stdout=subprocess.PIPE) as inside, \
            subprocess.Popen(["sleep", "60"]) as innocent:
        equal(inside.stdout.readline(), b"ready\n")
        for file in ("ready", "init"):
            _, begin, boot = read(f"{directory}/{file}").split()
            write(f"{directory}/{file}", f"{innocent.pid} {begin} {boot}\n")
        equal(states()["reused"]["state"], "incomplete")
        equal(host("down", "--name", "reused").returncode, 0)
        status = innocent.poll()
        innocent.kill()
        equal((inside.wait(10), status), (137, None))


def restarted_machine_is_noticed():
    bring_up("rebooted")
    (directory,) = glob.glob(f"{STATE}/*@rebooted")
    pid, begin, _ = read(f"{directory}/ready").split()
    for file in ("ready", "init"):
        write(f"{directory}/{file}", f"{pid} {begin} 00000000-0000-0000-0000-000000000000\n")
    equal(states()["rebooted"]["state"], "incomplete")
    equal(host("exec", "--name", "rebooted", "true").returncode, 0)
    assert states()["rebooted"]["pid"] != int(pid)
    equal(host("down", "--name", "rebooted").returncode, 0)


def another_root_is_taken():
    tree = f"{STATE}/tree"  # the machine's own, seen from elsewhere
    os.mkdir(tree)
    subprocess.run(["mount", "--bind", "/", tree], check=True)
    try:
        result = host("up", "--name", "other", "--root", tree)
        equal((result.returncode, result.stderr), (0, b""))
        equal(host("exec", "--name", "other", "podctl", "--version").returncode, 0)
        node = os.path.realpath(shutil.which("node")).encode()
        assert b" %s " % node in host("exec", "--name", "other", "cat", "/proc/mounts").stdout, "node is not the machine's"
        result = host("up", "--name", "other", "--root", tree)
        equal((result.returncode, b"is up already" in result.stderr), (1, True))
        equal(host("down", "--name", "other").returncode, 0)
    finally:
        subprocess.run(["umount", tree], check=True)
        os.rmdir(tree)
    result = host("up", "--name", "other", "--root", STATE)
    equal((result.returncode, b"no systemd in" in result.stderr), (2, True))


def wrong_use_is_a_clear_error():
    for arguments, status, text in (
        (("up", "--name", "Not_valid"), 1, b"invalid name"),
        (("exec", "--name", "Not_valid", "true"), 125, b"invalid name"),
        (("exec",), 125, b"what shall run?"),
        (("dwon",), 2, b"invalid choice"),
    ):
        result = host(*arguments)
        equal((result.returncode, text in result.stderr), (status, True))
    environment = {**ENVIRONMENT, "PODCTL_HOSTS": "relative"}
    result = subprocess.run([HOST, "up"], env=environment, capture_output=True, check=False)
    assert b"absolute" in result.stderr, result


def boot_timeout_is_a_clear_error():
    result = subprocess.run([HOST, "up", "--name", "late"], env={**ENVIRONMENT, "PODCTL_HOST_TIMEOUT": "0.001"},
                            capture_output=True, check=False)
    equal(result.returncode, 1)
    assert b"did not finish booting in time" in result.stderr and b"--- journal" in result.stderr, result.stderr
    equal(set(states()), {"default"})


TESTS = (
    two_hosts_at_once, concurrent_execs_start_one_host, killed_init_is_noticed,
    reused_pid_is_not_taken_for_the_host, restarted_machine_is_noticed, another_root_is_taken, wrong_use_is_a_clear_error,
    boot_timeout_is_a_clear_error,
)
