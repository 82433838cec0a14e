"""Whose address it is, and how much one may: trusted proxies, the PROXY protocol, limits, origins."""

import contextlib
import signal
import socket
import struct
import time

import pytest

from gateway import free_port
from raw import Gone, request
from waiting import TIMEOUT, wait_until

pytestmark = pytest.mark.threads

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
LOCAL = SIGNATURE + b"\x20\x00\x00\x00"


def v2(host, port):
    """A header of version 2 for an IPv4 client."""
    addresses = socket.inet_aton(host) + socket.inet_aton("127.0.0.1") + struct.pack("!HH", port, 80)
    return SIGNATURE + b"\x21\x11" + struct.pack("!H", len(addresses)) + addresses


def v1(host, port):
    return f"PROXY TCP{6 if ':' in host else 4} {host} {host} {port} 80\r\n".encode()


def ask(gateway, user="alice", *, lines=(), header=b"", **options):
    """A client that has sent its request, perhaps behind a PROXY header."""
    client = gateway.raw(**options)
    client.send(header + request(f"/?user={user}", extra=lines))
    return client


def knock(gateway, **options):
    """A client of whom the gateway may want nothing, be it before its connect has returned."""
    with contextlib.suppress(ConnectionResetError):
        return gateway.raw(**options)
    return None


def enter(gateway, user="alice", **options):
    client = ask(gateway, user, **options)
    client.expect_upgrade()
    client.round_trip()
    return client


def forwarded_for(*hosts):
    return [f"X-Forwarded-For: {', '.join(hosts)}"]


def expect_later(client):
    """It is told to come back later."""
    client.expect_upgrade()
    client.expect_close(1013, end=False)
    client.close_socket()


def ends(admin, reason):
    return admin.metrics()[f'tidegate_ends_total{{reason="{reason}"}}']


def address_of(admin, user):
    return admin.user(user)["address"]


# --- forwarded ----------------------------------------------------------------------------------


def test_a_trusted_proxy_names_its_client(serve):
    """In the log, the API and the list of those that ended."""
    gateway, admin = serve("--trusted-proxy", "127.0.0.2", "--trusted-proxy", "127.0.1.0/24")
    alice = enter(gateway, lines=forwarded_for("203.0.113.9", "192.0.2.1", "127.0.1.7"), source="127.0.0.2")
    gateway.wait_for_line(r"user alice in from 192\.0\.2\.1 conn=")
    assert address_of(admin, "alice") == "192.0.2.1"
    enter(gateway, "bob", lines=forwarded_for("[2001:db8::1]:4711"), source="127.0.1.9")
    assert address_of(admin, "bob") == "[2001:db8::1]:4711"
    alice.close()
    alice.expect_close(1000, end=False)
    wait_until(lambda: admin.get("/v1/ended").json["ended"], "alice has ended")
    [ended] = admin.get("/v1/ended").json["ended"]
    assert ended["address"] == "192.0.2.1"
    # What is refused over HTTP, too.
    with gateway.raw(source="127.0.0.2") as client:
        client.send(b"GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 192.0.2.5\r\n\r\n")
        assert client.answer().status == 426
    gateway.wait_for_line(r"opening from 192\.0\.2\.5 refused with 426")


def test_a_client_that_forges_changes_nothing(serve):
    gateway, admin = serve("--trusted-proxy", "127.0.0.2")
    client = enter(gateway, lines=[*forwarded_for("192.0.2.1"), "Forwarded: for=192.0.2.2"])
    host, port = client.sock.getsockname()
    assert address_of(admin, "alice") == f"{host}:{port}"
    enter(gateway, "bob", lines=["Forwarded: for=192.0.2.2"], source="127.0.0.2")
    assert address_of(admin, "bob").startswith("127.0.0.2:")
    gateway.wait_for_line(r"WARN.*127\.0\.0\.2:\d+ is a trusted proxy and names no client in X-Forwarded-For")
    # A PROXY header is no HTTP.
    client = gateway.raw(source="127.0.0.2")
    client.send(v2("192.0.2.1", 1))
    assert client.answer().status == 400
    assert not gateway.matching(r"192\.0\.2\.")


def test_forwarded_of_rfc_7239(serve):
    gateway, admin = serve("--trusted-proxy", "127.0.0.2", "--forwarded", "forwarded")
    lines = ["Forwarded: for=203.0.113.9", 'forwarded: for="[2001:db8::7]:80";proto=https, for=127.0.0.2']
    enter(gateway, lines=[*lines, *forwarded_for("192.0.2.1")], source="127.0.0.2")
    assert address_of(admin, "alice") == "[2001:db8::7]:80"


# --- the PROXY protocol -------------------------------------------------------------------------


@pytest.fixture
def proxied(serve, tmp_path):
    """A gateway with a port for everybody, one for the PROXY protocol, and a path for that."""

    def run(*options):
        listen = [
            f"127.0.0.1:{free_port()}",
            f"proxy:127.0.0.1:{free_port()}",
            f"proxy:unix:{tmp_path / 'tidegate.sock'}",
        ]
        trusted = ("--trusted-proxy", "127.0.0.2", "--trusted-proxy", "unix")
        return serve(*trusted, *options, listen=listen)

    return run


