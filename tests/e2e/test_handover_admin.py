"""How a hand-over is asked for, and what is told of it: POST /v1/upgrade, the status, metrics, tidegate --upgrade."""

import os
import signal
import subprocess

import pytest

from admin import TOKEN, Admin
from gateway import BINARY
from handover import GIVEN, follow, hand_over
from waiting import TIMEOUT, wait_until

pytestmark = pytest.mark.threads


def upgrade(*options, **popen):
    """(exit code, standard output, standard error) of tidegate --upgrade."""
    done = subprocess.run([BINARY, "--upgrade", *map(str, options)], capture_output=True, text=True, timeout=TIMEOUT, check=False, **popen)
    assert "Sanitizer" not in done.stderr, done.stderr
    return done.returncode, done.stdout, done.stderr


def test_asked_for_by_the_admin_port(serve):
    gateway, admin = serve()
    alice = gateway.login("alice")
    before, giver = admin.status()["handover"], gateway.popen
    assert (before["state"], before["count"], before["refused"]) == ("none", 0, None)
    reply = admin.post("/v1/upgrade")
    assert (reply.status, reply.json) == (202, {"attempt": 1})
    lines, seconds = follow(gateway, giver, 1)
    admin.connection.close()
    told = admin.status()["handover"]
    assert (told["state"], told["count"], told["attempts"], told["lines"], told["refused"]) == ("none", 1, 1, lines, None)
    assert told["seconds"] == pytest.approx(seconds, abs=0.1)
    assert told["lost"] == 0
    alice.round_trip()


def test_figures(serve):
    gateway, admin = serve()
    clients = [gateway.login(f"user{number}") for number in range(5)]
    assert admin.metrics()['tidegate_handovers_total{result="done"}'] == 0
    for number in range(1, 4):
        _, seconds = hand_over(gateway, admin)
        figures = admin.metrics()
        assert figures['tidegate_handovers_total{result="done"}'] == number
        assert figures["tidegate_handover_lines"] == 5
        assert 0 < figures["tidegate_handover_seconds"] <= seconds + 0.1
    assert len(clients) == 5


def test_the_time_of_the_start(serve):
    """The node has run since then; the process has not."""
    gateway, admin = serve()
    before = admin.status()["started_ms"]
    hand_over(gateway, admin)
    assert admin.status()["started_ms"] == before


def test_by_the_command(start, tmp_path):
    gateway = start("--admin", "127.0.0.1:0")
    admin, alice, giver = Admin(gateway), gateway.login("alice"), gateway.popen
    code, out, err = upgrade("--admin", f"127.0.0.1:{admin.port}")
    assert (code, err) == (0, ""), err
    assert "1 line" in out.splitlines()[-1]
    follow(gateway, giver, 1)
    alice.round_trip()


def test_by_the_command_and_a_config_file(start, tmp_path):
    """The same file that the service has; by a Unix socket and a token."""
    path, token = tmp_path / "tidegate.conf", tmp_path / "token"
    token.write_text(TOKEN + "\n", encoding="ascii")
    token.chmod(0o600)
    path.write_text(f"admin = unix:{tmp_path}/admin\nadmin_token = {token}\n", encoding="utf-8")
    gateway = start("--config", path)
    alice, giver = gateway.login("alice"), gateway.popen
    code, _, err = upgrade("--config", path)
    assert (code, err) == (0, "")
    follow(gateway, giver, 1)
    alice.round_trip()


def test_the_command_says_why_not(start, tmp_path):
    path = tmp_path / "tidegate.conf"
    path.write_text("workers = 1\n", encoding="utf-8")
    gateway = start("--config", path, "--admin", "127.0.0.1:0")
    admin, alice = Admin(gateway), gateway.login("alice")
    path.write_text("workers = many\n", encoding="utf-8")
    code, out, err = upgrade("--admin", f"127.0.0.1:{admin.port}")
    assert code == 1 and "handed over" not in out
    assert "workers = many" in err
    alice.round_trip()
    gateway.stop()
    code, _, err = upgrade("--admin", f"127.0.0.1:{admin.port}")
    assert code == 1 and "refused" in err.lower()


def test_the_command_without_an_admin_port(tmp_path):
    """It cannot know whom to ask, and says what does."""
    code, _, err = upgrade(env={**os.environ})
    assert code != 0 and "USR2" in err


def test_a_second_signal_is_no_fault(start):
    """Two in a row: one hand-over or two, never none and never an end."""
    gateway = start()
    alice, giver = gateway.login("alice"), gateway.popen
    for _ in range(2):
        gateway.signal(signal.SIGUSR2)
    follow(gateway, giver, 1)
    alice.round_trip()
    wait_until(lambda: len(gateway.matching(GIVEN)) >= 1, "it is told")


def test_echo(start):
    gateway = start("--echo")
    client = gateway.login()
    client.binary(b"before")
    client.expect_binary(b"before")
    hand_over(gateway)
    client.binary(b"behind" * 5000)
    client.expect_binary(b"behind" * 5000)
