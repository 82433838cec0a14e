"""Who may ask the admin port: not a web page of another origin, nobody without the token, nobody too often,
nobody for ever."""

import contextlib
import os
import signal
import socket
import stat
import threading
import time

import pytest

from admin import DESCRIPTION, TOKEN, Admin
from gateway import Process, free_port, limit_files
from raw import request
from waiting import TIMEOUT, wait_until, wait_until_readable



def serve(start, *options, admin="127.0.0.1:0", **more):
    gateway = start("--admin", admin, *options, **more)
    return gateway, Admin(gateway, **({"token": TOKEN} if "--admin-token" in options else {}))


def refused(*options):
    """The one line with which a start is refused."""
    process = Process(["--listen", "127.0.0.1:0", *options])
    assert process.wait() == 1
    process.assert_no_report()
    [line] = process.lines
    return line


# --- DNS rebinding ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:{port}", "LOCALHOST:1", "127.0.0.1:{port}", "127.3.2.1", "[::1]:{port}"]
)
def test_hosts_of_this_machine(start, host):
    _, admin = serve(start)
    reply = admin.get("/v1/status", headers={"Host": host.format(port=admin.port)})
    assert reply.status == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:{port}",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "localhost:1.evil.example",
        "10.0.0.1",
        "128.0.0.1",
        "0.0.0.0",
        "[::2]",
        "[::ffff:10.0.0.1]",
        "local",
        "0x7f.1",
    ],
)
def test_hosts_of_others(start, host):
    """A name that its owner has pointed at 127.0.0.1 is still his: nothing is answered under it."""
    gateway, admin = serve(start)
    for method, target in [
        ("GET", "/"),
        ("GET", "/healthz"),
        ("GET", "/v1/users"),
        ("POST", "/v1/drain"),
        ("GET", "/x"),
    ]:
        reply = admin.request(method, target, headers={"Host": host.format(port=admin.port)})
        assert reply.problem in ("wrong-host", "bad-host")
        assert reply.status in (421, 400)
    assert admin.get("/readyz").status == 200


@pytest.mark.parametrize(
    "host",
    [
        None,
        ["localhost", "evil.example"],
        ["localhost", "localhost"],
        "",
        "a b",
        "<x>",
        "[::1",
        "localhost:x",
        ":1",
    ],
)
def test_what_is_no_host(start, host):
    _, admin = serve(start)
    reply = admin.get("/healthz", headers={"Host": host})
    assert (reply.status, reply.problem) == (400, "bad-host")


def test_the_host_that_was_named(start):
    _, admin = serve(start, admin="localhost:0")
    assert admin.get("/healthz").status == 200


# --- requests across sites ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:{other}"},
        {"Origin": "http://127.0.0.1:{port}", "Host": "localhost:{port}"},
        {"Origin": "http://{host}.evil.example"},
        {"Origin": "{host}"},
        {"Origin": "ftp://{host}"},
        {"Origin": ""},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
        {"Origin": "http://{host}", "Sec-Fetch-Site": "cross-site"},
    ],
)
def test_pages_of_another_origin(start, headers):
    """Neither read nor written to: the answer is 403 before anything is looked at, and no CORS header."""
    gateway, admin = serve(start)
    alice = gateway.login("alice")
    host = f"127.0.0.1:{admin.port}"
    headers = {
        "Host": host,
        **{k: v.format(host=host, port=admin.port, other=admin.port + 1) for k, v in headers.items()},
    }
    for method, target, body in [
        ("GET", "/v1/status", None),
        ("GET", "/metrics", None),
        ("POST", "/v1/users/alice/messages", {"text": "x"}),
        ("POST", "/v1/broadcast", b'{"text":"x"}'),
        ("POST", "/v1/drain", None),
        ("DELETE", "/v1/users/alice", None),
        ("OPTIONS", "/v1/drain", None),
    ]:
        reply = admin.request(method, target, body, headers=headers)
        assert (reply.status, reply.problem) == (403, "foreign-origin")
        assert not [name for name in reply.headers if name.startswith("access-control")]
    alice.round_trip()
    assert admin.get("/readyz").status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://{host}"},
        {"Origin": "https://{host}"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "http://{host}"},
        {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"},
    ],
)
def test_our_own_page(start, headers):
    gateway, admin = serve(start)
    host = f"127.0.0.1:{admin.port}"
    headers = {"Host": host, **{k: v.format(host=host) for k, v in headers.items()}}
    assert admin.get("/v1/status", headers=headers).status == 200
    assert admin.post("/v1/broadcast", {"text": "x"}, headers=headers).status == 202


