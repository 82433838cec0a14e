"""The console, in headless Chromium, against a gateway of its own. Pictures are left in build/console-pictures."""

import contextlib
import http.server
import json
import re
import signal
import socket
import threading
import urllib.request

import pytest

from admin import TOKEN, Admin
from browser import Browser
from gateway import ROOT, free_port
from handover import hand_over
from raw import PACKET_PING, packet
from talking import Talker
from waiting import TIMEOUT, wait_until

pytestmark = pytest.mark.release

PICTURES = ROOT / "build/console-pictures"
VIEWS = ("try", "watch")
WIDTHS = (360, 390)


@pytest.fixture(scope="module")
def browser():
    opened = Browser()
    yield opened
    opened.close()


class Console:
    """A gateway with its admin port, and pages that look at it."""

    def __init__(self, browser, start, *options):
        self.browser = browser
        self.admin = f"127.0.0.1:{free_port()}"
        self.options = ("--admin", self.admin, *options)
        self.gateway = start(*self.options)
        self.pages = []
        self.expected = []  # patterns of what a page may complain about
        self.others = set()  # origins beside its own, of other nodes

    @property
    def url(self):
        return f"http://{self.admin}/"

    def open(self, view="try", **options):
        page = self.browser.open(**options)
        self.pages.append(page)
        page.goto(f"{self.url}#{view}")
        return page

    def open_live(self, **options):
        """With both clients logged in and greeted."""
        page = self.open(**options)
        for user in ("alice", "bob"):
            wait_for_state(page, user, "CONNECTED")
        page.wait_for_text(f"{card('alice')} .bubble", "Loud and clear")
        return page

    def close(self):
        """Nobody may have had reason to complain, nor asked anybody else for anything."""
        try:
            for page in self.pages:
                log = page.log()
                own = {f"http://{self.admin}", f"ws://{self.gateway.listen[0]}"}
                origins = {re.match(r"\w+://[^/]*", request)[0] for request in log["requests"]}
                errors = [e for e in log["errors"] if not any(re.search(p, e) for p in self.expected)]
                assert origins <= own | self.others
                assert log["violations"] == []
                assert errors == []
        finally:
            for page in self.pages:
                page.close()


@pytest.fixture
def open_console(browser, start):
    consoles = []

    def make(*options):
        consoles.append(Console(browser, start, *options))
        return consoles[-1]

    yield make
    for console in consoles:
        console.close()


@pytest.fixture
def console(open_console):
    return open_console("--demo")


# --- what is on the page ------------------------------------------------------------------------


def card(user):
    """That of alice or bob: each page has names of its own, alice-x7k or the like."""
    return f".card[data-user|='{user}']"


def name_on(page, user):
    """What the user is called on this page."""
    return page.text(f"{card(user)} h2")


def action(user, name):
    return f"{card(user)} [data-action={name}]"


def wait_for_state(page, user, state):
    page.wait(f"document.querySelector(\"{card(user)} .chip[data-state='{state}']\") !== null")


def steps(page, user):
    """The latest story: [its title, its steps...], without the times."""
    title = page.text(f"{card(user)} .episode:last-child strong")
    texts = page.texts(f"{card(user)} .episode:last-child .steps li")
    return [title] + [re.sub(r"^\+[\d.]+\s+s\s+", "", text) for text in texts]


def wait_for_step(page, user, text):
    page.wait_for_text(f"{card(user)} .episode:last-child .steps li", text)


def frames(page, user):
    """What the inspector shows, newest first: [(arrow, bytes, meaning)...]"""
    rows = page.texts(f"{card(user)} .frame")
    return [tuple(cell.strip() for cell in row.split("\t")[1:]) for row in rows]


def say(page, user, text):
    page.fill(f"{card(user)} .say input", text)
    page.press("Enter")


def wait_for_bubble(page, user, text):
    page.wait_for_text(f"{card(user)} .bubble", text)


def count(page, selector):
    return page.run(f"document.querySelectorAll({json.dumps(selector)}).length")


def axe_while_here(page):
    """What axe-core finds. On a busy machine an answer may be late: what is away is greyed, which is looked at
    by the tests of that."""

    def is_here():
        return not page.run("document.body.classList.contains('is-away')")

    def look():
        found = [page.axe()] if is_here() else None
        return found if is_here() else None

    return wait_until(look, "the gateway is not away")[0]


def take_picture(page, name, full=False):
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(PICTURES / f"{name}.png", full)


