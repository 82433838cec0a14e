"""Limits on connections and file descriptors: refuse with 503, keep serving, say so once a second."""

import collections
import contextlib
import pathlib
import re
import resource
import signal
import subprocess
import time

import pytest

from gateway import BINARY, allow_files, limit_files
from raw import Gone, Raw, request
from waiting import TIMEOUT, wait_until

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


def start_in_vain(count, options):
    """What it says of so few descriptors that it does not start."""
    ended = subprocess.run(
        [BINARY, "--listen", "127.0.0.1:0", "--workers", "1", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=TIMEOUT,
        text=True,
        preexec_fn=limit_files(count),
    )
    assert ended.returncode == 1, ended.stdout
    line = ended.stdout.rstrip("\n")
    assert re.fullmatch("tidegate: .*raise .*", line) and "file limit" in line, ended.stdout
    return line


@pytest.mark.parametrize("options", [[], ["--admin", "127.0.0.1:0"]], ids=["", "with an admin port"])
def test_few_file_descriptors(start, options):
    """At least one place, or a start that says what to raise, and how far."""
    least = int(re.search(r"raise it to (\d+)", start_in_vain(20, options))[1])
    for count in range(8, least):
        start_in_vain(count, options)
    for count in range(least, least + 20, 3):
        gateway = start("--workers", 1, *options, preexec_fn=limit_files(count))
        room = int(gateway.wait_for_line(r"room for (\d+) connections")[1])
        assert room >= max(1, count - least)
        clients, refusals = fill(gateway, room + 3)
        assert (len(clients), len(refusals)) == (room, 3)
        check_refusals(refusals)
        check_that_all_talk(clients)
        check_room_again(gateway, clients)
        gateway.stop()


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


def waits_of(gateway, thread):
    """How often a thread of its has gone to sleep of itself."""
    for task in pathlib.Path(f"/proc/{gateway.pid}/task").iterdir():
        if (task / "comm").read_text().strip() == thread:
            return int(re.search(r"\nvoluntary_ctxt_switches:\s+(\d+)", (task / "status").read_text())[1])
    raise AssertionError(f"no thread {thread}")


def test_a_newcomer_with_room_does_not_wait_for_those_without(start):
    """Of 1,800 who say nothing 256 are kept beyond the limit for ever, as it seems, and 1,544 are
    sent away, for none of whom the acceptor goes to sleep; and while the 256 stay, there is a place
    for whoever comes when one is free."""
    beyond, away = 256, 1544
    allow_files(beyond + away)
    gateway = start("--max-connections", 1, "--workers", 1, "--handshake-deadline", 3600)
    holder = gateway.login("holder")
    waits = waits_of(gateway, "acceptor-0")
    gateway.stop_running()  # so that they are all there at once
    with contextlib.ExitStack() as stack:
        silent = [stack.enter_context(Raw(gateway.socket())) for _ in range(beyond + away)]
        gateway.signal(signal.SIGCONT)
        answers = [client.refusal() for client in silent[beyond:]]
        check_spread(answers)
        assert waits_of(gateway, "acceptor-0") - waits < away / 4
        holder.close_socket()
        newcomer = wait_until(lambda: try_login(gateway, "newcomer")[0], "there is room again")
        newcomer.round_trip()
        fds = gateway.fds()
        # Of those who stay, who speaks while there is no place is refused, and who does when there
        # is one has it.
        silent[0].send(request("/?user=early"))
        assert silent[0].refusal().status == 503
        silent[0].close_socket()
        newcomer.close_socket()
        wait_until(lambda: gateway.fds() == fds - 2, "both are gone")
        silent[1].send(request("/?user=patient"))
        assert silent[1].answer().status == 101


def check_spread(answers):
    """They come back over all of the time, and evenly."""
    counts = collections.Counter(int(answer.headers["retry-after"]) for answer in answers)
    assert sorted(counts) == list(range(2, 11)), counts
    assert max(counts.values()) < 2 * len(answers) / len(counts), counts


def test_a_herd_is_spread(start):
    gateway = start("--max-connections", 1, "--workers", 3)
    with gateway.login("alice"):
        _, refusals = fill(gateway, 90)
        check_spread(refusals)
