"""tidegate-chat under test: started on pipes or on a terminal, spoken to, watched, ended."""

import codecs
import contextlib
import fcntl
import os
import pty
import re
import signal
import subprocess
import termios
import threading

import pyte

from gateway import BINARY
from waiting import TIMEOUT, Patience, Timeout, wait_until

CHAT = BINARY.parent.parent / "tools/client/tidegate-chat"

PATIENCE = 0.3  # seconds for a log-out that nobody may answer

CTRL_C, CTRL_D = b"\x03", b"\x04"

# Exit codes, as the man page has them.
OK, LOCAL, USAGE, KICKED, REFUSED, UNREACHABLE, IO_TIMEOUT, LOST, PROTOCOL, TLS = range(10)


class Stream:
    """What comes out of one descriptor. Matches are taken in order: each search begins behind the
    last one."""

    def __init__(self, name, fd):
        self.name = name
        self.text = ""
        self.at = 0
        self.is_ended = False
        self._news = threading.Condition()
        self._may_read = threading.Event()
        self._may_read.set()
        self._thread = threading.Thread(target=self._read, args=(fd,), daemon=True)
        self._thread.start()

    def _read(self, fd):
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        with contextlib.suppress(OSError):  # EIO: nobody has the terminal open any more
            while data := os.read(fd, 1 << 16):
                with self._news:
                    self.text += decoder.decode(data)
                    self._news.notify_all()
                self._may_read.wait()
        with self._news:
            self.is_ended = True
            self._news.notify_all()
        os.close(fd)

    def hold(self):
        """Reads no more after what comes next."""
        self._may_read.clear()

    def release(self):
        self._may_read.set()

    def expect(self, pattern, timeout=TIMEOUT):
        """Waits for `pattern`, a regular expression; returns the match."""
        pattern = re.compile(pattern, re.MULTILINE)
        patience = Patience(timeout)
        with self._news:
            while not (found := pattern.search(self.text, self.at)):
                if self.is_ended or not patience.awaits(self._news):
                    raise Timeout(f"{self.name}: no {pattern.pattern!r} in {self.text[self.at :]!r}")
            self.at = found.end()
            return found

    def expect_text(self, text, timeout=TIMEOUT):
        return self.expect(re.escape(text), timeout)

    def lines(self):
        return self.text.replace("\r\n", "\n").splitlines()

    def join(self):
        self._thread.join(TIMEOUT)
        assert self.is_ended


