"""The console's *Try it*: two clients that are alive, and what a visitor may do to them."""

import json
import re

import pytest

from console_pages import (
    action,
    ask,
    axe_while_here,
    card,
    count,
    frames,
    get,
    name_on,
    say,
    steps,
    take_picture,
    talkers,
    wait_for_bubble,
    wait_for_state,
    wait_for_step,
    whisper,
)

pytestmark = pytest.mark.release


def test_it_is_alive_without_a_click(console):
    page = console.open_live()
    names = [name_on(page, user) for user in ("alice", "bob")]
    assert re.fullmatch(r"alice(-[a-z]\d[a-z]) bob\1", " ".join(names)), names
    for user, other in (("alice", "bob"), ("bob", "alice")):
        page.wait(f"document.querySelectorAll(\"{card(user)} .kind-pong\").length >= 2")
        pongs = [frame for frame in frames(page, user) if "pong" in frame[2]]
        assert pongs[0][1] == "00 65 | 00 00 00 00"
        lit = page.texts(f"{card(user)} .state.now")
        assert lit == ["CONNECTED"]
        assert page.text(f"{card(user)} .reason").startswith("CONNECTED because")
        assert re.search(r"round trip\s+[\d.]+\s+(µs|ms)", page.text(f"{card(user)} .rtt"))
        assert name_on(page, other) in page.text(f"{card(user)} .bubble .from")
        said = page.texts(f"{card(user)} .bubble .words")
        assert [words.split()[0] for words in said] == ["Hello", "Loud"], said
    assert "serving" in page.text("#health")
    assert page.run("document.title") == "Try it – demo – Tidegate"


def test_the_read_deadline_drains_and_refills(console):
    page = console.open_live()
    level = f"new DOMMatrix(getComputedStyle(document.querySelector(\"{card('alice')} .gauge-water\")).transform).a"
    page.wait(f"{level} < 0.8")
    page.wait(f"{level} > 0.95")
    meter = f"{card('alice')} [role=meter]"
    assert page.attribute(meter, "aria-valuemax") == "9"
    assert page.attribute(meter, "aria-valuetext").endswith("left")


def test_the_strip_is_painted(console):
    page = console.open_live()
    painted = """(() => {
        const canvas = document.querySelector('.strip canvas');
        const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
        return new Set(new Uint32Array(data.buffer)).size > 4;
    })()"""
    page.wait(painted)


def test_chat_goes_both_ways_and_stays_text(console):
    page = console.open_live()
    say(page, "alice", "how is the tide?")
    wait_for_bubble(page, "bob", "how is the tide?")
    say(page, "bob", "<img src=/favicon.svg onerror=alert(1)> rising")
    wait_for_bubble(page, "alice", "<img src=/favicon.svg onerror=alert(1)> rising")
    assert count(page, ".bubbles img") == 0
    # Who speaks gets no copy, but learns what became of it.
    assert sum("tide" in text for text in page.texts(f"{card('alice')} .bubble")) == 1
    wait_for_bubble(page, "alice", "how is the tide? heard by 1 session")


def test_they_talk_in_a_room_of_their_own(console):
    """What they say is heard by nobody else on the node: classic clients, those who speak tidegate.v1, other pages."""
    classic = console.gateway.login("classic")
    (stranger,) = talkers(console, ("stranger", "lobby"))
    page = console.open_live()
    other_page = console.open_live()
    say(page, "alice", "between us")
    wait_for_bubble(page, "bob", "between us")
    whisper(page, "alice", "only you")
    wait_for_bubble(page, "bob", "only you")
    say(other_page, "bob", "and over here")
    wait_for_bubble(other_page, "alice", "and over here")
    classic.round_trip()
    stranger.expect_nothing()
    assert not any("us" in text for text in other_page.texts(".bubble"))
    named = sorted(room["room"] for room in json.loads(get(console.admin, "/v1/rooms")[1])["rooms"])
    tails = [name_on(each, "alice").removeprefix("alice-") for each in (page, other_page)]
    assert named == sorted(["lobby", *(f"try-{tail}" for tail in tails)])
    _, metrics = get(console.admin, "/metrics")
    assert re.search(r'^tidegate_said_total{audience="all"} 0$', metrics, re.MULTILINE)


