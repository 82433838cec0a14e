"""What is typed into the developer tools of pages."""

import contextlib

from waiting import Timeout, wait_until


@contextlib.contextmanager
def two_tabs(browser, url, other=None):
    """Two pages of that address, or of one each, which must have nothing to complain about."""
    with contextlib.ExitStack() as closing:
        pages = []
        for url in (url, other or url):  # noqa: B020
            pages.append(browser.open())
            closing.callback(pages[-1].close)
            pages[-1].goto(url)
        yield pages
        for page in pages:
            log = page.log()
            assert (log["errors"], log["violations"]) == ([], [])


def listen_to_the_console(page):
    """What the page's console shows from now on is in its `shown`."""
    page.run("(() => { window.shown = []; console.log = (text) => window.shown.push(text) })()")


def check_that_they_talk(pages, alice_opens, bob_opens, alice_says):
    """Alice in one tab, bob in the other: her hello is shown in his console."""
    alice, bob = pages
    listen_to_the_console(bob)
    alice.run(alice_opens)
    bob.run(bob_opens)
    alice.wait("alice.readyState === 1")
    bob.wait("bob.readyState === 1")

    def is_heard():
        """Between nodes, which learn of each other's users a moment later: she says it again."""
        alice.run(alice_says)
        with contextlib.suppress(Timeout):
            return wait_until(lambda: bob.run("shown.includes('hello -- FROM alice')"), timeout=1)

    wait_until(is_heard, "her hello is shown")
