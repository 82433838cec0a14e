"""Users, one by one and page by page: whose name is which, where they are."""

import urllib.parse

import pytest

pytestmark = pytest.mark.threads


# --- one user -------------------------------------------------------------------------------------


def test_a_user_is_shown(serve):
    gateway, admin = serve()
    assert admin.get("/v1/users/alice").problem == "offline"
    alice = gateway.login("alice")
    shown = admin.user("alice")
    host, port = alice.sock.getsockname()
    assert (shown["user"], shown["address"], shown["queue_bytes"]) == ("alice", f"{host}:{port}", 0)
    alice.close()
    alice.frames_to_close()
    gateway.wait_for_line("user alice out:")
    assert admin.get("/v1/users/alice").problem == "offline"


@pytest.mark.parametrize("name", ["ä/b c%", "日本語", "a?b#c&d", "..", "x" * 64])
def test_names_are_percent_encoded(serve, name):
    gateway, admin = serve()
    quoted = urllib.parse.quote(name, safe="")
    client = gateway.login(quoted)
    assert admin.user(name)["user"] == name
    admin.queued(name, "for you")
    client.expect_text("for you")
    assert [user["user"] for user in admin.users(prefix=name[:1])] == [name]
    assert admin.delete(f"/v1/users/{quoted}").status == 204
    client.expect_close(4003, "disconnected")


@pytest.mark.parametrize("name", ["", "%", "%4", "%zz", "%00", "%0a", "%ff", "x" * 65, "%c2%80"])
def test_what_is_no_name(serve, name):
    _, admin = serve()
    for reply in (
        admin.get(f"/v1/users/{name}"),
        admin.delete(f"/v1/users/{name}"),
        admin.post(f"/v1/users/{name}/messages", {"text": "x"}),
    ):
        assert (reply.status, reply.problem) == (400, "bad-name")


# --- all users ------------------------------------------------------------------------------------


def test_users_page_by_page(serve):
    gateway, admin = serve()
    names = {f"user{number:03}" for number in range(130)}
    clients = {name: gateway.login(name) for name in names}
    for limit in (1, 7, 130, 1000):
        listed = [user["user"] for user in admin.users(limit)]
        assert sorted(listed) == sorted(names), "each exactly once"
    assert {user["user"] for user in admin.users(prefix="user01")} == {f"user01{n}" for n in range(10)}
    assert list(admin.users(prefix="nobody")) == []
    assert len(admin.get("/v1/users?prefix=&limit=&cursor=").json["users"]) == 100
    # Half of them leave and others come while somebody is reading.
    pages = admin.users(limit=10)
    listed = [next(pages)["user"] for _ in range(10)]
    leaving = set(sorted(names)[::2])
    for name in leaving:
        clients[name].close()
        clients[name].frames_to_close()
        clients[name].close_socket()
    for number in range(30):
        gateway.login(f"late{number}")
    listed += [user["user"] for user in pages]
    staying = [name for name in listed if name in names - leaving]
    assert sorted(staying) == sorted(names - leaving)


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=1001",
        "limit=x",
        "limit=1&limit=2",
        "cursor=x",
        "cursor=9.0",
        "cursor=0",
        "cursor=0.99999999999",
        "prefix=" + "x" * 65,
        "prefix=%zz",
        "colour=red",
        "limit",
    ],
)
def test_queries_that_are_refused(serve, query):
    _, admin = serve()
    reply = admin.get(f"/v1/users?{query}")
    assert (reply.status, reply.problem) == (400, "bad-query")
