"""The admin port with TLS: --admin-tls."""

import contextlib
import json
import signal
import socket
import ssl
import subprocess

import pytest

from admin import DESCRIPTION, TOKEN, Admin
from browser import Browser
from following import Wait
from gateway import BINARY, Process, free_port, limit_files
from tls import NAME, Handshake, Pair
from waiting import TIMEOUT, wait_until_equal

NO_TLS = r"INFO .*no TLS with 127\.0\.0\.1:\d+ at the admin port: "


@pytest.fixture
def pair(tmp_path):
    return Pair(tmp_path)


@pytest.fixture
def serve_tls(start, pair):
    """Starts a gateway whose admin port speaks TLS: serve_tls("--demo") -> (gateway, admin)."""
    with contextlib.ExitStack() as admins:

        def run(*options, admin="127.0.0.1:0", token=None, **more):
            gateway = start("--admin", admin, "--admin-tls", *pair.options, "--workers", 2, *options, **more)
            return gateway, admins.enter_context(Admin(gateway, token, pair.context()))

        yield run


def ask(*arguments):
    """(exit code, lines on standard error) of --test."""
    done = subprocess.run(
        [BINARY, "--test", *map(str, arguments)], capture_output=True, text=True, timeout=TIMEOUT, check=False
    )
    assert "Sanitizer" not in done.stderr, done.stderr
    return done.returncode, done.stderr.splitlines()


def plain_socket(admin):
    return socket.create_connection((admin.host, admin.port), TIMEOUT)


def handshake(admin, context, name=NAME):
    """A connection of its own."""
    return context.wrap_socket(plain_socket(admin), server_hostname=name)


def read_all(sock):
    data = b""
    while piece := sock.recv(65536):
        data += piece
    return data


# --- what is asked over it ----------------------------------------------------------------------


def test_everything_is_there(serve_tls):
    gateway, admin = serve_tls()
    gateway.wait_for_line(rf"started: .*, console https://127\.0\.0\.1:{admin.port}/")
    alice = gateway.login("alice")
    admin.queued("alice", "hello")
    alice.expect_text("hello")
    assert admin.get("/healthz").body == b"ok\n"
    assert admin.get("/openapi.json").json == DESCRIPTION
    assert admin.metrics()["tidegate_users"] == 1
    assert 0 < admin.metrics()['tidegate_tls_certificate_expiry_seconds{name="chat.example.org"}'] < 91 * 86400
    assert [user["user"] for user in admin.users()] == ["alice"]
    assert admin.request("HEAD", "/v1/status").body == b""
    assert admin.delete("/v1/users/alice").status == 204
    alice.expect_close(4003, "disconnected")


def test_a_body_that_waits_to_be_asked_for(serve_tls, pair):
    """100-continue, and a body in several records."""
    gateway, admin = serve_tls()
    alice = gateway.login("alice")
    text = "x" * 40000
    body = json.dumps({"text": text}).encode()
    with handshake(admin, pair.context()) as sock:
        sock.sendall(
            b"POST /v1/users/alice/messages HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nConnection: close\r\n"
            b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
        )
        assert sock.recv(4096) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(body)
        assert read_all(sock).startswith(b"HTTP/1.1 202 ")
    alice.expect_text(text)


def test_a_wait_for_events(serve_tls):
    """It is answered when one has come, and who is gone waits no longer."""
    gateway, admin = serve_tls()
    after = admin.get("/v1/events").json["after"]
    waiting, gone = Wait(admin, after), Wait(admin, after)
    wait_until_equal(lambda: admin.status()["totals"]["event_waiters"], 2)
    gone.sock.close()
    wait_until_equal(lambda: admin.status()["totals"]["event_waiters"], 1)
    gateway.login("alice")
    events = waiting.reply().json["events"]
    assert [(event["event"], event["user"]) for event in events] == [("online", "alice")]


def test_who_reads_slowly(serve_tls, pair):
    """He gets all of it whole, and nobody waits for him."""
    _, admin = serve_tls()
    wanted = json.dumps(DESCRIPTION)
    count = 40  # some 5 MB
    with plain_socket(admin) as bare:
        bare.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        with pair.context().wrap_socket(bare, server_hostname=NAME) as slow:
            one = b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n"
            slow.sendall((one + b"\r\n") * (count - 1) + one + b"Connection: close\r\n\r\n")
            first = slow.recv(100)
            for _ in range(20):
                assert admin.get("/v1/status").status == 200
            data = first + read_all(slow)
    answers = data.split(b"HTTP/1.1 200 OK\r\n")
    assert answers[0] == b"" and len(answers) == count + 1
    for answer in answers[1:]:
        assert json.dumps(json.loads(answer.partition(b"\r\n\r\n")[2])) == wanted