def test_a_link_elsewhere_may_lead_to_the_console(start):
    _, admin = serve(start)
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert admin.get("/", headers=link).status == 200
    assert admin.get("/", headers={**link, "Sec-Fetch-Mode": "no-cors"}).status == 403


def test_a_form_of_another_site(start):
    """What a form can send without asking first: its content type is not taken."""
    gateway, admin = serve(start)
    with gateway.login("alice") as alice:
        for kind in (
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data",
            "application/jsonx",
            None,
        ):
            reply = admin.post("/v1/broadcast", b'{"text":"x"}', headers={"Content-Type": kind})
            assert (reply.status, reply.problem) == (415, "unsupported-media-type")
        alice.round_trip()
        assert (
            admin.post(
                "/v1/broadcast", b'{"text":"x"}', headers={"Content-Type": "application/json; charset=utf-8"}
            ).status
            == 202
        )


def test_headers_of_every_answer(start):
    _, admin = serve(start)
    for target in ("/", "/healthz", "/v1/status", "/metrics", "/openapi.json", "/nowhere"):
        headers = admin.get(target).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == ("no-cache" if "etag" in headers else "no-store")
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]


def test_the_console_may_reach_its_gateway_only(start):
    gateway, admin = serve(start)
    reply = admin.get("/", headers={"Host": "localhost:1"})
    if "etag" not in reply.headers:
        pytest.skip("built without the console")
    policy = reply.headers["content-security-policy"]
    names = [f"{scheme}://{name}:{gateway.port}" for name in ("localhost", "127.0.0.1") for scheme in ("ws", "wss")]
    assert f"connect-src 'self' {' '.join(names)};" in policy
    assert "unsafe" not in policy
    reply = admin.get("/", headers={"Host": "127.9.9.9:1"})
    names += [f"ws://127.9.9.9:{gateway.port}", f"wss://127.9.9.9:{gateway.port}"]
    assert f"connect-src 'self' {' '.join(names)};" in reply.headers["content-security-policy"]


def test_a_console_at_an_ipv6_loopback_is_at_localhost(start):
    _, admin = serve(start)
    for host, location in (("[::1]", "//localhost/"), ("[::1]:8001", "//localhost:8001/")):
        reply = admin.get("/", headers={"Host": host})
        if reply.status == 200:
            pytest.skip("built without the console")
        assert (reply.status, reply.headers["location"]) == (307, location)


def test_files_are_not_sent_twice(start):
    _, admin = serve(start)
    first = admin.get("/openapi.json")
    second = admin.get("/openapi.json", headers={"If-None-Match": first.headers["etag"]})
    assert (second.status, second.body) == (304, b"")


# --- methods and paths --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "target", "allow"),
    [
        ("POST", "/v1/status", "GET, HEAD"),
        ("PUT", "/v1/users/alice", "GET, HEAD, DELETE"),
        ("GET", "/v1/drain", "POST"),
        ("OPTIONS", "/v1/broadcast", "POST"),
        ("GET", "/v1/users/alice/messages", "POST"),
        ("DELETE", "/", "GET, HEAD"),
    ],
)
def test_methods_that_a_path_does_not_take(start, method, target, allow):
    _, admin = serve(start)
    reply = admin.request(method, target)
    assert (reply.status, reply.problem, reply.headers["allow"]) == (405, "method-not-allowed", allow)


@pytest.mark.parametrize(
    "target",
    [
        "/v1",
        "/v1/",
        "/v1/user",
        "/v1/users/alice/",
        "/v1/users/alice/messages/1",
        "//",
        "/healthz/",
        "/v1/users/a/b",
        "/%2e",
        "/METRICS",
    ],
)
def test_paths_that_are_not_there(start, target):
    _, admin = serve(start)
    reply = admin.get(target)
    assert (reply.status, reply.problem) == (404, "not-found")


