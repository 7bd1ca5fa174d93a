"""Under a real systemd: main process, readiness, journal, machined, stop, exit status."""
import glob
import os
import subprocess
import time

from rig import HEAD, HERE, STAGE1, app

UUID = '0f6bd2d1-2b54-4a5c-9c53-3c3e0d1f7a10'
PROPERTIES = ('Type=notify', 'NotifyAccess=main', 'Slice=machine.slice', 'Delegate=yes', 'KillMode=mixed', 'OOMPolicy=continue',
              'CollectMode=inactive', 'LogExtraFields=POD_UUID=' + UUID, 'SuccessExitStatus=133 143')


def run(*command, check=True):
    done = subprocess.run(command, capture_output=True, text=True)
    assert not check or done.returncode == 0, (command, done.returncode, done.stdout, done.stderr)
    return done.stdout


class Unit:
    def __init__(self, rig, *apps, machine=True, **options):
        self.name = f'stage1-{os.getpid()}-{rig.count}.service'
        self.machine = self.name[:-len('.service')]
        head = HEAD.replace('inherit stdout 1\ninherit stderr 2\n', '')
        extra = {}
        for a in apps:
            a['extra'] = f'log {a["name"]} {self.name}\n' + a['extra']
        self.pod = rig.pod(*apps, head=head, **options, **extra)
        if machine:
            messages = run(HERE + '/machine-messages', self.machine, UUID, self.pod.path + '/root').strip()
            text = self.pod.text.replace('hostname rig\n', f'machine /run/dbus/system_bus_socket {messages}\nhostname rig\n')
            with open(self.pod.plan, 'w') as f:
                f.write(text)

    def start(self, check=True, *more):
        options = [argument for p in (*PROPERTIES, *more) for argument in ('-p', p)]
        run('systemd-run', '-q', '--unit=' + self.name, *options, STAGE1, 'run', self.pod.plan, check=check)
        return self

    def show(self, *names):
        text = run('systemctl', 'show', self.name, *('--property=' + name for name in names))
        return [dict(line.split('=', 1) for line in text.splitlines())[name] for name in names]

    def journal(self, *match):
        run('journalctl', '--sync')
        return run('journalctl', '-o', 'cat', '--no-pager', *match).splitlines()

    def wait_for_end(self):
        for _ in range(500):
            if self.show('ActiveState')[0] in ('inactive', 'failed'):
                return
            time.sleep(0.01)
        raise AssertionError('the unit goes on')

    def stop(self):
        run('systemctl', 'stop', self.name)


def test_the_init_is_the_main_process(rig):
    unit = Unit(rig, app('echo hello; echo oops >&2; exec sleep 60')).start()
    state, main, status = unit.show('ActiveState', 'MainPID', 'StatusText')
    assert (state, main, status) == ('active', unit.pod.read('pid').strip(), '1/1 apps running'), (state, main, status)
    with open(f'/proc/{main}/stat') as f:
        fields = f.read().rsplit(')', 1)[1].split()
    assert fields[1] == '1', 'the init is not a child of systemd'
    with open(f'/proc/{main}/cmdline') as f:
        assert f.read().split('\0')[1:3] == ['run', unit.pod.plan]
    cgroup = f'/sys/fs/cgroup/machine.slice/{unit.name}'
    while open(cgroup + '/cgroup.procs').read():
        time.sleep(0.01)  # the launcher is on its way out
    procs = {path[len(cgroup):]: open(path).read().split() for path in glob.glob(cgroup + '/**/cgroup.procs', recursive=True)}
    assert procs['/cgroup.procs'] == [] and procs['/supervisor/cgroup.procs'] == [main], procs
    assert len(procs['/apps/app-web/cgroup.procs']) == 1 and sum(map(len, procs.values())) == 2, procs
    unit.stop()
    assert unit.show('ActiveState', 'Result') == ['inactive', 'success'] and not os.path.exists(cgroup)
    assert unit.pod.keys('status/web')['reason'] == 'stopped'


def test_the_journal_has_every_line(rig):
    unit = Unit(rig, app('echo hello; echo oops >&2; echo "<4>warned"; seq 1 2000')).start(False)
    unit.wait_for_end()
    own = '_SYSTEMD_UNIT=' + unit.name
    assert unit.journal(own, 'SYSLOG_IDENTIFIER=web', 'PRIORITY=3') == ['oops']
    assert unit.journal(own, 'SYSLOG_IDENTIFIER=web', 'PRIORITY=4') == ['warned']
    lines = unit.journal(own, 'SYSLOG_IDENTIFIER=web', 'PRIORITY=6', 'POD_UUID=' + UUID)
    assert lines == ['hello'] + [str(i) for i in range(1, 2001)], lines[:5]


def test_machined_knows_the_pod(rig):
    unit = Unit(rig, app('exec sleep 60')).start()
    shown = run('machinectl', 'show', unit.machine, '-p', 'Leader', '-p', 'Unit').split()
    assert sorted(shown) == ['Leader=' + unit.pod.read('pid').strip(), 'Unit=' + unit.name], shown
    run('machinectl', 'poweroff', unit.machine)
    unit.wait_for_end()
    assert unit.show('Result') == ['success'] and unit.machine not in run('machinectl', 'list')