def ask(console, method, path, body=None):
    """Of the admin port, as a backend does."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        console.url + path.lstrip("/"), data, {"Content-Type": "application/json"} if data else {}, method=method
    )
    with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
        answer.read()


def talkers(console, *rooms_of):
    """Logged in over tidegate.v1; of each `user` or (`user`, `device`), and the rooms to be in."""
    made = []
    for who, *rooms in rooms_of:
        made.append(Talker(console.gateway.raw(), *([who] if isinstance(who, str) else who)))
        for room in rooms:
            made[-1].join(room)
    return made


# --- try it -------------------------------------------------------------------------------------


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


def whisper(page, user, text):
    """To the other one alone."""
    page.fill(f"{card(user)} .say input", text)
    page.click(f"{card(user)} .say .aside")


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


# --- with tokens --------------------------------------------------------------------------------


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


@pytest.fixture
def mortal(console):
    """A console whose gateway may go: the browser itself complains of that."""
    console.expected = ["ERR_CONNECTION_REFUSED", "ERR_CONNECTION_RESET", "Failed to load resource", "WebSocket connection to"]
    return console


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


# --- several nodes ------------------------------------------------------------------------------


@pytest.fixture
def consoles(open_console, nats, cluster_key):
    """Of two nodes that know of each other. The first one's pages open lines to the second as well."""
    words = ("--demo", "--cluster", nats.url, "--cluster-key", cluster_key)
    both = [open_console(*words, "--id", name) for name in ("gw-1", "gw-2")]
    both[0].others = {f"ws://{both[1].gateway.listen[0]}"}
    for console in both:
        wait_until(lambda: [row["state"] for row in nodes_of(console)[1:]] == ["up"], "the other one is up")  # noqa: B023
    return both


def nodes_of(console):
    return json.loads(get(console.admin, "/v1/nodes")[1])["nodes"]


def test_the_two_talk_across_nodes(consoles):
    one, two = consoles
    page = one.open_live()
    assert page.text(f"{card('bob')} .place") == "on gw-2" and count(page, f"{card('alice')} .place") == 0
    [alice], [bob] = ([row["user"] for row in json.loads(get(it.admin, "/v1/users")[1])["users"]] for it in consoles)
    assert (alice, bob) == (name_on(page, "alice"), name_on(page, "bob"))
    whisper(page, "alice", "just you")
    wait_for_bubble(page, "alice", f"just you only to {bob}, heard by 1 session")
    wait_for_bubble(page, "bob", f"{alice}, only to {bob}")
    say(page, "bob", "and all of us")
    wait_for_bubble(page, "alice", "and all of us")
    # What its own gateway cannot do to it is not offered.
    assert page.attribute(action("bob", "cut"), "aria-disabled") == "true"
    assert "the console of gw-2" in page.text(f"{card('bob')} .faults")
    assert page.attribute(action("alice", "cut"), "aria-disabled") == "false"


def test_the_nodes_are_watched(consoles):
    one, two = consoles
    page = one.open("watch")
    page.wait("document.querySelector('.nodes tr[data-node=gw-2][data-state=up]') !== null")
    assert page.text(".nodes tr[data-node=gw-1] th") == "gw-1, this one"
    assert page.run("document.querySelector('.nodes tr[data-node=gw-2] a').href") == two.url
    page.wait_for_text(".nodes .summary", "The line to NATS is up. Nothing was lost between nodes.")
    with two.gateway.login("somebody"):
        page.wait_for_text(".nodes tr[data-node=gw-2]", "up\t1\t0")
    two.gateway.stop()
    page.wait("document.querySelector('.nodes tr[data-node=gw-2][data-state=up]') === null")


def test_a_gateway_alone_says_nothing_of_nodes(console):
    page = console.open("watch")
    page.wait("document.querySelector('.users .summary').textContent !== ''")
    assert page.run("document.querySelector('.nodes').hidden && document.getElementById('to-nodes').hidden")


# --- watch it -----------------------------------------------------------------------------------


def crowd(console, names):
    return {name: console.gateway.login(name) for name in names}


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


# --- for everybody ------------------------------------------------------------------------------


def focused(page):
    """What a screen reader would read of the element in focus."""
    return page.run("document.activeElement.innerText || document.activeElement.getAttribute('aria-label') || ''")


