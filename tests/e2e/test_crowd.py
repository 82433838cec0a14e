"""Ten thousand connections, held and heartbeating."""

import pytest

from crowd import Crowd
from gateway import SANITIZED
from raw import CLOSE, TEXT, close_payload
from waiting import wait_until

pytestmark = pytest.mark.threads

COUNT = 1000 if SANITIZED else 10_000
DEADLINE = 12  # seconds: nobody's passes while the last ones log in, on a busy machine
INTERVAL = 2
HELD = 2 * DEADLINE + 2  # long enough for the deadline to find who does not live


def test_ten_thousand_live(start):
    gateway = start("--read-deadline", DEADLINE, "--workers", 2)
    idle_fds = gateway.fds()
    crowd = Crowd(gateway, COUNT)
    try:
        assert gateway.fds() >= COUNT
        sent = crowd.beat(HELD, INTERVAL)
        assert sent >= COUNT * (HELD // INTERVAL - 1)
        # All of them are reached by one word of one of them.
        speaker = next(iter(crowd.clients.values()))
        speaker.sock.setblocking(True)
        speaker.text("everybody there?")
        crowd.expect_all(TEXT, b"everybody there? -- FROM member0", apart_from=[speaker])
        assert not gateway.matching("timeout")
    finally:
        crowd.close()
    wait_until(lambda: gateway.fds() <= idle_fds, "all sockets are closed")
    gateway.login("alice").round_trip()


def test_a_crowd_that_falls_silent_is_closed(start):
    """All deadlines of a thousand at once; none early, none forgotten."""
    gateway = start("--read-deadline", 5, "--workers", 2)
    crowd = Crowd(gateway, 1000)
    try:
        crowd.expect_all(CLOSE, close_payload(3008, b"i/o timeout"))
    finally:
        crowd.close()
