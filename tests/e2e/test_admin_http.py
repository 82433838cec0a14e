"""What the admin port's HTTP takes from real clients and proxies, and what it does with those that are none:
over bare sockets, and under HAProxy's own check."""

import contextlib
import json
import re
import socket
import subprocess
import threading
import urllib.parse

import pytest

from admin import Reply, check
from gateway import free_port
from waiting import TIMEOUT, wait_until

KIB = 1 << 10
MIB = 1 << 20

HOST = b"Host: localhost\r\n"
JSON = b"Content-Type: application/json\r\n"
BROADCAST = b"POST /v1/broadcast HTTP/1.1\r\n" + HOST + JSON


class Answers:
    """What comes back over a bare socket, answer by answer."""

    def __init__(self, sock):
        self.sock, self.buffer = sock, b""

    def _read(self):
        data = self.sock.recv(1 << 16)
        self.buffer += data
        return data

    def next(self, method="GET", target=None):
        while b"\r\n\r\n" not in self.buffer:
            assert self._read(), f"no answer: {self.buffer!r}"
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        version, status, phrase = first.split(" ", 2)
        assert version == "HTTP/1.1" and (phrase or status == "200"), first
        headers = {}
        for line in lines:
            name, _, value = line.partition(": ")
            assert name.lower() not in headers, f"{name} comes twice"
            headers[name.lower()] = value
        size = 0 if method == "HEAD" or status in ("100", "204", "304") else int(headers["content-length"])
        while len(self.buffer) < size:
            assert self._read(), "the answer breaks off"
        body, self.buffer = self.buffer[:size], self.buffer[size:]
        reply = Reply(int(status), headers, body)
        if target:
            check(method, target, reply)
        return reply

    def expect_end(self):
        assert self.buffer == b""
        with contextlib.suppress(ConnectionResetError):
            assert self._read() == b"", "more than one answer"


@contextlib.contextmanager
def line(admin):
    with admin.socket() as sock:
        yield sock, Answers(sock)


