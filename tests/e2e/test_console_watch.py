"""The console's *Watch it*: users, rooms, who has left, charts, and what may be done to a user."""

import json
import re

import pytest

from admin import TOKEN, Admin
from console_pages import (
    action,
    axe_while_here,
    card,
    count,
    crowd,
    get,
    in_focus,
    say,
    take_picture,
    talkers,
    wait_for_bubble,
    wait_for_state,
    wait_for_step,
)
from handover import hand_over
from raw import PACKET_PING, packet
from waiting import wait_until

pytestmark = pytest.mark.release


def users(page):
    return page.texts(".users tbody th")


def test_the_table_is_searched_sorted_and_paged(console):
    crowd(console, [f"user{i:03}" for i in range(130)] + ["zoe"])
    page = console.open("watch")
    page.wait("document.querySelectorAll('.users tbody tr').length === 100")
    assert page.text(".users .summary") == "100 of 131 shown, sorted over all."
    # Sorted by the gateway: those that come first are not on the page yet.
    page.click(".users .col-user .sort")
    assert page.attribute(".users .col-user", "aria-sort") == "ascending"
    wait_until(lambda: users(page) == [f"user{i:03}" for i in range(100)], "sorted over all")
    page.click(".users .col-user .sort")
    assert page.attribute(".users .col-user", "aria-sort") == "descending"
    backwards = ["zoe"] + [f"user{i:03}" for i in reversed(range(130))]
    wait_until(lambda: users(page) == backwards[:100], "the other way round")
    page.click(".users .row.end > button")
    wait_until(lambda: users(page) == backwards, "all of them")
    assert page.text(".users .summary") == "131 shown."
    page.fill("#users-search", "user12")
    page.wait("document.querySelectorAll('.users tbody tr').length === 10")
    assert users(page) == [f"user{i:03}" for i in range(129, 119, -1)]
    page.fill("#users-search", "nobody-like-this")
    page.wait_for_text(".users .summary", "Nobody whose name begins with")
    page.fill("#users-search", "")
    page.wait("document.querySelectorAll('.users tbody tr').length >= 100")
    cells = page.texts(".users tbody tr:first-child td")
    assert re.match(r"127\.0\.0\.1:\d+$", cells[3]), cells
    assert re.search(r"\d+\s+s", cells[0]) and re.search(r"\d+\s+B", cells[2]), cells


def rooms(page):
    return page.texts(".rooms tbody th")


def test_rooms_are_searched_sorted_and_paged(console):
    talkers(console, *((f"user{i}", *(f"room{i}{j:02}" for j in range(52))) for i in range(2)), ("ann", "room151"))
    page = console.open("watch")
    page.wait("document.querySelectorAll('.rooms tbody tr').length === 100")
    assert page.text(".rooms .summary") == "100 of 104 shown, sorted over all."
    # The largest first, equals by their names.
    assert rooms(page)[:3] == ["room151", "room000", "room001"]
    page.click(".rooms .col-room .sort")
    everyone = [f"room{i}{j:02}" for i in range(2) for j in range(52)]
    wait_until(lambda: rooms(page) == everyone[:100], "sorted by name")
    page.click(".rooms .row.end > button")
    wait_until(lambda: rooms(page) == everyone, "all of them")
    page.fill("#rooms-search", "room15")
    wait_until(lambda: rooms(page) == ["room150", "room151"], "those that are searched for")
    assert page.texts(".rooms tr[data-room=room151] td")[:2] == ["2", "2"]
    page.fill("#rooms-search", "nowhere")
    page.wait_for_text(".rooms .summary", "No room whose name begins with “nowhere”.")


