"""Runs podctl-stage1 outside of systemd on plans written here by hand, with busybox as the image."""
import os
import shutil
import signal
import subprocess
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
STAGE1 = os.environ.get('STAGE1', os.path.join(ROOT, 'dist/native/podctl-stage1'))
APPLETS = 'sh true false cat ls echo sleep grep id env dd yes head kill ps mount hostname stat chmod touch wc seq'.split()

HEAD = """podctl-plan 2
pod 0f6bd2d1-2b54-4a5c-9c53-3c3e0d1f7a10 {pod}
inherit stdout 1
inherit stderr 2
namespaces ipc uts net
stop-grace {grace}
"""
POD = """hostname rig
loopback
pod-root {pod}/root 8388608
mount proc /proc - nosuid nodev noexec
bind /dev/null /dev/null
bind /dev/zero /dev/zero
bind /dev/kmsg /dev/full
mount tmpfs /dev/shm mode=1777 - nosuid nodev
file /etc/os-release 0644 ID=rig%0a
"""
APP = """app {name} app-{name}
root /apps/{name}
mount proc /proc - nosuid nodev noexec
mount sysfs /sys - ro nosuid nodev noexec
mount tmpfs /dev mode=0755 size=65536 - nosuid noexec
bind /dev/null /dev/null
bind /dev/zero /dev/zero
symlink /dev/stdout /proc/self/fd/1
readonly /proc/sys
mask /proc/timer_list
mask /sys/firmware
{extra}pivot
cwd {cwd}
groups{groups}
user {uid} {gid}
caps {caps}
env PATH=/bin
{more}args {argv}
exec {candidates}
"""


def quote(text):
    data = text.encode()
    return '%' if not data else ''.join(chr(b) if 0x21 <= b <= 0x7e and b != 0x25 else '%%%02x' % b for b in data)


def hierarchy():
    unified = '/sys/fs/cgroup/unified'
    return unified if os.path.exists(unified + '/cgroup.procs') else '/sys/fs/cgroup'


class Rig:
    """A scratch directory, a delegated cgroup, and pods in them."""

    def __init__(self):
        base = '/var/lib/podctl' if os.path.isdir('/var/lib/podctl') else tempfile.gettempdir()
        self.dir = tempfile.mkdtemp(prefix='stage1-', dir=base)
        self.cgroup = os.path.join(hierarchy(), os.path.basename(self.dir))
        os.mkdir(self.cgroup)
        self.tree = os.path.join(self.dir, 'tree')
        os.makedirs(self.tree + '/bin')
        os.makedirs(self.tree + '/etc')
        shutil.copy(shutil.which('busybox'), self.tree + '/bin/busybox')
        for name in APPLETS:
            os.symlink('busybox', self.tree + '/bin/' + name)
        self.count = 0

    def join(self):
        """For a child to be: it comes into the cgroup, and ends with the test."""
        with open(self.cgroup + '/cgroup.procs', 'w') as f:
            f.write('0')

    def clear(self):
        """Ends what a failed test has left, and makes the cgroup anew: the kernel ends whatever comes to one that was killed."""
        self.end()
        os.mkdir(self.cgroup)

    def end(self):
        with open(self.cgroup + '/cgroup.kill', 'w') as f:
            f.write('1')
        for _ in range(100):
            try:
                for path, _, _ in os.walk(self.cgroup, topdown=False):
                    os.rmdir(path)
                return
            except OSError:
                time.sleep(0.05)
        raise AssertionError('processes in %s do not end' % self.cgroup)

    def close(self):
        self.end()
        shutil.rmtree(self.dir)

    def pod(self, *apps, **options):
        self.count += 1
        return Pod(self, os.path.join(self.dir, 'pod%d' % self.count), apps, **options)


def app(script=None, name='web', argv=None, candidates=None, extra='', more='', uid=0, gid=0, groups='', cwd='/',
        caps='00000000a80425fb', trees=None):
    argv = ['sh', '-c', script] if argv is None else argv
    return dict(name=name, argv=' '.join(map(quote, argv)), extra=extra, more=more, uid=uid, gid=gid, caps=caps, cwd=cwd,
                candidates=' '.join(candidates or ['/bin/sh']), groups=''.join(' %d' % g for g in groups), trees=trees)


class Pod:
    def __init__(self, rig, path, apps, grace=5000, head=HEAD, pod_extra=''):
        self.path = path
        self.rig = rig
        os.makedirs(path + '/root')
        overlays = ''
        for a in apps:
            for part in ('upper', 'work'):
                os.makedirs(f'{path}/{a["name"]}/{part}')
            trees = ' '.join(a['trees'] or [rig.tree])
            overlays += f'overlay /apps/{a["name"]} {path}/{a["name"]}/upper {path}/{a["name"]}/work {trees}\n'
        self.text = (head.format(pod=path, grace=grace) + POD.format(pod=path).replace('bind /dev/kmsg /dev/full\n', '') + pod_extra +
                     overlays + 'pivot\n' + ''.join(APP.format(**a) for a in apps))
        self.plan = path + '.plan'
        with open(self.plan, 'w') as f:
            f.write(self.text)

    def start(self, notify=None, **options):
        """notify: path of a socket to which the init says what it says to systemd."""
        environment = {k: v for k, v in os.environ.items() if k != 'NOTIFY_SOCKET'}
        environment['LISTEN_FDS'] = '3'
        if notify:
            environment['NOTIFY_SOCKET'] = notify
        options = dict(dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE), **options)
        self.process = subprocess.Popen([STAGE1, 'run', self.plan], preexec_fn=self.rig.join, env=environment, **options)
        return self

    def wait(self, timeout=30):
        try:
            self.out, self.err = self.process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        self.err = (self.err or b'').decode().replace(JOURNAL_WARNING, '')
        self.status = self.process.returncode
        return self

    def run(self, **options):
        return self.start(**options).wait()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.wait()

    def wait_for(self, text, times=1):
        """Reads stdout until `text` has come so many times."""
        seen = b''
        while seen.count(text.encode()) < times:
            piece = os.read(self.process.stdout.fileno(), 4096)
            assert piece, f'the output ended without {text!r}: {seen!r}'
            seen += piece
        return seen

    def init_pid(self):
        for _ in range(200):
            try:
                return int(self.read('pid'))
            except FileNotFoundError:
                time.sleep(0.01)
        raise AssertionError('no pid file')

    def read(self, name):
        with open(os.path.join(self.path, name)) as f:
            return f.read()

    def keys(self, name):
        return dict(line.split('=', 1) for line in self.read(name).splitlines())


JOURNAL_WARNING = 'podctl-stage1: warning: openat2 /run/systemd/journal: ENOENT: output does not go to the journal\n'
