"""The sample configurations of nginx and HAProxy in tools/deploy: they are accepted as they stand, and
clients chat through them over TLS."""

import contextlib
import os
import pathlib
import re
import signal
import socket
import ssl
import subprocess
import threading

import pytest

from admin import Admin
from gateway import ROOT, free_port
from raw import PACKET_PING, PACKET_PONG, Gone, Raw, packet, request
from waiting import TIMEOUT, wait_until

pytestmark = pytest.mark.release

SAMPLES = ROOT / "tools/deploy"
SOCKET = "/run/tidegate/tidegate.sock"
NAME = "chat.example.org"

# What has to stand around a site of nginx.
NGINX_MAIN = """
{user}
daemon off;
pid {directory}/nginx.pid;
error_log stderr;
worker_processes 1;
events {{ worker_connections 256; }}
http {{
    access_log {directory}/access.log;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    include {site};
}}
"""


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A folder with chain, key, and both in one file."""
    directory = tmp_path_factory.mktemp("certificate")
    command = (
        f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN={NAME} "
        f"-addext subjectAltName=DNS:{NAME} -keyout key.pem -out fullchain.pem"
    )
    subprocess.run(command.split(), check=True, cwd=directory, capture_output=True, timeout=TIMEOUT)
    both = (directory / "fullchain.pem").read_text() + (directory / "key.pem").read_text()
    (directory / "both.pem").write_text(both, encoding="ascii")
    return directory


def substitute(text, *pairs):
    """Each must be there: else the sample is not what is tested."""
    for old, new in pairs:
        assert old in text, f"{old} is not in the sample"
        text = text.replace(old, new)
    return text


class Front:
    """A proxy that runs a sample, ports and paths replaced."""

    def __init__(self, directory, certificate):
        self.directory = directory
        self.certificate = certificate
        self.port, self.plain_port = free_port(), free_port()
        self.upstream = directory / "tidegate.sock"
        self.log = open(directory / "front.log", "w+b")  # noqa: SIM115
        self.process = None

    @property
    def listener(self):
        """What the gateway listens at."""
        return f"{self.prefix}unix:{self.upstream}"

    def check(self):
        """What the proxy itself says of the configuration."""
        result = subprocess.run(
            self.check_command(), capture_output=True, text=True, timeout=TIMEOUT, check=False
        )
        output = result.stdout + result.stderr
        assert result.returncode == 0, output
        assert not re.search(r"(?i)warn|\[alert\]|\[error\]", output), output

    def start(self):
        self.process = subprocess.Popen(self.command(), stdout=self.log, stderr=self.log)

        def answers():
            assert self.process.poll() is None, pathlib.Path(self.log.name).read_text(encoding="utf-8")
            with contextlib.suppress(OSError), self.tls():
                return True

        wait_until(answers, "the front answers")

    def stop(self):
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(TIMEOUT)
        self.log.close()

    def tls(self, source="127.0.0.1"):
        """A connection whose certificate has been verified."""
        context = ssl.create_default_context(cafile=self.certificate / "fullchain.pem")
        sock = socket.create_connection(("127.0.0.1", self.port), TIMEOUT, (source, 0))
        return context.wrap_socket(sock, server_hostname=NAME)

    def plain(self):
        return Raw(socket.create_connection(("127.0.0.1", self.plain_port), timeout=TIMEOUT))

    def ask(self, user, source="127.0.0.1", lines=()):
        client = Raw(self.tls(source))
        client.send(request(f"/?user={user}", host=NAME, extra=lines))
        return client

    def login(self, user, **options):
        client = self.ask(user, **options)
        client.expect_upgrade()
        return client


class Nginx(Front):
    sample = SAMPLES / "nginx.conf"
    prefix = ""
    timeouts = ("proxy_read_timeout", "proxy_send_timeout")

    def write(self):
        site = self.directory / "site.conf"
        text = substitute(
            self.sample.read_text(encoding="ascii"),
            (SOCKET, str(self.upstream)),
            ("[::]:80;", f"[::]:{self.plain_port};"),
            ("listen 80;", f"listen {self.plain_port};"),
            ("[::]:443 ssl;", f"[::]:{self.port} ssl;"),
            ("listen 443 ssl;", f"listen {self.port} ssl;"),
            ("/etc/ssl/chat.example.org/", f"{self.certificate}/"),
        )
        if not socket.has_dualstack_ipv6():
            text = re.sub(r"(?m)^\s*listen \[::\].*\n", "", text)
        site.write_text(text, encoding="ascii")
        user = "user root;" if os.geteuid() == 0 else ""
        main = NGINX_MAIN.format(user=user, directory=self.directory, site=site)
        (self.directory / "nginx.conf").write_text(main, encoding="ascii")

    def command(self):
        return ["/usr/sbin/nginx", "-p", self.directory, "-c", self.directory / "nginx.conf"]

    def check_command(self):
        return [*self.command(), "-t"]


class HAProxy(Front):
    sample = SAMPLES / "haproxy.cfg"
    prefix = "proxy:"
    timeouts = ("timeout tunnel",)

    def write(self):
        text = substitute(
            self.sample.read_text(encoding="ascii"),
            (SOCKET, str(self.upstream)),
            ("bind :::80 v4v6", f"bind 127.0.0.1:{self.plain_port}"),
            ("bind :::443 v4v6", f"bind 127.0.0.1:{self.port}"),
            ("/etc/haproxy/chat.example.org.pem", f"{self.certificate}/both.pem"),
            ("\tuser haproxy\n\tgroup haproxy\n", ""),
            ("log /dev/log local0", "log stderr local0"),
            ("maxconn 50000", "maxconn 100"),
        )
        (self.directory / "haproxy.cfg").write_text(text, encoding="ascii")

    def command(self):
        return ["/usr/sbin/haproxy", "-db", "-f", self.directory / "haproxy.cfg"]

    def check_command(self):
        return [*self.command(), "-c"]


@pytest.fixture(params=[Nginx, HAProxy])
def front(request, tmp_path, certificate):
    front = request.param(tmp_path, certificate)
    front.write()
    try:
        yield front
    finally:
        front.stop()


@pytest.fixture
def served(front, start):
    """A front with a gateway behind it."""

    def serve(*options, more=()):
        gateway = start("--trusted-proxy", "unix", *options, listen=[front.listener, *more])
        front.start()
        return gateway

    return serve


# --- the samples --------------------------------------------------------------------------------


def test_the_proxy_takes_the_sample(front):
    front.check()


def test_time_outs_exceed_the_read_deadline(front):
    text = (ROOT / "server/config/options.def").read_text(encoding="ascii")
    deadline = int(re.search(r"OPTION\(read_deadline, (\d+),", text)[1])
    sample = front.sample.read_text(encoding="ascii")
    for name in front.timeouts:
        [seconds] = re.findall(rf"(?m)^\s*{name} (\d+)s;?$", sample)
        assert int(seconds) > deadline


def test_the_admin_port_stays_inside(front):
    settings = re.sub(r"#.*", "", front.sample.read_text(encoding="ascii"))
    assert "8001" not in settings and "admin" not in settings


# --- through them -------------------------------------------------------------------------------


def test_a_chat(front, served):
    local_port = f"127.0.0.1:{free_port()}"
    gateway = served(more=[local_port])
    with (
        front.login("alice") as alice,
        front.login("b%C3%B6b") as bob,
        gateway.login("local", spec=local_port) as local,
    ):
        alice.text("hello")
        bob.expect_text("hello -- FROM alice")
        local.expect_text("hello -- FROM alice")
        bob.text("x" * 60000)
        alice.expect_text("x" * 60000 + " -- FROM böb")
        alice.packet(PACKET_PING)
        alice.expect_binary(packet(PACKET_PONG))
        alice.ping(b"beat")
        alice.expect_pong(b"beat")
        with front.login("alice") as again:
            alice.expect_close(4001, "kicked", end=False)
            again.round_trip()
        bob.close(1000)
        bob.expect_close(1000, end=False)
        gateway.wait_for_line(r"user \"böb\" out:")


def test_the_gateway_tells_why(front, served):
    """The reasons of an end come through: time-out, drain."""
    gateway = served("--read-deadline", 1)
    with front.login("alice") as alice:
        alice.expect_close(3008, "i/o timeout", end=False)
    with front.login("bob") as bob:
        gateway.signal(signal.SIGTERM)
        bob.expect_close(1012, re.compile(r"retry_ms=\d+"), end=False)


def test_a_client_that_vanishes(front, served):
    gateway = served()
    client = front.login("alice")
    client.sock.close()
    gateway.wait_for_line("user alice out:")


def test_what_is_no_upgrade(front, served):
    served()
    for target in ("/", "/metrics", "/v1/users", "/healthz"):
        with Raw(front.tls()) as client:
            client.send(f"GET {target} HTTP/1.1\r\nHost: {NAME}\r\n\r\n".encode())
            assert client.answer().status == 426
    with front.plain() as client:
        client.send(f"GET /?user=alice HTTP/1.1\r\nHost: {NAME}\r\n\r\n".encode())
        answer = client.answer()
        assert (answer.status, answer.headers["location"]) == (308, f"https://{NAME}/?user=alice")


def test_what_the_gateway_is_told(front):
    """The upgrade, the host, and the client's real address instead of a claimed one."""
    heads = []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(front.upstream))
        listener.listen()
        listener.settimeout(TIMEOUT)

        def take():
            with listener.accept()[0] as sock:
                upstream = Raw(sock)
                if front.prefix:
                    header = upstream.take(28)
                    assert header[:16] == b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c"
                    assert header[16:20] == socket.inet_aton("127.0.0.1")
                while b"\r\n\r\n" not in upstream.buffer:
                    upstream.buffer += sock.recv(4096)
                heads.append(bytes(upstream.buffer).decode().lower())

        thread = threading.Thread(target=take)
        thread.start()
        front.start()
        with Raw(front.tls()) as client, contextlib.suppress(Gone):
            forged = ["X-Forwarded-For: 192.0.2.1", "Forwarded: for=192.0.2.1"]
            client.send(request("/?user=a%20b%2Bc", host=NAME, extra=forged))
            thread.join(TIMEOUT)
    [head] = heads
    lines = head.split("\r\n")
    assert lines[0] == "get /?user=a%20b%2bc http/1.1"
    for line in ("upgrade: websocket", "connection: upgrade", f"host: {NAME}", "x-forwarded-for: 127.0.0.1"):
        assert line in lines, head
    assert "192.0.2.1" not in head