@pytest.mark.release
def test_the_console(serve_tls):
    """A page over https can open lines with TLS only: it is told their port."""
    wss = f"wss://127.0.0.1:{free_port()}"
    _, admin = serve_tls("--demo", listen=[f"127.0.0.1:{free_port()}", wss])
    with contextlib.closing(Browser()) as browser:
        page = browser.open(ignoreHTTPSErrors=True)
        page.goto(f"https://127.0.0.1:{admin.port}/#try")
        for user in ("alice", "bob"):
            page.wait(f"document.querySelector(\".card[data-user|='{user}'] .chip[data-state='CONNECTED']\") !== null")
        log = page.log()
        assert log["errors"] == [] and log["violations"] == []
        lines = [request for request in log["requests"] if request.startswith("ws")]
        assert lines and all(request.startswith(f"{wss}/") for request in lines)


def test_where_browsers_go(serve, serve_tls, pair):
    plain, wss = f"127.0.0.1:{free_port()}", f"wss://127.0.0.1:{free_port()}"
    _, admin = serve_tls(listen=[plain, wss])
    status = admin.status()
    assert (status["ws_port"], status["ws_tls"]) == (int(wss.rpartition(":")[2]), True)
    _, admin = serve_tls(listen=[f"127.0.0.1:{free_port()}"])
    assert admin.status()["ws_tls"] is False
    _, admin = serve(*pair.options, listen=[f"wss://127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"])
    assert admin.status()["ws_tls"] is False


# --- clients that look at the certificate -------------------------------------------------------


