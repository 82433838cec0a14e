"""The console while its gateway is away, late, refuses or lets nobody in; and when it is back."""

import json
import re
import signal

import pytest

from console_pages import (
    action,
    card,
    count,
    crowd,
    frames,
    in_focus,
    say,
    steps,
    tab_to,
    take_picture,
    wait_for_bubble,
    wait_for_state,
    wait_for_step,
)

pytestmark = pytest.mark.release


def enabled(page, place):
    """The controls that a visitor could use there."""
    return page.run(
        f"""[...document.querySelectorAll('{place} :is(button, input)')]
            .filter((e) => e.offsetParent && !e.matches(':disabled') && e.getAttribute('aria-disabled') !== 'true')
            .map((e) => e.innerText || e.id)"""
    )


def test_the_gateway_goes_and_comes_back(mortal, start):
    page = mortal.open_live()
    mortal.gateway.stop()
    page.wait_for_text("#banner", "The gateway has not answered since")
    assert re.match(r"away since \d\d:\d\d:\d\d$", page.text("#health"))
    assert page.run("document.title") == "Away – demo – Tidegate"
    wait_for_state(page, "alice", "RECONNECTING")
    wait_for_step(page, "alice", "Close 1012")
    for name in ("cut", "mute", "elsewhere", "log"):
        assert page.attribute(action("alice", name), "aria-disabled") == "true"
        assert page.text(f"{card('alice')} .action:has([data-action={name}]) .action-words").startswith("Not now")
    # A dial that fails is no line that dies.
    wait_for_step(page, "alice", "Attempt 1 failed: the gateway was not reached, or it refused.")
    assert frames(page, "alice")[0][1:] == ("no 101", "the dial failed: the gateway was not reached, or it refused")
    assert not any("1006" in step or "dead" in step for step in steps(page, "alice"))
    assert page.axe() == []
    take_picture(page, "away-try", full=True)
    start(*mortal.options, listen=mortal.gateway.listen)
    for user in ("alice", "bob"):
        wait_for_state(page, user, "CONNECTED")
    page.wait_for_text("#health", "serving")
    assert page.run("document.title") == "Try it – demo – Tidegate"
    assert re.match(r"The gateway was started anew at .* Its counters began at 0\.\s+Noted$", page.text("#banner"))
    page.click("#banner button")
    assert page.run("document.getElementById('banner').hidden")
    assert page.attribute(action("alice", "cut"), "aria-disabled") == "false"
    say(page, "bob", "back again")
    wait_for_bubble(page, "alice", "back again")


def test_what_is_watched_stands_still_while_the_gateway_is_away(mortal, start):
    crowd(mortal, ["ann", "ben"])
    page = mortal.open("watch")
    page.wait("document.querySelectorAll('.users tbody tr').length === 2")
    assert "live" in page.text("#watch-title")
    tab_to(page, in_focus(page, "tr[data-user=ben] button"), "ben's button")
    page.click("tr[data-user=ann] button")
    page.fill("#confirm-reason", "typed in vain?")
    mortal.gateway.stop()
    page.wait_for_text("#banner", "The gateway has not answered since")
    # An open question says so too; what was typed stays.
    assert page.run("document.querySelector('dialog .danger').disabled")
    assert "nothing can be done" in page.text("dialog .fault")
    assert page.run("document.getElementById('confirm-reason').value") == "typed in vain?"
    page.press("Escape")
    page.wait("!document.querySelector('dialog').open")
    assert enabled(page, ".users") == enabled(page, ".ended") == []
    times = re.search(r"since (\S+), for .*What is shown is of (\S+)\.", page.text("#banner"))
    assert times[1] >= times[2]
    assert page.text("#watch-title") == f"The gateway, as it was at {times[2]}"
    facts, table = page.text(".facts"), page.texts(".users tbody tr")
    page.wait(f"document.getElementById('banner').innerText !== {json.dumps(page.text('#banner'))}")
    assert page.text(".facts") == facts and page.texts(".users tbody tr") == table
    assert len(table) == 2
    assert page.axe() == []
    take_picture(page, "away-watch", full=True)
    start(*mortal.options, listen=mortal.gateway.listen)
    page.wait_for_text("#banner", "started anew")
    page.wait("document.querySelectorAll('.users tbody tr').length === 0")
    assert "live" in page.text("#watch-title")
    assert "users-search" in enabled(page, ".users")