def one_answer(admin, data, *, ends=True):
    """Of a socket that sends that; the connection ends behind it, where it should."""
    with line(admin) as (sock, answers):
        with contextlib.suppress(ConnectionError):
            sock.sendall(data)
        reply = answers.next("HEAD" if data.startswith(b"HEAD ") else "GET")
        if ends:
            answers.expect_end()
        else:
            sock.sendall(b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n")
            assert answers.next().body == b"ok\n"
        return reply


# --- old and plain clients ----------------------------------------------------------------------


def test_http_1_0_without_a_host(serve):
    """What load balancers' plain checks send."""
    gateway, admin = serve(drain=600)
    for path, body in ((b"/healthz", b"ok\n"), (b"/readyz", b"ready\n")):
        reply = one_answer(admin, b"GET " + path + b" HTTP/1.0\r\n\r\n")
        assert (reply.status, reply.body, reply.headers["connection"]) == (200, body, "close")
        reply = one_answer(admin, b"HEAD " + path + b" HTTP/1.0\r\n\r\n")
        assert (reply.status, reply.headers["content-length"]) == (200, str(len(body)))
        assert one_answer(admin, b"GET " + path + b" HTTP/1.0\r\nHost: evil.example\r\n\r\n").status == 421
        assert one_answer(admin, b"GET " + path + b" HTTP/1.1\r\n\r\n", ends=False).problem == "bad-host"
    assert one_answer(admin, b"GET / HTTP/1.0\r\n\r\n").status == 200
    # A page has no such client, but without a token the rest asks for a name all the same.
    for path in (b"/v1/status", b"/metrics", b"/v1/users"):
        assert one_answer(admin, b"GET " + path + b" HTTP/1.0\r\n\r\n").problem == "bad-host"
        assert one_answer(admin, b"GET " + path + b" HTTP/1.0\r\n" + HOST + b"\r\n").status == 200
    assert (
        one_answer(admin, b"GET /healthz HTTP/1.0\r\nOrigin: http://evil.example\r\n\r\n").problem
        == "foreign-origin"
    )
    gateway.login("alice")
    assert admin.post("/v1/drain").status == 202
    reply = one_answer(admin, b"GET /readyz HTTP/1.0\r\n\r\n")
    assert (reply.status, reply.body) == (503, b"draining\n")
    gateway.close_clients()


def test_http_1_0_with_a_token(serve, tmp_path):
    token = tmp_path / "token"
    token.write_text("a-token-of-24-characters", encoding="ascii")
    token.chmod(0o600)
    _, admin = serve("--admin-token", token, token="a-token-of-24-characters")
    assert one_answer(admin, b"GET /metrics HTTP/1.0\r\n\r\n").problem == "unauthorized"
    reply = one_answer(
        admin, b"GET /metrics HTTP/1.0\r\nAuthorization: Bearer a-token-of-24-characters\r\n\r\n"
    )
    assert reply.status == 200 and b"tidegate_ready 1" in reply.body


def test_http_1_0_that_stays(serve):
    _, admin = serve()
    reply = one_answer(
        admin, b"GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", ends=False
    )
    assert reply.headers["connection"] == "keep-alive"


HAPROXY = """
global
    log stderr local0
defaults
    mode http
    timeout connect 5s
    timeout client 5s
    timeout server 5s
    timeout check 5s
    log global
    option log-health-checks
backend plain
    option httpchk GET /readyz
    server plain 127.0.0.1:{port} check inter 20ms fall 1 rise 1
backend head
    option httpchk HEAD /readyz
    server head 127.0.0.1:{port} check inter 20ms fall 1 rise 1
backend modern
    option httpchk
    http-check send meth GET uri /healthz ver HTTP/1.1 hdr Host localhost
    server modern 127.0.0.1:{port} check inter 20ms fall 1 rise 1
frontend whatever
    bind 127.0.0.1:{front}
    default_backend plain
"""


@pytest.mark.release
def test_haproxys_own_check(serve, tmp_path):
    """Up while newcomers are taken in, down while draining."""
    gateway, admin = serve(drain=600)
    gateway.login("alice")
    config, log = tmp_path / "haproxy.cfg", tmp_path / "haproxy.log"
    config.write_text(HAPROXY.format(port=admin.port, front=free_port()), encoding="ascii")
    with open(log, "wb") as output:
        haproxy = subprocess.Popen(["/usr/sbin/haproxy", "-db", "-f", config], stdout=output, stderr=output)
    try:

        def said(name, what):
            text = log.read_text(encoding="utf-8")
            assert haproxy.poll() is None, text
            return re.search(rf"Health check for server {name}/{name} {what}", text)

        for name in ("plain", "head", "modern"):
            wait_until(lambda n=name: said(n, "succeeded.*code: 200"), f"{name} is up")
        assert not said(r"\w+", "failed"), log.read_text(encoding="utf-8")
        assert admin.post("/v1/drain").status == 202
        for name in ("plain", "head"):
            wait_until(lambda n=name: said(n, "failed.*code: 503"), f"{name} is down")
        assert not said("modern", "failed")
    finally:
        haproxy.terminate()
        haproxy.wait(TIMEOUT)
    gateway.close_clients()


# --- targets ------------------------------------------------------------------------------------


def test_targets_that_are_whole_urls(serve):
    """As sent to a proxy. The name in it is the one that counts."""
    _, admin = serve()

    def get(target, host=b"localhost"):
        request = b"GET " + target + b" HTTP/1.1\r\nHost: " + host + b"\r\n\r\n"
        return one_answer(admin, request, ends=False)

    here = b"http://127.0.0.1:%d" % admin.port
    assert get(here + b"/healthz").body == b"ok\n"
    assert get(b"HTTP://localhost/v1/users?prefix=a&limit=1").json == {"users": [], "cursor": None}
    assert get(b"https://[::1]/readyz").body == b"ready\n"
    assert get(here).status == 200
    assert get(b"http://evil.example/v1/status").problem == "wrong-host"
    assert get(b"http://evil.example/healthz").problem == "wrong-host"
    assert get(b"http://a@localhost/v1/status").problem in ("wrong-host", "bad-host")
    assert get(here + b"/healthz", host=b"evil.example").status == 200
    assert get(here + b"/nowhere").problem == "not-found"
    for target in (b"localhost:1", b"*", b"ftp://localhost/", b"http:///healthz", b"healthz"):
        request = b"GET " + target + b" HTTP/1.1\r\n" + HOST + b"\r\n"
        assert one_answer(admin, request).problem == "bad-request"


@pytest.mark.parametrize("name", ["..", ".", "...", "-", "a+b", "+", "a + b", "a/../b", "%2e%2e"])
def test_names_that_clients_and_libraries_change(serve, name):
    gateway, admin = serve("--demo")
    in_path = "/v1/users/" + name.replace("%", "%25").replace(" ", "%20").replace("/", "%2F")
    in_query = "name=" + urllib.parse.quote(name, safe="+")
    with gateway.login(urllib.parse.quote(name, safe="+")) as client:
        for target in (in_path, f"/v1/users/-?{in_query}"):
            reply = admin.get(target)
            assert (reply.status, reply.json["user"]) == (200, name)
        assert admin.post(f"/v1/users/-/messages?{in_query}", {"text": "for you"}).status == 202
        client.expect_text("for you")
        for prefix in (name, name[:1]):
            encoded = urllib.parse.quote(prefix, safe="+")
            assert [user["user"] for user in admin.get(f"/v1/users?prefix={encoded}").json["users"]] == [name]
        assert admin.post(f"/v1/demo/users/-/mute?{in_query}", {"muted": False}).status == 204
        assert admin.delete(f"/v1/users/-?{in_query}&code=4321&reason=go+a%2Bb+away").status == 204
        client.expect_close(4321, "go a+b away")


@pytest.mark.parametrize("name", ["..", "%2e%2e", "%2E.", ".%2e"])
def test_the_path_of_dots_is_what_it_is(serve, name):
    """Nothing here takes dots out of a path."""
    gateway, admin = serve()
    with gateway.login(".."):
        assert admin.get(f"/v1/users/{name}").json["user"] == ".."
        assert admin.get(f"/v1/{name}/metrics").problem == "not-found"


def test_a_name_comes_once(serve):
    gateway, admin = serve()
    with gateway.login("alice"), gateway.login("bob"):
        for target in (
            "/v1/users/bob?name=alice",
            "/v1/users/-?name=alice&name=bob",
            "/v1/users/-?name=",
            "/v1/users/-?name=%ff",
            "/v1/users/-?name=" + "x" * 65,
        ):
            assert admin.get(target).problem == "bad-name"
        assert admin.get("/v1/users?name=alice").problem == "bad-query"


def test_queries_of_any_length(serve):
    """Each is answered, and at once."""
    _, admin = serve()
    for query in (b"x&" * 500, b"x&" * 8000, b"&" * 30000, b"prefix=" + b"x" * 30000, b"limit=" + b"1" * 99):
        reply = one_answer(admin, b"GET /v1/users?" + query + b" HTTP/1.1\r\n" + HOST + b"\r\n", ends=False)
        assert reply.problem == "bad-query" or (query == b"&" * 30000 and reply.status == 200)


# --- heads --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "status", "problem"),
    [
        (b"GET / HTTP/1.1\r\n" + HOST + b"X: y\r\n" * 100 + b"\r\n", 431, "head-too-large"),
        (b"GET / HTTP/1.1\r\n" + HOST + b"X: " + b"y" * 40000, 431, "head-too-large"),
        (b"GET / HTTP/1.1\r\n" + HOST + b"Cookie: " + b"a=b;" * 8190, 431, "head-too-large"),
        (b"GET /" + b"x" * 40000, 414, "target-too-long"),
        (b"GET / HTTP/1.2\r\n\r\n", 505, "http-version"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "http-version"),
        (b"GET /healthz\r\n\r\n", 400, "bad-request"),
        (b"GET  /healthz HTTP/1.1\r\n" + HOST + b"\r\n", 400, "bad-request"),
        (b"GET /health z HTTP/1.1\r\n" + HOST + b"\r\n", 400, "bad-request"),
        (b"GET /healthz HTTP/1.1\n" + HOST + b"\n", 400, "bad-request"),
        (b"GET /healthz HTTP/1.1\r\n" + HOST + b"X: y\r\n z\r\n\r\n", 400, "bad-request"),
        (b"GET /healthz HTTP/1.1\r\n" + HOST + b"X : y\r\n\r\n", 400, "bad-request"),
        (b"GET /healthz HTTP/1.1\r\nHost: local\0host\r\n\r\n", 400, "bad-request"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, "bad-request"),
        (b"GET /healthz HTTP/1.1\r\n" + HOST + b"Content-Length: x\r\n\r\n", 400, "bad-request"),
        (
            b"GET /healthz HTTP/1.1\r\n" + HOST + b"Content-Length: x\r\nCookie: " + b"a=b;" * 500 + b"\r\n\r\n",
            400,
            "bad-request",
        ),
    ],
)
def test_heads_that_are_refused(serve, data, status, problem):
    """One answer, with one head, and then the end."""
    _, admin = serve()
    reply = one_answer(admin, data)
    assert (reply.status, reply.problem, reply.headers["connection"]) == (status, problem, "close")
    assert admin.get("/healthz").status == 200