def test_head(start):
    _, admin = serve(start)
    for target in ("/healthz", "/v1/status", "/metrics", "/openapi.json"):
        reply = admin.request("HEAD", target)
        assert (reply.status, reply.body) == (200, b"")
        assert int(reply.headers["content-length"]) > 0


# --- sizes and rates ----------------------------------------------------------------------------


@pytest.mark.threads
def test_messages_that_are_too_large(start):
    gateway, admin = serve(start, "--max-message", 1000)
    alice = gateway.login("alice")
    admin.queued("alice", "x" * 1000)
    alice.expect_text("x" * 1000)
    for target in ("/v1/users/alice/messages", "/v1/broadcast"):
        for body in (
            {"text": "x" * 1001},
            {"packet": {"command": 1, "payload": "x" * 995}},
            {"text": "x" * 6000},
            b" " * 20000,
        ):
            reply = admin.post(target, body)
            assert (reply.status, reply.problem) == (413, "too-large")
    alice.round_trip()
    admin.queued("alice", "still here")


def test_a_body_of_any_length_is_not_waited_for(start):
    _, admin = serve(start, "--max-message", 1000)
    for more in (b"", b"Expect: 100-continue\r\n"):
        with admin.socket() as sock:
            sock.sendall(
                b"POST /v1/broadcast HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                + more
                + b"Content-Length: 99999999999\r\n\r\n"
            )
            assert sock.recv(4096).startswith(b"HTTP/1.1 413 ")


def test_a_body_in_chunks(start):
    gateway, admin = serve(start, "--max-message", 1000)
    head = (
        b"POST /v1/broadcast HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n"
    )
    with gateway.login("alice") as alice, admin.socket() as sock:
        for piece in (head, b'9\r\n{"text":"\r\n', b"3\r\nabc\r\n", b'2\r\n"}\r\n', b"0\r\n\r\n"):
            sock.sendall(piece)
        assert sock.recv(4096).startswith(b"HTTP/1.1 202 ")
        alice.expect_text("abc")
        sock.sendall(head)
        for _ in range(20):
            sock.sendall(b"400\r\n" + b" " * 1024 + b"\r\n")
        sock.sendall(b"0\r\n\r\n")
        assert sock.recv(4096).startswith(b"HTTP/1.1 413 ")


def answer_to(admin, *pieces):
    """What a bare socket gets until the port closes it."""
    with admin.socket() as sock:
        with contextlib.suppress(ConnectionError):
            for piece in pieces:
                sock.sendall(piece)
        answer = b""
        with contextlib.suppress(ConnectionError):
            while data := sock.recv(1 << 16):
                answer += data
        return answer