def test_who_is_in_a_room(console):
    console.expected = ["404"]  # of a room that goes while the page asks who is in it
    ann, ben, *_ = talkers(
        console, ("ann", "lobby", "c++"), ("ben", "lobby"), *((f"user{i:03}", "crowd") for i in range(103))
    )
    page = console.open("watch")
    page.wait("document.querySelectorAll('.rooms tbody tr').length === 3")
    page.wait_for_text("[data-chart=rooms] .legend", "rooms 3")
    page.wait_for_text("[data-chart=rooms] .legend", "memberships 106")
    page.run("(document.querySelector('tr[data-room=lobby] button').focus(), null)")
    page.press("Enter")
    page.wait_for_text(".rooms .details", "2 in the room.")
    assert page.texts(".members li") == ["ann", "ben"]
    button = ".rooms tr[data-room=lobby] button"
    assert page.attribute(button, "aria-expanded") == "true"
    below = "document.querySelector('tr[data-room=lobby]').nextSibling.id"
    assert page.run(below) == page.attribute(button, "aria-controls")
    # It is looked at again with the table.
    ben.leave("lobby")
    wait_until(lambda: page.texts(".members li") == ["ann"], "who has left is not shown")
    assert in_focus(page, button)(), "focus was lost by looking again"
    assert axe_while_here(page) == []
    take_picture(page, "rooms", full=True)
    # Another one, page by page, closes the first.
    page.click("tr[data-room=crowd] button")
    page.wait_for_text(".rooms .details", "100 of 103 shown, by name.")
    assert page.attribute(button, "aria-expanded") == "false" and count(page, ".rooms .details") == 1
    page.click(".rooms .details button")
    page.wait_for_text(".rooms .details", "103 in the room.")
    assert page.texts(".members li") == [f"user{i:03}" for i in range(103)]
    page.click("tr[data-room='c++'] button")
    page.wait_for_text(".rooms .details", "1 in the room.")
    # A room that is gone takes its members along.
    ann.leave("c++")
    page.wait("document.querySelector(\"tr[data-room='c++']\") === null")
    assert count(page, ".rooms .details") == 0


def test_a_gateway_without_rooms_says_so(console):
    page = console.open("watch")
    page.wait_for_text(".rooms .summary", "There is no room: nobody has joined one.")


def test_a_device_is_shown_and_ended_by_itself(open_console):
    console = open_console("--max-devices", 3)
    phone, desk, _ = talkers(console, (("ann", "phone"),), (("ann", "desk"),), ("ben",))
    unnamed = console.gateway.login("ann")
    page = console.open("watch")
    page.click(".users .col-user .sort")

    def named():
        return [re.sub(r"\s+", " ", name) for name in users(page)]

    wait_until(lambda: named() == ["ann", "ann on desk", "ann on phone", "ben"], "one row each")
    assert count(page, ".device") == 2
    page.click("tr[data-user=ann][data-device=phone] button")
    assert page.text("dialog h2") == "Disconnect ann on phone?"
    page.click("dialog button.danger")
    phone.raw.expect_close(4003)
    page.wait_for_text(".users .note", "ann on phone was disconnected with 4003 at ")
    desk.expect_nothing()
    # The one without a name is one of several too.
    page.click("tr[data-user=ann][data-device=''] button")
    page.click("dialog button.danger")
    unnamed.expect_close(4003)
    desk.expect_nothing()
    wait_until(lambda: named() == ["ann on desk", "ben"], "the others stay")


def ended(page):
    return page.texts(".ended tbody th")


def test_who_left_is_chosen_and_sorted(console):
    clients = crowd(console, ["ann", "ben", "cid", "dan"])
    console.gateway.login("dan")
    clients["dan"].expect_close(4001, "kicked")
    for name in ("cid", "ben"):
        clients[name].close(1000)
        clients[name].frames_to_close()
        clients[name].close_socket()
    clients["ann"].close_socket()
    page = console.open("watch")
    page.wait("document.querySelectorAll('.ended tbody tr').length === 4")
    totals = ["closed by the client 2", "the client hung up 1", "kicked by a newer login 1"]
    assert page.texts(".totals li:not([hidden]) button") == totals
    page.click(".ended .col-user .sort")
    wait_until(lambda: ended(page) == ["ann", "ben", "cid", "dan"], "sorted by name")
    assert page.text(".ended .summary") == "4 of 4 that are remembered."
    page.click("#hide-normal")
    wait_until(lambda: ended(page) == ["ann", "dan"], "without those that left in good order")
    page.click(".totals [data-reason=peer_eof]")
    wait_until(lambda: ended(page) == ["ann"], "of one reason")
    assert page.attribute(".totals [data-reason=peer_eof]", "aria-pressed") == "true"
    page.click(".totals [data-reason=peer_close]")
    page.wait_for_text(".ended .summary", "None of them is remembered")
    page.click("#hide-normal")
    wait_until(lambda: ended(page) == ["ben", "cid"], "those that left in good order")
    page.click(".totals [data-reason=peer_close]")
    wait_until(lambda: len(ended(page)) == 4, "all")