def curl(admin, *options, name=NAME):
    """(exit code, what it prints)"""
    url = f"https://{name}:{admin.port}/healthz"
    done = subprocess.run(
        ["curl", "-sS", "--connect-to", f"{name}:{admin.port}:127.0.0.1:{admin.port}", *map(str, options), url],
        capture_output=True, text=True, timeout=TIMEOUT, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout


def test_curl(serve_tls, pair, token_file):
    """Under the certificate's name, which is ours to use where a token is asked for."""
    _, admin = serve_tls("--admin-token", token_file)
    trusts = ("--cacert", pair.cert)
    assert curl(admin, *trusts) == (0, "ok\n")
    assert curl(admin, *trusts, "--http1.1", "--tlsv1.3") == (0, "ok\n")
    assert curl(admin)[0] == 60  # nobody whom it knows has signed it
    assert curl(admin, *trusts, name="nobody.example.com")[0] == 60
    assert curl(admin, *trusts, "--tls-max", "1.2")[0] == 35


def test_each_name_has_its_pair(serve_tls, pair, tmp_path):
    other = Pair(tmp_path, "metrics.example.org", stem="b")
    gateway, admin = serve_tls(*other.options)
    for name, its in ((NAME, pair), ("metrics.example.org", other)):
        with handshake(admin, its.context(), name) as line:
            assert line.getpeercert(binary_form=True) == its.der()
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(admin, pair.context(), "nobody.example.com")
    gateway.wait_for_line(NO_TLS + "the client has given up: ")


def test_older_versions(serve_tls, pair):
    gateway, admin = serve_tls()
    with pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION|protocol version"):
        handshake(admin, pair.context(maximum_version=ssl.TLSVersion.TLSv1_2))
    gateway.wait_for_line(NO_TLS + r"the client does not speak TLS 1\.3$")


def test_another_protocol(serve_tls, pair):
    gateway, admin = serve_tls()
    context = pair.context()
    context.set_alpn_protocols(["h2"])
    with pytest.raises(ssl.SSLError, match="NO_APPLICATION_PROTOCOL|no application protocol"):
        handshake(admin, context)
    context = pair.context()
    context.set_alpn_protocols(["h2", "http/1.1"])
    with handshake(admin, context) as line:
        assert line.selected_alpn_protocol() == "http/1.1"


def test_a_new_certificate(serve_tls, pair):
    """Newcomers get it; who is in goes on."""
    gateway, admin = serve_tls()
    assert admin.status()["node"] == "demo"
    before = admin.connection.sock
    pair.make("fresh.example.org")
    gateway.signal(signal.SIGHUP)
    gateway.wait_for_line(r"tls_cert: 1 certificate, fresh\.example\.org until ")
    with handshake(admin, pair.context(), "fresh.example.org") as line:
        assert line.getpeercert(binary_form=True) == pair.der()
    assert admin.status()["node"] == "demo"
    assert admin.connection.sock is before


# --- who does not come in -----------------------------------------------------------------------


def test_plain_is_refused_in_plain(serve_tls, token_file):
    """What comes in clear is nobody's request, with a token or without."""
    gateway, admin = serve_tls("--admin-token", token_file, token=TOKEN)
    with plain_socket(admin) as sock:
        sock.sendall(f"POST /v1/drain HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode())
        head, _, body = read_all(sock).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ") and b"\r\nConnection: close" in head
    assert json.loads(body)["type"] == "/problems/bad-request"
    assert "https://" in json.loads(body)["detail"]
    gateway.wait_for_line(NO_TLS + "it speaks none$")
    assert admin.status()["draining"] is False
    assert not gateway.matching(TOKEN)


def test_a_hello_where_no_tls_is_spoken(serve, pair):
    """Its client can make nothing of the answer: the log says what to do."""
    gateway, admin = serve()
    for cut in (1, 6, None):  # a hello may come in pieces
        with plain_socket(admin) as sock:
            sock.sendall(Handshake(pair.context()).hello[:cut])
            answer = read_all(sock)
        assert answer.startswith(b"HTTP/1.1 400 ") and b"ask for it under http://" in answer
    gateway.wait_for_line(r"INFO .*TLS with 127\.0\.0\.1:\d+ at the admin port, where none is spoken: .*--admin-tls$", 3)
    with plain_socket(admin) as sock:
        sock.sendall(b"\x16 is no hello")
        assert b"this is not HTTP" in read_all(sock)
    gateway.expect_lines("where none is spoken", 3)


def test_half_handshakes_that_stay(serve_tls, pair):
    """There are more of them than the port takes in: the oldest make room."""
    gateway, admin = serve_tls(preexec_fn=limit_files(256))  # 16 connections to the admin port
    first = Handshake(pair.context()).hello
    with contextlib.ExitStack() as crowd:
        for i in range(100):
            sock = crowd.enter_context(plain_socket(admin))
            sock.sendall(first if i % 2 else first[:100])
        with handshake(admin, pair.context()) as line:
            line.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            assert read_all(line).endswith(b"ok\n")
    assert gateway.login("alice")


def test_who_only_looks_is_not_worth_a_line(serve_tls, pair):
    """A probe that connects and goes."""
    gateway, admin = serve_tls()
    plain_socket(admin).close()
    with handshake(admin, pair.context()):
        pass
    assert admin.get("/healthz").status == 200
    assert not gateway.matching("no TLS with")


# --- the token ----------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["0.0.0.0:0", "*:0"])
def test_where_others_reach_it(serve_tls, token_file, address):
    """It needs a token, and nobody's word that it may go in clear."""
    gateway, admin = serve_tls("--admin-token", token_file, admin=address, token=TOKEN)
    assert admin.get("/v1/status").status == 200
    assert admin.get("/v1/status", headers={"Authorization": None}).status == 401
    assert admin.get("/healthz", headers={"Authorization": None}).status == 200
    assert not gateway.matching("in clear")


def test_others_and_no_token(pair):
    process = Process(["--listen", "127.0.0.1:0", "--admin", "*:0", "--admin-tls", *pair.options])
    assert process.wait() == 1
    [line] = process.lines
    assert "so it needs a token: --admin-token" in line and "in clear" not in line


# --- options ------------------------------------------------------------------------------------


def test_what_a_check_says(pair, token_file, tmp_path):
    admin = ("-l", f":{free_port()}", "--admin", f"*:{free_port()}", "--admin-token", token_file)
    assert ask(*admin, "--admin-tls", *pair.options) == (0, [])
    code, err = ask(*admin, "--admin-tls")
    assert code == 1
    assert err[0] == "tidegate: --admin-tls=true: TLS needs a certificate and its key: tls_cert = FILE and tls_key = FILE"
    code, err = ask(*admin, "--admin-tls", "--admin-plain", *pair.options)
    assert (code, err) == (0, ["tidegate: warning: --admin-plain=true: means nothing with admin_tls: nothing is in clear"])
    code, err = ask("-l", f":{free_port()}", "--admin", f"unix:{tmp_path}/admin.sock", "--admin-tls")
    assert (code, err) == (0, ["tidegate: warning: --admin-tls=true: means nothing without an address in admin"])
    code, err = ask(*admin)
    assert code == 1 and "--admin-tls" in err[0] and "--admin-plain" in err[0]


def test_no_start_without_a_certificate():
    process = Process(["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--admin-tls"])
    assert process.wait() == 1
    assert "--admin-tls=true: TLS needs a certificate and its key" in process.lines[-1]


def test_on_a_unix_socket_it_is_plain(start, tmp_path):
    gateway = start("--admin", f"unix:{tmp_path}/admin.sock", "--admin-tls")
    with Admin(gateway) as admin:
        assert admin.get("/v1/status").status == 200


def test_it_stays_as_it_was_started(start, pair, tmp_path):
    config = tmp_path / "tidegate.conf"
    text = f"admin = 127.0.0.1:0\ntls_cert = {pair.cert}\ntls_key = {pair.key}\n"
    config.write_text(f"{text}admin_tls = true\n", encoding="utf-8")
    gateway = start("--config", config)
    config.write_text(f"{text}admin_tls = false\n", encoding="utf-8")
    gateway.signal(signal.SIGHUP)
    gateway.wait_for_line("WARN .*reload: admin_tls true -> false cannot change while running: restart for it")
    with Admin(gateway, context=pair.context()) as admin:
        assert admin.get("/readyz").status == 200


def test_lines_of_clients_stay_plain(serve_tls):
    """Workers have nothing of TLS where no listener speaks it."""
    gateway, admin = serve_tls()
    gateway.login("alice").round_trip()
    assert admin.status()["listen"] == [f"ws://{gateway.listen[0]}"]
