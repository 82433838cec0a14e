"""The console by keyboard, for a screen reader, on a phone, and as axe-core sees it."""

import re

import pytest

from admin import TOKEN
from console_pages import (
    COLOURS,
    VIEWS,
    action,
    axe_while_here,
    card,
    count,
    crowd,
    focused,
    in_focus,
    name_on,
    tab_to,
    take_picture,
    talkers,
    wait_for_bubble,
    wait_for_state,
    wait_for_step,
)

pytestmark = pytest.mark.release


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
@pytest.mark.parametrize("dark", COLOURS)
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


@pytest.mark.parametrize("width", [360, pytest.param(390, marks=pytest.mark.slow)])
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


@pytest.mark.slow
@pytest.mark.parametrize("dark", COLOURS)
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