@pytest.mark.parametrize("size", range(32 * KIB - 600, 32 * KIB + 40, 40))
def test_heads_near_the_limit(serve, size):
    """Each is answered once, whatever is left of the room for it."""
    _, admin = serve()
    for start, end in (
        (b"GET /healthz HTTP/1.1\r\n" + HOST + b"X: ", b"\r\n\r\n"),
        (b"GET /healthz HTTP/1.1\r\n" + HOST + b"Cookie: a=", b"\r\n\r\n"),
        (b"GET /", b" HTTP/1.1\r\n" + HOST + b"\r\n"),
    ):
        data = start + b"y" * (size - len(start) - len(end)) + end
        reply = one_answer(admin, data, ends=size > 32 * KIB)
        assert reply.status in ((414, 431) if size > 32 * KIB else (200, 404))


def test_cookies_of_a_browser(serve):
    """All that localhost has ever set."""
    _, admin = serve()
    for cookies in (b"a=b; " * 500, b"name=" + b"x" * 20000, b"a=b;" * 5000):
        request = b"GET /v1/users HTTP/1.1\r\n" + HOST + b"Cookie: " + cookies + b"\r\n\r\n"
        assert one_answer(admin, request, ends=False).status == 200


def test_heads_in_pieces(serve):
    _, admin = serve()
    request = b"\r\n\r\nGET /healthz HTTP/1.1\r\n" + HOST + b"X: " + b"y" * 20000 + b"\r\n\r\n"
    with line(admin) as (sock, answers):
        for size in (1, 7, 4096):
            data = request if size > 1 else request.replace(b"y" * 20000, b"")
            for at in range(0, len(data), size):
                sock.sendall(data[at : at + size])
            assert answers.next().body == b"ok\n"


