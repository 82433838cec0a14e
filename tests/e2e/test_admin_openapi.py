"""The API's description and the server, held against each other: everything described is there and answers as
described, and nothing is there that is not described."""

import itertools
import json
import re

import jsonschema
import pytest

from admin import DESCRIPTION, Admin, operations
from following import Wait
from gateway import ROOT, limit_files
from talking import Talker
from waiting import wait_until_equal

KIB = 1 << 10
TOKEN = "/v1/demo/users/{NAME}/token"  # of a gateway that asks for tokens only
ROUTE = re.compile(r'\{\s*ADMIN_(GET|POST|PUT|DELETE),\s*"([^"]+)"')


def test_every_route_is_described():
    source = (ROOT / "server/admin/routes.c").read_text(encoding="utf-8")
    routes = {(re.sub("NAME|ROOM", r"{\g<0>}", path), method.lower()) for method, path in ROUTE.findall(source)}
    assert len(routes) > 15
    assert routes == set(operations())


def test_every_problem_is_described():
    source = (ROOT / "server/node/problem.def").read_text(encoding="utf-8")
    names = set(re.findall(r'PROBLEM\(\w+, \d+, "([a-z-]+)"', source))
    text = json.dumps(DESCRIPTION)
    assert len(names) > 10
    for name in names:
        assert f"`{name}`" in text or f"/problems/{name}" in text, name


def test_it_is_what_is_served(start):
    gateway = start("--admin", "127.0.0.1:0")
    with Admin(gateway) as admin:
        assert admin.get("/openapi.json").json == DESCRIPTION


def is_of_a_cluster(status, method, response):
    """test_cluster_api reaches those."""
    kind = response.get("$ref", "").rpartition("/")[2]
    return kind in ("Unreachable", "Unknown") or (method, status) == ("delete", "200") and "With a cluster" in response.get("description", "")


