"""Users of a pod's own: what an app sees of them, what lands on disk, and how far its root reaches."""
import os
import shutil
import subprocess
import tempfile

from rig import HEAD, app, quote

FIRST, COUNT = 700000, 65536
OWN = HEAD + f'user-namespace {FIRST} {COUNT}\n'


def own(rig, *apps, head=OWN, **options):
    """A pod with users of its own, from trees that only they see as theirs."""
    return rig.pod(*apps, head=head, **options)


def lines(pod):
    return pod.out.decode().splitlines()


def test_users_are_mapped(rig):
    pod = own(rig, app('id; cat /proc/self/uid_map /proc/self/gid_map; grep -E "^(Cap|Groups)" /proc/self/status',
                       uid=1000, gid=1001, groups=(5, 1002))).run()
    text = ' '.join(pod.out.decode().split())
    assert pod.status == 0 and 'uid=1000 gid=1001 groups=5,1002' in text, (pod.status, pod.out, pod.err)
    assert text.count(f'0 {FIRST} {COUNT}') == 2, text
    for name, mask in (('Inh', 0), ('Prm', 0), ('Eff', 0), ('Bnd', 0xa80425fb), ('Amb', 0)):
        assert f'Cap{name}: {mask:016x}' in text, text


def test_users_of_the_host_see_them_as_such(rig):
    pod = own(rig, app('echo up; sleep 60', uid=7, gid=8, groups=(9,))).start()
    pod.wait_for('up')
    with open(f'{rig.cgroup}/apps/app-web/cgroup.procs') as f:
        status = open(f'/proc/{f.readline().strip()}/status').read()
    init = open(f'/proc/{pod.init_pid()}/status').read()
    with open(f'/proc/{pod.init_pid()}/uid_map') as f:
        assert f.read().split() == ['0', '0', '4294967295'], 'the init has joined the pod\'s users'
    pod.stop()
    assert '\t'.join(['Uid:'] + [str(FIRST + 7)] * 4) in status and '\t'.join(['Gid:'] + [str(FIRST + 8)] * 4) in status, status
    assert f'Groups:\t{FIRST + 9} ' in status, status
    assert 'Uid:\t0\t0\t0\t0' in init, init


def test_users_own_what_they_and_the_executor_make(rig):
    os.makedirs(rig.tree + '/home', exist_ok=True)
    os.chown(rig.tree + '/home', 1000, 1000)
    script = ('stat -c "%n %u:%g" / /bin /home /dev /dev/shm /made /bin/sh /proc/self/; echo x >/by-root; chown 1000:1000 /by-root;'
              'echo y >/bin/new; mkdir /home/sub; chmod 4755 /by-root; stat -c %u:%g /by-root; chown 65535 /bin/new && chown 65536 /bin/new')
    pod = own(rig, app(script, extra='mkdir /made 0700\nbind /dev/shm /dev/shm\n')).run()
    seen = dict(line.split(' ') for line in lines(pod)[:-1])
    assert seen == {'/': '0:0', '/bin': '0:0', '/home': '1000:1000', '/dev': '0:0', '/dev/shm': '0:0', '/made': '0:0',
                    '/bin/sh': '0:0', '/proc/self/': '0:0'}, (seen, pod.err)
    assert lines(pod)[-1] == '1000:1000' and pod.err.count('chown') == 1 and 'Invalid argument' in pod.err, (pod.out, pod.err)
    upper = pod.path + '/web/upper'
    owners = {name: (os.lstat(upper + name).st_uid, os.lstat(upper + name).st_gid) for name in
              ('', '/made', '/by-root', '/bin', '/bin/new', '/home', '/home/sub')}
    assert owners == {'': (0, 0), '/made': (0, 0), '/by-root': (1000, 1000), '/bin': (0, 0), '/bin/new': (65535, 0),
                      '/home': (1000, 1000), '/home/sub': (0, 0)}, owners
    assert os.stat(rig.tree + '/home').st_uid == 1000


def test_users_change_files_of_the_image(rig):
    """Copied up with its owner, mode and content, by root and by a user."""
    tree = tempfile.mkdtemp(dir=rig.dir)
    os.chmod(tree, 0o755)
    for name, user in (('root', 0), ('user', 1000)):
        with open(f'{tree}/{name}', 'w') as f:
            f.write(name)
        os.chown(f'{tree}/{name}', user, user)
    script = 'echo more >>/user; cat /user; stat -c %u:%g /user; (echo x >>/root) 2>&1; rm /user 2>&1; touch /dev/shm/x && stat -c %u /dev/shm/x'
    pod = own(rig, app(script, trees=[tree, rig.tree], uid=1000, gid=1000, extra='bind /dev/shm /dev/shm\n')).run()
    assert lines(pod)[:2] == ['usermore', '1000:1000'] and pod.out.count(b'Permission denied') == 2, (pod.out, pod.err)
    assert lines(pod)[-1] == '1000', pod.out
    assert os.stat(pod.path + '/web/upper/user').st_uid == 1000


