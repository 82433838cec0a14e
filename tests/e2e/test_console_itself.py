"""What pages of others can do to a console, and what its own page forbids itself."""

import contextlib
import http.server
import json
import re
import threading

import pytest

from console_pages import Console, get
from waiting import wait_until

pytestmark = pytest.mark.release


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
