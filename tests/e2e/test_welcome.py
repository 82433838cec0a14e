"""What a browser sees that opens the clients' port. Pictures are left in build/console-pictures."""

import re

import pytest

from console_pages import COLOURS, take_picture
from gateway import free_port
from raw import request
from typed import check_that_they_talk, listen_to_the_console, two_tabs
from waiting import wait_until

pytestmark = pytest.mark.release

BROWSER = ["Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"]
NO_UPGRADE = ("Upgrade", "Connection", "Sec-WebSocket-Version", "Sec-WebSocket-Key")


@pytest.fixture(scope="module")
def gateway(start_for_module):
    return start_for_module("--admin", f"127.0.0.1:{free_port()}", listen=[f":{free_port()}"])


def admin_of(gateway):
    return gateway.arguments[gateway.arguments.index("--admin") + 1]


def answer_to(gateway, head, **where):
    """All that comes until the line is closed: (head, body)."""
    with gateway.socket(**where) as client:
        client.sendall(head)
        parts = iter(lambda: client.recv(65536), b"")
        head, _, body = b"".join(parts).decode().partition("\r\n\r\n")
        return head, body


# --- who gets it --------------------------------------------------------------------------------


def test_the_answer(gateway):
    head, body = answer_to(gateway, request("/any/path", without=NO_UPGRADE, extra=BROWSER))
    lines = head.split("\r\n")
    assert lines[0] == "HTTP/1.1 200 OK"
    for line in (
        "Connection: close",
        "Content-Type: text/html; charset=utf-8",
        f"Content-Length: {len(body.encode())}",
        "X-Content-Type-Options: nosniff",
        "Cache-Control: no-store",
    ):
        assert line in lines
    assert f'href="http://{admin_of(gateway)}/"' in body
    assert len(head) + len(body) < 8000
    looked_at, nothing = answer_to(gateway, request("/", method="HEAD", without=NO_UPGRADE, extra=BROWSER))
    assert (looked_at, nothing) == (head, "")


def test_a_stranger_s_host_is_not_repeated(gateway):
    for host in ("<b>.example", "evil.example", "a'onload=b"):
        head, body = answer_to(gateway, request("/<i>?user=<u>", without=NO_UPGRADE, host=host, extra=BROWSER))
        assert host not in head + body and "<u>" not in body


@pytest.mark.parametrize("extra", ["Forwarded: for=192.0.2.1", "X-Forwarded-For: 192.0.2.1"])
def test_who_comes_through_a_proxy_gets_none(gateway, extra):
    head, _ = answer_to(gateway, request(without=NO_UPGRADE, extra=[*BROWSER, extra]))
    assert head.startswith("HTTP/1.1 426 ")


def test_with_demo_everybody_gets_one(start, tmp_path):
    gateway = start("--demo", listen=[f"unix:{tmp_path}/socket"])
    head, body = answer_to(gateway, request(without=NO_UPGRADE, extra=[*BROWSER, "X-Forwarded-For: 192.0.2.1"]))
    assert head.startswith("HTTP/1.1 200 ")
    assert 'href=""' in body  # there is no console
    head, _ = answer_to(start(listen=[f"unix:{tmp_path}/other"]), request(without=NO_UPGRADE, extra=BROWSER))
    assert head.startswith("HTTP/1.1 426 ")


@pytest.mark.parametrize(("host", "reached"), [("0.0.0.0", "127.0.0.1"), ("[::]", "[::1]"), ("*", "localhost")])
def test_a_link_to_the_console_leads_there(start, token_file, host, reached):
    """No browser goes to an unspecified address."""
    port = free_port()
    gateway = start("--admin", f"{host}:{port}", "--admin-token", token_file, "--admin-plain")
    _, body = answer_to(gateway, request(without=NO_UPGRADE, extra=BROWSER))
    assert f'href="http://{reached}:{port}/"' in body
    gateway.wait_for_line(rf"started: .*, console http://{re.escape(reached)}:{port}/$")


# --- what it shows ------------------------------------------------------------------------------


def open_page(browser, url, **options):
    page = browser.open(**options)
    page.goto(url)
    return page


