"""Who has changed what by the admin port: the log tells, and nothing of what was sent."""

import json
import os
import re
import signal

import pytest

from admin import DESCRIPTION, TOKEN, Admin, operations
from gateway import ROOT
from handover import follow
from talking import Talker
from waiting import wait_until

SECRET = "what-nobody-else-is-to-read"

CHANGES = [(path, method) for path, method in operations() if method != "get"]

# What the line says of each that is done; those of the description that are not here fail.
DEEDS = {
    ("/v1/users/{NAME}", "delete"): "end by {by}: 204, code 4003, sessions 1, caller shop, user alice",
    ("/v1/users/{NAME}/messages", "post"): "send by {by}: 202, sessions 1, caller shop, user alice",
    ("/v1/rooms/{ROOM}/messages", "post"): "say by {by}: 202, sessions 1, caller shop, room room",
    ("/v1/rooms/{ROOM}/members/{NAME}", "put"): "put-in by {by}: 200, sessions 1, caller shop, room room, user alice",
    ("/v1/rooms/{ROOM}/members/{NAME}", "delete"): (
        "take-out by {by}: 200, sessions 1, caller shop, room room, user alice"
    ),
    ("/v1/broadcast", "post"): "broadcast by {by}: 202, sessions 1, caller shop",
    ("/v1/drain", "post"): "drain by {by}: 202, caller shop",
    ("/v1/upgrade", "post"): "upgrade by {by}: 202, caller shop",
    ("/v1/demo/users/{NAME}/cut", "post"): "cut by {by}: 204, sessions 1, caller shop, user alice",
    ("/v1/demo/users/{NAME}/token", "post"): "mint by {by}: 200, caller shop, user alice",
    ("/v1/demo/users/{NAME}/mute", "post"): "mute by {by}: 204, muted 0, sessions 1, caller shop, user alice",
}


def request_of(path, method):
    """(target, body) of a request that is in order."""
    body = None
    if "requestBody" in DESCRIPTION["paths"][path][method]:
        wishes = {"mute": {"muted": False}, "token": {"seconds": 60}}
        body = wishes.get(path.rpartition("/")[2], {"text": SECRET})
    return path.replace("{NAME}", "alice").replace("{ROOM}", "room"), body


def ask(admin, path, method, **headers):
    target, body = request_of(path, method)
    return admin.request(method.upper(), target, body, headers=headers)


def needs(path):
    """The options without which there is no such deed: tokens are made where they are asked for."""
    return ("--auth", "token") if path.endswith("/token") else ()


def come_in(raw, path):
    """So that there is somebody to do it to. A token is for who is yet to come."""
    if not needs(path):
        Talker(raw, "alice").join("room")


def serve(start, *options, token=None, **more):
    gateway = start("--admin", "127.0.0.1:0", "--demo", *options, **more)
    admin = Admin(gateway, token)
    admin.connection.connect()
    return gateway, admin, "%s:%d" % admin.connection.sock.getsockname()


def go_on_with(gateway, path):
    """Whoever serves behind that, where it was asked for another process."""
    if path == "/v1/upgrade":
        follow(gateway, gateway.popen, 1)


def test_every_change_takes_a_caller():
    """An operation that is new has its line, or this fails."""
    assert set(DEEDS) == set(CHANGES)
    for path, method in CHANGES:
        parameters = DESCRIPTION["paths"][path][method]["parameters"]
        assert {"$ref": "#/components/parameters/Caller"} in parameters, path


# --- what is done -------------------------------------------------------------------------------


@pytest.mark.threads
@pytest.mark.parametrize(("path", "method"), CHANGES)
def test_what_is_done(start, token_file, path, method):
    gateway, admin, by = serve(start, *needs(path), "--admin-token", token_file, token=TOKEN, drain=600)
    with gateway.raw() as raw:
        come_in(raw, path)
        assert ask(admin, path, method, **{"X-Tidegate-Caller": "shop"}).status < 300
        gateway.wait_for_line("INFO +audit: " + re.escape(DEEDS[path, method].format(by=by)) + "$")
        go_on_with(gateway, path)
    gateway.expect_lines("audit: ", 1)
    assert not gateway.matching(f"{SECRET}|{TOKEN}")


@pytest.mark.parametrize(("path", "method"), CHANGES)
def test_in_parts(start, path, method):
    gateway, admin, by = serve(start, *needs(path), "--log-format", "json", drain=600)
    with gateway.raw() as raw:
        come_in(raw, path)
        assert ask(admin, path, method, **{"X-Tidegate-Caller": "shop"}).status < 300
        gateway.wait_for_line('"audit":')
        go_on_with(gateway, path)
    [line] = map(json.loads, gateway.matching('"audit":'))
    deed, rest = re.fullmatch(r"([a-z-]+) by \S+: (.*)", DEEDS[path, method].format(by=by)).groups()
    status, *pairs = rest.split(", ")
    expected = dict(pair.split(" ") for pair in pairs)
    expected |= {"audit": deed, "by": by, "status": status}
    common = ("time", "level", "msg", "id", "listen", "module")
    assert {name: str(value) for name, value in line.items() if name not in common} == expected
    assert line["level"] == "info"
    assert SECRET not in json.dumps(line)


