"""SIGTERM: newcomers get 503, everybody a Close 1012 at a time of his own and a time to come back."""

import os
import re
import signal
import time

import pytest

import terminal
from gateway import BINARY
from raw import CLOSE, request
from waiting import FACTOR, wait_until_readable

pytestmark = pytest.mark.threads

RETRY = re.compile(r"retry_ms=(\d+)")


def test_closes_are_spread_over_the_drain(start):
    """40 clients over 4 s: at any time some are still served, and they come back one by one."""
    gateway = start("--workers", 2, drain=4)
    clients = [gateway.login(f"user{number}") for number in range(40)]
    gateway.signal(signal.SIGTERM)
    start_of_drain = time.monotonic()
    closed, returns = [], []
    open_ = dict(enumerate(clients))
    while open_:
        for number, client in list(open_.items()):
            client.sock.settimeout(0.02)
            try:
                got = client.frame()
            except AssertionError as error:
                if "nothing came" in str(error):
                    continue
                raise
            assert got.opcode == CLOSE
            client.check_close(got, 1012, RETRY)
            now = time.monotonic() - start_of_drain
            closed.append(now)
            returns.append(now + int(RETRY.fullmatch(got.close_reason)[1]) / 1000)
            client.sock.settimeout(5)
            client.send_frame(CLOSE, got.payload[:2])
            client.expect_end(allow_reset=True)
            del open_[number]
    gateway.assert_ends(0)
    assert max(closed) - min(closed) >= 2, "all at once"
    assert max(closed) <= 4 + 1 + 2 * FACTOR
    # Nobody is told to come back before the drain is over, and no two dozen at the same moment.
    assert min(returns) >= 4
    assert len({round(value, 1) for value in returns}) >= 10, sorted(returns)


def test_service_goes_on_while_draining(start):
    gateway = start(drain=3)
    clients = [gateway.login(f"user{number}") for number in range(20)]
    gateway.signal(signal.SIGTERM)
    first = clients[0]
    first.ping(b"during")
    got = first.frame()
    if got.opcode == CLOSE:  # his slot was the first: somebody else's is not
        clients[-1].ping(b"during")
        clients[-1].expect_pong(b"during")
    else:
        assert got.payload == b"during"
    gateway.close_clients()
    gateway.assert_ends(0)


def test_it_ends_as_soon_as_the_last_has_left(start):
    """A long drain is not sat out for nobody."""
    gateway = start(drain=600)
    clients = [gateway.login(f"user{number}") for number in range(5)]
    gateway.signal(signal.SIGTERM)
    for client in clients:
        client.close()
        client.frames_to_close()
        client.close_socket()
    gateway.assert_ends(0)


def test_without_clients_it_ends_at_once(start):
    gateway = start(drain=600)
    gateway.signal(signal.SIGTERM)
    gateway.assert_ends(0)


def test_a_drain_of_zero_closes_everybody_at_once(start):
    gateway = start(drain=0)
    clients = [gateway.login(f"user{number}") for number in range(20)]
    gateway.signal(signal.SIGTERM)
    for client in clients:
        client.expect_close(1012, RETRY)
    gateway.assert_ends(0)


def leave(client):
    """As a browser does when it is told to go."""
    client.expect_close(1012, RETRY)
    client.close_socket()


def test_few_take_no_whole_drain(start):
    """The first slot begins at once, and none is longer than it needs to be."""
    gateway = start(drain=3600)
    clients = [gateway.login(f"user{number}") for number in range(5)]
    gateway.signal(signal.SIGTERM)
    for client in clients:
        leave(client)
    gateway.assert_ends(0)


def test_a_silent_socket_is_not_waited_for(start):
    """A browser opens one to spare, and says nothing."""
    gateway = start("--read-deadline", 1, "--handshake-deadline", 3600, "--close-deadline", 3600, drain=0)
    silent = gateway.raw()
    # Well behind it, as that was accepted before.
    gateway.login("witness").expect_close(3008)
    gateway.signal(signal.SIGTERM)
    gateway.assert_ends(0)
    silent.expect_end()


# --- a terminal ---------------------------------------------------------------------------------


def test_ctrl_c(start):
    """A handful of clients is told at once; the first line says how to be quicker still."""
    with terminal.Terminal() as tty:
        gateway = start(drain=3600, **tty.popen)
        clients = [gateway.login(f"user{number}") for number in range(5)]
        gateway.wait_for_line(r"user user\d in from", count=5)
        tty.type(terminal.CTRL_C)
        for client in clients:
            leave(client)
        gateway.assert_ends(0)
    assert gateway.matching(r"INFO.*draining 5 connections.*; a second Ctrl-C ends it at once")


