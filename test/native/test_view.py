"""What an app sees, and what it cannot reach."""
import os
import stat
import subprocess
import tempfile

from rig import app, quote


def lines(pod):
    return pod.out.decode().splitlines()


def test_only_its_own_files_are_open(rig):
    extra = os.open('/etc/passwd', os.O_RDONLY)
    try:
        pod = rig.pod(app('for i in /proc/self/fd/*; do echo ${i##*/}; done; ls -l /proc/$$/fd')).run(pass_fds=[extra])
    finally:
        os.close(extra)
    numbers = [line for line in lines(pod) if line.isdigit()]
    assert numbers[:3] == ['0', '1', '2'] and len(numbers) <= 4, numbers  # the fourth is the shell reading the directory
    assert '0 -> /dev/null' in pod.out.decode() and pod.out.decode().count('pipe:[') == 2, pod.out


def test_identity_of_root(rig):
    pod = rig.pod(app('id; grep -E "^(Cap|Groups|NoNewPrivs|Sig(Blk|Ign|Cgt)|Umask)" /proc/self/status; umask')).run()
    text = pod.out.decode()
    assert 'uid=0 gid=0' in text and 'Groups:\t \n' in text, text
    for name, mask in (('Inh', 0), ('Prm', 0xa80425fb), ('Eff', 0xa80425fb), ('Bnd', 0xa80425fb), ('Amb', 0)):
        assert f'Cap{name}:\t{mask:016x}' in text, text
    assert 'SigBlk:\t0000000000000000' in text and 'SigIgn:\t0000000000000000' in text, text
    assert 'NoNewPrivs:\t0' in text and '0022' in text, text


def test_identity_of_a_user(rig):
    pod = rig.pod(app('id; grep -E "^(Cap|NoNewPrivs)" /proc/self/status', uid=1000, gid=1001, groups=(5, 1002),
                      more='no-new-privs\n')).run()
    text = pod.out.decode()
    assert 'uid=1000 gid=1001 groups=5,1002' in text, text
    for name, mask in (('Inh', 0), ('Prm', 0), ('Eff', 0), ('Bnd', 0xa80425fb), ('Amb', 0)):
        assert f'Cap{name}:\t{mask:016x}' in text, text
    assert 'NoNewPrivs:\t1' in text, text


def test_a_user_can_reopen_its_output(rig):
    pod = rig.pod(app('echo one >/dev/stdout; echo two >/proc/self/fd/2', uid=1000, gid=1000)).run()
    assert (pod.status, pod.out, pod.err) == (0, b'one\n', 'two\n'), (pod.out, pod.err)


def test_environment_is_the_plan_s_only(rig):
    pod = rig.pod(app(argv=['env'], candidates=['/bin/env'], more='env A=%c3%a4%20b\nenv EMPTY=\n')).run()
    assert lines(pod) == ['PATH=/bin', 'A=ä b', 'EMPTY='], pod.out


def test_session_and_directory(rig):
    os.makedirs(rig.tree + '/srv/deep', exist_ok=True)
    pod = rig.pod(app('pwd; cat /proc/self/stat', cwd='/srv/deep')).run()
    fields = lines(pod)[1].rsplit(')', 1)[1].split()
    assert lines(pod)[0] == '/srv/deep' and fields[2] == fields[3] != '1', pod.out  # leader of a session of its own


def test_mounts_tell_nothing_of_the_host(rig):
    pod = rig.pod(app('cat /proc/self/mountinfo')).run()
    points = [line.split(' ')[4] for line in lines(pod)]
    assert points == ['/', '/proc', '/sys', '/dev', '/dev/null', '/dev/zero', '/proc/sys', '/proc/timer_list', '/sys/firmware'] or \
        set(points) <= {'/', '/proc', '/sys', '/dev', '/dev/null', '/dev/zero', '/proc/sys', '/proc/timer_list', '/sys/firmware'}, points
    assert rig.dir not in pod.out.decode() and '/supervisor' not in pod.out.decode(), pod.out
    by_point = {line.split(' ')[4]: line.split(' ')[5] for line in lines(pod)}
    assert by_point['/proc'].startswith('rw,nosuid,nodev,noexec') and by_point['/proc/sys'].startswith('ro,'), by_point
    assert by_point['/sys'].startswith('ro,nosuid,nodev,noexec') and by_point['/sys/firmware'].startswith('ro,'), by_point