def test_users_with_many_layers(rig):
    trees = []
    for i in range(120):
        trees.append(tempfile.mkdtemp(dir=rig.dir))
        os.chmod(trees[-1], 0o755)
        with open(trees[-1] + '/top', 'w') as f:
            f.write(str(i))
        with open(trees[-1] + f'/f{i}', 'w') as f:
            f.write(str(i))
    pod = own(rig, app('ls -d /f* | wc -l; cat /top; stat -c %u /top; grep -c mapped /proc/self/mountinfo', trees=trees + [rig.tree])).run()
    assert pod.out == b'120\n00\n0\n', (pod.out, pod.err)


def test_users_leave_no_mapped_layer_behind(rig):
    pod = own(rig, app('echo up; sleep 60', name='one'), app('sleep 60', name='two')).start()
    pod.wait_for('up')
    with open(f'/proc/{pod.init_pid()}/mountinfo') as f:
        points = [line.split(' ')[4] for line in f]
    pod.stop()
    assert not [p for p in points if 'mapped' in p] and '/apps/two' in points, points


def test_users_reopen_their_output(rig):
    for uid in (0, 1000):
        pod = own(rig, app('echo one >/dev/stdout; echo two >/proc/self/fd/2', uid=uid, gid=uid)).run()
        assert (pod.status, pod.out, pod.err) == (0, b'one\n', 'two\n'), (uid, pod.out, pod.err)


def test_users_cannot_reach_the_init(rig):
    """Root of the pod with every capability: all of them count among the pod's users only."""
    script = ('kill -9 1; kill -TERM 1; kill -0 1; ls /proc/1/root/; cat /proc/1/environ; ls /proc/1/fd; cat /proc/1/maps; echo 1 >/proc/1/oom_score_adj;'
              'echo still here')
    pod = own(rig, app(script, caps='ffffffffffffffff')).run()
    assert pod.out == b'still here\n' and pod.status == 0, (pod.out, pod.err)
    assert pod.err.count('not permitted') == 3 and pod.err.count('ermission denied') >= 4, pod.err


def test_users_capabilities_hold_over_the_pod_only(rig):
    """Network and host name are the pod's; the host's clock, devices, locked mounts and file systems are not."""
    script = ('hostname other && hostname; busybox ip link set lo down && echo net; busybox umount /proc/sys; busybox umount /dev/null;'
              'busybox mount -o remount,rw /proc/sys; busybox mknod /dev/sda b 8 0; busybox mount -t proc proc /bin; busybox mount -t ext4 /dev/sda /bin;'
              'busybox date -s 2000.01.01-00:00; echo done')
    pod = own(rig, app(script, caps='ffffffffffffffff')).run()
    assert lines(pod)[:2] == ['other', 'net'] and lines(pod)[-1] == 'done', (pod.out, pod.err)
    for refused in ("can't unmount /proc/sys", "can't unmount /dev/null", 'mknod: /dev/sda', "can't set date"):
        assert refused in pod.err, (refused, pod.err)
    assert pod.err.count('mount: ') >= 4, pod.err


def test_users_bind_low_ports(rig):
    script = ('busybox nc -ll -p 80 -e true & while ! grep -q ":0050 " /proc/net/tcp /proc/net/tcp6; do kill -0 $! || exit 1; done; echo bound;'
              'cat /proc/sys/net/ipv4/ip_forward; kill $!')
    pod = own(rig, app(script)).run()
    assert lines(pod) == ['bound', '0'], (pod.out, pod.err)
    pod = own(rig, app(script, caps='00')).run()
    assert pod.status == 1 and 'Permission denied' in pod.err, (pod.out, pod.err)


def test_users_namespaces_belong_to_them(rig):
    """Of the pod: network, IPC, host name; of the app: mounts and cgroups. The processes' is the host's."""
    pod = own(rig, app('echo up; sleep 60')).start()
    pod.wait_for('up')
    with open(f'{rig.cgroup}/apps/app-web/cgroup.procs') as f:
        pid = f.readline().strip()
    here = os.stat('/proc/self/ns/user').st_ino
    user = os.stat(f'/proc/{pid}/ns/user').st_ino
    owners = {name: owner_of(f'/proc/{pid}/ns/{name}') for name in ('net', 'ipc', 'uts', 'mnt', 'cgroup', 'pid')}
    pod.stop()
    assert owners == dict(net=user, ipc=user, uts=user, mnt=user, cgroup=user, pid=here) and user != here, owners


def owner_of(path):
    import fcntl
    NS_GET_USERNS = 0xb701
    with open(path) as f:
        owner = fcntl.ioctl(f, NS_GET_USERNS)
        try:
            return os.fstat(owner).st_ino
        finally:
            os.close(owner)


