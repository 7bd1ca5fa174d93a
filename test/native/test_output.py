"""The file that a layer's ACI becomes: written and hashed by a thread of its own, whatever the system calls say."""
import hashlib
import os
import subprocess

from rig import HERE, ROOT

SANITIZED = '-fsanitize=thread'


def build():
    program = os.path.join(ROOT, 'dist/native/test-output')
    sources = [HERE + '/output.cc', os.path.join(ROOT, 'stage1/native/layer_output.cc')]
    subprocess.run(['g++', '-std=c++17', '-O1', '-Wall', '-Wextra', '-Werror', SANITIZED, '-o', program, *sources, '-lcrypto'], check=True)
    return program


def write(rig, program, how):
    """What it says (`done` or `failed`), whether the file is still written past the page cache, and whether the digest is right."""
    file = os.path.join(rig.dir, 'output-' + how)
    done = subprocess.run([program, how, file], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    said, direct, digest = (done.stdout.strip() + ' ').split(' ')[:3]
    with open(file, 'rb') as f:
        content = f.read()
    assert said == 'failed' or len(content) > 10_000_000, len(content)
    return said, direct, digest == hashlib.sha512(content).hexdigest()


def test_a_layer_is_written_whole_however_the_file_system_takes_it(rig):
    program = build()
    for how in ['as-ever', 'never-direct', 'not-so-direct', 'interrupted', 'short', 'slow']:
        assert write(rig, program, how) == ('done', '0', True), how
    assert write(rig, program, 'full')[0] == 'failed'
    assert write(rig, program, 'stopped')[0] == 'failed'