def test_nobody_has_left(console):
    """Nor has who came without an upgrade: he is in the totals, and in no table."""
    page = console.open("watch")
    page.wait_for_text(".ended .summary", "Nobody has left since the gateway was started.")
    assert page.run("document.querySelector('.totals').hidden"), "a heading of nothing"
    stranger = console.gateway.raw()
    stranger.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    page.wait_for_text(".ended .summary", "None of these got through the opening")
    assert page.texts(".totals li:not([hidden]) button") == ["refused in the handshake 1"]


def test_whoever_opens_the_page_sees_what_was_before(console):
    """No page was open when it happened."""
    console.gateway.login("ann").round_trip()
    with console.gateway.login("ann") as again:
        again.round_trip()
        again.end_writing()
        again.read_to_end()

    def newest(since=0):
        return json.loads(get(console.admin, f"/v1/history?since={since}")[1])

    wait_until(lambda: newest()["ends"].get("peer_eof"), "it is in the history")
    count = newest()["count"]
    wait_until(lambda: newest(count)["count"] > count, "and a second has gone by")
    page = console.open("watch")
    page.wait_for_text("[data-chart=ends] .legend", "kicked by a newer login")
    page.wait_for_text("[data-chart=ends] .legend", "the client hung up 0/s")
    labels = page.texts("[data-chart=cpu] .dygraph-axis-label-x")
    assert labels[-1] == "now" and all(re.fullmatch(r"\d\d:\d\d", label) for label in labels[:-1]) and labels[:-1]
    assert "– told from 1,000 connections on" in page.text("[data-chart=memory] .legend")
    # As much as there is, unless somebody wants to see more.
    assert page.texts(".spans [aria-pressed=true]") == ["2 min"]
    page.click(".spans button:nth-child(3)")
    assert page.texts(".spans [aria-pressed=true]") == ["15 min"]


def test_the_gateway_comes_back_as_another_run(console, start):
    console.expected = ["ERR_CONNECTION_REFUSED", "Failed to load resource", "WebSocket connection to"]
    page = console.open("watch")
    page.wait_for_text("[data-chart=connections] .legend", "connections 0")
    console.gateway.stop()
    page.wait_for_text("[data-chart=connections] .legend", "connections –")
    again = start(*console.options, listen=console.gateway.listen)
    again.login("ann")
    page.wait_for_text("[data-chart=connections] .legend", "connections 1")


def watch_words(page, selector):
    """Has the page note all that it says there from now on: `said`."""
    page.run(
        f"""(window.said = [], new MutationObserver(() => said.push(document.querySelector({json.dumps(selector)}).innerText))
            .observe(document.querySelector({json.dumps(selector)}), {{ childList: true, subtree: true }}), null)"""
    )


def test_a_gateway_that_hands_over_is_the_same(console):
    """The page's two stay logged in, on their lines, and it says nothing of an end or a start."""
    console.expected = ["503 .Service Unavailable"]  # the browser's, of a question that is asked again
    page = console.open_live()
    admin = Admin(console.gateway)
    logins = admin.status()["totals"]["logins"]
    watch_words(page, "#health")
    for number in range(2):
        hand_over(console.gateway, admin)
        say(page, "bob", f"still here {number}")
        wait_for_bubble(page, "alice", f"still here {number}")
    assert admin.status()["totals"]["logins"] == logins, "nobody had to come back"
    for user in ("alice", "bob"):
        assert page.texts(f"{card(user)} .state.now") == ["CONNECTED"]
        assert count(page, f"{card(user)} .episode") == 0, "there is no story to tell"
    heard = page.run("said.length")
    page.wait(f"said.length > {heard}")
    assert page.run("document.getElementById('banner').hidden")
    assert all(re.search("serving|live|ago|no answer for", words) for words in page.run("said")), page.run("said")
    admin.connection.close()