def test_the_host_is_out_of_reach(rig):
    script = 'ls -d /proc/1/root /proc/1/cwd; ls /proc/1/root/ /proc/1/fd /proc/1/exe; cat /proc/1/environ; ls /..; cat /proc/self/cgroup'
    pod = rig.pod(app(script)).run()
    text, errors = pod.out.decode(), pod.err
    assert 'cannot open' in errors or 'Permission denied' in errors, (text, errors)
    for host in (os.path.basename(rig.dir), 'work', 'NOTIFY', 'LISTEN_FDS', 'vmlinuz', 'usr'):
        assert host not in text, (host, text)
    assert text.rstrip().endswith('0::/'), text  # its cgroup is the root of its cgroup namespace


def test_the_init_s_program_cannot_be_written(rig):
    """CVE-2019-5736: a script whose interpreter is /proc/self/exe runs stage1's own file inside the app."""
    from rig import STAGE1
    before = os.stat(STAGE1)
    tree = make_tree(rig, {'bin/evil': '#!/proc/self/exe\n'})
    script = '/bin/evil & p=$!; for i in 1 2 3 4 5 6 7 8; do (exec 9</proc/$p/exe; echo x >/proc/self/fd/9) 2>/dev/null; done; wait; true'
    rig.pod(app(script, trees=[tree, rig.tree])).run()
    rig.pod(app(argv=['x'], candidates=['/bin/evil'], trees=[tree, rig.tree])).run()
    pod = rig.pod(app(argv=['x'], candidates=['/proc/self/exe'])).run()
    assert pod.status == 254 and 'execve /proc/self/exe: ELOOP' in pod.err, pod.err
    after = os.stat(STAGE1)
    assert (before.st_mtime_ns, before.st_size) == (after.st_mtime_ns, after.st_size)


