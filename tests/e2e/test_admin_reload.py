"""Reloads, as the admin port sees them, and while everybody asks."""

import http.client
import signal
import threading

import pytest

from admin import Admin
from waiting import TIMEOUT, wait_until

pytestmark = pytest.mark.threads


def test_limits_change_with_a_reload(serve, tmp_path):
    path = tmp_path / "tidegate.conf"
    path.write_text("max_message = 1000\n", encoding="utf-8")
    gateway, admin = serve("--config", path)
    gateway.login("alice")
    assert admin.push("alice", "x" * 1001).problem == "too-large"
    path.write_text("max_message = 2000\n", encoding="utf-8")
    gateway.signal(signal.SIGHUP)
    gateway.wait_for_line("reloaded")
    wait_until(lambda: admin.status()["limits"]["max_message"] == 2000, "the port knows")
    admin.queued("alice", "x" * 1001)


def test_reloads_and_the_end_while_everybody_asks(serve, tmp_path):
    """Callers who never pause hold up neither reloads nor the end, and every answer is one of the API's."""
    path = tmp_path / "tidegate.conf"
    path.write_text("max_message = 1000\n", encoding="utf-8")
    gateway, admin = serve("--config", path, "--demo")
    for number in range(50):
        gateway.login(f"user{number}")
    ending = threading.Event()
    rounds, faults = [0] * 4, []

    def ask(index):
        try:
            with Admin(gateway) as caller:
                while True:
                    user = f"user{(rounds[index] * 7 + index) % 50}"
                    caller.push(user, "x")
                    caller.post("/v1/broadcast", {"text": "x"})
                    list(caller.users(limit=7))
                    caller.get(f"/v1/users/{user}")
                    caller.get("/v1/ended?limit=256")
                    caller.get("/metrics")
                    if rounds[index] % 10 == index:
                        caller.delete(f"/v1/users/{user}")
                    rounds[index] += 1
        except (OSError, http.client.HTTPException) as error:
            if not ending.is_set():
                faults.append(error)
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=ask, args=(index,)) for index in range(len(rounds))]
    for thread in threads:
        thread.start()
    for number in range(1, 11):
        path.write_text(f"max_message = {1000 + number}\n", encoding="utf-8")
        gateway.signal(signal.SIGHUP)
        gateway.wait_for_line("reloaded", number)
    wait_until(lambda: min(rounds) > 3 or faults, "all have asked")
    ending.set()
    gateway.signal(signal.SIGTERM)
    gateway.assert_ends(0)
    for thread in threads:
        thread.join(TIMEOUT)
        assert not thread.is_alive()
    if faults:
        raise faults[0]