def test_the_charts_go_on_over_a_hand_over(console):
    console.expected = ["503 .Service Unavailable"]
    page = console.open("watch")
    page.wait_for_text("[data-chart=connections] .legend", "connections 0")
    ann = console.gateway.login("ann")
    page.wait_for_text("[data-chart=connections] .legend", "connections 1")
    hand_over(console.gateway)
    ben = console.gateway.login("ben")
    page.wait_for_text("[data-chart=connections] .legend", "connections 2")
    assert page.run("document.getElementById('banner').hidden")
    for client in (ann, ben):
        client.round_trip()


def test_disconnect_asks_first(console):
    clients = crowd(console, ["ann", "ben"])
    page = console.open("watch")
    page.wait("document.querySelectorAll('.users tbody tr').length === 2")
    page.click(".users tr[data-user=ann] button")
    assert page.run("document.querySelector('dialog').open")
    assert page.text("dialog h2") == "Disconnect ann?"
    take_picture(page, "disconnect")
    page.press("Escape")
    page.wait("!document.querySelector('dialog').open")
    clients["ann"].is_alive()
    page.click(".users tr[data-user=ann] button")
    assert "by itself" in page.text("dialog .choice:has(:checked)")
    page.fill("#confirm-reason", "off with you")
    page.click("dialog button.danger")
    clients["ann"].expect_close(4003, "off with you")
    page.wait("document.querySelectorAll('.users tbody tr').length === 1")
    clients["ben"].is_alive()
    page.wait_for_text(".users .note", "ann was disconnected with 4003 at ")
    assert "may come back" in page.text(".users .note")
    assert in_focus(page, ".users .scroll-x")(), "focus was lost with the row"
    page.wait_for_text(".ended tbody tr", "ann")
    row = page.text(".ended tbody tr")
    assert "4003" in row and "127.0.0.1:" in row
    # The other choice, by the words beside it.
    page.click(".users tr[data-user=ben] button")
    page.click("dialog .choice:nth-of-type(2)")
    assert "does not come back" in page.text("dialog .choice:has(:checked)")
    take_picture(page, "disconnect-for-good")
    page.click("dialog button.danger")
    clients["ben"].expect_close(1008)
    page.wait_for_text(".users .note", "stays away")


def test_a_disconnect_that_fails_says_so_and_goes_on_saying_it(console):
    console.expected = ["404"]
    clients = crowd(console, ["ann", "ben"])
    page = console.open("watch")
    page.wait("document.querySelectorAll('.users tbody tr').length === 2")
    page.click(".users tr[data-user=ann] button")
    # A second Enter, in haste, is no answer.
    page.press("Enter")
    assert page.run("document.querySelector('dialog').open")
    clients["ann"].close()
    console.gateway.wait_for_line("user ann out:")
    page.click("dialog button.danger")
    page.wait("document.querySelectorAll('.users tbody tr').length === 1")
    assert re.match("ann was not disconnected: The user is not logged in", page.text(".users .fault"))
    clients["ben"].is_alive()


def test_a_gateway_that_refuses_newcomers_does_not_look_well(open_console):
    console = open_console("--max-connections", 2)
    clients = crowd(console, ["ann", "ben"])
    page = console.open()
    page.wait_for_text("#health", "full: refuses newcomers")
    assert page.attribute("#health", "data-mood") == "bad"
    clients["ann"].close()
    page.wait_for_text("#health", "serving")