def test_a_pod_runs_without_machined(rig):
    for bad in ('machine /run/nowhere 00', 'machine /run/dbus/system_bus_socket 6c00'):
        unit = Unit(rig, app('exec sleep 60'), machine=False)
        with open(unit.pod.plan, 'w') as f:
            f.write(unit.pod.text.replace('hostname rig\n', bad + '\nhostname rig\n'))
        unit.start()
        assert any('warning: machine' in line for line in unit.journal('-u', unit.name)), unit.journal('-u', unit.name)
        unit.stop()
    unit = Unit(rig, app('exec sleep 60'))
    unit.machine = unit.machine.replace('-', '_')  # a name that machined refuses
    messages = run(HERE + '/machine-messages', unit.machine, UUID, '/').strip()
    with open(unit.pod.plan, 'w') as f:
        f.write(unit.pod.text.replace('hostname rig\n', f'machine /run/dbus/system_bus_socket {messages}\nhostname rig\n'))
    unit.start()
    assert any('warning: machine: org.freedesktop.DBus.Error.InvalidArgs' in line for line in unit.journal('-u', unit.name)), unit.journal('-u', unit.name)
    unit.stop()


def test_exit_status_is_the_app_s(rig):
    for script, status, result in (('exit 7', '7', 'exit-code'), ('true', '0', 'success'), ('kill -9 $$', '137', 'exit-code')):
        unit = Unit(rig, app(script)).start(False, 'RemainAfterExit=no')
        unit.wait_for_end()
        assert unit.show('Result', 'ExecMainStatus') == [result, status] or result == 'success', (script, unit.show('Result', 'ExecMainStatus'))
        lines = unit.journal('-u', unit.name)
        assert any('Started' in line for line in lines), lines
        run('systemctl', 'reset-failed', unit.name, check=False)


def test_a_failed_start_is_the_unit_s_failure(rig):
    for a in (app(argv=['x'], candidates=['/nope']), app('true', trees=['/nonexistent'])):
        unit = Unit(rig, a).start(False)
        unit.wait_for_end()
        assert unit.show('ActiveState', 'Result', 'ExecMainStatus') == ['failed', 'exit-code', '254']
        assert any(line.startswith('podctl-stage1: ') for line in unit.journal('-u', unit.name))
        assert unit.pod.keys('failure')['errno'] == 'ENOENT'
        run('systemctl', 'reset-failed', unit.name)


def test_stops_at_any_time(rig):
    for i in range(12):
        unit = Unit(rig, app('exec sleep 60'), machine=False)
        options = [argument for p in PROPERTIES for argument in ('-p', p)]
        run('systemd-run', '-q', '--no-block', '--unit=' + unit.name, *options, STAGE1, 'run', unit.pod.plan)
        time.sleep(i * 0.002)
        begin = time.time()
        unit.stop()
        assert time.time() - begin < 9, (i, time.time() - begin)
        assert unit.show('ActiveState', 'Result')[1] in ('success', 'signal'), (i, unit.show('ActiveState', 'Result'))
        run('systemctl', 'reset-failed', unit.name, check=False)


def test_a_restart_in_place(rig):
    unit = Unit(rig, app('exec sleep 60')).start(True, 'Restart=on-failure', 'RestartSec=50ms')
    first = unit.pod.read('pid')
    run('systemctl', 'kill', '--kill-whom=main', '-s', 'KILL', unit.name)
    for _ in range(300):
        if unit.show('ActiveState', 'NRestarts') == ['active', '1']:
            break
        time.sleep(0.02)
    assert unit.show('ActiveState', 'NRestarts') == ['active', '1'] and unit.pod.read('pid') != first
    assert run('machinectl', 'show', unit.machine, '-p', 'Leader').strip() == 'Leader=' + unit.pod.read('pid').strip()
    unit.stop()


def test_a_restart_after_the_whole_cgroup_was_killed(rig):
    unit = Unit(rig, app('exec sleep 60'), machine=False).start(True, 'Restart=on-failure', 'RestartSec=50ms')
    with open(f'/sys/fs/cgroup/machine.slice/{unit.name}/cgroup.kill', 'w') as f:
        f.write('1')
    for _ in range(150):
        if unit.show('ActiveState', 'NRestarts') == ['active', '1']:
            break
        time.sleep(0.02)
    time.sleep(0.3)
    assert unit.show('ActiveState', 'NRestarts') == ['active', '1'], unit.show('ActiveState', 'NRestarts')
    unit.stop()


def test_an_idle_pod_is_small(rig):
    unit = Unit(rig, app('exec sleep 60')).start()
    time.sleep(0.2)
    with open(f'/proc/{unit.pod.read("pid").strip()}/smaps_rollup') as f:
        sizes = {line.split(':')[0]: int(line.split()[1]) for line in f if line.endswith(' kB\n')}
    print('idle pod:', {key: sizes[key] for key in ('Rss', 'Pss', 'Pss_Anon', 'Pss_File')})
    unit.stop()
    # Half of what is promised (0.25 MiB): the loop with its control socket, restarts and readiness.
    assert sizes['Pss'] <= 128, sizes


def test_output_survives_a_restart_of_the_journal(rig):
    unit = Unit(rig, app('i=0; while :; do i=$((i+1)); echo line $i; sleep 0.05; done'), machine=False).start()

    def last():
        return int(unit.journal('_SYSTEMD_UNIT=' + unit.name, 'SYSLOG_IDENTIFIER=web')[-1].split()[1])
    time.sleep(0.3)
    run('systemctl', 'restart', 'systemd-journald')
    before = last()
    time.sleep(0.5)
    assert last() > before, 'a restart that keeps the streams'
    # Stopped with its sockets, journald loses every stream: the init has to connect anew, long after its pivot, and again and
    # again, since there is nobody to connect to for a while.
    run('systemctl', 'stop', 'systemd-journald', 'systemd-journald.socket', 'systemd-journald-dev-log.socket', check=False)
    time.sleep(0.3)
    run('systemctl', 'start', 'systemd-journald', check=False)
    before = last()
    time.sleep(1.5)
    assert last() > before + 5, (before, last())
    unit.stop()
    assert unit.show('Result') == ['success']
