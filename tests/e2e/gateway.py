"""A gateway under test: started, watched, stopped."""

import contextlib
import fcntl
import os
import pathlib
import pty
import re
import resource
import signal
import socket
import subprocess
import sys
import threading
import tty

from raw import Raw
from tls import secure
from waiting import TIMEOUT, Patience, Timeout, wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "bench"))
from ports import PORTS, free_port  # noqa: E402, F401

BINARY = pathlib.Path(os.environ.get("TIDEGATE") or ROOT / "build/release/server/tidegate").resolve()
SANITIZED = bool(os.environ.get("TIDEGATE_SANITIZER"))

PIPE_BYTES = 1 << 20


def limit_files(count):
    """For the child before it runs the gateway: `ulimit -n`."""
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (count, count))


def allow_files(count):
    """For the test itself, which is to have so many connections."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    assert hard > count + 1000, f"`ulimit -n` is {hard}, too few for {count} connections"


def state_of(task):
    return (task / "stat").read_text().rpartition(")")[2].split()[0]


def open_log(is_terminal, pipe_bytes):
    """(where it is read, where it is written): a pipe, or a terminal that takes lines as they are."""
    if is_terminal:
        read_end, write_end = pty.openpty()
        tty.setraw(write_end)
    else:
        read_end, write_end = os.pipe()
        fcntl.fcntl(write_end, fcntl.F_SETPIPE_SZ, pipe_bytes)
    return read_end, write_end


class Process:
    """The gateway's process and what it logs."""

    def __init__(self, arguments, command=(BINARY,), pipe_bytes=PIPE_BYTES, is_terminal=False, **popen):
        self.arguments = [str(word) for word in (*command, *arguments)]
        self.lines = []
        self._news = threading.Condition()
        self._ended = False
        self._may_read = threading.Event()
        self._may_read.set()
        read_end, write_end = open_log(is_terminal, pipe_bytes)
        self.popen = subprocess.Popen(
            self.arguments, stdin=subprocess.DEVNULL, stdout=write_end, stderr=write_end, **popen
        )
        os.close(write_end)
        self._reader = threading.Thread(target=self._read, args=(read_end,), daemon=True)
        self._reader.start()

    @property
    def pid(self):
        return self.popen.pid

    def _read(self, read_end):
        # A terminal whose last writer has gone ends with an error.
        with open(read_end, encoding="utf-8", errors="replace") as pipe, contextlib.suppress(OSError):
            for line in pipe:
                self._may_read.wait()
                with self._news:
                    self.lines.append(line.rstrip("\n"))
                    self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()

    def hold_log(self):
        """Stops reading what the gateway logs: its pipe fills up."""
        self._may_read.clear()

    def release_log(self):
        self._may_read.set()

    def matching(self, pattern):
        """The lines so far in which `pattern`, a regular expression, is found."""
        return [line for line in list(self.lines) if re.search(pattern, line)]

    def wait_for_line(self, pattern, count=1, timeout=TIMEOUT):
        """Waits until `pattern` has been logged `count` times; returns the match of the count-th."""
        patience = Patience(timeout)
        seen = 0
        found = []
        with self._news:
            while True:
                found += filter(None, (re.search(pattern, line) for line in self.lines[seen:]))
                seen = len(self.lines)
                if len(found) >= count:
                    return found[count - 1]
                if self._ended or not patience.awaits(self._news):
                    log = "\n".join(self.lines[-40:])
                    raise Timeout(f"{pattern!r} was logged {len(found)} times, not {count}; the log:\n{log}")

    def expect_lines(self, pattern, count):
        """It is logged so many times; what is logged may come later than what it is about."""
        self.wait_for_line(pattern, count)
        assert len(self.matching(pattern)) == count

    def wait(self, timeout=TIMEOUT):
        """Waits for the end; returns the exit code. The log is then complete."""
        try:
            code = self.popen.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Timeout(
                f"the gateway has not ended within {timeout} s:\n" + "\n".join(self.lines[-40:])
            ) from None
        self._reader.join(timeout)
        return code

    def signal(self, number):
        self.popen.send_signal(number)

    def stop_running(self):
        """SIGSTOP, until each thread has stopped."""
        self.signal(signal.SIGSTOP)
        tasks = pathlib.Path(f"/proc/{self.pid}/task")
        wait_until(lambda: all(state_of(task) == "T" for task in tasks.iterdir()), "all threads have stopped")

    def kill(self):
        self.popen.kill()
        self.popen.wait()

    def assert_no_report(self):
        reports = self.matching(r"Sanitizer|runtime error:|tidegate: bug:")
        assert not reports, "\n".join(self.lines)

    def _status(self, field):
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        return int(re.search(rf"^{field}:\s+(\d+)", status, re.MULTILINE)[1])

    def rss(self):
        """Resident bytes."""
        return self._status("VmRSS") * 1024

    def peak_rss(self):
        return self._status("VmHWM") * 1024

    def threads(self):
        return self._status("Threads")

    def fds(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def cpu_s(self):
        """Seconds of processor time used so far."""
        fields = pathlib.Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Gateway(Process):
    """A gateway that listens, on 127.0.0.1 and a port of its own unless told otherwise.

    `pair` is its certificate where it speaks TLS, as clients of ours do then.
    `listen` is where; with `say_where` False the gateway knows it from elsewhere than its options.
    `log_sessions` is what it does with logins and ends, None for its default: tests wait for their lines.
    """

    def __init__(
        self, *options, pair=None, listen=None, say_where=True, drain=0, log_sessions="yes", **process
    ):
        if listen is None:
            listen = [f"{'wss://' if pair else ''}127.0.0.1:{free_port()}"]
        if pair:
            options += tuple(pair.options)
        self._pair = pair
        self.listen = listen
        self._clients = []
        where = [word for spec in listen for word in ("--listen", spec)] if say_where else []
        each = ["--log-sessions", log_sessions] if log_sessions else []
        super().__init__([*where, "--drain", drain, *each, *options], **process)
        self._wait_until_ready()

    def _wait_until_ready(self):
        """Ready is who accepts; where the log says so no connection is spent on it."""
        quiet = any(word in ("warn", "error") for word in self.arguments)
        if not quiet:
            self.wait_for_line(r"\bstarted\b")
            return

        def accepts():
            assert self.popen.poll() is None, "\n".join(self.lines)
            with contextlib.suppress(OSError), self.socket():
                return True

        wait_until(accepts, "the gateway listens")

    # --- addresses ------------------------------------------------------------------------------

    def address(self, spec=None):
        """(family, address) for connecting to a listener, the first by default."""
        spec = (spec or self.listen[0]).removeprefix("proxy:").removeprefix("wss://")
        if spec.startswith("unix:"):
            return socket.AF_UNIX, spec[len("unix:") :]
        host, _, port = spec.rpartition(":")
        if host.startswith("["):
            return socket.AF_INET6, (host.strip("[]"), int(port))
        return socket.AF_INET, (host or "127.0.0.1", int(port))

    @property
    def port(self):
        return self.address()[1][1]

    def url(self, user):
        """For clients of others; `user` is put in as it is."""
        return f"ws://127.0.0.1:{self.port}/?user={user}"

    # --- clients --------------------------------------------------------------------------------

    def socket(self, spec=None, source=None, receive_buffer=None):
        """A connected socket, no byte sent."""
        family, address = self.address(spec)
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.settimeout(TIMEOUT)
            if receive_buffer:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            if source:
                sock.bind((source, 0))
            sock.connect(address)
        except BaseException:
            sock.close()
            raise
        return sock

    def raw(self, **options):
        """A client of ours, not yet upgraded; closed at the latest when the gateway stops."""
        sock = self.socket(**options)
        client = secure(sock, self._pair.context()) if self._pair else Raw(sock)
        self._clients.append(client)
        return client

    def login(self, user="alice", **options):
        """A client of ours with its 101."""
        client = self.raw(**options)
        client.upgrade(f"/?user={user}")
        return client

    # --- the end --------------------------------------------------------------------------------

    def close_clients(self):
        for client in self._clients:
            client.close_socket()
        self._clients.clear()

    def stop(self, timeout=TIMEOUT):
        """SIGTERM; the end must be clean. Does nothing where it has ended and been looked at."""
        self.close_clients()
        self.signal(signal.SIGTERM)
        self.assert_ends(0, timeout)

    def assert_ends(self, code, timeout=TIMEOUT):
        ended = self.wait(timeout)
        self.assert_no_report()
        assert ended == code, f"exit code {ended}:\n" + "\n".join(self.lines[-40:])

    @property
    def is_running(self):
        return self.popen.poll() is None