def test_names_that_are_no_plain_word(start):
    """Nothing in a name passes for another part of the line."""
    gateway, admin, by = serve(start, "--max-devices", 2)
    gateway.raw().upgrade("/?user=a%20b%2C%20user%20carl&device=")
    assert (
        admin.delete(
            "/v1/users/a%20b%2C%20user%20carl?device=&code=4100&reason=" + SECRET,
            headers={"X-Tidegate-Caller": "x, user root"},
        ).status
        == 204
    )
    gateway.wait_for_line(
        re.escape(
            f'audit: end by {by}: 204, code 4100, sessions 1, caller "x, user root", user "a b, user carl", device ""'
        )
        + "$"
    )
    assert not gateway.matching(f"audit: .*{SECRET}")
    assert admin.put("/v1/rooms/%22%5C%C3%A4/members/alice").problem == "offline"
    gateway.wait_for_line(re.escape(f'audit: put-in by {by}: 404 offline, room "\\"\\\\ä", user alice') + "$")
    assert admin.delete("/v1/users/alice?device=%0Anew%1B%5B1m").problem == "offline"
    gateway.wait_for_line(
        re.escape(f'audit: end by {by}: 404 offline, user alice, device "') + r"\\x0anew\\x1b\[1m" + '"$'
    )


def test_a_unix_socket_tells_the_user(start, tmp_path):
    gateway = start("--admin", f"unix:{tmp_path}/admin.sock")
    with Admin(gateway) as admin:
        assert admin.post("/v1/broadcast", {"text": SECRET}).status == 202
    gateway.wait_for_line(f"audit: broadcast by unix uid {os.getuid()}: 202, sessions 0$")


def test_what_a_session_was_sent_for_each(start):
    """How many of a user's sessions had it."""
    gateway, admin, by = serve(start, "--max-devices", 3)
    for device in ("phone", "desk"):
        gateway.raw().upgrade(f"/?user=alice&device={device}")
    assert admin.push("alice", SECRET).status == 202
    gateway.wait_for_line(f"audit: send by {by}: 202, sessions 2, user alice$")
    assert admin.delete("/v1/users/alice?device=desk").status == 204
    gateway.wait_for_line(f"audit: end by {by}: 204, code 4003, sessions 1, user alice, device desk$")
    assert admin.post("/v1/demo/users/alice/mute", {"muted": True}).status == 204
    gateway.wait_for_line(f"audit: mute by {by}: 204, muted 1, sessions 1, user alice$")


# --- what is not done ---------------------------------------------------------------------------


def test_what_is_not_done(start):
    gateway, admin, by = serve(start, "--max-message", 1000)
    assert admin.push("bob", SECRET).status == 404
    gateway.wait_for_line(f"INFO +audit: send by {by}: 404 offline, user bob$")
    assert admin.post("/v1/users/bob/messages", {"text": SECRET * 100}).status == 413
    gateway.wait_for_line(f"audit: send by {by}: 413 too-large, user bob$")
    assert admin.delete("/v1/users/bob?code=1002").status == 400
    gateway.wait_for_line(f"audit: end by {by}: 400 bad-query, user bob$")
    assert admin.delete("/v1/users/" + "x" * 100).status == 400
    gateway.wait_for_line(f"audit: end by {by}: 400 bad-name$")
    assert admin.post("/v1/broadcast", b"x", headers={"Content-Type": "text/plain"}).status == 415
    gateway.wait_for_line(f"audit: broadcast by {by}: 415 unsupported-media-type$")
    assert not gateway.matching(SECRET)


def test_what_nobody_asked_for_has_no_line(start):
    gateway, admin, _ = serve(start)
    gateway.login("alice")
    for target in ("/", "/v1/status", "/v1/users", "/v1/users/alice", "/v1/rooms", "/metrics", "/nowhere"):
        admin.get(target)
    admin.post("/v1/status")
    admin.post("/nowhere")
    admin.queued("alice", SECRET)
    gateway.wait_for_line("audit: send")
    gateway.expect_lines("audit", 1)


@pytest.mark.parametrize(("path", "method"), CHANGES)
def test_who_is_not_let_in(start, token_file, path, method):
    """A warning without names, as a stranger may write what he likes; what he was not let near is not done."""
    gateway, admin, by = serve(start, "--admin-token", token_file, token=TOKEN)
    alice = gateway.login("alice")
    headers = {"Authorization": "Bearer " + SECRET, "X-Tidegate-Caller": "root"}
    assert ask(admin, path, method, **headers).status == 401
    deed = DEEDS[path, method].partition(" by ")[0]
    gateway.wait_for_line(f"WARN +audit: {deed} by {by}: 401 unauthorized$")
    assert not gateway.matching(f"{SECRET}|{TOKEN}|root")
    alice.round_trip()


