"""vm: virtual machines with a real kernel and systemd, to test podctl in. See ../README.md."""

import os
import signal
import sys

signal.signal(signal.SIGINT, signal.SIG_DFL)  # the front ignores it; until commands has handlers, nothing is to be undone
# errors, interrupts, place and record are those of the container host.
sys.path.append(os.path.join(sys.path[0], "../../host/lib"))

from commands import main  # noqa: E402

sys.exit(main(*sys.argv[1:4], sys.argv[4:]))