def test_focus_is_where_it_was_when_the_gateway_is_back(mortal, start):
    page = mortal.open("watch")
    page.wait_for_text(".users .summary", "Nobody is logged in")
    tab_to(page, in_focus(page, "#users-search"), "the search")
    mortal.gateway.stop()
    page.wait("document.activeElement === document.body")
    start(*mortal.options, listen=mortal.gateway.listen)
    page.wait("document.activeElement.id === 'users-search'")


def test_a_gateway_that_is_late_is_not_told_as_live(console):
    page = console.open("watch")
    page.wait_for_text("#health", "serving")
    page.run(
        """(window.said = [], new MutationObserver(() => said.push(document.getElementById('health').innerText))
            .observe(document.getElementById('health'), { childList: true }), null)"""
    )
    # The kernel takes the question, and nobody reads it.
    console.gateway.stop_running()
    try:
        page.wait("said.some((text) => text.startsWith('no answer for'))")
    finally:
        console.gateway.signal(signal.SIGCONT)
    page.wait_for_text("#health", "serving")


def test_a_gateway_that_refuses_its_state_can_still_be_asked(console):
    """As when there is no memory: it is there, and may yet close a line."""
    console.expected = ["503"]
    clients = crowd(console, ["ann"])
    page = console.open("watch")
    page.wait("document.querySelector('tr[data-user=ann]') !== null")
    page.run(
        """(window.real = fetch, window.fetch = (path, init) => path !== '/v1/status' ? real(path, init) :
            Promise.resolve(new Response('{"title": "There is no memory"}', { status: 503 })), null)"""
    )
    page.wait_for_text("#banner", "The gateway has refused to answer since")
    assert "There is no memory" in page.text("#banner")
    page.click("tr[data-user=ann] button")
    page.click("dialog .danger")
    clients["ann"].expect_close(4003)
    page.run("(window.fetch = real, null)")
    page.wait("document.getElementById('banner').hidden")


def test_without_demo_there_is_nothing_to_try(open_console):
    console = open_console()
    witness = console.gateway.login("witness")
    for view in ("", "try", "watch"):
        page = console.open(view)
        page.wait("document.querySelector('.users tr[data-user=witness]') !== null")
        assert page.run("document.getElementById('view-try').hidden")
        assert page.run("document.getElementById('views').hidden")
        assert page.run("location.hash") in ("", "#watch")
        # On a busy machine an answer may be late, which the title says for as long as it is so.
        page.wait("document.title === 'Watch it – demo – Tidegate'")
        assert count(page, ".card") == 0
        assert not any(request.startswith("ws") for request in page.log()["requests"])
    witness.round_trip()


def test_a_gateway_that_comes_back_without_demo_has_nothing_to_try(mortal, start):
    page = mortal.open_live()
    mortal.gateway.stop()
    page.wait_for_text("#banner", "has not answered")
    options = [option for option in mortal.options if option != "--demo"]
    gateway = start(*options, listen=mortal.gateway.listen)
    page.wait("document.getElementById('view-try').hidden")
    assert not page.run("document.getElementById('view-watch').hidden")
    assert count(page, ".card") == 0
    # Who came back before the page knew has left again.
    page.wait_for_text(".users .summary", "Nobody is logged in")
    gateway.login("witness").round_trip()


def test_a_login_that_fails_says_so(open_console):
    console = open_console("--demo", "--max-connections", 2)
    console.expected = ["WebSocket connection to"]
    clients = crowd(console, ["ann", "ben"])
    page = console.open()
    wait_for_state(page, "alice", "CLOSED")
    assert steps(page, "alice") == ["The login failed", "Closed: the gateway was not reached, or it refused. It stays closed."]
    assert page.text(f"{card('alice')} .reason") == "CLOSED because the gateway was not reached, or it refused"
    clients["ann"].close()
    console.gateway.wait_for_line("user ann out:")
    page.click(action("alice", "log"))
    wait_for_state(page, "alice", "CONNECTED")


def test_nothing_is_dialled_while_the_gateway_is_away(mortal, start):
    page = mortal.open("watch")
    page.wait_for_text("#health", "serving")
    mortal.gateway.stop()
    page.wait_for_text("#banner", "has not answered")
    page.click("#to-try")
    assert count(page, ".card") == 0
    start(*mortal.options, listen=mortal.gateway.listen)
    for user in ("alice", "bob"):
        wait_for_state(page, user, "CONNECTED")
    assert count(page, ".episode") == 0