def test_the_proxy_protocol(proxied):
    gateway, admin = proxied()
    port, path = gateway.listen[1:]
    gateway.wait_for_line(rf"started: .*, {port} \(PROXY protocol\), {path} \(PROXY protocol\)")
    status = admin.status()
    assert status["listen"] == [f"ws://{gateway.listen[0]}", port, path]
    near = {"spec": port, "source": "127.0.0.2"}
    enter(gateway, "one", header=v1("192.0.2.1", 4711), **near)
    enter(gateway, "six", header=v1("2001:db8::1", 4711), **near)
    enter(gateway, "two", header=v2("192.0.2.2", 4712), lines=forwarded_for("203.0.113.9"), **near)
    enter(gateway, "path", header=v2("192.0.2.3", 4713), spec=path)
    enter(gateway, "self", header=LOCAL, **near)
    enter(gateway, "unknown", header=b"PROXY UNKNOWN\r\n", spec=path)
    shown = {user: address_of(admin, user) for user in ("one", "six", "two", "path", "unknown")}
    assert shown == {
        "one": "192.0.2.1:4711",
        "six": "[2001:db8::1]:4711",
        "two": "192.0.2.2:4712",
        "path": "192.0.2.3:4713",
        "unknown": "unix",
    }
    assert address_of(admin, "self").startswith("127.0.0.2:")
    gateway.wait_for_line(r"user two in from 192\.0\.2\.2:4712 conn=")


def test_a_header_byte_by_byte(proxied):
    gateway, admin = proxied()
    client = gateway.raw(spec=gateway.listen[1], source="127.0.0.2")
    client.send(v2("192.0.2.2", 4712) + request("/?user=alice"), chunk=1)
    client.expect_upgrade()
    assert address_of(admin, "alice") == "192.0.2.2:4712"


def test_without_a_header_or_trust(proxied):
    gateway, admin = proxied()
    port = gateway.listen[1]
    ask(gateway, spec=port, source="127.0.0.2").expect_end(allow_reset=True)
    gateway.wait_for_line(r"WARN.*127\.0\.0\.2:\d+ has sent no valid PROXY header: closed")
    if stranger := knock(gateway, spec=port, source="127.0.0.3"):
        stranger.expect_end(allow_reset=True)
    gateway.wait_for_line(r"WARN.*127\.0\.0\.3:\d+ is no trusted proxy")
    assert ends(admin, "proxy_header") == 2
    assert admin.metrics()["tidegate_users"] == 0


@pytest.mark.slow
def test_a_header_that_does_not_come(proxied):
    """As test_admission.c on a clock that it turns."""
    gateway, admin = proxied("--handshake-deadline", 1)
    silent = gateway.raw(spec=gateway.listen[1], source="127.0.0.2")
    silent.expect_end(allow_reset=True)
    gateway.wait_for_line("has sent no whole PROXY header in time: closed")
    assert ends(admin, "handshake_timeout") == 1


# --- limits -------------------------------------------------------------------------------------


def test_connections_of_an_address(proxied):
    gateway, admin = proxied("--per-ip-connections", 2)
    first = enter(gateway, "a", source="127.0.0.5")
    enter(gateway, "b", source="127.0.0.5")
    expect_later(ask(gateway, "c", source="127.0.0.5"))
    gateway.wait_for_line(r"WARN.*127\.0\.0\.5:\d+ has more connections than per_ip_connections allows")
    enter(gateway, "d", source="127.0.0.6")
    # Behind proxies it is the client that counts.
    behind = {"source": "127.0.0.2", "lines": forwarded_for("127.0.0.5")}
    expect_later(ask(gateway, "e", **behind))
    header = {"source": "127.0.0.2", "spec": gateway.listen[1], "header": v2("127.0.0.5", 1)}
    expect_later(ask(gateway, "e", **header))
    enter(gateway, "f", source="127.0.0.2", lines=forwarded_for("127.0.0.7"))
    for number in range(5):
        enter(gateway, f"self{number}", source="127.0.0.2", spec=gateway.listen[1], header=LOCAL)
    wait_until(lambda: ends(admin, "address_connections") == 3, "three were refused")
    first.close_socket()
    wait_until(lambda: admin.get("/v1/users/a").status == 404, "the first has gone")
    enter(gateway, "g", **behind)


def test_many_that_say_nothing_take_no_places(serve):
    """Twice as many as an address may have, and no more."""
    gateway, admin = serve("--per-ip-connections", 5)
    silent = [knock(gateway, source="127.0.0.5") for _ in range(50)]
    wait_until(lambda: ends(admin, "address_connections") == 40, "forty are cut")
    wait_until(lambda: admin.metrics()["tidegate_connections"] == 10, "they have gone")
    gateway.wait_for_line("than per_ip_connections allows")
    assert len(gateway.matching("than per_ip_connections allows")) <= 10
    enter(gateway, source="127.0.0.6")
    for client in filter(None, silent):
        client.close_socket()
    wait_until(lambda: admin.metrics()['tidegate_memory_bytes{kind="addresses"}'] <= 1024, "forgotten")