FORGED = (
    "X-Forwarded-For: 192.0.2.1",
    "Forwarded: for=192.0.2.1",
    "X-Real-IP: 192.0.2.1",
)


@pytest.mark.parametrize("lines", [(), FORGED], ids=["honest", "forging"])
def test_whose_address_it_is(front, served, lines):
    """Log, API and limits name the client, whatever it claims."""
    port = free_port()
    gateway = served("--admin", f"127.0.0.1:{port}", "--per-ip-connections", 2, "--workers", 2)
    admin = Admin(gateway)

    def address_of(user):
        return admin.user(user)["address"].rpartition(":")[0] or admin.user(user)["address"]

    with front.login("a", source="127.0.0.5", lines=lines), front.login("b", source="127.0.0.6", lines=lines):
        assert (address_of("a"), address_of("b")) == ("127.0.0.5", "127.0.0.6")
        gateway.wait_for_line(r"user a in from 127\.0\.0\.5")
        with front.login("c", source="127.0.0.5", lines=lines):
            refused = front.ask("d", source="127.0.0.5", lines=lines)
            refused.expect_upgrade()
            refused.expect_close(1013, end=False)
            refused.close_socket()
            gateway.wait_for_line(r"WARN.*127\.0\.0\.5\S* has more connections than per_ip_connections")
            with front.login("e", source="127.0.0.7", lines=lines):
                assert address_of("e") == "127.0.0.7"
    assert not gateway.matching(r"192\.0\.2\.1|trusted proxy")
    admin.connection.close()


def test_a_long_token_and_many_cookies(front, served):
    """4 KiB and 8 KiB, as one may have from an identity provider and from the rest of a site."""
    served()
    token = "t" * 4096
    cookies = "; ".join(f"cookie{number}={'c' * 500}" for number in range(16))
    lines = [f"Authorization: Bearer {token}", f"Cookie: {cookies}"]
    with front.login("alice", lines=lines) as alice:
        alice.round_trip()
    lines = [f"Sec-WebSocket-Protocol: tidegate.v0, tidegate.token.{token}", f"Cookie: {cookies}"]
    with front.ask("bob", lines=lines) as bob:
        answer = bob.answer()
        assert (answer.status, answer.headers["sec-websocket-protocol"]) == (101, "tidegate.v0")
        bob.round_trip()
