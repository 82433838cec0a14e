"""A terminal for a process to belong to, whose log goes elsewhere."""

import contextlib
import fcntl
import os
import pty
import signal
import termios

CTRL_C = b"\x03"

# Starts what follows as a shell's `&` does: in a group of its own, which the terminal tells nothing when
# it goes. Its own end is not told to anybody.
BACKGROUND = [
    "/usr/bin/python3",
    "-c",
    """
import os, signal, sys
signal.signal(signal.SIGHUP, lambda *_: None)
child = os.fork()
if child == 0:
    os.setpgid(0, 0)
    os.execv(sys.argv[1], sys.argv[1:])
print("pid", child, flush=True)
os.waitpid(child, 0)
""",
]


class Terminal:
    """`popen` are the arguments of Popen for a process that leads this terminal's session."""

    def __init__(self, ignores_hangup=False):
        self._master, self._slave = pty.openpty()
        self._ignores_hangup = ignores_hangup
        self.popen = {"start_new_session": True, "preexec_fn": self._take}

    def _take(self):
        fcntl.ioctl(self._slave, termios.TIOCSCTTY, 0)
        if self._ignores_hangup:
            signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def type(self, keys):
        os.write(self._master, keys)

    def hang_up(self):
        """Its window is closed."""
        for fd in (self._master, self._slave):
            with contextlib.suppress(OSError):
                os.close(fd)
        self._master = self._slave = -1

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.hang_up()