def test_a_direct_message_between_the_two(console):
    page = console.open_live()
    whisper(page, "alice", "just you")
    wait_for_bubble(page, "alice", f"just you only to {name_on(page, 'bob')}, heard by 1 session")
    wait_for_bubble(page, "bob", f"{name_on(page, 'alice')}, only to {name_on(page, 'bob')}")
    assert count(page, f"{card('bob')} .bubble.aside") == 1
    page.click(action("bob", "log"))
    wait_for_state(page, "bob", "CLOSED")
    page.wait_for_text(f"{card('alice')} .notice", f"{name_on(page, 'bob')} has left #try-")
    whisper(page, "alice", "gone?")
    wait_for_bubble(page, "alice", f"gone? {name_on(page, 'bob')} is not there")
    say(page, "alice", "anybody?")
    wait_for_bubble(page, "alice", "anybody? nobody else is in the room")
    page.click(action("bob", "log"))
    page.wait_for_text(f"{card('alice')} .notice", f"{name_on(page, 'bob')} came into #try-")
    page.wait_for_text(f"{card('bob')} .notice", f"with {name_on(page, 'alice')}")
    say(page, "alice", "welcome back")
    wait_for_bubble(page, "bob", "welcome back")


def test_what_is_not_known_to_have_arrived_is_told_so(console):
    page = console.open_live()
    page.click(action("alice", "mute"))
    page.wait_for_text(action("alice", "mute"), "Let the server answer")
    say(page, "alice", "do you hear me?")
    # The gateway still reads: it arrives, and its answer does not.
    wait_for_bubble(page, "bob", "do you hear me?")
    page.click(action("alice", "cut"))
    page.wait_for_text(f"{card('alice')} .bubble.lost", "do you hear me? not known: the line ended before the answer")
    wait_for_step(page, "alice", "Back in")


def test_who_is_taken_out_of_the_room_says_so(console):
    page = console.open_live()
    room, user = (f"{stem}-{name_on(page, 'bob').removeprefix('bob-')}" for stem in ("try", "bob"))
    ask(console, "DELETE", f"/v1/rooms/{room}/members/{user}")
    wait_for_step(page, "bob", f"A backend has taken {user} out of #{room}.")
    page.wait_for_text(f"{card('bob')} .chat .fault", f"Not in the room #{room}: not a member of the room.")
    say(page, "bob", "and now?")
    page.wait_for_text(f"{card('bob')} .bubble.lost", "and now? not sent: not a member of the room")
    ask(console, "PUT", f"/v1/rooms/{room}/members/{user}")
    page.wait_for_text(f"{card('bob')} .notice", f"A backend has put {user} into #{room}.")
    page.wait_for_text(f"{card('alice')} .notice", f"{user} came into #{room}.")
    assert page.text(f"{card('bob')} .chat .fault") == ""


def test_without_rooms_they_say_why_and_whisper(open_console):
    console = open_console("--demo", "--rooms-per-session", 0)
    page = console.open()
    for user, other in (("alice", "bob"), ("bob", "alice")):
        wait_for_state(page, user, "CONNECTED")
        why = f"{card(user)} .chat .fault"
        page.wait_for_text(why, "this gateway lets a session into no more rooms (rooms_per_session)")
        page.wait_for_text(why, f"“Only to {name_on(page, other)}” works all the same.")
    wait_for_bubble(page, "bob", "can you hear me?")
    wait_for_bubble(page, "alice", "Loud and clear")
    assert axe_while_here(page) == []
    take_picture(page, "no-rooms", full=True)


