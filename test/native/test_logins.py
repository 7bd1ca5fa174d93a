"""What the bus façade answers for logind, which is not in a pod."""
from test_facade import Caller, message, start

LOGINS = '/org/freedesktop/login1'


def test_facade_knows_no_logins(rig):
    pod = start(rig)
    caller = Caller(pod).greet()
    for member in ('ListSessions', 'ListUsers', 'ListSeats'):
        assert caller.call('org.freedesktop.login1.Manager', member, path=LOGINS) == b'\0' * 8, member  # no bytes, at 8
    assert caller.call('org.freedesktop.login1.Manager', 'LockSessions', path=LOGINS) == b''
    # The signature that each is read by, which loginctl insists on; and what is refused, by its error's name.
    for member, path, mark in (('ListSessions', LOGINS, b'a(susso)\0'), ('ListUsers', LOGINS, b'a(uso)\0'), ('ListSeats', LOGINS, b'a(so)\0'),
                               ('GetSession', LOGINS, b'.NoSuchSession\0'), ('KillUser', LOGINS, b'.NoSuchUser\0'), ('GetSeat', LOGINS, b'.NoSuchSeat\0'),
                               ('Activate', LOGINS + '/session/auto', b'.NoSuchSession\0'), ('GetAll', LOGINS + '/user/self', b'.NoSuchUser\0'),
                               ('GetAll', LOGINS + '/seat/', b'.NoSuchSeat\0'), ('PowerOff', LOGINS, b'.UnknownMethod\0'),
                               ('ListSessions', LOGINS + 'x', b'.UnknownMethod\0')):
        caller.socket.send(message('org.freedesktop.login1.Manager', member, path=path, serial=9))
        _, header, body = caller.receive_parts()
        assert mark in header, (member, path, header, body)
    # Whatever systemd is asked for at a path of logind's is not done.
    caller.socket.send(message('org.freedesktop.systemd1.Manager', 'PowerOff', path=LOGINS, serial=9))
    assert caller.receive()[0] == 3 and pod.process.poll() is None
    pod.stop()
    assert pod.status == 0, pod.err
