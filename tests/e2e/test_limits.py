"""Limits on connections and file descriptors: refuse with 503, keep serving, say so once a second."""

import contextlib
import resource
import time

import pytest

from gateway import limit_files
from raw import Gone, request
from waiting import wait_until

pytestmark = pytest.mark.threads


def try_login(gateway, user):
    """(client, None) after a 101, (None, answer) after a refusal."""
    client = gateway.raw()
    client.send(request(f"/?user={user}"))
    answer = client.answer()
    if answer.status == 101:
        return client, None
    client.close_socket()
    return None, answer


def check_refusals(answers):
    for answer in answers:
        assert answer.status == 503
        assert int(answer.headers["retry-after"]) >= 1


def fill(gateway, attempts):
    """Logs in `attempts` users; returns (clients, refusals)."""
    outcomes = [try_login(gateway, f"user{number}") for number in range(attempts)]
    return [client for client, _ in outcomes if client], [answer for _, answer in outcomes if answer]


def check_that_all_talk(clients):
    clients[0].text("all here?")
    for client in clients[1:]:
        client.expect_text("all here? -- FROM user0")
        client.round_trip()
    clients[0].round_trip()


def check_room_again(gateway, clients):
    """Who leaves makes room for one other."""
    clients.pop().close_socket()
    newcomer = wait_until(lambda: try_login(gateway, "newcomer")[0], "there is room again")
    newcomer.round_trip()


def test_max_connections(start):
    gateway = start("--max-connections", 5, "--workers", 2)
    clients, refusals = fill(gateway, 25)
    assert (len(clients), len(refusals)) == (5, 20)
    check_refusals(refusals)
    check_that_all_talk(clients)
    check_room_again(gateway, clients)


def test_the_refused_are_logged_once_a_second(start):
    gateway = start("--max-connections", 1)
    with gateway.login("alice"):
        before = time.monotonic()
        _, refusals = fill(gateway, 300)
        gateway.wait_for_line("(?i)WARN.*(refus|limit)")
        lines = gateway.matching("(?i)WARN.*(refus|limit)")
        seconds = time.monotonic() - before
    assert len(refusals) == 300
    assert 1 <= len(lines) <= seconds + 2


@pytest.mark.parametrize(
    "options", [[], ["--max-connections", 1000]], ids=["by its own count", "out of descriptors"]
)
def test_64_file_descriptors(start, options):
    """With max_connections at 1000 the descriptors do run out: a spare one is kept for that."""
    gateway = start("--workers", 2, *options, preexec_fn=limit_files(64))
    before = time.monotonic()
    clients, refusals = fill(gateway, 100)
    assert len(clients) >= 20
    assert len(clients) + len(refusals) == 100
    check_refusals(refusals)
    check_that_all_talk(clients)
    for _ in range(3):
        assert try_login(gateway, "late")[1].status == 503
    lines = gateway.matching("(?i)WARN.*(refus|limit|descriptor|too many)")
    assert 1 <= len(lines) <= time.monotonic() - before + 3
    check_room_again(gateway, clients)
    assert gateway.fds() <= 64


def test_the_start_says_how_many_connections_the_file_limit_allows(start):
    gateway = start(preexec_fn=limit_files(1000))
    assert 800 <= int(gateway.wait_for_line(r"(\d+) connections")[1]) < 1000


def test_the_soft_limit_is_raised_to_the_hard_one(start):
    gateway = start(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (32, 500)))
    clients, refusals = fill(gateway, 100)
    assert (len(clients), refusals) == (100, [])


def test_refused_without_a_word(start):
    """Who connects over the limit and says nothing gets the 503 all the same, or a close."""
    gateway = start("--max-connections", 1, "--handshake-deadline", 1)
    with gateway.login("alice") as alice:
        with gateway.raw() as silent:
            with contextlib.suppress(Gone):
                assert silent.refusal().status == 503
        alice.round_trip()