BROADCAST = b"POST /v1/broadcast HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
SMUGGLED = b"DELETE /v1/users/alice HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.mark.parametrize(
    "rest",
    [
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 12\r\n\r\nc\r\n{\"text\":\"x\"}\r\n0\r\n\r\n",
        b"Content-Length: 12\r\nContent-Length: 12\r\n\r\n{\"text\":\"x\"}",
        b"Content-Length: 12\r\nContent-Length: 2\r\n\r\n{\"text\":\"x\"}",
        b"Transfer-Encoding: gzip\r\n\r\n{\"text\":\"x\"}",
        b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding : chunked\r\nContent-Length: 12\r\n\r\n{\"text\":\"x\"}",
    ],
)
def test_where_a_request_ends_is_beyond_doubt(start, rest):
    """Nothing that a proxy in front could see otherwise is carried out, nor what follows it."""
    gateway, admin = serve(start)
    alice = gateway.login("alice")
    head, _, body = answer_to(admin, BROADCAST + rest + SMUGGLED).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ") and b"connection: close" in head.lower()
    assert body.count(b"HTTP/1.1") == 0, "one answer"
    assert b"application/problem+json" in head and b'"/problems/bad-request"' in body
    alice.round_trip()


@pytest.mark.parametrize(
    ("pieces", "status"),
    [
        ([b"GET /" + b"x" * 40000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n"], 414),
        ([b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 6000 + b"\r\n"], 431),
        ([BROADCAST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"], 400),
        ([BROADCAST + b"Content-Length: -5\r\n\r\n"], 400),
        ([BROADCAST + b"Content-Length: 12, 12\r\n\r\n{}"], 400),
        ([BROADCAST + b"Content-Length: 18446744073709551628\r\n\r\n"], 413),
        ([b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"], 505),
    ],
)
def test_what_cannot_be_read_as_a_request(start, pieces, status):
    """The description tells of the answer. The connection is of no further use."""
    _, admin = serve(start)
    assert answer_to(admin, *pieces).startswith(b"HTTP/1.1 %d " % status)
    assert str(status) in DESCRIPTION["info"]["description"]
    assert admin.get("/healthz").status == 200


@pytest.mark.release
def test_bodies_in_hand_are_bounded_in_all(start):
    """Callers who stop in the middle of theirs do not fill the memory; whoever has small ones goes on."""
    gateway, admin = serve(start, "--max-message", 16 << 20, "--tx-queue-limit", 64 << 20)
    alice = gateway.login("alice")
    size = 20 << 20
    with contextlib.ExitStack() as stack:
        answers = []
        for _ in range(8):
            sock = stack.enter_context(admin.socket())
            sock.sendall(BROADCAST + b"Content-Length: %d\r\n\r\n" % size)
            sock.sendall(b" " * (size - 1))
            answers.append(sock)
        for sock in answers:
            sock.sendall(b"x")
        statuses = [sock.recv(1 << 16).split()[1] for sock in answers]
        assert set(statuses) == {b"400", b"503"}, "not JSON, or no room for it"
    assert gateway.peak_rss() < 120 << 20
    admin.queued("alice", "small")
    alice.expect_text("small")


@pytest.mark.threads
def test_a_rate(start):
    """A burst of one second's worth, then 429 with a time; looking is not limited, nor is the drain."""
    gateway, admin = serve(start, "--admin-rate", 5, drain=600)
    alice = gateway.login("alice")
    started = time.monotonic()
    statuses = [admin.push("alice", str(number)).status for number in range(40)]
    most = 5 + 5 * (time.monotonic() - started) + 1
    assert statuses[:5] == [202] * 5
    assert 429 in statuses
    assert statuses.count(202) <= most
    reply = wait_until(lambda: [r for r in [admin.push("alice", "x")] if r.status == 429], "over the rate")[0]
    assert (reply.problem, reply.headers["retry-after"]) == ("too-many-requests", "1")
    assert admin.get("/v1/users/alice").status == 200
    wait_until(lambda: admin.push("alice", "again").status == 202, "a second has passed")
    assert admin.post("/v1/drain").status == 202
    alice.close_socket()
    gateway.assert_ends(0)


# --- the token ----------------------------------------------------------------------------------


def test_with_a_token(start, token_file):
    gateway, admin = serve(start, "--admin-token", token_file)
    gateway.login("alice")
    assert admin.status()["node"] == "demo"
    admin.queued("alice", "x")
    assert not gateway.matching("everybody on this machine")
    for given in (
        None,
        "",
        "Bearer",
        "Bearer ",
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN[:-1]}",
        f"Basic {TOKEN}",
        TOKEN,
        "Bearer " + "x" * 400,
    ):
        for method, target, body in [
            ("GET", "/v1/status", None),
            ("GET", "/metrics", None),
            ("GET", "/openapi.json", None),
            ("POST", "/v1/users/alice/messages", {"text": "x"}),
            ("DELETE", "/v1/users/alice", None),
            ("POST", "/v1/drain", None),
            ("GET", "/nowhere", None),
        ]:
            reply = admin.request(method, target, body, headers={"Authorization": given})
            assert (reply.status, reply.problem) == (401, "unauthorized")
            assert reply.headers["www-authenticate"].startswith("Bearer")
    for target in ("/healthz", "/readyz", "/"):
        assert admin.get(target, headers={"Authorization": None}).status == 200
    assert admin.user("alice")
    # With a token the name it is reached by does not matter; other origins still do.
    assert admin.get("/v1/status", headers={"Host": "gateway.example"}).status == 200
    assert admin.get("/v1/status", headers={"Origin": "http://evil.example"}).status == 403


def put(path, *tokens, mode=0o600):
    """Puts another file in its place, as a careful operator does."""
    fresh = path.with_name("fresh")
    fresh.write_text("".join(f"{token}\n" for token in tokens), encoding="ascii")
    fresh.chmod(mode)
    fresh.replace(path)


NEW = "another-token-entirely"


@pytest.mark.threads
def test_a_token_is_read_again_at_a_reload(start, token_file):
    gateway, admin = serve(start, "--admin-token", token_file)
    assert admin.get("/v1/status").status == 200
    token_file.write_text("short\n", encoding="ascii")
    gateway.signal(signal.SIGHUP)
    gateway.wait_for_line("ERROR reload: admin_token: .*line 1 is too short.*the token of before stays valid")
    assert admin.get("/v1/status").status == 200
    put(token_file, NEW)
    gateway.signal(signal.SIGHUP)
    gateway.wait_for_line("INFO +reload: admin_token: .*: one token is valid now")
    wait_until(lambda: admin.get("/v1/status").status == 401, "the old one is void")
    admin.token = NEW
    assert admin.get("/v1/status").status == 200
    gateway.signal(signal.SIGHUP)
    gateway.wait_for_line("reloaded:", count=3)
    gateway.expect_lines("valid now", 1)  # nothing has changed


def test_a_reload_with_a_bad_token_file_takes_the_options(start, token_file, tmp_path):
    config = tmp_path / "tidegate.conf"
    config.write_text("admin_rate = 1\n", encoding="ascii")
    gateway, admin = serve(start, "--admin-token", token_file, "--config", config)
    put(token_file)
    config.write_text("admin_rate = 0\n", encoding="ascii")
    gateway.signal(signal.SIGHUP)
    gateway.wait_for_line("reload: admin_token: .*it is empty")
    gateway.wait_for_line("reloaded: 1 option changed")
    wait_until(lambda: all(admin.push("alice", "x").status == 404 for _ in range(5)), "no limit is left")


class Caller(threading.Thread):
    """Sends with one token, over and over, each time with a connection of its own."""

    def __init__(self, gateway, token):
        super().__init__()
        self.gateway, self.token = gateway, token
        self.statuses = []
        self.has_ended = False

    def run(self):
        while not self.has_ended:
            with Admin(self.gateway, self.token) as admin:
                self.statuses.append(admin.push("alice", "x").status)

    def end(self):
        self.has_ended = True
        self.join(TIMEOUT)
        assert not self.is_alive()
        return self.statuses


@pytest.mark.threads
def test_a_token_is_changed_and_nobody_is_refused(start, token_file):
    """Two are valid while callers change over; the file's change is seen without a signal."""
    gateway, admin = serve(start, "--admin-token", token_file, "--admin-rate", 0, "--max-message", 1000)
    old = Caller(gateway, TOKEN)
    old.start()
    try:
        put(token_file, NEW, TOKEN)
        gateway.wait_for_line("INFO +changed file: admin_token: .*: two tokens are valid now")
        wait_until(lambda: Admin(gateway, NEW).get("/v1/status").status == 200, "the new one is valid")
        new = Caller(gateway, NEW)
        new.start()
        try:
            wait_until(lambda: len(new.statuses) > 20, "the new one is used")
            assert set(old.end()) == {404} and len(old.statuses) > 20
            put(token_file, NEW)
            gateway.wait_for_line("changed file: admin_token: .*: one token is valid now")
            admin.token = TOKEN
            wait_until(lambda: admin.get("/v1/status").status == 401, "the old one is void")
        finally:
            assert set(new.end()) == {404}
    finally:
        old.end()
    # Who still comes with the old one is named.
    gateway.wait_for_line(r"WARN +audit: look by 127\.0\.0\.1:\d+: 401 unauthorized$")
    assert not gateway.matching(f"{TOKEN}|{NEW}")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda path: path.unlink(), "No such file"),
        (lambda path: put(path), "it is empty"),
        (lambda path: put(path, NEW, TOKEN, "a-third-one-of-these"), "more than two lines"),
        (lambda path: put(path, TOKEN, "too-short-for-it"[:15]), "line 2 is too short"),
        (lambda path: path.chmod(0o644), "chmod o-rwx"),
    ],
    ids=["gone", "empty", "three", "short", "readable"],
)
def test_a_change_that_cannot_be_taken(start, token_file, change, says):
    """Is told once, and the token of before stays; when it is mended that is seen too."""
    gateway, admin = serve(start, "--admin-token", token_file)
    change(token_file)
    gateway.wait_for_line(f"ERROR changed file: admin_token: .*{says}.*the token of before stays valid")
    assert admin.get("/v1/status").status == 200
    put(token_file, NEW)
    gateway.wait_for_line("one token is valid now")
    admin.token = NEW
    wait_until(lambda: admin.get("/v1/status").status == 200, "the new one is valid")
    gateway.expect_lines("ERROR", 1)


PLAIN = "--admin-plain"
FOR_OTHERS = ("0.0.0.0:0", "*:0", "[::]:0")


@pytest.mark.parametrize("address", FOR_OTHERS)
def test_where_others_reach_it(start, token_file, address):
    """Only with a token, and only where somebody said that it may travel in clear."""
    line = refused("--admin", address)
    assert "--admin-token" in line and PLAIN in line
    line = refused("--admin", address, PLAIN)
    assert "--admin-token" in line and PLAIN not in line
    line = refused("--admin", address, "--admin-token", token_file)
    assert "--admin-token" not in line and PLAIN in line and "reverse proxy" in line
    gateway, admin = serve(start, "--admin-token", token_file, PLAIN, admin=address)
    assert admin.get("/v1/status").status == 200
    assert admin.get("/v1/status", headers={"Authorization": None}).status == 401
    gateway.wait_for_line(r"WARN .*token in clear \(--admin-plain\)")


def test_plain_means_nothing_on_this_machine(start, token_file, tmp_path):
    gateway, admin = serve(start, "--admin-token", token_file, PLAIN)
    assert admin.get("/v1/status").status == 200
    assert not gateway.matching("in clear")
    gateway, _ = serve(start, PLAIN, admin=f"unix:{tmp_path}/admin.sock")
    gateway.wait_for_line("WARN .*admin-plain=true: means nothing without an address in admin")


def test_without_a_token_everybody_on_this_machine(start):
    gateway, admin = serve(start)
    gateway.wait_for_line("WARN.*everybody on this machine may use the admin port: --admin-token")


@pytest.mark.parametrize(
    ("content", "mode", "says"),
    [
        (TOKEN, 0o604, "chmod"),
        (TOKEN, 0o602, "chmod"),
        ("x" * 15, 0o600, "too short"),
        ("x" * 257, 0o600, "too long"),
        ("with a space, which is not allowed", 0o600, "16 to 256"),
        (TOKEN + "\nshort", 0o600, "line 2 is too short"),
        (f"{TOKEN}\n{NEW}\n{TOKEN}", 0o600, "more than two lines"),
        ("\n\n", 0o600, "empty"),
        ("", 0o600, "empty"),
        (None, 0o600, "No such file"),
    ],
)
def test_token_files_that_are_refused(token_file, content, mode, says):
    token_file.unlink()
    if content is not None:
        token_file.write_text(content, encoding="ascii")
        token_file.chmod(mode)
    line = refused("--admin", "127.0.0.1:0", "--admin-token", token_file)
    assert says in line and str(token_file) in line


def test_a_long_token(start, token_file):
    token_file.write_text("y" * 256 + "\r\n", encoding="ascii")
    gateway = start("--admin", "127.0.0.1:0", "--admin-token", token_file)
    assert Admin(gateway, "y" * 256).get("/v1/status").status == 200


# --- the listener -------------------------------------------------------------------------------


def test_an_address_in_use(start):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        where = "127.0.0.1:%d" % taken.getsockname()[1]
        line = refused("--admin", where)
        assert where in line and "in use" in line and "--admin" in line
    gateway, admin = serve(start, admin=f"127.0.0.1:{free_port()}")
    assert f"127.0.0.1:{admin.port}" in refused("--admin", f"127.0.0.1:{admin.port}")
    assert admin.get("/healthz").status == 200


@pytest.mark.parametrize("address", ["8001", "localhost", "unix:", "1.2.3.4:99999", ""])
def test_addresses_that_are_wrong(address):
    process = Process(["--admin", address])
    assert process.wait() == 2
    assert any(f"--admin {address}: not HOST:PORT" in line for line in process.lines)


@pytest.mark.threads
def test_a_unix_socket(start, tmp_path):
    path = tmp_path / "admin.sock"
    gateway, admin = serve(start, admin=f"unix:{path}")
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o660
    gateway.wait_for_line("WARN.*owner and group of the socket may use the admin port")
    with gateway.login("alice") as alice:
        admin.queued("alice", "x")
        alice.expect_text("x")
    assert admin.get("/v1/status", headers={"Host": "anything"}).status == 200
    admin.connection.close()
    gateway.stop()
    assert not path.exists()


def test_ipv6(start):
    _, admin = serve(start, admin="[::1]:0")
    assert admin.get("/v1/status").status == 200


@pytest.mark.threads
def test_slow_ones_do_not_hold_the_port(start):
    """More than it has room for, each with half a request: whoever asks properly is answered at once."""
    gateway, admin = serve(start)
    with contextlib.ExitStack() as stack:
        slow = [stack.enter_context(admin.socket()) for _ in range(400)]
        for sock in slow:
            with contextlib.suppress(OSError):
                sock.sendall(b"GET /healthz HTTP/1.1\r\nHost: local")
        for _ in range(5):
            with Admin(gateway) as other:
                assert other.get("/healthz").status == 200
                assert other.get("/v1/users").status == 200
        # The oldest have been shown out.
        wait_until_readable(*slow)
    wait_until(lambda: Admin(gateway).get("/healthz").status == 200, "all is well")


def test_few_descriptors(start):
    """Callers have their share of them, and clients have theirs."""
    gateway, admin = serve(start, preexec_fn=limit_files(128))
    with contextlib.ExitStack() as stack:
        for _ in range(100):
            stack.enter_context(admin.socket())
        clients = [gateway.login(f"user{number}") for number in range(40)]
        with Admin(gateway) as other:
            assert other.get("/healthz").status == 200
        for client in clients:
            client.round_trip()


def test_a_full_house(start):
    """Users who take all the descriptors there are for them leave the admin port its own."""
    gateway, admin = serve(start, preexec_fn=limit_files(100))
    admin.connection.close()
    clients, refused = [], 0
    while refused < 30:
        clients.append(gateway.raw())
        clients[-1].send(request(f"/?user=user{len(clients)}"))
        refused += clients[-1].answer().status == 503
    with Admin(gateway) as other:
        assert other.get("/healthz").status == 200
        assert other.metrics()["tidegate_accept_refused_total"] == refused
        assert len(list(other.users())) == len(clients) - refused > 20
    clients[0].round_trip()


@pytest.mark.threads
def test_it_ends_with_requests_half_done(start):
    """Neither half a head, nor half a body, nor an answer nobody reads holds up the end."""
    gateway, admin = serve(start)
    gateway.login("alice")
    with contextlib.ExitStack() as stack:
        for piece in (
            b"",
            b"GET /he",
            b"POST /v1/broadcast HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Content-Length: 100\r\n\r\n{",
            b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n" * 200,
        ):
            stack.enter_context(admin.socket()).sendall(piece)
        assert admin.get("/healthz").status == 200
        gateway.stop()


@pytest.mark.parametrize(
    "junk",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 100,
        b"GET\r\n\r\n",
        b"\r\n" * 1000,
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 20000,
        b"GET /" + b"x" * 100000,
    ],
    ids=["TLS", "short", "empty lines", "headers", "path"],
)
def test_junk(start, junk):
    gateway, admin = serve(start)
    with admin.socket() as sock:
        with contextlib.suppress(OSError):
            sock.sendall(junk)
        assert admin.get("/v1/status").status == 200
    assert admin.get("/healthz").status == 200
