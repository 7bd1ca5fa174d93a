"""Apps that join and leave a running pod."""
import os
import re
import subprocess

from control_rig import SEALS, UUID, Control, fragment, graft, memfd, mounts_of, ready, sandbox
from rig import APP, STAGE1, app


def test_an_app_joins_runs_and_leaves(rig):
    pod = sandbox(rig)
    control = ready(pod)
    before = mounts_of(pod)
    a = app('echo hello from $$; cat /proc/self/cgroup; trap "exit 0" TERM; while :; do sleep 0.05; done', name='late', more='env A=1\n')
    done = graft(rig, pod, a)
    assert (done.returncode, done.stdout, done.stderr) == (0, '', ''), done
    assert control.apps() == {'late': 'created'} and '/apps/late' in mounts_of(pod)
    assert not os.path.exists(pod.path + '/status/late')
    assert control.ask('start late') == 'ok'
    pod.wait_for('hello from')
    assert control.apps() == {'late': 'running'}
    assert control.ask('rm late') == 'error app-wrong-state late: it has not ended'
    assert control.ask('stop late') == 'ok' and control.ask('rm late') == 'ok'
    assert control.apps() == {} and mounts_of(pod) == before
    assert not os.path.exists(pod.path + '/status/late')
    assert os.listdir(pod.path + '/late/upper') != []  # what it wrote is stage0's to remove
    assert [name for _, names, _ in os.walk(rig.cgroup) for name in names if name == 'app-late'] == []
    pod.stop()
    assert pod.status == 0, pod.err


def test_an_app_leaves_whose_processes_are_still_on_their_way_out(rig):
    pod = sandbox(rig)
    control = ready(pod)
    script = 'i=0; while [ $i -lt 300 ]; do (setsid sleep 77 >/dev/null 2>&1 </dev/null &); i=$((i+1)); done; echo up; exec sleep 60'
    for _ in range(3):
        assert graft(rig, pod, app(script, name='crowd')).returncode == 0
        assert control.ask('start crowd') == 'ok'
        pod.wait_for('up')
        assert control.ask('stop crowd') == 'ok'
        answer = control.ask('rm crowd')
        assert answer == 'ok', answer
    assert [name for _, names, _ in os.walk(rig.cgroup) for name in names if name == 'app-crowd'] == []
    pod.stop()
    assert pod.status == 0, pod.err


def test_an_app_that_cannot_leave_whole_leaves_the_pod_alive(rig):
    pod = sandbox(rig)
    control = ready(pod)
    assert graft(rig, pod, app('exec sleep 60', name='kept')).returncode == 0
    assert control.ask('start kept') == 'ok' and control.ask('stop kept') == 'ok'
    cgroup = next(path for path, _, _ in os.walk(rig.cgroup) if path.endswith('/app-kept'))
    os.mkdir(cgroup + '/foreign')
    try:
        assert control.ask('rm kept') == 'error io its cgroup: not all of it could be removed'
    finally:
        os.rmdir(cgroup + '/foreign')
    assert control.apps() == {}
    os.rmdir(cgroup)
    pod.stop()
    assert pod.status == 0, pod.err


def test_what_joins_and_leaves_a_hundred_times_leaves_no_memory_behind(rig):
    pod = sandbox(rig)
    control = ready(pod)
    with open(f'{pod.path}/pid') as f:
        pid = f.read().strip()

    def memory():
        with open(f'/proc/{pid}/smaps_rollup') as f:
            return int(re.search(r'Private_Dirty: +(\d+)', f.read())[1])

    def once():
        assert graft(rig, pod, app('true', name='guest')).returncode == 0
        assert control.ask('start guest') == 'ok' and control.ask('stop guest') == 'ok' and control.ask('rm guest') == 'ok'

    once()
    first, fds = memory(), len(os.listdir(f'/proc/{pid}/fd'))
    for _ in range(100):
        once()
    assert memory() <= first + 16, (first, memory())
    assert len(os.listdir(f'/proc/{pid}/fd')) == fds
    pod.stop()