def lines_of(page):
    """What the page says is to be typed."""
    return [line for line in page.texts(".code code") if not re.match(r"wss?://", line)]


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
def test_what_it_says_works_where_it_says_so(gateway, browser, host):
    """Each line, typed in the developer tools of two pages, by whatever name they were opened."""
    where = f"{host}:{gateway.port}"
    with two_tabs(browser, f"http://{where}/") as pages:
        assert pages[0].texts("[data-user=NAME]") == [f"ws://{where}/?user=NAME"]
        check_that_they_talk(pages, *lines_of(pages[0]))
        for page in pages:
            assert all(
                url.startswith((f"http://{where}/", f"ws://{where}/", "data:")) for url in page.log()["requests"]
            )


def test_its_policy_lets_nothing_else_run(gateway, browser):
    page = open_page(browser, f"http://localhost:{gateway.port}/")
    page.run("document.body.insertAdjacentHTML('beforeend', '<p id=x onclick=\"window.ran = true\">x</p>')")
    page.run("document.querySelector('#x').click()")
    wait_until(lambda: page.log()["violations"], "the policy is broken")
    assert page.run("window.ran") is None
    page.close()


def test_the_way_to_the_console(gateway, browser, start):
    page = open_page(browser, f"http://localhost:{gateway.port}/")
    page.click("#console a")
    page.wait(f"location.href.startsWith('http://{admin_of(gateway)}/')")
    page.close()
    page = open_page(browser, f"http://localhost:{start().port}/")
    assert page.run("getComputedStyle(document.querySelector('#console')).display") == "none"
    page.close()


def test_another_machine_s_browser_is_not_led_to_its_own(start, browser):
    """The console is at a loopback address, the page was opened by a name of the machine."""
    gateway = start("--admin", f"127.0.0.1:{free_port()}", "--demo", listen=[f":{free_port()}"])
    page = open_page(browser, f"http://stranger.localhost:{gateway.port}/")
    assert page.run("document.querySelector('#console')") is None
    assert page.texts("[data-user=bob]") == [f"ws://stranger.localhost:{gateway.port}/?user=bob"]
    page.close()


@pytest.mark.parametrize("dark", COLOURS)
@pytest.mark.parametrize("width", [360, 1280])
def test_how_it_looks(gateway, browser, dark, width):
    page = open_page(browser, f"http://localhost:{gateway.port}/", dark=dark, width=width)
    take_picture(page, f"welcome-{width}-{'dark' if dark else 'light'}", full=True)
    assert page.run("document.documentElement.scrollWidth <= innerWidth")
    assert page.axe() == []
    page.close()


# --- the console's page -------------------------------------------------------------------------


def open_console(browser, start, host, gateway_listens):
    gateway = start("--admin", f"{host}:{free_port()}", listen=[gateway_listens])
    page = open_page(browser, f"http://{admin_of(gateway)}/")
    if page.run("document.querySelector('nav') === null"):
        pytest.skip("built without the console")
    return gateway, page


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_what_works_here_works_in_the_console_s_page(browser, start, host):
    """Whichever of this machine's two names it was opened by, and whichever is typed."""
    gateway, page = open_console(browser, start, "127.0.0.1", f":{free_port()}")
    page.goto(f"http://{host}:{admin_of(gateway).rpartition(':')[2]}/#watch")
    listen_to_the_console(page)
    for user, name in (("alice", "localhost"), ("bob", "127.0.0.1")):
        page.run(f"{user} = new WebSocket('ws://{name}:{gateway.port}/?user={user}')")
        page.wait(f"{user}.readyState === 1")
    page.run("alice.onmessage = m => console.log(m.data)")
    page.run("bob.send('hello')")
    page.wait("shown.includes('hello -- FROM bob')")
    assert page.log()["violations"] == []
    page.close()


def test_a_console_at_an_ipv6_loopback_goes_on_at_localhost(browser, start):
    """Chromium takes no IPv6 address in a policy."""
    gateway, page = open_console(browser, start, "[::1]", f"[::1]:{free_port()}")
    port = admin_of(gateway).rpartition(":")[2]
    page.wait(f"location.host === 'localhost:{port}'")
    page.run(f"alice = new WebSocket('ws://localhost:{gateway.port}/?user=alice')")
    page.wait("alice.readyState === 1")
    assert page.log()["violations"] == []
    page.close()
