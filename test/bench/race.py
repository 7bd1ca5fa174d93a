"""Runs commands in turns and prints how long each took: {"argvs": [[…]…], "rounds": N, "warm_up": N, "settle": […],
"unsettled": [INDEX…]} on stdin; on stdout {"ms": …, "kib": …}, for each command a list of its milliseconds, round by round, and of
its peak resident sizes. `settle`, if it is not empty, runs before every command but the unsettled ones, and is not timed. "{round}"
in an argument is the number of the round. A process of its own, since starting a program from Node costs milliseconds that are
Node's: it forks a large process, where posix_spawn(3) from here shares the memory until the program runs."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

task = json.load(sys.stdin)
programs = [shutil.which(argv[0]) or argv[0] for argv in task["argvs"]]
samples = [[] for _ in programs]
peaks = [[] for _ in programs]
null = os.open(os.devnull, os.O_RDWR)
with tempfile.TemporaryFile() as complaints:
    redirections = [
        (os.POSIX_SPAWN_DUP2, null, 0),
        (os.POSIX_SPAWN_DUP2, null, 1),
        (os.POSIX_SPAWN_DUP2, complaints.fileno(), 2),
    ]
    for turn in range(-task["warm_up"], task["rounds"]):
        for index, argv in enumerate(task["argvs"]):
            argv = [argument.replace("{round}", str(turn)) for argument in argv]
            if task["settle"] and index not in task["unsettled"]:
                subprocess.run(task["settle"], check=True)
            began = time.monotonic()
            pid = os.posix_spawn(programs[index], argv, os.environ, file_actions=redirections)
            _, status, usage = os.wait4(pid, 0)
            taken = (time.monotonic() - began) * 1000
            if status != 0:
                complaints.seek(0)
                sys.exit(f"{' '.join(argv)}: wait status {status}\n{complaints.read().decode(errors='replace')}")
            if turn >= 0:
                samples[index].append(taken)
                peaks[index].append(usage.ru_maxrss)
json.dump({"ms": samples, "kib": peaks}, sys.stdout)