def tab_to(page, matches, what, limit=40):
    for _ in range(limit):
        page.press("Tab")
        if matches():
            return
    raise AssertionError(f"{what} is not reached by Tab")


def in_focus(page, selector):
    return lambda: page.run(f"document.activeElement.matches({json.dumps(selector)})")


def room_for_the_ring(page):
    """Between what is drawn around the button in focus and the edge of the table that it is in."""
    return page.run(
        """(() => {
            const button = document.activeElement, { outlineOffset, outlineWidth } = getComputedStyle(button);
            const ring = button.getBoundingClientRect().right + parseFloat(outlineOffset) + parseFloat(outlineWidth);
            return button.closest('.scroll-x').getBoundingClientRect().right - ring;
        })()"""
    )


def test_everything_is_done_by_keyboard(console):
    clients = crowd(console, ["ann"])
    page = console.open_live()
    page.press("Tab")
    assert focused(page) == "To the content"
    tab_to(page, in_focus(page, f"{card('alice')} .say input"), "alice's input")
    page.press("H")
    page.press("i")
    page.press("Enter")
    wait_for_bubble(page, "bob", "Hi")
    tab_to(page, in_focus(page, action("alice", "cut")), "the button that cuts")
    outline = "getComputedStyle(document.activeElement.parentElement).outlineWidth"
    assert page.run(outline) == "3px", "focus is not seen"
    page.press("Enter")
    wait_for_state(page, "alice", "RECONNECTING")
    assert in_focus(page, action("alice", "cut"))(), "focus was lost with the button"
    wait_for_state(page, "alice", "CONNECTED")
    page.goto(f"{console.url}#watch")
    page.reload()
    page.wait("document.querySelector('.users tr[data-user=ann]') !== null")
    tab_to(page, in_focus(page, ".col-idle_ms .sort"), "a heading")
    page.press("Space")
    assert page.attribute(".users .col-idle_ms", "aria-sort") == "descending"
    tab_to(page, in_focus(page, "tr[data-user=ann] button"), "ann's button")
    assert room_for_the_ring(page) >= 0, "focus is seen in part only"
    page.press("Enter")
    tab_to(page, in_focus(page, "dialog .danger"), "the dialog's button")
    page.press("Enter")
    assert clients["ann"].frames_to_close()[-1].close_code == 4003


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_nothing(console, view, dark):
    crowd(console, ["ann", "ben"])
    page = console.open(view, dark=dark)
    if view == "try":
        wait_for_state(page, "bob", "CONNECTED")
        page.click(action("bob", "elsewhere"))
        wait_for_state(page, "bob", "CLOSED")
        page.click(".explained summary")
        page.click(action("alice", "cut"))
        wait_for_step(page, "alice", "Connected again")
    else:
        page.wait("document.querySelectorAll('.users tbody tr').length >= 2")
        page.wait("document.querySelectorAll('.chart-canvas canvas').length > 0")
    assert axe_while_here(page) == []


def test_axe_finds_nothing_in_dialogs_and_forms(open_console, token_file):
    console = open_console("--demo", "--admin-token", token_file)
    console.expected = ["401"]
    crowd(console, ["ann"])
    page = console.open("watch")
    page.wait("!document.getElementById('token').hidden")
    assert axe_while_here(page) == []
    page.fill("#token-input", TOKEN)
    page.press("Enter")
    page.wait("document.querySelector('tr[data-user=ann]') !== null")
    page.click("tr[data-user=ann] button")
    assert axe_while_here(page) == []


def test_landmarks_and_names(console):
    page = console.open_live()
    names = page.run(
        """[...document.querySelectorAll('button')].filter((b) => b.offsetParent !== null).map((b) => b.textContent.trim())"""
    )
    assert len(names) == len(set(names)), "two buttons of one name"
    assert {f"Cut the network ({name_on(page, user)})" for user in ("alice", "bob")} <= set(names)
    assert page.run("document.querySelectorAll('main, header, nav').length") >= 3
    assert page.attribute(f"{card('alice')} svg[role=img]", "aria-label").startswith("State: CONNECTED")


