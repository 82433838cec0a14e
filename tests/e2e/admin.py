"""A caller of the admin port, who holds every answer against the API's description."""

import dataclasses
import http.client
import json
import re
import socket
import urllib.parse

import jsonschema

from gateway import ROOT
from tls import NAME
from waiting import TIMEOUT

DESCRIPTION = json.loads((ROOT / "server/admin/openapi.json").read_text(encoding="utf-8"))
METHODS = ("get", "post", "put", "delete")

TOKEN = "a-token-of-24-characters"  # that a test gives to the port


@dataclasses.dataclass(frozen=True)
class Reply:
    status: int
    headers: dict  # names in lower case
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def problem(self):
        """The name of the problem it is."""
        assert self.headers["content-type"] == "application/problem+json", self
        assert self.json["status"] == self.status
        return self.json["type"].removeprefix("/problems/")

    @property
    def is_problem(self):
        return self.headers.get("content-type") == "application/problem+json"


# --- the description ----------------------------------------------------------------------------


def operations():
    """All of (path, method) in the description."""
    return [
        (path, method) for path, item in DESCRIPTION["paths"].items() for method in METHODS if method in item
    ]


def path_of(target):
    """The description's path for a request's target; None when it has none."""
    bare = target.partition("?")[0]
    for path in DESCRIPTION["paths"]:
        if re.fullmatch(re.sub(r"\\{(NAME|ROOM)\\}", "[^/]*", re.escape(path)), bare):
            return path
    return None


def resolve(node):
    while "$ref" in node:
        target = DESCRIPTION
        for step in node["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        node = target
    return node


def check(method, target, reply):
    """Fails unless the reply is one that the description knows. Returns (path, method, status)."""
    path = path_of(target)
    method = {"HEAD": "get"}.get(method, method.lower())
    if path is None or method not in DESCRIPTION["paths"][path]:
        assert reply.problem in (
            "not-found",
            "method-not-allowed",
            "foreign-origin",
            "wrong-host",
            "bad-host",
            "unauthorized",
        ), reply
        return None
    responses = DESCRIPTION["paths"][path][method]["responses"]
    if reply.is_problem and reply.problem == "no-memory":
        assert reply.status == 503 and "retry-after" in reply.headers, reply
        return None  # of every operation, says the description's head
    if reply.is_problem and reply.problem == "moved":
        assert reply.status == 503, reply
        return None  # likewise
    if (
        reply.is_problem
        and reply.problem == "not-found"
        and "demo" in DESCRIPTION["paths"][path][method].get("tags", ())
    ):
        return None
    assert str(reply.status) in responses, f"{method} {target}: {reply.status} is not in the description"
    response = resolve(responses[str(reply.status)])
    for name in response.get("headers", ()):
        assert name.lower() in reply.headers, f"{method} {target}: {reply.status} lacks {name}"
    content = response.get("content", {})
    kind = reply.headers.get("content-type", "").partition(";")[0]
    if not content:
        assert reply.body == b"", reply
    elif "*/*" not in content:
        assert kind in content, f"{method} {target}: {kind}"
        if kind.endswith("json") and reply.body:
            schema = {**content[kind]["schema"], "components": DESCRIPTION["components"]}
            jsonschema.Draft202012Validator(schema).validate(reply.json)
    return path, method, reply.status


# --- the caller ---------------------------------------------------------------------------------


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=TIMEOUT)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(TIMEOUT)
        self.sock.connect(self.path)


class SecureConnection(http.client.HTTPConnection):
    """With TLS, for the name that test certificates are of, whatever the address."""

    def __init__(self, host, port, context):
        super().__init__(host, port, timeout=TIMEOUT)
        self.context = context

    def connect(self):
        super().connect()
        self.sock = self.context.wrap_socket(self.sock, server_hostname=NAME)


class Admin:
    """One connection to the admin port, kept alive; with TLS where there is a context (ssl) for it."""

    def __init__(self, gateway, token=None, context=None):
        where = gateway.wait_for_line(
            r"started: .*, console (?:https?://([\d.]+|\[[\d:a-f]+\]|localhost):(\d+)/|unix:(\S+))"
        )
        self.host, self.unix = where[1], where[3]
        self.port = int(where[2]) if where[2] else None
        self.token = token
        self.context = context
        self.seen = set()  # (path, method, status) of the description
        self.connection = self.connect()

    def connect(self):
        if self.unix:
            return UnixConnection(self.unix)
        if self.context:
            return SecureConnection(self.host.strip("[]"), self.port, self.context)
        return http.client.HTTPConnection(self.host.strip("[]"), self.port, timeout=TIMEOUT)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()

    def socket(self):
        """A bare socket to the port, with TLS over it where the caller has that."""
        bare = socket.create_connection((self.host, self.port), TIMEOUT)
        return self.context.wrap_socket(bare, server_hostname=NAME) if self.context else bare

    def request(self, method, target, body=None, headers=None, host=True):
        """`body` is made JSON unless it is bytes; None in `headers` leaves one out."""
        headers = {name: value for name, value in (headers or {}).items()}
        if self.token and "Authorization" not in headers:
            headers["Authorization"] = f"Bearer {self.token}"
        if body is not None:
            headers.setdefault("Content-Type", "application/json")
            if not isinstance(body, bytes):
                body = json.dumps(body).encode()
        connection = self.connection
        connection.putrequest(
            method, target, skip_host=not host or "Host" in headers, skip_accept_encoding=True
        )
        for name, value in headers.items():
            for one in value if isinstance(value, list) else [value]:
                if one is not None:
                    connection.putheader(name, one)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        elif method in ("POST", "PUT"):
            connection.putheader("Content-Length", "0")
        connection.endheaders(body)
        answer = connection.getresponse()
        reply = Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        if method != "HEAD":
            seen = check(method, target, reply)
            if seen:
                self.seen.add(seen)
        return reply

    def get(self, target, **more):
        return self.request("GET", target, **more)

    def post(self, target, body=None, **more):
        return self.request("POST", target, body, **more)

    def put(self, target, **more):
        return self.request("PUT", target, **more)

    def delete(self, target, **more):
        return self.request("DELETE", target, **more)

    # --- what is asked often --------------------------------------------------------------------

    def push(self, user, text):
        return self.post(f"/v1/users/{urllib.parse.quote(user, safe='')}/messages", {"text": text})

    def queued(self, user, text):
        reply = self.push(user, text)
        assert (reply.status, reply.json) == (202, {"result": "queued", "sessions": 1, "overflowed": 0}), reply

    def status(self):
        reply = self.get("/v1/status")
        assert reply.status == 200, reply
        return reply.json

    def user(self, name):
        reply = self.get(f"/v1/users/{urllib.parse.quote(name, safe='')}")
        return reply.json if reply.status == 200 else None

    def users(self, limit=100, prefix=""):
        """Yields all, page by page."""
        cursor = ""
        while cursor is not None:
            query = {
                "limit": limit,
                **({"prefix": prefix} if prefix else {}),
                **({"cursor": cursor} if cursor else {}),
            }
            page = self.get(f"/v1/users?{urllib.parse.urlencode(query)}").json
            assert len(page["users"]) <= limit
            yield from page["users"]
            cursor = page["cursor"]

    def metrics(self):
        """{name with labels: value}"""
        text = self.get("/metrics").body.decode()
        return {
            name: float(value)
            for name, value in (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
        }
