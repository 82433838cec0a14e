"""A NATS server that tests start, stop and stall, and a client of our own that speaks to it: no module of others.

    server = nats_server()                     # the fixture; `nats` is one that runs
    gateway = start("--cluster", server.url, "--cluster-key", key_file, "--id", "gw-1")
    client = server.client()
    client.subscribe("tidegate.events.>")
    answer = client.request("tidegate.api.v1.where", b'{"user":"alice"}')
"""

import contextlib
import dataclasses
import json
import os
import re
import shutil
import signal
import socket
import ssl

from gateway import Process, free_port
from waiting import TIMEOUT, Patience, Timeout

SERVER = shutil.which("nats-server", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
CRLF = b"\r\n"


class NatsError(Exception):
    """The server has answered -ERR, or has closed the line."""


# --- the server -----------------------------------------------------------------------------------


class NatsServer:
    """One nats-server on 127.0.0.1; its port stays the same from start to start.

    `config` is the text of a configuration; `listen`, which it must not have, is added. `options` are of its
    command line.
    """

    def __init__(self, folder, config="", options=(), name="nats", port=None):
        self.port = port or free_port()
        self.options = options
        self.file = folder / f"{name}-{self.port}.conf"
        self.process = None
        self.configure(config)

    def configure(self, config):
        """For the next start, or for SIGHUP: reload()."""
        self.file.write_text(f'listen: "127.0.0.1:{self.port}"\n{config}\n', encoding="utf-8")

    @property
    def url(self):
        return f"nats://127.0.0.1:{self.port}"

    @property
    def pid(self):
        return self.process.pid

    @property
    def is_running(self):
        return self.process is not None and self.process.popen.poll() is None

    def start(self):
        """Starts it and waits until it takes clients."""
        assert not self.is_running
        self.process = Process(["-c", self.file, *self.options], command=(SERVER,))
        self.process.wait_for_line(r"Server is ready")
        return self

    def stop(self):
        """SIGTERM: it tells its clients nothing, and ends."""
        self.process.signal(signal.SIGTERM)
        self.process.wait()

    def kill(self):
        self.process.kill()

    def restart(self, gently=False):
        (self.stop if gently else self.kill)()
        return self.start()

    def reload(self):
        """Reads the configuration again."""
        self.process.signal(signal.SIGHUP)
        self.process.wait_for_line(r"Reloaded server configuration")

    def freeze(self):
        """SIGSTOP, until all its threads have stopped."""
        self.process.stop_running()

    def thaw(self):
        self.process.signal(signal.SIGCONT)

    def end(self):
        """Whatever it does."""
        if self.is_running:
            self.process.kill()

    def client(self, **options):
        """A connected client: client(user="backend", password="...", tls=context, name="backend")."""
        return NatsClient("127.0.0.1", self.port, **options)


# --- the client -----------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Message:
    subject: str
    data: bytes
    reply: str = ""
    headers: dict = dataclasses.field(default_factory=dict)
    status: int = 0  # of the headers' first line; 503: nobody is there to answer

    def json(self):
        return json.loads(self.data)


class NatsClient:
    """Reads only when it is asked to; what comes meanwhile waits in the socket."""

    def __init__(self, host, port, tls=None, server_name="localhost", **connect):
        self.buffer = bytearray()
        self.messages = []
        self.errors = []  # what -ERR said, and nobody has been told
        self.pongs = 0
        self.ids = {}  # subject -> number of the subscription
        self.sock = socket.create_connection((host, port), timeout=TIMEOUT)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.info = json.loads(self._line().removeprefix(b"INFO "))
        if tls:
            self.sock = tls.wrap_socket(self.sock, server_hostname=server_name)
        if "password" in connect:
            connect["pass"] = connect.pop("password")
        options = {"verbose": False, "pedantic": False, "headers": True, "no_responders": True, "lang": "python"}
        self._send(b"CONNECT " + json.dumps({**options, "version": "1", "protocol": 1, **connect}).encode())
        self.flush()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    # --- what is sent ---------------------------------------------------------------------------

    def _send(self, *lines):
        try:
            self.sock.sendall(CRLF.join(lines) + CRLF)
        except OSError as error:
            raise NatsError(str(error)) from error

    def subscribe(self, subject, queue=""):
        """From the return on the server knows of it. Raises NatsError where it is forbidden."""
        self.ids[subject] = len(self.ids) + 1
        self._send(f"SUB {subject} {queue} {self.ids[subject]}".encode())
        self.flush()

    def unsubscribe(self, subject):
        self._send(f"UNSUB {self.ids[subject]}".encode())
        self.flush()

    def publish(self, subject, data=b"", reply="", headers=None):
        """Sends only; flush() tells whether it was allowed."""
        data = data if isinstance(data, bytes) else json.dumps(data).encode()
        if headers is None:
            self._send(f"PUB {subject} {reply} {len(data)}".encode(), data)
            return
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = f"NATS/1.0\r\n{head}\r\n".encode()
        self._send(f"HPUB {subject} {reply} {len(head)} {len(head) + len(data)}".encode(), head + data)

    def flush(self):
        """Returns when the server has seen all that was sent. Raises NatsError for what it has refused."""
        awaited = self.pongs + 1
        self._send(b"PING")
        patience = Patience(TIMEOUT)
        while self.pongs < awaited:
            self._take(patience)
        if self.errors:
            errors, self.errors = self.errors, []
            raise NatsError("; ".join(errors))

    def respond(self, message, data, headers=None):
        self.publish(message.reply, data, headers=headers)

    # --- what is received -----------------------------------------------------------------------

    def _receive(self, patience):
        if patience.is_over:
            raise Timeout("nothing more came from NATS")
        self.sock.settimeout(patience.left)
        try:
            data = self.sock.recv(1 << 16)
        except (socket.timeout, ssl.SSLWantReadError):
            return
        except OSError as error:
            raise NatsError("; ".join(self.errors) or f"closed by the server: {error}") from error
        finally:
            self.sock.settimeout(TIMEOUT)
        if not data:
            raise NatsError("; ".join(self.errors) or "closed by the server")
        self.buffer += data

    def _line(self, patience=None):
        patience = patience or Patience(TIMEOUT)
        while (end := self.buffer.find(CRLF)) < 0:
            self._receive(patience)
        line = bytes(self.buffer[:end])
        del self.buffer[: end + 2]
        return line

    def _take(self, patience):
        """Reads one operation of the server and acts on it; nothing is lost where it has not come whole."""
        while (end := self.buffer.find(CRLF)) < 0:
            self._receive(patience)
        operation, *words = bytes(self.buffer[:end]).decode().split(" ", 1)
        if operation in ("MSG", "HMSG"):
            size = int(words[0].rsplit(" ", 1)[1])
            while len(self.buffer) < end + 2 + size + 2:
                self._receive(patience)
            body = bytes(self.buffer[end + 2 : end + 2 + size])
            del self.buffer[: end + 2 + size + 2]
            self.messages.append(parse(operation, words[0].split(), body))
            return
        del self.buffer[: end + 2]
        if operation == "PING":
            self._send(b"PONG")
        elif operation == "PONG":
            self.pongs += 1
        elif operation == "-ERR":
            self.errors.append(words[0].strip("'"))

    def next(self, timeout=TIMEOUT, where=lambda message: True):
        """Takes the oldest message for which `where` is true, waiting for it; the others stay."""
        patience = Patience(timeout)
        seen = 0
        while True:
            for i in range(seen, len(self.messages)):
                if where(self.messages[i]):
                    return self.messages.pop(i)
            seen = len(self.messages)
            self._take(patience)

    def next_on(self, subject, timeout=TIMEOUT):
        """Takes the oldest message on a subject, or on one that begins with it where it ends in `>`."""
        begin = subject.removesuffix(">")
        return self.next(timeout, lambda m: m.subject == subject or (begin != subject and m.subject.startswith(begin)))

    def all_so_far(self):
        """Takes all that the server has sent until now: it has answered a PING since."""
        self.flush()
        taken, self.messages = self.messages, []
        return taken

    def request(self, subject, data=b"", timeout=TIMEOUT, headers=None, inbox="_INBOX.test"):
        """Sends a request and returns the first answer; NatsError where nobody is there to answer."""
        reply = f"{inbox}.{os.urandom(8).hex()}"
        self.subscribe(reply)
        self.publish(subject, data, reply, headers)
        answer = self.next(timeout, lambda message: message.subject == reply)
        if answer.status == 503:
            raise NatsError(f"{subject}: nobody is there to answer")
        return answer


def parse(operation, words, body):
    """`words` is what stands behind MSG or HMSG: subject, sid, reply or not, sizes."""
    sizes = 2 if operation == "HMSG" else 1
    reply = words[2] if len(words) > 2 + sizes else ""
    if operation == "MSG":
        return Message(words[0], body, reply)
    head, data = body[: int(words[-2])], body[int(words[-2]) :]
    first, *lines = head.decode().rstrip("\r\n").split("\r\n")
    status = re.match(r"NATS/1\.0 (\d+)", first)
    headers = {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Message(words[0], data, reply, headers, int(status[1]) if status else 0)


# --- for fixtures ---------------------------------------------------------------------------------


@contextlib.contextmanager
def servers(folder):
    """A function that makes and starts servers, which are ended behind the block."""
    made = []

    def make(config="", start=True, **more):
        made.append(NatsServer(folder, config, **more))
        return made[-1].start() if start else made[-1]

    try:
        yield make
    finally:
        for server in made:
            server.end()


def key_file(folder, name="cluster.key", key=None):
    """A file that --cluster-key takes: 32 bytes in hexadecimal, which only its owner may read."""
    path = folder / name
    path.touch(mode=0o600)
    path.write_text((key or os.urandom(32).hex()) + "\n", encoding="ascii")
    return path