def make_tree(rig, files):
    tree = tempfile.mkdtemp(dir=rig.dir)
    os.chmod(tree, 0o755)
    for name, content in files.items():
        path = os.path.join(tree, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if isinstance(content, str):
            with open(path, 'w') as f:
                f.write(content)
            os.chmod(path, 0o755)
        else:
            content(path)
    return tree


def test_links_of_an_image_lead_nowhere_else(rig):
    victim = os.path.join(rig.dir, 'victim')
    os.mkdir(victim)
    with open(victim + '/file', 'w') as f:
        f.write('untouched')
    tree = make_tree(rig, {
        'etc/hosts': lambda p: os.symlink('../../../../../../..' + victim + '/file', p),
        'etc/abs': lambda p: os.symlink(victim + '/file', p),
        'data': lambda p: os.symlink(victim, p),
        'out': lambda p: os.symlink('/proc/self/fd/7', p),
        'root': lambda p: os.symlink('/proc/self/root', p),
        'dangling': lambda p: os.symlink('/nowhere/at/all', p),
    })
    extra = ('file /etc/hosts 0644 evil\nfile /etc/abs 0644 evil\nfile /dangling 0644 fresh\nmkdir /data/sub 0755\n'
             'symlink /data/link x\nbind /dev/null /etc/abs\n')
    pod = rig.pod(app('cat /dangling; ls /', extra=extra, trees=[tree, rig.tree])).run()
    assert os.listdir(victim) == ['file'] and open(victim + '/file').read() == 'untouched'
    # The names exist inside the app's own root only, so the first refusal is no mistake: the link dangles there.
    assert pod.status in (0, 254), pod.err
    # Descriptors are closed by then, and magic links are not followed.
    for cwd, errno in (('/out', 'ENOENT'), ('/root', 'ELOOP')):
        pod = rig.pod(app('true', cwd=cwd, trees=[tree, rig.tree])).run()
        assert pod.status == 254 and errno in pod.err, pod.err


def test_a_device_in_the_image_is_not_written_to(rig):
    tree = make_tree(rig, {
        'etc/hosts': lambda p: os.mknod(p, stat.S_IFCHR | 0o666, os.makedev(1, 3)),
        'etc/fifo': lambda p: os.mkfifo(p),
    })
    pod = rig.pod(app('true', extra='file /etc/hosts 0644 x\n', trees=[tree, rig.tree])).run()
    assert pod.status == 254 and 'not a regular file' in pod.err, pod.err
    pod = rig.pod(app('true', extra='file /etc/fifo 0644 x\n', trees=[tree, rig.tree])).run()
    assert pod.status == 254 and 'ENXIO' in pod.err, pod.err


def test_a_null_device_of_the_image_does_not_mask(rig):
    tree = make_tree(rig, {'secret': 'secret', 'dev/null': 'fake'})
    pod = rig.pod(app('cat /secret; echo end', extra='mask /secret\nmask /nothing/here\n', trees=[tree, rig.tree])).run()
    assert pod.out == b'end\n', (pod.out, pod.err)


def test_files_directories_links_and_binds(rig):
    with open(rig.dir + '/shared', 'w') as f:
        f.write('from the host')
    os.makedirs(rig.dir + '/volume/sub', exist_ok=True)
    pod_extra = f'bind {rig.dir}/shared /in/shared\nbind {rig.dir}/volume /in/volume\n'
    extra = ('mkdir /a/b/c 1777\nfile /a/f 0640 %s\nfile /etc/old 0644 x\nsymlink /a/l f\nsymlink /bin/sh nothing\n'
             'bind /in/shared /x/y/shared ro\nbind /in/volume /x/volume nosuid nodev noexec\n' % quote('two\nlines %'))
    script = ('stat -c "%a %F" /a/b /a/b/c /a/f; cat /a/l /x/y/shared; echo >/x/y/shared; touch /x/volume/new;'
              'grep volume /proc/self/mountinfo; stat -c %a /etc/old; cat /etc/old')
    tree = make_tree(rig, {'etc/old': 'longer than x'})
    pod = rig.pod(app(script, extra=extra, trees=[tree, rig.tree]), pod_extra=pod_extra).run()
    text = pod.out.decode()
    assert text.startswith('755 directory\n1777 directory\n640 regular file\ntwo\nlines %from the host'), (text, pod.err)
    assert 'rw,nosuid,nodev,noexec' in text and 'Read-only file system' in pod.err, (text, pod.err)
    assert text.endswith('644\nx') and os.path.exists(rig.dir + '/volume/new'), text


def test_many_layers(rig):
    trees = [make_tree(rig, {'layer/%d' % i: str(i), 'top': str(i)}) for i in range(150)]
    pod = rig.pod(app('ls /layer | wc -l; cat /top', trees=trees + [rig.tree])).run()
    assert pod.out == b'150\n0', (pod.out, pod.err)


def test_the_image_stays_as_it_is(rig):
    tree = make_tree(rig, {'f': 'old'})
    pod = rig.pod(app('echo new >/f; cat /f', trees=[tree, rig.tree])).run()
    assert pod.out == b'new\n' and open(tree + '/f').read() == 'old' and open(pod.path + '/web/upper/f').read() == 'new\n'


def test_namespaces_of_the_pod(rig):
    pod = rig.pod(app('hostname; cat /sys/class/net/lo/flags; ls /sys/class/net; echo $$; ps | wc -l; cat /etc/os-release')).run()
    out = lines(pod)
    assert out[0] == 'rig' and int(out[1], 16) & 1 and out[2] == 'lo' and int(out[3]) < 10, out
    here = subprocess.run(['hostname'], capture_output=True, text=True).stdout.strip()
    assert here != 'rig'


def test_apps_share_the_pod_but_not_their_files(rig):
    volume = 'bind /dev/shm /dev/shm\n'
    one = app('echo one >/only; echo hi >/dev/shm/x; sleep 30', name='one', extra=volume)
    two = app('while ! grep -q hi /dev/shm/x; do :; done 2>/dev/null; ls /only; ps | grep -c "[s]leep 30"; exit 3', name='two', extra=volume)
    pod = rig.pod(one, two).run()
    assert pod.status == 3 and b'1\n' == pod.out and 'No such file' in pod.err, (pod.status, pod.out, pod.err)
