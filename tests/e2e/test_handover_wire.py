"""A taker to whom somebody speaks who is no giver of its version: it refuses politely, and never serves."""

import contextlib
import os
import signal
import socket

import pytest

from gateway import Process, free_port
from handover_wire import END, FD, GO, HELLO, LINES, LISTENERS, NODE, Channel, hello
from waiting import TIMEOUT


@contextlib.contextmanager
def taker(*options):
    """(channel, process, port): a gateway that is told that it is one."""
    ours, theirs = socket.socketpair()
    port = free_port()
    with ours:
        ours.settimeout(TIMEOUT)
        with theirs:
            process = Process(
                ["--listen", f"127.0.0.1:{port}", *options],
                pass_fds=[theirs.fileno()],
                env={**os.environ, FD: str(theirs.fileno())},
            )
        try:
            channel = Channel(ours)
            ours.settimeout(TIMEOUT)
            yield channel, process, port
        finally:
            process.kill()
    process.assert_no_report()


def nobody_listens(port):
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), TIMEOUT).close()


@pytest.mark.parametrize("version", [0, 2, 0xFFFFFFFF])
def test_another_version(version):
    """It says both versions, and what the other one's binary is."""
    with taker() as (channel, process, port):
        channel.send(HELLO, hello(version))
        said = channel.expect_not_now()
        assert "version 9.9.9" in said and "cannot hand over" in said
        assert process.wait() != 0
        nobody_listens(port)


WRONG = {
    "no hello": [(LISTENERS, b"")],
    "half a hello": [(HELLO, hello(1)[:7])],
    "more than a hello": [(HELLO, hello(1) + b"x")],
    "lines of nobody": [(HELLO, hello(1)), (LINES, b"\0\0\0\1")],
    "the end at once": [(HELLO, hello(1)), (END, b"")],
    "listeners that are rubbish": [(HELLO, hello(1)), (LISTENERS, os.urandom(300))],
    "it is to serve what it has not got": [(HELLO, hello(1)), (GO, b"")],
    "a node, and no listeners": [(HELLO, hello(1)), (NODE, b"\0" * 9)],
    "no such message": [(200, b"")],
}


@pytest.mark.parametrize("messages", WRONG.values(), ids=WRONG)
def test_what_is_no_giver(messages):
    with taker() as (channel, process, port):
        with contextlib.suppress(OSError):
            for kind, body in messages:
                channel.send(kind, body)
        with contextlib.suppress(EOFError, OSError):
            channel.expect_not_now()
        channel.sock.shutdown(socket.SHUT_RDWR)
        assert process.wait() not in (0, -signal.SIGSEGV, -signal.SIGABRT)
        nobody_listens(port)


@pytest.mark.parametrize("kind", ["closed", "a file"])
def test_nobody_at_the_other_end(tmp_path, kind):
    """It is told of a descriptor that is none of a hand-over: it does not serve in anybody's place."""
    with open(tmp_path / "file", "w+b") as file:
        number, more = (77, {}) if kind == "closed" else (file.fileno(), {"pass_fds": [file.fileno()]})
        process = Process(["--listen", f"127.0.0.1:{free_port()}"], env={**os.environ, FD: str(number)}, **more)
        try:
            assert process.wait() != 0
        finally:
            process.kill()
    process.assert_no_report()
