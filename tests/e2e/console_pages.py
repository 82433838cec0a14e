"""The console in headless Chromium, as its tests see it. Pictures are left in build/console-pictures."""

import contextlib
import json
import re
import socket
import urllib.request

import pytest

from gateway import ROOT, free_port
from talking import Talker
from waiting import TIMEOUT, wait_until

PICTURES = ROOT / "build/console-pictures"
VIEWS = ("try", "watch")
COLOURS = [pytest.param(False, id="light"), pytest.param(True, id="dark", marks=pytest.mark.slow)]


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


def whisper(page, user, text):
    """To the other one alone."""
    page.fill(f"{card(user)} .say input", text)
    page.click(f"{card(user)} .say .aside")


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


def get(address, path="/"):
    host, _, port = address.rpartition(":")
    with contextlib.closing(socket.create_connection((host, int(port)))) as sock:
        sock.sendall(f"GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: sock.recv(65536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    return head.decode("latin-1"), body.decode("utf-8")


def nodes_of(console):
    return json.loads(get(console.admin, "/v1/nodes")[1])["nodes"]


def crowd(console, names):
    return {name: console.gateway.login(name) for name in names}