def test_the_charts_have_data(console):
    clients = crowd(console, [f"user{i}" for i in range(8)])
    page = console.open("watch")
    page.wait_for_text("[data-chart=connections] .legend", "connections 8")
    sent = 0

    def legend_shows(chart, pattern):
        nonlocal sent
        for client in clients.values():
            client.text(f"message {sent}")
            client.binary(packet(PACKET_PING, b""))
        sent += 1
        return re.search(pattern, page.text(f"[data-chart={chart}] .legend"))

    wait_until(lambda: legend_shows("messages", r"in [1-9][\d.k]*/s"), "messages")
    wait_until(lambda: legend_shows("fanout", r"deliveries [1-9][\d.k]*/s"), "fan-out")
    wait_until(lambda: legend_shows("turn", r"p50 [\d.]+\s+.?s\s+p99 [\d.]+\s+.?s"), "loop turns")
    wait_until(lambda: legend_shows("bytes", r"in [1-9][\d.]*\s+\w*B/s\s+out [1-9]"), "bytes")
    assert re.search(r"process [\d.]+\s+%", page.text("[data-chart=cpu] .legend"))
    assert re.search(r"worker 0 [\d.]+\s+%", page.text("[data-chart=workers] .legend"))
    assert "no place 0/s" in page.text("[data-chart=refusals] .legend")

    console.gateway.login("user0")  # kicks
    page.wait_for_text("[data-chart=ends] .legend", "kicked by a newer login")
    page.wait(
        """[...document.querySelectorAll('.chart-canvas')].every((place) => {
            const canvas = place.querySelector('canvas');
            const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
            return data.some((value) => value !== 0);
        })"""
    )
    take_picture(page, "watch-data", full=True)


def test_at_most_one_poll_a_second_and_none_while_hidden(console):
    """The clock is the page's own heartbeats: nothing here sleeps."""
    page = console.open_live()
    starts = "performance.getEntriesByType('resource').filter((e) => e.name.endsWith('/v1/status')).map((e) => e.startTime)"
    page.wait(f"{starts}.length >= 2")
    # Nor because somebody looks away and back.
    page.run("(document.dispatchEvent(new Event('visibilitychange')), null)")
    page.wait(f"{starts}.length >= 3")
    page.run("(document.dispatchEvent(new Event('visibilitychange')), null)")
    page.wait(f"{starts}.length >= 5")
    times = page.run(starts)
    assert min(b - a for a, b in zip(times, times[1:])) > 900
    page.run(
        """(Object.defineProperty(document, 'hidden', { configurable: true, get: () => true }),
            document.dispatchEvent(new Event('visibilitychange')), null)"""
    )
    beats = count(page, ".kind-pong")
    page.wait(f"document.querySelectorAll('.kind-pong').length >= {beats + 2}")
    asked = len(page.run(starts))
    page.wait(f"document.querySelectorAll('.kind-pong').length >= {beats + 4}")
    assert len(page.run(starts)) == asked
    page.run("(delete document.hidden, document.dispatchEvent(new Event('visibilitychange')), null)")
    page.wait(f"{starts}.length > {asked}")


def test_the_token_is_asked_for_and_kept_in_this_tab_only(open_console, token_file):
    console = open_console("--demo", "--admin-token", token_file)
    console.expected = ["401"]
    page = console.open()
    page.wait("!document.getElementById('token').hidden")
    assert page.run("document.activeElement.id") == "token-input"
    take_picture(page, "token")
    page.fill("#token-input", "wrong-but-of-good-length")
    page.press("Enter")
    page.wait_for_text("#token-fault", "does not know this token")
    page.fill("#token-input", TOKEN)
    page.press("Enter")
    page.wait("document.getElementById('token').hidden")
    wait_for_state(page, "alice", "CONNECTED")
    page.click(action("alice", "cut"))
    wait_for_step(page, "alice", "Connected again")
    assert page.run("sessionStorage.getItem('tidegate-token')") == TOKEN
    assert page.run("localStorage.length") == 0
    assert page.run("document.cookie") == ""
    page.reload()
    wait_for_state(page, "alice", "CONNECTED")
    assert page.run("document.getElementById('token').hidden")
