"""The console's *Try it* where who logs in needs a token, which it makes itself."""

import json

import pytest

from console_pages import (
    action,
    axe_while_here,
    card,
    count,
    frames,
    get,
    name_on,
    steps,
    take_picture,
    wait_for_state,
    wait_for_step,
)
from waiting import TIMEOUT, wait_until

pytestmark = pytest.mark.release


def token_words(page, user):
    return page.text(f"{card(user)} .gauge:nth-of-type(2) .gauge-words")


def test_each_of_the_two_has_a_token_that_is_renewed(open_console):
    console = open_console("--demo", "--auth", "token", "--auth-audience", "chat")
    page = console.open_live()
    user = name_on(page, "alice")
    token = f"{card('alice')} .gauge [id]:has(+ .gauge-words)"
    assert "Token" in page.texts(token), page.texts(token)
    page.wait_for_text(f"{card('alice')} .gauge-words", "until it ends, a fresh one comes before")
    assert page.text(f"{card('alice')} .kind-session .meaning").startswith(f"session: you are {user}, ")
    assert json.loads(get(console.admin, f"/v1/users/{user}")[1])["token_left_ms"] <= 20_000
    page.click(".explained summary")
    assert page.texts(".explained tbody th")[0] == "Life of a token"
    assert axe_while_here(page) == []
    take_picture(page, "token-of-the-two", full=True)
    # Everything else is as without tokens, and a line that is lost comes back with a fresh one.
    page.click(action("alice", "cut"))
    wait_for_step(page, "alice", "Back in")
    page.click(action("bob", "elsewhere"))
    page.wait_for_text(f"{card('bob')} .elsewhere", "logged in elsewhere")
    # Packet 103 in time, whose answer is a 104 with what is left by then.
    page.wait_for_text(f"{card('alice')} .kind-token .meaning", "token: a fresh token of mine")
    page.wait(f"document.querySelectorAll(\"{card('alice')} .kind-session\").length >= 3")
    assert page.text(f"{card('alice')} .chip") == "CONNECTED"


def test_tokens_are_withheld_and_given_again(open_console):
    console = open_console("--demo", "--auth", "token")
    page = console.open_live()
    page.click(action("alice", "token"))
    page.wait_for_text(action("alice", "token"), "Give fresh tokens again")
    wait_for_step(page, "alice", "behind its end the gateway closes the session")
    assert steps(page, "alice")[0] == "You withhold fresh tokens"
    wait_for_step(page, "alice", "The client asks for a fresh token, and gets none.")
    page.click(action("alice", "token"))
    page.wait_for_text(action("alice", "token"), "Withhold fresh tokens")
    # Who was refused asks again after a while.
    wait_until(lambda: "Packet 103 has brought a fresh token: " in steps(page, "alice")[-1], "a fresh token", 2 * TIMEOUT)
    assert page.text(f"{card('alice')} .chip") == "CONNECTED"
    # Who has none does not get in.
    page.click(action("bob", "token"))
    page.click(action("bob", "log"))
    wait_for_state(page, "bob", "CLOSED")
    page.click(action("bob", "log"))
    wait_for_step(page, "bob", "there was no token to show")


@pytest.mark.slow
def test_a_session_whose_token_has_ended_is_closed(open_console):
    """tests/unit/test_identity.c turns the clock."""
    console = open_console("--demo", "--auth", "token")
    page = console.open_live()
    page.click(action("alice", "token"))
    page.wait_for_text(f"{card('alice')} .gauge-label", "Token ended")
    page.wait_for_text(f"{card('alice')} .gauge-words", "until the gateway ends the session")
    wait_until(lambda: page.text(f"{card('alice')} .chip") == "RECONNECTING", "the grace is over", 3 * TIMEOUT)
    wait_for_step(page, "alice", "Close 3000 “expired”: not authenticated.")
    assert any(frame[1] == "Close 3000 expired" for frame in frames(page, "alice"))
    wait_for_step(page, "alice", "Attempt 1 failed: there was no token to show.")
    take_picture(page, "expired", full=True)
    page.click(action("alice", "token"))
    wait_for_step(page, "alice", "Connected again")
    wait_for_step(page, "alice", "Back in")


def test_tokens_of_others_cannot_be_made_here(open_console, tmp_path):
    keys = tmp_path / "keys.json"
    keys.touch(mode=0o600)
    keys.write_text(json.dumps({"kty": "oct", "alg": "HS256", "k": "A" * 43}), encoding="ascii")
    console = open_console("--demo", "--auth", "token", "--auth-keys", keys)
    page = console.open()
    page.wait_for_text("#view-try .note", "This gateway takes tokens that others have signed")
    assert count(page, ".card") == 0
    assert page.run("document.getElementById('try-lead').hidden"), "it invites to what is not there"