def test_cut_the_network(console):
    page = console.open_live()
    before = page.text(f"{card('alice')} .action-words")
    assert before == "The line breaks without a Close. The client dials again after 2 to 4\u202fs."
    page.click(action("alice", "cut"))
    wait_for_state(page, "alice", "RECONNECTING")
    take_picture(page, "cut-under-way")
    wait_for_state(page, "alice", "CONNECTED")
    wait_for_step(page, "alice", "Back in")
    story = " / ".join(steps(page, "alice"))
    assert re.fullmatch(
        r"You cut the network / The gateway is asked .* / .*1006.* / Reconnecting: attempt 1 in [234]\.\d\s+s\."
        r" / Connected again, on a new line, \d+\.\d\s+s after .* / Back in #try-\w+: .* bob-\w+ is there\.",
        story,
    ), story
    assert page.texts(f"{card('alice')} .state.now") == ["CONNECTED"]
    assert count(page, f"{card('alice')} .way.taken") == 1
    assert page.text(f"{card('bob')} .chip") == "CONNECTED", "the other one was touched"
    say(page, "alice", "here I am again")
    wait_for_bubble(page, "bob", "here I am again")
    take_picture(page, "cut", full=True)


def test_stop_the_servers_answers(console):
    page = console.open_live()
    page.click(action("alice", "mute"))
    wait_for_step(page, "alice", "A ping went out; nothing comes back.")
    take_picture(page, "mute-under-way")
    wait_for_state(page, "alice", "RECONNECTING")
    wait_for_step(page, "alice", "The read deadline ran dry")
    wait_for_step(page, "alice", "Connected again")
    assert steps(page, "alice")[0] == "You stopped the server’s answers"
    # The new line is answered.
    page.wait(f"document.querySelector(\"{card('alice')} .frame\").classList.contains('kind-pong')")
    take_picture(page, "mute", full=True)


def test_let_the_server_answer_in_time(console):
    page = console.open_live()
    page.click(action("alice", "mute"))
    page.wait_for_text(action("alice", "mute"), "Let the server answer")
    wait_for_step(page, "alice", "A ping went out")
    page.click(action("alice", "mute"))
    wait_for_step(page, "alice", "The gateway answers again")
    page.wait_for_text(action("alice", "mute"), "Stop the server’s answers")
    pongs = count(page, f"{card('alice')} .kind-pong")
    page.wait(f"document.querySelectorAll(\"{card('alice')} .kind-pong\").length > {pongs}")
    assert page.text(f"{card('alice')} .chip") == "CONNECTED"
    assert not any("lost" in step for step in steps(page, "alice"))


def test_log_in_elsewhere_and_back(console):
    page = console.open_live()
    page.click(action("bob", "elsewhere"))
    wait_for_state(page, "bob", "CLOSED")
    wait_for_step(page, "bob", "4001")
    page.wait_for_text(f"{card('bob')} .elsewhere", "logged in elsewhere")
    assert frames(page, "bob")[0][1] == "Close 4001 kicked"
    assert "the same user logged in elsewhere" in page.text(f"{card('bob')} .reason")
    take_picture(page, "elsewhere", full=True)
    page.click(action("bob", "log"))
    wait_for_state(page, "bob", "CONNECTED")
    page.wait(f"document.querySelector(\"{card('bob')} .elsewhere\").hidden")
    texts = " / ".join(page.texts(f"{card('bob')} .steps li"))
    assert "The other place was kicked in turn" in texts
    say(page, "alice", "which bob is it?")
    wait_for_bubble(page, "bob", "which bob is it?")