def test_its_schemas_are_schemas():
    for schema in DESCRIPTION["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


def request_of(path, method):
    """(target, body) of a request that is in order."""
    operation = DESCRIPTION["paths"][path][method]
    body = None
    if "requestBody" in operation:
        wishes = {"mute": {"muted": False}, "token": {"seconds": 60}}
        body = wishes.get(path.rpartition("/")[2], {"text": "x"})
    return path.replace("{NAME}", "alice").replace("{ROOM}", "room"), body


def ask(admin, path, method, **more):
    target, body = request_of(path, method)
    return admin.request(method.upper(), target, body, **more)


@pytest.mark.threads
def test_every_answer_is_reached(start, tmp_path):
    """Each status of each operation, whose every answer the caller checks against its schema."""
    token = tmp_path / "token"
    token.write_text("0123456789abcdef", encoding="ascii")
    token.chmod(0o600)
    seen = set()

    def with_admin(*options, token=None, **more):
        gateway = start("--admin", "127.0.0.1:0", "--demo", "--tx-queue-limit", 80 * KIB, *options, **more)
        admin = Admin(gateway, token)
        admin.seen = seen
        return gateway, admin

    # What the guard says, of everything.
    _, admin = with_admin()
    for path, method in operations():
        assert ask(admin, path, method, headers={"Host": ""}).status == 400
        assert ask(admin, path, method, headers={"Host": "evil.example"}).status == 421
        assert ask(admin, path, method, headers={"Origin": "http://evil.example"}).status == 403
    _, admin = with_admin("--admin-token", token, token="0123456789abcdef")
    for path, method in operations():
        if "security" not in DESCRIPTION["paths"][path][method]:
            assert ask(admin, path, method, headers={"Authorization": None}).status == 401

    # What is wrong with a request.
    _, admin = with_admin("--admin-rate", 1)
    ask(admin, "/v1/broadcast", "post")
    for path, method in operations():
        responses = DESCRIPTION["paths"][path][method]["responses"]
        target, body = request_of(path, method)
        if "415" in responses:
            assert (
                admin.request(method.upper(), target, b"x", headers={"Content-Type": "text/plain"}).status
                == 415
            )
        if "429" in responses:
            while ask(admin, path, method).status != 429:
                pass
    gateway, admin = with_admin("--admin-rate", 0)
    for path, method in operations():
        responses = DESCRIPTION["paths"][path][method]["responses"]
        target, body = request_of(path, method)
        if "413" in responses:
            assert admin.request(method.upper(), target, b" " * 500 * KIB).status == 413
        if "404" in responses and "{" in path:
            assert ask(admin, path, method).problem == ("offline" if "{NAME}" in path else "no-room")

    assert admin.get("/v1/events?after=1-1.1").problem == "gone"
    _, admin = with_admin(preexec_fn=limit_files(64))  # 4 connections to the port
    after = admin.get("/v1/events").json["after"]
    waits = [Wait(admin, after) for _ in range(2)]
    target = f"/v1/events?after={after}&wait=60"
    wait_until_equal(lambda: admin.status()["totals"]["event_waiters"], 2)
    assert admin.get(target).problem == "too-many-waits"
    for wait in waits:
        wait.sock.close()
    gateway, admin = with_admin("--admin-rate", 0)

    # What is right.
    if ask(admin, "/", "get", headers={"Host": "[::1]"}).status != 307:
        seen.add(("/", "get", 307))  # built without the console
    for path, method in operations():
        if path in ("/v1/drain", "/v1/upgrade", TOKEN):
            continue
        with gateway.raw() as raw:
            Talker(raw, "alice").join("room")
            reply = ask(admin, path, method)
            if "etag" in reply.headers:
                known = {"If-None-Match": reply.headers["etag"]}
                assert ask(admin, path, method, headers=known).status == 304
            elif reply.status == 404:
                assert reply.problem == "not-found"  # built without the console
                seen.update((path, method, status) for status in (200, 304))
            else:
                assert reply.status < 300, (path, reply)
        gateway.wait_for_line("user alice out:")
        while ask(admin, "/v1/users/{NAME}", "get").status != 404:
            pass
        gateway.lines.clear()
    assert admin.get("/v1/users?limit=1").json["cursor"] is None
    # A file that is built in is never missing, and one that is missing cannot be unchanged.
    for path, method in operations():
        if "404" in DESCRIPTION["paths"][path][method]["responses"] and "{" not in path:
            seen.add((path, method, 404))

    assert ask(with_admin("--auth", "token")[1], TOKEN, "post").status == 200
    config = tmp_path / "tidegate.conf"
    config.write_text("", encoding="utf-8")
    gateway_of_file, admin_of_file = with_admin("--config", config)
    config.write_text("workers = many\n", encoding="utf-8")
    assert ask(admin_of_file, "/v1/upgrade", "post").status == 202
    gateway_of_file.wait_for_line("not handed over: .*workers = many")

    # What is too much.
    Talker(gateway.raw(), "alice")
    numbers = itertools.count()
    while admin.put(f"/v1/rooms/{next(numbers)}/members/alice").status == 200:
        pass
    gateway.login("slow", receive_buffer=4 * KIB)
    while admin.push("slow", "x" * 16 * KIB).status == 202:
        pass
    gateway, admin = with_admin("--memory-limit", 64 * KIB, "--admin-rate", 0)
    for number in range(4):
        gateway.login(f"slow{number}", receive_buffer=4 * KIB)
    with gateway.raw() as raw:
        Talker(raw, "alice").join("room")
        # Whoever holds the most is closed by and by, and makes room for a moment; and at times there is
        # no room for as much as the body, which is another problem.
        problems = set()
        while problems < {"broadcast", "room"}:
            for name, path in (("broadcast", "/v1/broadcast"), ("room", "/v1/rooms/room/messages")):
                reply = admin.post(path, {"text": "x" * 16 * KIB})
                if reply.status != 202 and reply.problem == "overflow":
                    problems.add(name)
            raw.buffer.clear()
    gateway.close_clients()

    gateway, admin = with_admin(drain=600)
    alice = gateway.login("alice")
    gateway.login("bob")
    assert ask(admin, "/v1/drain", "post").status == 202
    assert ask(admin, "/v1/upgrade", "post").problem == "not-now"
    assert admin.get("/readyz").status == 503
    gateway.close_clients()
    gateway.assert_ends(0)

    described = {
        (path, method, int(status))
        for path, method in operations()
        for status, response in DESCRIPTION["paths"][path][method]["responses"].items()
        if not is_of_a_cluster(status, method, response)
    }
    assert seen == described, (sorted(described - seen), sorted(seen - described))