def test_openings_of_an_address(serve):
    gateway, admin = serve("--per-ip-openings", 3)
    clients = [knock(gateway, source="127.0.0.5") for number in range(60)]
    for number, client in enumerate(filter(None, clients)):
        with contextlib.suppress(Gone):
            client.send(request(f"/?user=u{number}"))
    enter(gateway, source="127.0.0.6")
    wait_until(lambda: ends(admin, "address_openings") >= 60 - 6 - 3 * TIMEOUT, "most are refused")
    assert admin.metrics()["tidegate_users"] >= 1 + 6
    gateway.wait_for_line(r"WARN.*127\.0\.0\.5:\d+ opens more connections a second than per_ip_openings allows")
    for client in filter(None, clients):
        client.close_socket()


def test_openings_of_all(serve):
    gateway, admin = serve("--openings", 1)
    delays = set()

    def refuses_in_different_ways():
        # As many as come in a moment: one of them has a place, and is not answered.
        clients = [gateway.raw() for _ in range(10)]
        for client in clients:
            client.send(b"GET /?user=alice HTTP/1.1\r\n\r\n")  # no Host
            answer = client.answer()
            assert answer.status in (400, 503)
            if answer.status == 503:
                delays.add(int(answer.headers["retry-after"]))
            client.close_socket()
        return len(delays) > 3

    wait_until(refuses_in_different_ways, "several times to come back are told")
    assert all(2 <= delay <= 10 for delay in delays)
    figures = admin.metrics()
    assert figures["tidegate_openings_refused_total"] >= len(delays)
    assert figures["tidegate_accept_refused_total"] == figures["tidegate_openings_refused_total"]
    gateway.wait_for_line(r"WARN.*over the rate of openings: \d+ refused so far")


# --- origins ------------------------------------------------------------------------------------


def test_origins(serve):
    gateway, admin = serve("--origins", "https://*.example.org", "--origins", "http://localhost:*")
    enter(gateway, "a", lines=["Origin: https://chat.example.org"])
    enter(gateway, "b", lines=["Origin: http://localhost:5173"])
    enter(gateway, "native")
    for origin in ("https://example.org.evil.net", "https://example.org", "null"):
        client = ask(gateway, "evil", lines=[f"Origin: {origin}"])
        client.expect_upgrade()
        client.expect_close(1008, "origin", end=False)
    wait_until(lambda: ends(admin, "origin") == 3, "three were refused")
    gateway.wait_for_line("WARN.*comes from a web page of an origin that origins does not allow")
    assert admin.metrics()["tidegate_users"] == 3
    assert not gateway.matching("evil")


def test_origins_of_echo(start):
    gateway = start("--echo", "--origins", "https://chat.example.org")
    client = ask(gateway, lines=["Origin: https://evil.net"])
    client.expect_upgrade()
    client.expect_close(1008, "origin", end=False)


# --- reload -------------------------------------------------------------------------------------


def test_all_of_it_may_change(serve, tmp_path):
    path = tmp_path / "tidegate.conf"
    path.write_text("", encoding="utf-8")
    gateway, admin = serve("--config", path)
    enter(gateway, "a", lines=[*forwarded_for("192.0.2.1"), "Origin: https://evil.net"], source="127.0.0.2")
    assert address_of(admin, "a").startswith("127.0.0.2:")

    def reload(text):
        path.write_text(text, encoding="utf-8")
        before = len(gateway.matching("reloaded: "))
        gateway.signal(signal.SIGHUP)
        gateway.wait_for_line("reloaded: ", count=before + 1)

    reload("trusted_proxy = 127.0.0.2\norigins = https://chat.example.org\nper_ip_connections = 1\n")
    gateway.wait_for_line("reloaded: 3 options changed: trusted_proxy none -> 127.0.0.2, origins any -> https")
    # Who was there counts.
    expect_later(ask(gateway, "b", lines=forwarded_for("127.0.0.2"), source="127.0.0.2"))
    enter(gateway, "c", lines=forwarded_for("192.0.2.1"), source="127.0.0.2")
    assert address_of(admin, "c") == "192.0.2.1"
    client = ask(gateway, "d", lines=["Origin: https://evil.net"])
    client.expect_upgrade()
    client.expect_close(1008, "origin", end=False)
    client.close_socket()
    reload("")
    enter(gateway, "d", lines=[*forwarded_for("192.0.2.1"), "Origin: https://evil.net"], source="127.0.0.2")
    assert address_of(admin, "d").startswith("127.0.0.2:")


def test_a_refusal_is_cheap(start):
    """Newcomers beyond `openings` cost the gateway little: it goes on while they come in thousands."""
    gateway = start("--openings", 5)
    alice = None
    while not alice:
        client = ask(gateway)
        if client.answer().status == 101:
            alice = client
    began = time.monotonic()
    while time.monotonic() - began < 1:
        with gateway.socket() as sock:
            sock.recv(1 << 16)
    alice.round_trip()