def test_a_second_ctrl_c(start):
    with terminal.Terminal() as tty:
        gateway = start("--close-deadline", 3600, drain=3600, **tty.popen)
        client = gateway.login("alice")
        tty.type(terminal.CTRL_C)
        gateway.wait_for_line("a second Ctrl-C")
        tty.type(terminal.CTRL_C)
        gateway.assert_ends(0)
        client.read_to_end()


SHELL = ["/bin/sh", "-c", '"$0" "$@"; exit 0', BINARY]


@pytest.mark.parametrize("command", [[BINARY], SHELL], ids=["alone", "from a shell"])
def test_the_terminal_goes(start, command):
    """It ends as SIGTERM ends it."""
    with terminal.Terminal() as tty:
        gateway = start(drain=3600, command=command, **tty.popen)
        client = gateway.login("alice")
        tty.hang_up()
        leave(client)
        gateway.wait_for_line("the terminal has gone")
        gateway.wait_for_line(r"stopped: 1 connection \(1 drain\)")
        gateway.wait()
        gateway.assert_no_report()


def test_a_hangup_where_the_terminal_stays(start):
    """`kill -HUP`: the options are read again, and nothing ends."""
    with terminal.Terminal() as tty:
        gateway = start(**tty.popen)
        gateway.signal(signal.SIGHUP)
        gateway.wait_for_line("reloaded")
        gateway.login("alice").round_trip()
        gateway.stop()


def test_a_shell_that_is_quicker_than_its_terminal(start):
    """It passes SIGHUP on, and the terminal goes a moment later without another one."""
    with terminal.Terminal() as tty:
        gateway = start(command=terminal.BACKGROUND + [BINARY], **tty.popen)
        pid = int(gateway.wait_for_line(r"^pid (\d+)$")[1])
        client = gateway.login("alice")
        os.kill(pid, signal.SIGHUP)
        gateway.wait_for_line("reloaded")
        tty.hang_up()
        leave(client)
        gateway.wait_for_line("the terminal has gone")
        gateway.wait_for_line("stopped:")
        gateway.wait()


@pytest.mark.parametrize("how", ["a config file", "nohup"])
def test_it_outlives_its_terminal(start, tmp_path, how):
    """A service that was started by hand; what SIGHUP asks for is a reload."""
    path = tmp_path / "tidegate.conf"
    path.write_text("max_message = 1000\n", encoding="ascii")
    options = ["--config", path] if how == "a config file" else []
    with terminal.Terminal(ignores_hangup=how == "nohup") as tty:
        gateway = start(*options, **tty.popen)
        client = gateway.login("alice")
        tty.hang_up()
        gateway.wait_for_line("reloaded")
        client.round_trip()
        gateway.stop()


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_at_once(start, second):
    gateway = start("--close-deadline", 3600, drain=3600)
    client = gateway.login("alice")
    gateway.signal(signal.SIGTERM)
    gateway.wait_for_line("(?i)drain")
    gateway.signal(second)
    gateway.wait()  # long before the hour is over
    gateway.assert_no_report()
    client.read_to_end()


def test_who_is_still_in_the_handshake(start):
    """A head that is complete only during the drain is answered 503."""
    gateway = start("--workers", 1, "--close-deadline", 60, drain=3)
    clients = [gateway.login(f"user{number}") for number in range(10)]
    late = gateway.raw()
    head = request("/?user=late")
    late.send(head[:50])
    clients[0].round_trip()
    gateway.signal(signal.SIGTERM)
    wait_until_readable(*(client.sock for client in clients))  # the drain has come to the worker
    late.send(head[50:])
    answer = late.refusal()
    assert answer.status == 503
    assert int(answer.headers["retry-after"]) >= 1
    gateway.close_clients()
    gateway.assert_ends(0)


def test_who_does_not_answer_does_not_hold_it_up(start):
    """After the close deadline the silent ones are cut off."""
    gateway = start("--close-deadline", 1, drain=0)
    clients = [gateway.login(f"user{number}") for number in range(5)]
    gateway.signal(signal.SIGTERM)
    gateway.assert_ends(0)
    for client in clients:
        assert client.frame().close_code == 1012


def test_echo_drains_too(start):
    gateway = start("--echo")
    client = gateway.login()
    gateway.signal(signal.SIGTERM)
    client.expect_close(1012, RETRY)
    gateway.assert_ends(0)