def test_requests_behind_each_other(serve):
    gateway, admin = serve()
    alice = gateway.login("alice")
    count = 300
    body = b'{"text":"%d"}'
    requests = b"".join(
        b"POST /v1/users/alice/messages HTTP/1.1\r\n%s%sContent-Length: %d\r\n\r\n%s"
        % (HOST, JSON, len(body % number), body % number)
        + b"GET /healthz HTTP/1.1\r\n"
        + HOST
        + b"\r\n"
        for number in range(count)
    )
    with line(admin) as (sock, answers):
        sender = threading.Thread(target=sock.sendall, args=(requests,))
        sender.start()
        for number in range(count):
            assert answers.next().status == 202
            alice.expect_text(str(number))
            assert answers.next().body == b"ok\n"
        sender.join()
        # Who has said all still hears all.
        sock.sendall(b"GET /metrics HTTP/1.1\r\n" + HOST + b"\r\n" + b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n")
        sock.shutdown(socket.SHUT_WR)
        assert answers.next().status == 200
        assert answers.next().body == b"ok\n"
        answers.expect_end()


def test_a_caller_who_hangs_up_in_between(serve):
    """While his request waits for a worker, or before he has read the answer."""
    gateway, admin = serve("--workers", 2)
    gateway.login("alice")
    request = b"GET /v1/users HTTP/1.1\r\n" + HOST + b"\r\n"
    for _ in range(200):
        with admin.socket() as sock:
            sock.sendall(request * 3)
    assert admin.user("alice")
    wait_until(lambda: admin.metrics()["process_open_fds"] <= gateway.fds(), "their descriptors are closed")
    assert gateway.is_running


def test_head_has_no_body(serve):
    _, admin = serve()
    for target in ("/healthz", "/readyz", "/v1/status", "/metrics", "/openapi.json", "/v1/users/nobody", "/x"):
        full = admin.get(target)
        request = f"HEAD {target} HTTP/1.1\r\n".encode() + HOST + b"\r\n"
        bare = one_answer(admin, request, ends=False)  # and the next answer begins where it should
        assert (bare.status, bare.headers["content-type"]) == (full.status, full.headers["content-type"])
        if target not in ("/metrics", "/v1/status"):
            assert bare.headers["content-length"] == full.headers["content-length"]


# --- bodies -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "unit", "last"),
    [
        (b"[", b"{},", b"{}]"),
        (b'{"text":[', b"[],", b"[]]}"),
        (b"[", b"0,", b"0]"),
        (b"", b"[", b""),
        (b"", b'{"":', b""),
        (b"[", b'"",', b'""]'),
        (b'{"text":"x"', b',"text":"x"', b"}"),
        (b'{"text":"\\\\\\"",', b'"":0,', b"}"),
    ],
)
@pytest.mark.release
def test_a_body_costs_no_more_than_its_size(serve, first, unit, last):
    """6 MB of small parts are refused before any of them is made."""
    gateway, admin = serve("--max-message", MIB, "--tx-queue-limit", 4 * MIB)
    body = first + unit * ((6 * MIB - 100) // len(unit)) + last
    before = gateway.peak_rss()
    for target in ("/v1/broadcast", "/v1/users/alice/messages"):
        reply = admin.post(target, body)
        assert (reply.status, reply.problem) == (400, "bad-body")
        assert "parts" in reply.json["detail"]
    assert gateway.peak_rss() - before < 4 * len(body)
    assert admin.get("/healthz").status == 200


@pytest.mark.release
def test_a_large_text_costs_a_few_times_its_size(serve):
    gateway, admin = serve("--max-message", MIB, "--tx-queue-limit", 4 * MIB)
    before = gateway.peak_rss()
    body = json.dumps({"text": "\1" * MIB}).encode()
    assert admin.post("/v1/broadcast", body).status == 202
    assert gateway.peak_rss() - before < 6 * len(body)


def test_whoever_asks_whether_to_go_on_is_told(serve):
    gateway, admin = serve()
    body = b'{"text":"x"}'
    ask = b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body)
    with gateway.login("alice") as alice, line(admin) as (sock, answers):
        for _ in range(2):
            sock.sendall(BROADCAST + ask)
            assert answers.next().status == 100
            sock.sendall(body)
            assert answers.next().status == 202
            alice.expect_text("x")
        # Who does not wait needs no word.
        sock.sendall(BROADCAST + ask + body)
        assert answers.next().status in (100, 202)
    reply = one_answer(admin, BROADCAST.replace(b"application/json", b"text/plain") + ask)
    assert reply.problem == "unsupported-media-type"


