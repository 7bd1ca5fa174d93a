"""host: containers with a real systemd, to develop and test podctl in. See ../README.md."""

import signal
import sys

signal.signal(signal.SIGINT, signal.SIG_DFL)  # the front ignores it; until cli has handlers, nothing is to be undone

from cli import main  # noqa: E402

sys.exit(main(*sys.argv[1:4], sys.argv[4:]))
