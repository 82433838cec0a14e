"""SIGHUP: the log level, limits and deadlines are read again; a broken file changes nothing."""

import signal
import time

import pytest

from gateway import free_port
from raw import CLOSE, PACKET_PING, TEXT, frame, request
from waiting import FACTOR

pytestmark = pytest.mark.threads


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "tidegate.ini"

    def write(text):
        path.write_text(text, encoding="utf-8")
        return path

    return write


def reload(gateway, told="(?i)reload|re-read|config"):
    """SIGHUP, and the line that says it is done."""
    before = len(gateway.matching(told))
    gateway.signal(signal.SIGHUP)
    gateway.wait_for_line(told, count=before + 1)


def is_refused(gateway, size):
    """Whether a message of `size` bytes is too big."""
    with gateway.login("prober") as client:
        client.packet(999, b"x" * (size - 6))
        client.packet(PACKET_PING)
        got = client.frame()
        return got.opcode == CLOSE and got.close_code == 1009


def test_a_limit_and_the_log_level(start, config):
    path = config("max_message = 1000\nlog_level = info\n")
    gateway = start("--config", path)
    with gateway.login("alice") as old:
        assert is_refused(gateway, 1500)
        old.round_trip()
        assert not gateway.matching("recv message")
        config("max_message = 2000\nlog_level = debug\n")
        reload(gateway)
        assert not is_refused(gateway, 1500)
        assert is_refused(gateway, 2500)
        # Sessions of before go on, and under the new rules.
        old.packet(999, b"x" * 1500)
        old.round_trip()
        gateway.wait_for_line(r"recv message \[0 100 0 0 0 0\] from alice")


def test_the_limit_of_a_head(start, config):
    """It holds for heads that are on their way, too."""
    path = config("max_head = 2000\n")
    gateway = start("--config", path, "--workers", 1)
    head = request(extra=["X: " + "x" * 1500])
    with gateway.raw() as halfway:
        halfway.send(head[:1200])
        with gateway.raw() as before:
            before.upgrade(head=head)
        config("max_head = 1024\n")
        reload(gateway)
        with gateway.raw() as after:
            after.send(head)
            assert after.refusal().status == 431
        halfway.send(head[1200:])
        assert halfway.refusal().status == 431


def test_a_shorter_deadline_meets_who_is_silent_already(start, config):
    path = config("read_deadline = 1000\n")
    gateway = start("--config", path)
    clients = [gateway.login(f"user{number}") for number in range(50)]
    config("read_deadline = 2\n")
    before = time.monotonic()
    reload(gateway)
    for client in clients:
        client.expect_close(3008, "i/o timeout", end=False)
    assert time.monotonic() - before <= 3 + 2 * FACTOR


@pytest.mark.slow  # test_timeouts.c: test_shortened_deadlines_are_swept_lengthened_ones_seen_later
def test_a_longer_deadline_spares_who_is_silent_already(start, config):
    path = config("read_deadline = 3\n")
    gateway = start("--config", path)
    with gateway.login("alice") as alice, gateway.login("bob") as bob:
        config("read_deadline = 1000\n")
        reload(gateway)
        time.sleep(5)  # silence past the old deadline, which is what is tested
        alice.text("hello")
        bob.expect_text("hello -- FROM alice")
        alice.round_trip()


@pytest.mark.parametrize(
    "text", ["max_message = soon\n", "max_message = 2000\nnonsense = 1\n", "max_message = 1\n"]
)
def test_a_broken_file_keeps_the_old(start, config, text):
    path = config("max_message = 1000\n")
    gateway = start("--config", path)
    config(text)
    reload(gateway, str(path))
    line = gateway.matching(str(path))[-1]
    assert f"{path}:{2 if 'nonsense' in text else 1}" in line
    assert is_refused(gateway, 1500)
    assert not is_refused(gateway, 900)
    config("max_message = 2000\n")  # mended
    reload(gateway)
    assert not is_refused(gateway, 1500)


def test_a_missing_file_keeps_the_old(start, config):
    path = config("max_message = 1000\n")
    gateway = start("--config", path)
    path.unlink()
    reload(gateway, "tidegate.ini")
    assert is_refused(gateway, 1500)


def test_the_command_line_still_beats_the_file(start, config):
    path = config("max_message = 1000\n")
    gateway = start("--config", path, "--max-message", 3000)
    assert not is_refused(gateway, 2500)
    config("max_message = 1500\n")
    reload(gateway)
    assert not is_refused(gateway, 2500)


def test_what_cannot_change_is_named(start, config):
    path = config("workers = 1\n")
    gateway = start("--config", path)
    config(f"workers = 2\nlisten = 127.0.0.1:{free_port()}\nmax_message = 1000\n")
    reload(gateway, "reloaded")
    gateway.wait_for_line(r" WARN +reload: workers 1 -> 2 cannot change while running: restart for it")
    assert is_refused(gateway, 1500), "the rest is taken over"
    gateway.login("alice").round_trip()


def test_what_has_changed_is_named(start, config):
    path = config("read_deadline = 2m\nmax_message = 64K\n")
    gateway = start("--config", path, "--drain", 9)
    config("read_deadline = 90\nmax_message = 8K\nlog_level = debug\ndrain = 3\n")
    reload(gateway, "reloaded")
    gateway.wait_for_line(
        r"reloaded: 3 options changed: log_level info -> debug, read_deadline 120 s -> 90 s, max_message 64K -> 8K$"
    )
    reload(gateway, "reloaded")
    gateway.wait_for_line("reloaded: 0 options changed$")


def test_all_faults_of_a_reload_are_told(start, config):
    path = config("drain = 1\n")
    gateway = start("--config", path)
    config("drain = soon\nnonsense\nmax_message = 8M\n")
    reload(gateway, "going on as before")
    gateway.wait_for_line(rf" ERROR reload: {path}:1: drain = soon: not a number")
    gateway.wait_for_line(rf" ERROR reload: {path}:2: neither")
    gateway.wait_for_line(" ERROR reload: the configuration has 2 faults; going on as before")
    config("max_message = 8M\n")  # more than tx_queue_limit
    reload(gateway, "going on as before")
    gateway.wait_for_line(r" ERROR reload: tx_queue_limit = 1M \(default\): too small")


def test_a_line_that_is_there_twice_is_told(start, config):
    path = config("drain = 1\n\ndrain = 2\n")
    gateway = start("--config", path)
    gateway.wait_for_line(rf" WARN +{path}:3: drain is there already, in line 1: that one does not count")


def test_more_connections_are_allowed(start, config):
    path = config("max_connections = 1\n")
    gateway = start("--config", path)
    with gateway.login("alice"):
        with gateway.raw() as refused:
            refused.send(request("/?user=bob"))
            assert refused.refusal().status == 503
        config("max_connections = 2\n")
        reload(gateway)
        gateway.login("bob").round_trip()


def test_without_a_file_nothing_happens(gateway):
    with gateway.login("alice") as alice, gateway.login("bob") as bob:
        for _ in range(5):
            gateway.signal(signal.SIGHUP)
            alice.send(frame(TEXT, b"still here"))
            bob.expect_text("still here -- FROM alice")