class Chat:
    """One tidegate-chat. On pipes `out` and `err` are apart, on a terminal they are one."""

    def __init__(
        self, *options, address=None, user="alice", terminal=False, stdin=None, env=(), command=(CHAT,), **popen
    ):
        arguments = [str(word) for word in (*command, *options)]
        if address:
            arguments += ["-a", address]
        if user:
            arguments += ["-u", user]
        env = {"TERM": "xterm", **{k: v for k, v in os.environ.items() if k != "NO_COLOR"}, **dict(env)}
        (self._on_terminal if terminal else self._on_pipes)(arguments, stdin, env=env, **popen)

    def _on_pipes(self, arguments, stdin, **popen):
        out, child_out = os.pipe()
        err, child_err = os.pipe()
        self.popen = subprocess.Popen(
            arguments,
            stdin=subprocess.PIPE if stdin is None else stdin,
            stdout=child_out,
            stderr=child_err,
            bufsize=0,
            **popen,
        )
        os.close(child_out)
        os.close(child_err)
        self.out, self.err = Stream("stdout", out), Stream("stderr", err)
        self.master = None

    def _on_terminal(self, arguments, stdin, **popen):
        """As a shell starts it: the leader of a session whose terminal it has."""
        self.master, slave = pty.openpty()
        self.modes = termios.tcgetattr(self.master)  # as it finds them
        self.popen = subprocess.Popen(
            arguments,
            stdin=slave if stdin is None else stdin,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(1, termios.TIOCSCTTY, 0),
            **popen,
        )
        os.close(slave)
        self.out = self.err = Stream("terminal", os.dup(self.master))
        self.screen = pyte.Screen(80, 24)
        self._terminal = pyte.Stream(self.screen)
        self._shown = 0  # of what came out

    # --- the terminal ---------------------------------------------------------------------------

    def resize(self, columns):
        """As a window manager does. What has been shown is first taken in at the old width."""
        self._look()
        self.screen.resize(self.screen.lines, columns)
        termios.tcsetwinsize(self.master, (self.screen.lines, columns))

    def _look(self):
        text = self.out.text
        self._terminal.feed(text[self._shown :])
        self._shown = len(text)

    def rows(self):
        """What stands on the screen, from the top to the row of the cursor."""
        self._look()
        return [row.rstrip() for row in self.screen.display[: self.screen.cursor.y + 1]]

    def expect_rows(self, *last, column=None):
        """The last rows on the screen come to be these, with the cursor in `column` of the last."""

        def are_there():
            rows = self.rows()[-len(last) :]
            return rows == list(last) and column in (None, self.screen.cursor.x)

        try:
            wait_until(are_there, "the rows")
        except Timeout:
            raise Timeout(f"{last}, column {column}: {self.rows()}, {self.screen.cursor.x}") from None

    # --- what goes in ---------------------------------------------------------------------------

    def type(self, text):
        data = text.encode() if isinstance(text, str) else text
        if self.master is not None:
            os.write(self.master, data)
        else:
            while data:
                data = data[self.popen.stdin.write(data) :]

    def say(self, text):
        self.type(text + "\n")

    def end_input(self):
        if self.master is not None:
            self.type(CTRL_D)
        else:
            self.popen.stdin.close()

    def signal(self, number):
        self.popen.send_signal(number)

    # --- what comes out -------------------------------------------------------------------------

    def expect(self, text, timeout=TIMEOUT):
        """A message comes."""
        self.out.expect_text(text, timeout)

    def expect_state(self, pattern, timeout=TIMEOUT):
        return self.err.expect(r"(?:^|\r\x1b\[K|\x1b\[\?2004[hl])(?:\x1b\[\d+m)?\* " + pattern, timeout)

    def expect_error(self, pattern, timeout=TIMEOUT):
        return self.err.expect("tidegate-chat: .*" + pattern, timeout)

    def connected(self):
        self.expect_state("connected")
        return self

    # --- the end --------------------------------------------------------------------------------

    @property
    def is_running(self):
        return self.popen.poll() is None

    def wait(self, timeout=TIMEOUT):
        """Waits for the end; returns the exit code, or the negative signal. What it said is complete."""
        try:
            code = self.popen.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Timeout(f"tidegate-chat has not ended within {timeout} s: {self.err.text}") from None
        self._close_terminal()
        for stream in {self.out, self.err}:
            stream.release()
            stream.join()
        return code

    def _close_terminal(self):
        if self.master is not None:
            os.close(self.master)
            self.master = None

    def assert_ends(self, code, timeout=TIMEOUT):
        ended = self.wait(timeout)
        self.assert_no_report()
        assert ended == code, f"exit code {ended}:\n{self.err.text}"
        return self

    def stop(self):
        """Ends it if it still runs; how does not matter, but without a report."""
        if self.is_running:
            self.signal(signal.SIGCONT)
            self.signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.popen.wait(PATIENCE)
            self.signal(signal.SIGTERM)
            self.wait()
        self.assert_no_report()
        if self.popen.stdin:
            with contextlib.suppress(OSError):
                self.popen.stdin.close()

    def kill(self):
        self.popen.kill()
        self.popen.wait()

    def assert_no_report(self):
        assert not re.search(r"Sanitizer|runtime error:|Assertion", self.err.text), self.err.text


def run(*options, text=b"", **more):
    """A chat that gets `text` as its whole input, until its end."""
    chat = Chat(*options, **more)
    with contextlib.suppress(BrokenPipeError):  # it may end before it has read all
        chat.type(text)
        chat.end_input()
    return chat


def talk(alice, bob, address):
    """A text each way, to the end of both, who are connected; alice by `address`."""
    alice.say("hello, bob")
    bob.expect("hello, bob -- FROM alice\n")
    bob.say("hello 中 ☺")
    alice.expect("hello 中 ☺ -- FROM bob\n")
    for talker in (alice, bob):
        talker.end_input()
        talker.assert_ends(OK)
    assert alice.out.lines() == ["hello 中 ☺ -- FROM bob"]
    assert bob.out.lines() == ["hello, bob -- FROM alice"]
    assert alice.err.lines() == [
        f"* connecting to {address} as alice",
        "* connected",
        "* logging out",
        "* closed",
    ]


def plain(text):
    """Without colours and what erases a line."""
    return re.sub(r"\x1b\[[0-9;]*[mK]", "", text).replace("\r", "")