def test_other_strangers(start):
    gateway, admin, by = serve(start)
    assert admin.post("/v1/drain", headers={"Origin": "http://evil.example"}).status == 403
    gateway.wait_for_line(f"WARN +audit: drain by {by}: 403 foreign-origin$")
    gateway, admin, by = serve(start)
    assert admin.post("/v1/drain", headers={"Host": "evil.example"}).status == 421
    gateway.wait_for_line(f"WARN +audit: drain by {by}: 421 wrong-host$")
    assert not gateway.matching("evil")
    assert admin.get("/readyz").status == 200


def shape(line):
    """A line without what differs from run to run."""
    return re.sub(r"\d+", "0", line)


def test_the_examples_of_the_guide(start, token_file, tmp_path):
    guide = (ROOT / "server/config/LOGGING.md").read_text(encoding="utf-8")
    examples = {shape(line) for line in re.findall("^[^`{].*audit: .*$", guide, re.MULTILINE)}
    gateway, admin, _ = serve(start, "--admin-token", token_file, "--log-format", "text", token=TOKEN)
    with gateway.raw() as raw:
        Talker(raw, "alice")
        admin.put("/v1/rooms/team-7/members/alice", headers={"X-Tidegate-Caller": "billing"})
        admin.push("bob", "x")
        admin.get("/v1/users", headers={"Authorization": "Bearer wrong"})
    local = start(
        "--admin", f"unix:{tmp_path}/admin.sock", "--log-format", "text", "--max-devices", 2
    )
    local.raw().upgrade("/?user=alice&device=phone")
    Admin(local).delete("/v1/users/alice?device=phone")
    for each in (gateway, local):
        each.stop()
    assert len(examples) >= 4
    assert examples <= {shape(line) for each in (gateway, local) for line in each.lines}


# --- in whose name ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "caller",
    [
        "",
        "x" * 65,
        "tab\there",
        "\x1b[1m",
        "a\xa0".encode("utf-8").decode("latin-1"),  # a blank at the end
        "\u202eevil".encode("utf-8").decode("latin-1"),
        "\xff\xfe",
        ["shop", "root"],
    ],
)
def test_callers_that_are_refused(start, caller):
    gateway, admin, by = serve(start)
    alice = gateway.login("alice")
    for path, method in CHANGES:
        reply = ask(admin, path, method, **{"X-Tidegate-Caller": caller})
        assert reply.status == 400
        # What is no header's value at all ends the connection.
        assert reply.problem == "bad-caller" or b"not HTTP" in reply.body
    alice.round_trip()
    assert not gateway.matching("audit: .*, caller")
    # Who changes nothing need not be understood.
    assert admin.get("/v1/users/alice", headers={"X-Tidegate-Caller": "x" * 65}).status == 200


@pytest.mark.parametrize("caller", ["x", "x" * 64, "Jürgen".encode("utf-8").decode("latin-1"), "a b"])
def test_callers_that_are_taken(start, caller):
    gateway, admin, by = serve(start)
    assert admin.post("/v1/broadcast", {"text": "x"}, headers={"X-Tidegate-Caller": caller}).status == 202
    shown = caller.encode("latin-1").decode("utf-8")
    assert gateway.wait_for_line(f'audit: broadcast by {by}: 202, sessions 0, caller "?([^"]+)"?$')[1] == shown


# --- what comes by the thousand -----------------------------------------------------------------


def test_many(start):
    """Of each kind some lines a second, and the number of the others; what failed pushes out nothing that was done."""
    gateway, admin, _ = serve(start, "--admin-rate", 0)
    gateway.login("alice")
    most = 300
    for _ in range(most):
        assert admin.push("nobody", SECRET).status == 404
        admin.queued("alice", SECRET)
    assert admin.delete("/v1/users/alice").status == 204
    gateway.wait_for_line("audit: end")
    gateway.wait_for_line('INFO +left out \\d+ lines like "audit: not done"$')
    gateway.wait_for_line('INFO +left out \\d+ lines like "audit: send"$')

    def told(line, left_out):
        numbers = [int(re.search(r"left out (\d+)", found)[1]) for found in gateway.matching(left_out)]
        return len(gateway.matching(line)) + sum(numbers)

    gateway.stop()
    assert told("audit: send .*: 202", 'lines like "audit: send"') == most
    assert told("audit: send .*: 404", 'lines like "audit: not done"') == most


def test_no_lines_where_nobody_wants_them(start, tmp_path):
    config = tmp_path / "tidegate.conf"
    config.write_text("log_level = info\n", encoding="ascii")
    gateway, admin, _ = serve(start, "--config", config)
    admin.push("bob", SECRET)
    gateway.wait_for_line("audit: send")
    config.write_text("log_level = error\n", encoding="ascii")
    gateway.signal(signal.SIGHUP)

    def is_silent():
        before = len(gateway.lines)
        admin.push("bob", SECRET)
        admin.post("/v1/broadcast", {"text": SECRET}, headers={"Origin": "http://evil.example"})
        return len(gateway.lines) == before

    wait_until(lambda: all(is_silent() for _ in range(5)), "no line is written")
