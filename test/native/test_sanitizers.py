"""The executor's parts under the address and undefined-behaviour sanitizers, and its decoders against mutated input."""
import os
import subprocess

from rig import HERE


def test_parts_and_decoders_under_sanitizers(rig):
    done = subprocess.run([os.path.join(HERE, 'fuzz'), '20'], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout
    lines = done.stdout.splitlines()
    assert 'parts: ok' in lines and int(lines[-1].split()[0]) > 1000, done.stdout
