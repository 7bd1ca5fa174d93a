"""Mounts as the executor makes them: their sources, targets and flags, whatever an image has in the way."""
import os
import subprocess

from rig import app
from test_view import lines, make_tree


def refused(rig, words, extra='', pod_extra='', trees=None):
    pod = rig.pod(app('true', extra=extra, trees=trees), pod_extra=pod_extra).run()
    assert pod.status == 254, (pod.status, pod.out)
    for word in words:
        assert word in pod.err, (word, pod.err)


def test_targets_of_mounts_are_reached_through_no_link(rig):
    tree = make_tree(rig, {
        'link': lambda p: os.symlink('/etc', p),
        'etc/hosts': 'own',
        'etc/last': lambda p: os.symlink('hosts', p),
    })
    for extra in ('bind /dev/shm /link\n', 'bind /dev/shm /link/sub\n', 'bind /dev/null /etc/last\n',
                  'mount tmpfs /link\n', 'mount tmpfs /link/sub\n', 'bind /dev/shm /link/sub replace\n'):
        refused(rig, ['ELOOP', extra.split()[0]], extra=extra, trees=[tree, rig.tree])


def test_a_source_is_reached_through_no_link_if_so_asked(rig):
    real = os.path.join(rig.dir, 'real')
    os.makedirs(real + '/sub', exist_ok=True)
    link = os.path.join(rig.dir, 'link')
    os.symlink('real', link)
    for source in (link, link + '/sub'):
        refused(rig, ['bind', 'ELOOP', source], pod_extra=f'bind {source} /v nofollow\n')
        pod = rig.pod(app('ls -d /v', extra='bind /v /v\n'), pod_extra=f'bind {source} /v\n').run()
        assert pod.out == b'/v\n', pod.err
    refused(rig, ['bind', 'ENOENT', real + '/missing'], pod_extra=f'bind {real}/missing /v nofollow\n')
    assert not os.path.exists(real + '/missing')


def test_an_optional_source_may_be_missing(rig):
    extra = 'bind /no/such/file /a optional\nbind /dev/null/x /b optional\nbind /dev/null /c optional\n'
    pod = rig.pod(app('ls -d /a /b /c', extra=extra)).run()
    assert lines(pod) == ['/c'], pod.out


def test_what_is_in_the_way_is_replaced_in_the_app_only(rig):
    tree = make_tree(rig, {'file': 'own', 'link': lambda p: os.symlink('/file', p), 'dir/inside': 'own'})
    extra = 'bind /dev/shm /file replace\nbind /dev/null /link replace\nbind /dev/shm /dir replace\n'
    pod = rig.pod(app('touch /file/x; ls /dir; cat /link', extra=extra, trees=[tree, rig.tree])).run()
    assert pod.out == b'x\n', (pod.out, pod.err)
    assert open(tree + '/file').read() == 'own' and os.readlink(tree + '/link') == '/file'
    refused(rig, ['a directory is in the place of a file'], extra='bind /dev/null /dir replace\n', trees=[tree, rig.tree])


def test_the_root_alone_becomes_read_only(rig):
    extra = 'mkdir /w 0755\nbind /dev/shm /w\nbind /apps/web/bin /bin nofollow\nroot-readonly\n'
    script = 'for f in /x /etc/x; do (echo >$f) 2>/dev/null && echo $f; done; for f in /w/x /bin/x; do echo >$f && echo $f; done'
    pod = rig.pod(app(script, extra=extra)).run()
    assert lines(pod) == ['/w/x', '/bin/x'], (pod.out, pod.err)


def test_attributes_are_those_of_submounts_too(rig):
    volume = os.path.join(rig.dir, 'outer')
    os.makedirs(volume + '/inner')
    subprocess.run(['mount', '-t', 'tmpfs', 'none', volume + '/inner'], check=True)
    try:
        pod = rig.pod(app('grep " /v" /proc/self/mountinfo', extra='bind /v /v recursive rro\n'),
                      pod_extra=f'bind {volume} /v recursive nosuid nodev nofollow\n').run()
        options = [line.split(' ')[5] for line in lines(pod)]
        assert len(options) == 2 and all(o.startswith('ro,nosuid,nodev') for o in options), pod.out
    finally:
        subprocess.run(['umount', volume + '/inner'], check=True)


def test_flags_where_they_mean_nothing_are_refused(rig):
    for extra in ('mount tmpfs /v - recursive\n', 'mount tmpfs /v - nofollow\n', 'bind /dev/shm /v rslave\n', 'bind /dev/shm /v suid\n'):
        refused(rig, ['flag' if 'rslave' not in extra else 'propagation'], extra=extra)
