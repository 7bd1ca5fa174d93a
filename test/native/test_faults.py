"""Failures of stage1 itself: status 254, one sentence, and the record `failure`."""
import os

from rig import app, quote
from test_life import processes_of
from test_view import make_tree


def fails(pod, **keys):
    pod.run()
    failure = pod.keys('failure')
    assert pod.status == 254, (pod.status, pod.err)
    assert {k: v for k, v in failure.items() if k in keys} == keys, failure
    lines = [line for line in pod.err.splitlines() if line.startswith('podctl-stage1: ')]
    assert len(lines) == 1 and failure['operation'] in lines[0], pod.err
    return failure, lines[0]


def test_a_missing_program(rig):
    pod = rig.pod(app(argv=['nope'], candidates=['/usr/bin/nope', '/bin/nope', '/etc/x/nope']))
    failure, line = fails(pod, app='web', operation='exec', syscall='execve', errno='ENOENT')
    assert failure['detail'] == 'tried /usr/bin/nope, /bin/nope, /etc/x/nope' and failure['detail'] in line, failure
    assert pod.text.splitlines()[int(failure['line']) - 1].startswith('exec '), failure
    assert line.startswith('podctl-stage1: app web: exec (plan line '), line
    assert pod.keys('status/web')['reason'] == 'exec' and 'started' not in pod.keys('status/web')


def test_a_program_that_cannot_be_executed(rig):
    loader = bytearray(64 + 56 + 16)
    loader[0:20] = b'\x7fELF\x02\x01\x01' + bytes(9) + b'\x02\x00\x3e\x00'
    loader[32:40] = (64).to_bytes(8, 'little')
    loader[52:58] = (64).to_bytes(2, 'little') + (56).to_bytes(2, 'little') + (1).to_bytes(2, 'little')
    loader[64:72] = (3).to_bytes(4, 'little') + (4).to_bytes(4, 'little')
    loader[72:80] = (120).to_bytes(8, 'little')
    loader[96:104] = (12).to_bytes(8, 'little')
    loader[120:132] = b'/lib/ld.so.9'

    def write(data, mode):
        def to(path):
            with open(path, 'wb') as f:
                f.write(data)
            os.chmod(path, mode)
        return to
    tree = make_tree(rig, {
        'bin/script': write(b'#! /opt/nope -x\n', 0o755),
        'bin/dynamic': write(bytes(loader), 0o755),
        'bin/text': write(b'hello\n', 0o755),
        'bin/plain': write(b'#!/bin/sh\n', 0o644),
    })
    for program, errno, detail in (
            ('/bin/script', 'ENOENT', 'the file exists, but its interpreter /opt/nope does not'),
            ('/bin/text', 'ENOEXEC', 'neither a program of this machine nor a script that begins with #!'),
            ('/bin/plain', 'EACCES', 'tried /bin/plain'),
            ('/bin', 'EACCES', 'tried /bin')):
        fails(rig.pod(app(argv=['x'], candidates=[program], trees=[tree, rig.tree])), errno=errno, object=program, detail=detail)
    failure, _ = fails(rig.pod(app(argv=['x'], candidates=['/bin/dynamic'], trees=[tree, rig.tree])))
    assert 'loader /lib/ld.so.9 does not' in failure['detail'] or failure['errno'] in ('ENOEXEC', 'EINVAL'), failure


def test_later_candidates_are_tried(rig):
    tree = make_tree(rig, {'bin/plain': lambda p: open(p, 'w').close()})
    pod = rig.pod(app(argv=['sh', '-c', 'echo $0 found'], candidates=['/nope/sh', '/etc/passwd/sh', '/bin/plain', '/bin/sh'],
                      trees=[tree, rig.tree])).run()
    assert (pod.status, pod.out) == (0, b'sh found\n'), (pod.status, pod.err)


def test_a_missing_directory(rig):
    fails(rig.pod(app('true', cwd='/nope')), operation='exec', syscall='openat2', errno='ENOENT', object='/nope')
    tree = make_tree(rig, {'secret/x': 'x'})
    os.chmod(tree + '/secret', 0o700)
    fails(rig.pod(app('true', cwd='/secret/x', uid=1, gid=1, trees=[tree, rig.tree])), errno='EACCES')


def test_one_app_that_cannot_start_ends_all(rig):
    pod = rig.pod(app('trap "" TERM; sleep 60', name='one'), app(argv=['x'], candidates=['/nope'], name='two'))
    fails(pod, app='two', errno='ENOENT')
    assert processes_of(rig) == []


def test_mounts_that_fail(rig):
    fails(rig.pod(app('true', extra='bind /nowhere /x\n')), app='web', operation='bind', errno='ENOENT', object='/nowhere')
    fails(rig.pod(app('true', extra='mount nofs /x\n')), operation='mount', syscall='fsopen', errno='ENODEV', object='nofs')
    fails(rig.pod(app('true', extra='mount tmpfs /x size=nonsense -\n')), operation='mount', syscall='fsconfig', object='size=nonsense')
    fails(rig.pod(app('true', extra='mkdir /bin/busybox/x 0755\n')), operation='mkdir', errno='ENOTDIR')
    fails(rig.pod(app('true', trees=['/nonexistent'])), operation='overlay', errno='ENOENT', object='/nonexistent')
    fails(rig.pod(app('true'), pod_extra='bind /nonexistent /x\n'), operation='bind', object='/nonexistent')


def test_a_limit_the_host_cannot_set(rig):
    pod = rig.pod(app('true'))
    text = pod.text.replace('app web app-web\n', 'app web app-web\ncgroup nothing.max 5\n')
    with open(pod.plan, 'w') as f:
        f.write(text)
    fails(pod, app='web', operation='cgroup', errno='ENOENT', object='nothing.max',
          detail='the host gives the pod no cgroup controller "nothing"')


def test_records_are_one_line_per_key(rig):
    name = '/x\ny%z'
    failure, line = fails(rig.pod(app(argv=['x'], candidates=[quote(name)])), errno='ENOENT')
    assert failure['object'] == '/x%0ay%25z' and '\n' not in line, failure


def test_the_pod_s_directory_is_missing(rig):
    pod = rig.pod(app('true'))
    os.rename(pod.path, pod.path + '.away')
    pod.run()
    assert pod.status == 254 and f'pod (plan line 2): openat2 {pod.path}: ENOENT' in pod.err, pod.err


def test_a_file_that_is_not_there_to_inherit(rig):
    pod = rig.pod(app('true'))
    with open(pod.plan, 'w') as f:
        f.write(pod.text.replace('inherit stdout 1', 'inherit stdout 77'))
    fails(pod, operation='inherit', errno='EBADF', object='77')