def test_users_setuid_programs_and_file_capabilities_work(rig):
    tree = tempfile.mkdtemp(dir=rig.dir)
    os.chmod(tree, 0o755)
    subprocess.run(['gcc', '-static', '-O1', '-o', tree + '/suid', '-xc', '-'], check=True, input=STATUS_PROGRAM.encode())
    shutil.copy(tree + '/suid', tree + '/capable')
    os.chown(tree + '/suid', 5, 6)
    os.chmod(tree + '/suid', 0o6755)
    # Version 2, effective; permitted: CAP_NET_RAW (13).
    os.setxattr(tree + '/capable', 'security.capability', bytes.fromhex('0100000200200000000000000000000000000000'))
    pod = own(rig, app('/suid; /capable', uid=1000, gid=1000, trees=[tree, rig.tree])).run()
    assert lines(pod) == ['euid 5 egid 6 net-raw 0', 'euid 1000 egid 1000 net-raw 1'], (pod.out, pod.err)


STATUS_PROGRAM = '''
#include <stdio.h>
#include <unistd.h>
#include <sys/syscall.h>
#include <linux/capability.h>
int main(void) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2];
  syscall(SYS_capget, &header, data);
  printf("euid %d egid %d net-raw %d\\n", geteuid(), getegid(), data[0].effective >> CAP_NET_RAW & 1);
}
'''


def test_users_volumes_are_mapped(rig):
    volume = tempfile.mkdtemp(dir=rig.dir)
    os.chown(volume, 1000, 1000)
    extra = 'bind /in/volume /volume nosuid\nbind /in/plain /plain\n'
    pod_extra = f'bind {volume} /in/volume idmap\nbind {volume} /in/plain\n'
    script = 'stat -c %u:%g /volume /plain; touch /volume/by-user; (touch /plain/x) 2>/dev/null || echo refused'
    pod = own(rig, app(script, uid=1000, gid=1000, extra=extra), pod_extra=pod_extra).run()
    assert lines(pod) == ['1000:1000', '65534:65534', 'refused'], (pod.out, pod.err)
    assert os.stat(volume + '/by-user').st_uid == 1000 and os.listdir(volume) == ['by-user']


def test_users_need_a_file_system_that_can_be_mapped(rig):
    for source, kind in (('/proc/sys', 'proc'), ('/sys/kernel', 'sysfs')):
        pod = own(rig, app('true'), pod_extra=f'bind {source} /in/volume idmap\n').run()
        assert pod.status == 254 and f'mount_setattr {source}: EINVAL: its file system, {kind}, cannot be mapped' in pod.err, pod.err


def test_users_plans_are_checked(rig):
    for head, words in ((f'user-namespace 0 {COUNT}', 'not a range of IDs'), ('user-namespace 1 0', 'not a range'),
                        ('user-namespace 4294901761 65536', 'not a range'), ('user-namespace 9 1000', "user: not one of the pod's users"),
                        ('stop-grace 1', 'bind: idmap without users'), (f'user-namespace 9 1001\njoin-network /x', 'a namespace net already')):
        pod = rig.pod(app('true', uid=1000), head=HEAD + head + '\n', pod_extra='bind /dev/null /null idmap\n').run()
        assert pod.status == 254 and words in pod.err, (head, pod.err)


def test_users_of_a_pod_in_the_host_s_network(rig):
    pod = own(rig, app('hostname; cat /proc/self/uid_map; busybox ip link set lo down || echo refused'),
              head=OWN.replace('ipc uts net', 'ipc uts')).run()
    assert lines(pod)[0] == 'rig' and lines(pod)[-1] == 'refused', (pod.out, pod.err)


def test_a_network_can_be_joined(rig):
    name = f'podctl-{os.getpid()}'
    subprocess.run(['ip', 'netns', 'add', name], check=True)
    path = f'/run/netns/{name}'
    try:
        subprocess.run(['ip', '-n', name, 'link', 'add', 'mark0', 'type', 'veth', 'peer', 'name', 'mark1'], check=True)
        head = HEAD.replace('ipc uts net', 'ipc uts') + f'join-network {path}\n'
        for more in ('', f'user-namespace {FIRST} {COUNT}\n'):
            pod = rig.pod(app('ls /sys/class/net; hostname'), head=head + more).run()
            assert 'mark0' in lines(pod) and lines(pod)[-1] == 'rig', (pod.out, pod.err)
    finally:
        subprocess.run(['ip', 'netns', 'del', name], check=True)
    for path, words in (('/proc/self/ns/uts', 'not the file of a network namespace'), ('/etc/passwd', 'not the file of a network'),
                        ('/nothing/here', 'ENOENT')):
        pod = rig.pod(app('true'), head=HEAD.replace('ipc uts net', 'ipc uts') + f'join-network {path}\n').run()
        assert pod.status == 254 and words in pod.err and 'join-network' in pod.err, pod.err


def test_users_are_those_of_handlers_and_restarts(rig):
    from test_apps import handler
    script = 'cat /proc/self/uid_map; cat /dev/mark; echo x >>/count; exit 3'
    more = handler('pre-start', 'echo from handler >/dev/mark; id -u; cat /proc/self/uid_map') + handler('post-stop', 'cat /count')
    pod = own(rig, app(script, more=more + 'restart on-failure 1 10000 1\n')).run()
    text = pod.out.decode()
    assert (text.count(f' {FIRST} '), text.count('from handler')) == (4, 2) and text.endswith('x\nx\n'), (pod.out, pod.err)
    assert os.stat(pod.path + '/web/upper/count').st_uid == 0