def test_the_other_place_is_told_as_it_is(console):
    page = console.open_live()
    page.click(action("bob", "elsewhere"))
    page.wait_for_text(f"{card('bob')} .elsewhere", "logged in elsewhere")
    wait_for_state(page, "bob", "CLOSED")
    words = f"{card('bob')} .action:has([data-action=log]) .action-words"
    assert "elsewhere is kicked" in page.text(words)
    user = name_on(page, "bob")
    ask(console, "DELETE", f"/v1/users/{user}?code=4003")
    page.wait_for_text(f"{card('bob')} .elsewhere", "has lost its line elsewhere, and dials again")
    page.wait_for_text(f"{card('bob')} .elsewhere", "is logged in elsewhere")
    ask(console, "DELETE", f"/v1/users/{user}?code=1008")
    wait_for_step(page, "bob", "The other place is closed for good: Close 1008, refused by policy.")
    assert page.run(f"document.querySelector(\"{card('bob')} .elsewhere\").hidden")
    assert "elsewhere" not in page.text(words)


def test_log_out_without_a_line(console):
    page = console.open_live()
    # The client comes back after a minute or more, not within what this test may take on a busy machine.
    page.run("(Math.random = () => 30, null)")
    page.click(action("alice", "cut"))
    wait_for_state(page, "alice", "RECONNECTING")
    page.wait_for_text(f"{card('alice')} .action-words", "gives up coming back")
    page.click(action("alice", "log"))
    wait_for_state(page, "alice", "CLOSED")
    assert steps(page, "alice")[1:] == [
        "There is no line to close; nothing is dialled any more.",
        "Closed. It does not come back: you wanted this end.",
    ]


def test_log_out_and_in(console):
    page = console.open_live()
    page.click(action("alice", "log"))
    wait_for_state(page, "alice", "CLOSED")
    wait_for_step(page, "alice", "It does not come back")
    assert page.attribute(action("alice", "cut"), "aria-disabled") == "true"
    take_picture(page, "logout", full=True)
    console.gateway.wait_for_line(f"user {name_on(page, 'alice')} out:")
    send = f"{card('alice')} .say button"
    assert page.attribute(send, "aria-disabled") == "true"
    say(page, "alice", "anybody?")
    page.wait_for_text(f"{card('alice')} .fault", "Not sent")
    page.click(action("alice", "log"))
    wait_for_state(page, "alice", "CONNECTED")
    wait_for_step(page, "alice", "Connected and logged in")
    # There is a line now. What was typed waits for the visitor.
    assert page.text(f"{card('alice')} .fault") == ""
    assert page.attribute(send, "aria-disabled") == "false"
    assert page.run(f"document.querySelector(\"{card('alice')} .say input\").value") == "anybody?"


def test_the_inspector_colours_a_packet(console):
    page = console.open_live()
    page.wait(f"document.querySelector(\"{card('alice')} .kind-ping\") !== null")
    row = f"{card('alice')} .kind-ping"
    assert page.text(f"{row} .role-command") == "00 64"
    assert page.text(f"{row} .role-length") == "00 00 00 00"
    colours = [
        page.run(f"getComputedStyle(document.querySelector(\"{row} {part}\")).color")
        for part in (".role-command", ".role-length", ".meaning")
    ]
    assert len(set(colours)) == 3
    assert "ping" in page.text(f"{row} .meaning")
    # Of tidegate.v1 the fields too.
    say_row = f"{card('alice')} .kind-say"
    assert page.text(f"{say_row} .role-command") == "00 6e"
    shown = page.run(f"""Array.from(document.querySelector("{say_row}").querySelectorAll('code'), (e) => e.title)""")
    assert shown == ["", "", "id", "flags", "audience", "text"]
    roles = ("id", "number", "name", "payload")
    colour = "getComputedStyle(document.querySelector(\"{} .role-{}\")).color"
    assert len({page.run(colour.format(say_row, role)) for role in roles}) == 4
    meanings = " / ".join(meaning for *_, meaning in reversed(frames(page, "alice")))
    names = tuple(name_on(page, user) for user in ("alice", "bob"))
    room = f"#try-{names[0].removeprefix('alice-')}"
    for words in (
        f"session: you are {names[0]}, without an end",
        f"join {room}, and hear who comes and goes",
        f"say to {room}: “Hello {names[1]}, can you hear me?”",
        "handed to 1 session",
        f"{names[1]} says to {room}: “Loud and clear, {names[0]}!”",
        f"who is in {room}?",
    ):
        assert words in meanings, meanings
    page.wait_for_text(f"{card('alice')} .kind-page .meaning", f"page of members: {names[0]}")
    page.wait_for_text(f"{card('alice')} .kind-open .bytes", "101 Switching Protocols tidegate.v1")
    # Heartbeats can be left out, and the list held.
    page.click(f"{card('alice')} .tick input")
    assert page.run(f"document.querySelector(\"{row}\").offsetHeight") == 0
    page.click(f"{card('alice')} .part-head button")
    held = page.texts(f"{card('alice')} .frame")
    say(page, "alice", "unseen")
    wait_for_bubble(page, "bob", "unseen")
    assert page.texts(f"{card('alice')} .frame") == held
    page.click(f"{card('alice')} .part-head button")
    page.wait_for_text(f"{card('alice')} .missed", "passed while the list was held")