def test_a_screen_reader_hears_turning_points_only(console):
    page = console.open_live()
    page.run(
        """(window.heard = [], new MutationObserver(() => heard.push(document.getElementById('announcements').textContent))
            .observe(document.getElementById('announcements'), { childList: true }), null)"""
    )
    page.click(action("alice", "cut"))
    page.wait("heard.some((text) => text.includes('Connected again'))")
    beats = count(page, ".kind-pong")
    page.wait(f"document.querySelectorAll('.kind-pong').length >= {beats + 2}")
    heard = page.run("heard")
    assert all(re.match(r"(alice|bob)-\w+ is connected|alice-\w+: ", text) for text in heard), heard
    assert len(heard) == len(set(heard)) <= 7, heard
    live = page.run("[...document.querySelectorAll('[aria-live], [role=log]')].map((e) => e.id)")
    assert live == ["announcements"]


def hints_that_are_cut(page):
    """Of those in the empty fields: the button that empties a search has its place there as well."""
    return page.run(
        """[...document.querySelectorAll('input[placeholder]')].filter((field) => field.offsetParent).filter((field) => {
            const { font, paddingLeft, paddingRight, fontSize } = getComputedStyle(field);
            const pen = document.createElement('canvas').getContext('2d');
            pen.font = font;
            const taken = parseFloat(paddingLeft) + parseFloat(paddingRight) + parseFloat(fontSize);
            return pen.measureText(field.placeholder).width > field.clientWidth - taken;
        }).map((field) => field.placeholder)"""
    )


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("view", VIEWS)
def test_it_fits_a_phone(console, view, width):
    crowd(console, ["ann", "b" * 64])
    page = console.open(view, width=width, height=780, hasTouch=True)
    if view == "try":
        wait_for_state(page, "bob", "CONNECTED")
        page.click(".explained summary")
    else:
        page.wait("document.querySelectorAll('.users tbody tr').length >= 2")
        page.wait("document.querySelectorAll('.chart-canvas canvas').length > 0")
        console.gateway.login("ann")  # kicks
        page.wait("document.querySelectorAll('.ended tbody tr').length === 1")
        # Why somebody left is seen without pushing the table aside.
        right = page.run("document.querySelector('.ended tbody .col-reason').getBoundingClientRect().right")
        assert 0 < right <= width
        # Nor are a room's members out of sight.
        talkers(console, ("cid", "r" * 64))
        page.wait("document.querySelectorAll('.rooms tbody tr').length === 1")
        page.click(".rooms tbody button")
        page.wait_for_text(".rooms .members", "cid")
        assert page.run("(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth)(document.querySelector('.rooms .scroll-x'))") <= 0
        assert hints_that_are_cut(page) == []
    assert page.run("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("view", VIEWS)
def test_to_the_content_keeps_the_view(console, view):
    page = console.open(view)
    page.wait_for_text("#health", "serving")
    page.press("Tab")
    page.press("Enter")
    assert in_focus(page, "#main")()
    assert page.run("location.hash") == f"#{view}"
    assert not page.run(f"document.getElementById('view-{view}').hidden")


def test_a_tab_in_the_background_learns_that_the_gateway_is_back(mortal, start):
    """Its title says whether to look."""
    page = mortal.open("watch")
    page.wait_for_text("#health", "serving")
    mortal.gateway.stop()
    page.wait("document.title.startsWith('Away')")
    page.run(
        """(Object.defineProperty(document, 'hidden', { configurable: true, get: () => true }),
            document.dispatchEvent(new Event('visibilitychange')), null)"""
    )
    start(*mortal.options, listen=mortal.gateway.listen)
    page.wait("document.title.startsWith('Watch it')")


def test_on_a_phone_the_tables_are_not_far(console):
    crowd(console, ["ann"])
    page = console.open("watch", width=390, height=780, hasTouch=True)
    page.wait("document.querySelector('tr[data-user=ann]') !== null")
    place = "document.querySelector('#users-title').getBoundingClientRect().top"
    assert page.run(place) > 780
    page.click(".parts a[href='#users-title']")
    page.wait(f"{place} >= 0 && {place} < 740")
    assert page.run("location.hash") == "#watch"
    assert not page.run("document.getElementById('view-watch').hidden")


def test_less_motion_where_it_is_asked_for(console):
    page = console.open_live(reducedMotion="reduce")
    page.click(action("alice", "cut"))
    wait_for_state(page, "alice", "RECONNECTING")
    assert page.run("document.getAnimations().length") == 0


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_pictures(console, dark, width):
    """For people to look at: what the two views look like."""
    look = f"{'dark' if dark else 'light'}-{width}"
    crowd(console, [f"user{i}" for i in range(12)])
    page = console.open_live(dark=dark, width=width, height=800)
    page.wait("document.querySelectorAll('.kind-pong').length >= 4")
    take_picture(page, f"try-{look}", full=True)
    page.click("#to-watch")
    page.wait("document.querySelectorAll('.users tbody tr').length >= 12")
    page.wait("document.querySelectorAll('.chart-canvas canvas').length > 0")
    take_picture(page, f"watch-{look}", full=True)


# --- pages of others ----------------------------------------------------------------------------


@contextlib.contextmanager
def foreign_site():
    """The address of a page that is not the gateway's."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>elsewhere</title><body>")

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://localhost:{server.server_port}/"
        server.shutdown()
        thread.join()


ATTEMPTS = """(async (admin) => {
    const results = [];
    const attempt = async (path, options) => {
        const answer = await fetch(admin + path, options).catch((error) => ({ type: error.name }));
        results.push(answer.type);
    };
    const body = JSON.stringify({ text: 'from elsewhere' });
    const json = { 'Content-Type': 'application/json' };
    await attempt('v1/status', {});
    await attempt('v1/broadcast', { method: 'POST', headers: json, body });
    await attempt('v1/users/witness', { method: 'DELETE' });
    for (const path of ['v1/broadcast', 'v1/users/witness/messages', 'v1/drain', 'v1/demo/users/witness/cut']) {
        await attempt(path, { method: 'POST', mode: 'no-cors', body });
        const form = Object.assign(document.createElement('form'), { method: 'POST', action: admin + path });
        form.enctype = 'text/plain';
        const frame = Object.assign(document.createElement('iframe'), { name: path });
        form.target = path;
        form.append(Object.assign(document.createElement('input'), { name: '{"text":"', value: '"}' }));
        document.body.append(frame, form); // the empty page is loaded by now, what loads next is the answer
        const done = new Promise((resolve) => frame.onload = resolve);
        form.submit();
        await done;
    }
    await attempt('v1/ended', { mode: 'no-cors' });
    return results;
})(%s)"""


def test_a_page_elsewhere_can_do_nothing(browser, start):
    """A browser's own requests: by fetch, asked for or not, and by forms. Nothing is read, nothing comes of it."""
    console = Console(browser, start, "--demo")
    witness = console.gateway.login("witness")
    page = browser.open()
    try:
        with foreign_site() as address:
            page.goto(address)
            results = page.run(ATTEMPTS % json.dumps(console.url))
        wait_until(
            lambda: sum(request.startswith(console.url) for request in page.log()["requests"]) >= 12,
            "the browser itself has let it try",
        )
    finally:
        page.close()
    assert results == ["TypeError"] * 8
    witness.round_trip()
    head, _ = get(console.admin, "/readyz")
    assert head.startswith("HTTP/1.1 200")
    _, metrics = get(console.admin, "/metrics")
    assert re.search(r"^tidegate_fanout_messages_total 0$", metrics, re.MULTILINE)
    assert re.search(r"^tidegate_pushed_messages_total 0$", metrics, re.MULTILINE)


def test_a_name_that_leads_here_is_not_ours(browser, start):
    """As after DNS rebinding: the browser takes the name for an origin, and finds this port behind it."""
    console = Console(browser, start, "--demo")
    page = browser.open()
    try:
        page.goto(f"http://evil.localhost:{console.admin.rpartition(':')[2]}/")
        assert "/problems/wrong-host" in page.run("document.body.innerText")
    finally:
        page.close()


# --- the page itself ----------------------------------------------------------------------------


def get(address, path="/"):
    host, _, port = address.rpartition(":")
    with contextlib.closing(socket.create_connection((host, int(port)))) as sock:
        sock.sendall(f"GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: sock.recv(65536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    return head.decode("latin-1"), body.decode("utf-8")


def test_the_page_forbids_itself_what_it_does_not_need(console):
    head, body = get(console.admin)
    policy = re.search(r"(?i)^content-security-policy: (.*)$", head, re.MULTILINE)[1]
    assert "default-src 'none'" in policy and "script-src 'self'" in policy and "unsafe" not in policy
    assert "style=" not in body and "<style" not in body and "<script>" not in body
    assert not re.search(r"https?://", body)
    for path in ("/console.js", "/console.css", "/favicon.svg"):
        head, body = get(console.admin, path)
        assert head.startswith("HTTP/1.1 200")
        fetched = re.findall(r"""(?:@import|url\(|fetch\(|from)\s*["']?(https?://[^"')\s]+)""", body)
        assert fetched == []