@pytest.mark.parametrize(
    "rest",
    [
        b"1;" + b"x" * 40000,
        b"0" * 40000,
        b"1\r\n \r\n0\r\n" + b"X: y\r\n" * 5000,
        b"1\r\n  \r\n",
        b"zz\r\n",
        b"1\n \n",
        b"fffffffffffffffff\r\n",
    ],
    ids=["extension", "digits", "trailer", "longer", "no digits", "bare LF", "more than there is"],
)
def test_chunks_that_are_refused(serve, rest):
    """One answer and the end, and the port does not turn idly meanwhile."""
    gateway, admin = serve()
    with gateway.login("alice") as alice:
        reply = one_answer(admin, BROADCAST + b"Transfer-Encoding: chunked\r\n\r\n" + rest)
        assert (reply.status, reply.problem) == (400, "bad-request")
        alice.round_trip()


@pytest.mark.parametrize("rest", [b"0\r\n\r\n", b"0;x\r\nA: b\r\n\r\n"], ids=["bare", "with a trailer"])
def test_a_body_of_no_chunks(serve, rest):
    gateway, admin = serve()
    reply = one_answer(admin, BROADCAST + b"Transfer-Encoding: chunked\r\n\r\n" + rest, ends=False)
    assert (reply.status, reply.problem) == (400, "bad-body")


def test_chunks_of_one_byte(serve):
    gateway, admin = serve()
    body = b'{"text":"' + b"x" * 5000 + b'"}'
    with gateway.login("alice") as alice:
        chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\nA: b\r\n\r\n"
        reply = one_answer(admin, BROADCAST + b"Transfer-Encoding: chunked\r\n\r\n" + chunks, ends=False)
        assert reply.status == 202
        alice.expect_text("x" * 5000)


def test_chunks_in_pieces_of_one_byte(serve):
    """Most of which are not the body's own."""
    gateway, admin = serve()
    with gateway.login("alice") as alice, line(admin) as (sock, answers):
        sock.sendall(BROADCAST + b"Transfer-Encoding: chunked\r\n\r\n")
        for byte in b'0c;a="b"\r\n{"text":"x"}\r\n0\r\nA: b\r\n\r\n':
            sock.sendall(bytes([byte]))
        assert answers.next().status == 202
        alice.expect_text("x")


@pytest.mark.release
def test_a_body_without_end(serve):
    """Chunks that nobody wants are not read for ever."""
    _, admin = serve("--max-message", 1000)
    chunk = b"1000\r\n" + b" " * 4096 + b"\r\n"
    with line(admin) as (sock, answers):
        sock.sendall(BROADCAST + b"Transfer-Encoding: chunked\r\n\r\n")
        sock.settimeout(TIMEOUT)
        sent = 0
        with contextlib.suppress(ConnectionError):
            while sent < 64 * MIB:
                sock.sendall(chunk * 16)
                sent += 16 * len(chunk)
        assert sent < 64 * MIB, "it was read for ever"
    assert admin.get("/healthz").status == 200