def test_each_page_has_clients_of_its_own(console):
    first = console.open_live()
    second = console.open_live()
    names = second.texts(".card h2")
    assert not set(names) & set(first.texts(".card h2"))
    second.reload()
    wait_for_state(second, "alice", "CONNECTED")
    assert second.texts(".card h2") == names
    # A tab that is duplicated has the storage of the first.
    second.run("(window.copy = window.open(location.href), null)")
    second.wait("copy.document.querySelectorAll(\".chip[data-state='CONNECTED']\").length === 2")
    assert second.run("copy.sessionStorage.length") == 1
    assert not set(names) & set(second.run("[...copy.document.querySelectorAll('.card h2')].map((e) => e.innerText)"))
    for page in (first, second):
        assert page.texts(".chip") == ["CONNECTED"] * 2
        assert count(page, ".episode") == 0


def at_the_end(selector):
    place = f"document.querySelector(\"{selector}\")"
    return f"{place}.scrollHeight - {place}.scrollTop - {place}.clientHeight <= 8"


def test_a_story_is_shown_to_its_newest_line(console):
    page = console.open_live()
    story = f"{card('alice')} .episodes"
    place = f"document.querySelector(\"{story}\")"
    while not page.run(f"{place}.scrollHeight > 2 * {place}.clientHeight"):
        for state in ("CLOSED", "CONNECTED"):
            page.click(action("alice", "log"))
            wait_for_state(page, "alice", state)
    page.wait(at_the_end(story))
    # Who reads what was is left there, whatever befalls the line.
    page.run(f"({place}.addEventListener('scroll', () => (window.hasScrolled = true), {{ once: true }}), "
             f"{place}.scrollTop = 10, null)")  # fmt: skip
    page.wait(f"window.hasScrolled === true && {place}.scrollTop === 10")
    episodes = count(page, f"{story} .episode")
    ask(console, "DELETE", f"/v1/users/{name_on(page, 'alice')}?code=1008")
    wait_for_step(page, "alice", "It stays closed")
    assert steps(page, "alice") == ["The line ended", "Closed (1008): refused by policy. It stays closed."]
    assert count(page, f"{story} .episode") == min(episodes + 1, 8)
    assert page.run(f"{place}.scrollTop") <= 10
    page.click(action("alice", "log"))
    page.wait(at_the_end(story))
    wait_for_state(page, "alice", "CONNECTED")
    page.wait(at_the_end(story))


def test_what_came_while_nobody_looked_is_shown_to_its_end(console):
    page = console.open_live()
    page.click("#to-watch")
    for i in range(9):
        ask(console, "POST", "/v1/broadcast", {"text": f"news {i}"})
    page.wait(f"document.querySelector(\"{card('bob')} .bubbles\").textContent.includes('news 8')")
    page.click("#to-try")
    page.wait(at_the_end(f"{card('bob')} .bubbles"))
    assert page.run(f"document.querySelector(\"{card('bob')} .bubbles\").scrollTop") > 0