def test_a_graft_that_fails_leaves_the_pod_as_it_was(rig):
    pod = sandbox(rig)
    control = ready(pod)
    before = mounts_of(pod)
    cases = {
        'a tree that is not there': dict(a=app('true', name='x'), break_='overlay', want='openat2'),
        'another pod': dict(a=app('true', name='x'), more=dict(uuid=UUID.replace('7a10', '7a11')), want="another pod's"),
        'a pivot': dict(a=app('true', name='x'), more=dict(pod_ops='pivot\n'), want='cannot be in a fragment'),
        'a sysctl': dict(a=app('true', name='x'), more=dict(pod_ops='sysctl net.ipv4.ip_forward 1\n'), want='cannot be in a fragment'),
        'a root of its own': dict(a=app('true', name='x'), more=dict(pod_ops='pod-root /x 1\n'), want='cannot be in a fragment'),
        'an app to wait for': dict(a=app('true', name='x', more='after other\n'), want='not an app that stands before'),
        'a second mount that fails': dict(a=app('true', name='x'), more=dict(pod_ops='bind /nowhere /volumes/v\n'), want='nowhere'),
    }
    for name, case in cases.items():
        if 'break_' not in case:
            done = graft(rig, pod, case['a'], **case.get('more', {}))
        else:
            path = f'{pod.path}/broken.fragment'
            with open(path, 'w') as f:
                f.write(fragment(rig, pod, case['a']).replace(rig.tree, '/nowhere'))
            done = subprocess.run([STAGE1, 'graft', pod.path, path], capture_output=True, text=True)
        assert done.returncode == 254 and case['want'] in done.stdout and done.stderr == '', (name, done)
        assert control.apps() == {} and mounts_of(pod) == before, name
        control.close()
        control = ready(pod)
    assert graft(rig, pod, app('true', name='x')).returncode == 0
    again = graft(rig, pod, app('true', name='x'))
    assert again.returncode == 254 and 'the pod has an app of this name' in again.stdout, again
    assert control.apps() == {'x': 'created'}
    pod.stop()


def test_add_refuses_fragments_that_are_none(rig):
    pod = sandbox(rig)
    ready(pod).close()
    good = fragment(rig, pod, app('true', name='x'))
    for name, content, seals in (
            ('unsealed', good, 0), ('half sealed', good, 1 | 2), ('empty', '', SEALS), ('garbage', 'x' * 100000, SEALS),
            ('cut short', good[:-30], SEALS), ('too large', 'x' * (4 * 1024 * 1024 + 1), SEALS), ('newlines', '\n' * 20000, SEALS),
            ('two apps', good + APP.format(**app('true', name='y')), SEALS), ('no app', good.split('app ')[0], SEALS),
            ('a lock', good.replace('\n', '\ninherit lock 3\n', 2), SEALS), ('version', good.replace('plan 2', 'plan 9'), SEALS)):
        control = Control(pod)
        fd = memfd(content, seals)
        answer = control.ask('add', fd)
        os.close(fd)
        assert answer.startswith('error plan-invalid '), (name, answer)
        assert control.apps() == {}
        control.close()
    reader, writer = os.pipe()
    assert Control(pod).ask('add', reader).startswith('error plan-invalid the fragment is not a sealed memfd')
    os.close(reader)
    os.close(writer)
    file = os.open(pod.plan, os.O_RDONLY)
    assert Control(pod).ask('add', file).startswith('error plan-invalid the fragment is not a sealed memfd')
    os.close(file)
    pod.stop()
    assert pod.status == 0, pod.err


def test_a_program_that_cannot_be_executed_is_told_to_who_starts_it(rig):
    pod = sandbox(rig)
    control = ready(pod)
    assert graft(rig, pod, app(argv=['nothing'], candidates=['/bin/nothing'], name='bad')).returncode == 0
    answer = control.ask('start bad')
    assert answer.startswith('error app-failed bad: ') and '/bin/nothing' in answer, answer
    assert control.apps() == {'bad': 'exited'} and pod.keys('status/bad')['reason'] == 'exec'
    pod.stop()


def test_a_graft_killed_midway_is_made_good_by_the_next(rig):
    pod = sandbox(rig)
    control = ready(pod)
    before = mounts_of(pod)
    a = app('echo again; sleep 60', name='late')
    path = f'{pod.path}/late.fragment'
    with open(path, 'w') as f:
        f.write(fragment(rig, pod, a))
    for call in ('move_mount', 'setns', 'open_tree', 'sendmsg'):
        for when in (1, 2):
            subprocess.run(['strace', '-f', '-o', '/dev/null', '-e', f'inject={call}:signal=KILL:when={when}', STAGE1, 'graft', pod.path, path],
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            known = control.apps()
            if 'late' in known:
                assert control.ask('rm late') == 'ok'
    assert set(mounts_of(pod)) - set(before) <= {'/apps/late'}
    assert graft(rig, pod, a).returncode == 0
    assert mounts_of(pod).count('/apps/late') == 1
    assert control.ask('start late') == 'ok'
    pod.wait_for('again')
    assert control.ask('stop late 0') == 'ok' and control.ask('rm late') == 'ok'
    assert mounts_of(pod) == before
    pod.stop()
