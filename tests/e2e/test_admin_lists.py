"""Lists of the admin port that are sorted and filtered over all there is, not over a page."""

import pytest

from waiting import wait_until

pytestmark = pytest.mark.threads


# --- users --------------------------------------------------------------------------------------


def names_of(admin, query):
    answer = admin.get(f"/v1/users?{query}").json
    assert answer["cursor"] is None
    return [user["user"] for user in answer["users"]], answer["matched"]


def test_users_are_sorted_over_all(serve):
    gateway, admin = serve()
    names = [f"user{number:03}" for number in range(300)]
    for name in reversed(names):
        gateway.login(name)
    assert names_of(admin, "sort=user&limit=5") == (names[:5], 300)
    assert names_of(admin, "sort=user&order=desc&limit=5") == (names[:-6:-1], 300)
    assert names_of(admin, "sort=user&limit=1000") == (names, 300)
    assert names_of(admin, "sort=user&prefix=user01&limit=3") == (names[10:13], 10)
    workers = [user["worker"] for user in admin.get("/v1/users?sort=worker&limit=1000").json["users"]]
    assert workers == sorted(workers) and set(workers) == {0, 1}


def test_who_has_been_silent_longest(serve):
    gateway, admin = serve()
    for name in ("first", "second", "third"):
        client = gateway.login(name)
        # In ticks of a quarter of a second: each is older than the next.
        wait_until(lambda: admin.user(name)["connected_ms"] > 0, f"{name} is old enough")
    client.round_trip()
    for key in ("connected_ms", "idle_ms"):
        assert names_of(admin, f"sort={key}&order=desc")[0] == ["first", "second", "third"]
        users = admin.get(f"/v1/users?sort={key}").json["users"]
        assert [user[key] for user in users] == sorted(user[key] for user in users)


def test_who_reads_slowest(serve):
    gateway, admin = serve()
    for name in ("ann", "ben", "slow", "zoe"):
        gateway.login(name, receive_buffer=4096)
    while admin.user("slow")["queue_bytes"] == 0:
        admin.queued("slow", "x" * 16384)
    assert names_of(admin, "sort=queue_bytes&order=desc&limit=2") == (["slow", "ann"], 4)
    assert names_of(admin, "sort=queue_bytes&limit=2") == (["ann", "ben"], 4)
    gateway.close_clients()


@pytest.mark.parametrize("query", ["sort=colour", "sort=user&order=up", "sort=name", "order=down"])
@pytest.mark.parametrize("path", ["/v1/users", "/v1/ended"])
def test_orders_that_are_refused(serve, path, query):
    reply = serve()[1].get(f"{path}?{query}")
    assert reply.problem == "bad-query"
    assert "must be one of" in reply.json["detail"]


@pytest.mark.parametrize(
    "query",
    ["users?sort=user%00", "users?prefix=%00", "ended?reason=%00", "ended?reason=kicked%00,x", "ended?normal=true%00"],
)
def test_nothing_hides_behind_a_nul(serve, query):
    assert serve()[1].get(f"/v1/{query}").problem == "bad-query"


# --- who left -----------------------------------------------------------------------------------


def leave(gateway, name, code):
    client = gateway.login(name)
    client.close(code)
    client.frames_to_close()
    client.close_socket()


def wait_for_ends(admin, count):
    wait_until(lambda: admin.get("/v1/ended?limit=1").json["matched"] == count, f"{count} ends")


def ended_of(admin, query):
    answer = admin.get(f"/v1/ended?{query}").json
    return [end["user"] for end in answer["ended"]], answer["matched"]


def test_ends_are_filtered_and_sorted(serve):
    gateway, admin = serve()
    leave(gateway, "ann", 1000)
    leave(gateway, "ben", 1001)
    leave(gateway, "cid", 4321)
    gateway.login("dan").close_socket()
    old = gateway.login("eve")
    gateway.login("eve")
    old.expect_close(4001, "kicked")
    wait_for_ends(admin, 5)
    everybody = ["ann", "ben", "cid", "dan", "eve"]
    assert ended_of(admin, "sort=user") == (everybody, 5)
    assert ended_of(admin, "sort=user&order=desc&limit=2") == (["eve", "dan"], 5)
    assert ended_of(admin, "normal=false&sort=user") == (["cid", "dan", "eve"], 3)
    assert ended_of(admin, "reason=peer_close&sort=user") == (["ann", "ben", "cid"], 3)
    assert ended_of(admin, "reason=peer_close&normal=false") == (["cid"], 1)
    assert ended_of(admin, "reason=kicked,peer_eof&sort=reason") == (["eve", "dan"], 2)
    assert ended_of(admin, "sort=code&order=desc&limit=1") == (["cid"], 5)
    assert ended_of(admin, "prefix=e") == (["eve"], 1)
    assert ended_of(admin, "reason=drain") == ([], 0)
    for query in ("reason=tired", "reason=kicked,tired", "reason=,kicked", "normal=no", "normal=1"):
        assert admin.get(f"/v1/ended?{query}").problem == "bad-query"


def test_who_was_cut_off_is_not_pushed_out_by_farewells(serve):
    gateway, admin = serve("--workers", 1)
    gateway.login("unlucky").close_socket()
    wait_for_ends(admin, 1)
    for number in range(300):
        leave(gateway, f"user{number}", 1000)
    answer = wait_until(
        lambda: [a for a in [admin.get("/v1/ended").json] if a["matched"] == 257 and a["complete_ms"] is not None],
        "the ring has gone round",
    )[0]
    assert len(answer["ended"]) == 50
    assert ended_of(admin, "normal=false") == (["unlucky"], 1)
    # Of those nothing is forgotten; of the others something is.
    assert admin.get("/v1/ended?normal=false").json["complete_ms"] is None
    assert admin.get("/v1/ended?reason=peer_eof").json["complete_ms"] is None
    assert admin.get("/v1/ended?reason=peer_close").json["complete_ms"] is not None
