"""Listeners at a hand-over: nobody who dials is refused, whatever the new config says of addresses and threads."""

import contextlib
import os
import pathlib
import signal
import socket
import stat
import threading

import pytest

from admin import Admin
from gateway import free_port
from handover import ask_for, follow, hand_over, while_it_hands_over
from raw import request
from test_start import passed_sockets
from waiting import TIMEOUT, wait_until


def start_with(start, config, *lines, **more):
    """A gateway that knows where to listen from its file."""
    return start("--config", config(*lines), say_where=False, **more)


def threads_called(gateway, prefix):
    tasks = pathlib.Path(f"/proc/{gateway.pid}/task").glob("*/comm")
    return sum(task.read_text(encoding="ascii").startswith(prefix) for task in tasks)


def test_all_kinds(start, tmp_path):
    port = free_port()
    listeners = [f"127.0.0.1:{port}", f"127.0.0.2:{port}", f"[::1]:{free_port(socket.AF_INET6, '::1')}", f"unix:{tmp_path}/socket"]
    gateway = start("--acceptors", 2, listen=listeners)
    before = [gateway.login(f"before{number}", spec=spec) for number, spec in enumerate(listeners)]
    inode = os.stat(tmp_path / "socket").st_ino
    hand_over(gateway)
    assert os.stat(tmp_path / "socket").st_ino == inode, "the path was made anew"
    behind = [gateway.login(f"behind{number}", spec=spec) for number, spec in enumerate(listeners)]
    for client in (*before, *behind):
        client.round_trip()
    gateway.stop()
    assert not (tmp_path / "socket").exists()


def test_a_port_that_the_kernel_chose(start):
    gateway = start("--admin", "127.0.0.1:0", "--acceptors", 2, listen=["127.0.0.1:0"])
    port = int(gateway.wait_for_line(r"ws://127\.0\.0\.1:(\d+)/")[1])
    admin = Admin(gateway)
    for number in range(2):
        gateway.login(f"user{number}", spec=f"127.0.0.1:{port}").round_trip()
        hand_over(gateway, admin)
        assert admin.status()["totals"]["users"] == number + 1


@pytest.mark.parametrize(("before", "behind"), [((1, 1), (3, 3)), ((3, 3), (1, 1)), ((2, 4), (4, 1))])
def test_more_and_fewer_threads(start, config, before, behind):
    """(acceptors, workers). Those who dial meanwhile are all served: none hangs in a listener that was closed."""

    def lines(numbers):
        return f"listen = 127.0.0.1:{port}", "acceptors = %d" % numbers[0], "workers = %d" % numbers[1]

    port = free_port()
    gateway = start_with(start, config, *lines(before), listen=[f"127.0.0.1:{port}"])
    clients = [gateway.login(f"user{number}") for number in range(16)]
    config(*lines(behind))
    while_it_hands_over(gateway, lambda: clients.append(gateway.login(f"user{len(clients)}")))
    clients += [gateway.login(f"late{number}") for number in range(16)]
    clients[0].text("all here?")
    for client in clients[1:]:
        client.expect_text("all here? -- FROM user0")
        client.round_trip()
    assert threads_called(gateway, "worker") == behind[1]


def dial_on(gateway, spec, clients, is_over):
    """Logs in one after the other until told to end."""
    while not is_over.is_set():
        client = gateway.raw(spec=spec)
        clients.append(client)
        client.upgrade(f"/?user=dial{len(clients)}")


def test_a_herd_that_dials(start):
    """Openings under way all the time, over several acceptors: none is refused or reset."""
    gateway = start("--acceptors", 2, "--workers", 2)
    clients, is_over, faults = [], threading.Event(), []

    def run():
        try:
            dial_on(gateway, None, clients, is_over)
        except BaseException as error:
            faults.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        for _ in range(3):
            count = len(clients)
            wait_until(lambda count=count: len(clients) > count + 20 or faults, "they dial")
            hand_over(gateway)
    finally:
        is_over.set()
        thread.join(TIMEOUT)
    assert not faults, faults
    for client in clients:
        client.round_trip()


def test_what_is_queued_in_the_listener(start):
    """Dials that nobody has accepted: they are the taker's."""
    gateway = start("--acceptors", 2, "--workers", 1)
    giver = gateway.popen
    gateway.stop_running()
    clients = [gateway.raw() for _ in range(40)]
    for number, client in enumerate(clients):
        client.send(request(f"/?user=user{number}"))
    ask_for(gateway)
    gateway.signal(signal.SIGCONT)
    follow(gateway, giver, 1)
    for client in clients:
        client.expect_upgrade()
        client.round_trip()


def test_an_address_more_and_one_less(start, config):
    """Who has dialled the one that is gone from the config is served; then nobody listens there."""
    stays, goes, comes = (f"127.0.0.1:{free_port()}" for _ in range(3))
    gateway = start_with(start, config, f"listen = {stays}", f"listen = {goes}", listen=[stays, goes])
    old = gateway.login("old", spec=goes)
    giver = gateway.popen
    gateway.stop_running()
    queued = gateway.raw(spec=goes)
    queued.send(request("/?user=queued"))
    config(f"listen = {stays}", f"listen = {comes}")
    ask_for(gateway)
    gateway.signal(signal.SIGCONT)
    follow(gateway, giver, 1)
    queued.expect_upgrade()
    for client in (old, queued, gateway.login("a", spec=stays), gateway.login("b", spec=comes)):
        client.round_trip()
    with pytest.raises(ConnectionRefusedError):
        gateway.socket(spec=goes)


def test_an_address_that_is_taken(start, config):
    """By somebody else: the taker cannot, and says which."""
    own = f"127.0.0.1:{free_port()}"
    gateway = start_with(start, config, f"listen = {own}", listen=[own])
    with socket.create_server(("127.0.0.1", 0)) as other, gateway.login("alice") as alice:
        taken = "127.0.0.1:%d" % other.getsockname()[1]
        config(f"listen = {own}", f"listen = {taken}")
        ask_for(gateway)
        assert taken in gateway.wait_for_line(r"not handed over: (.*)")[1]
        alice.round_trip()
        gateway.login("late").round_trip()


def test_a_unix_socket_that_changes_its_mode(start, config, tmp_path):
    path = tmp_path / "socket"
    gateway = start_with(start, config, f"listen = unix:{path}", "unix_mode = 0600", listen=[f"unix:{path}"])
    alice = gateway.login("alice")
    config(f"listen = unix:{path}", "unix_mode = 0666")
    hand_over(gateway)
    alice.round_trip()
    gateway.login("bob").round_trip()
    assert stat.S_IMODE(os.stat(path).st_mode) in (0o600, 0o666)


@pytest.mark.parametrize("acceptors", [1, 2])
def test_passed_by_systemd(start, acceptors):
    """The taker gets them by the channel: LISTEN_FDS is nobody's any more."""
    with passed_sockets() as (addresses, popen):
        gateway = start("--acceptors", acceptors, listen=addresses, say_where=False, **popen)
    alice = gateway.login("alice", spec=addresses[0])
    for number in range(2):
        hand_over(gateway)
        alice.round_trip()
        for place, spec in enumerate(addresses):
            gateway.login(f"user{number}-{place}", spec=spec).round_trip()
    assert not gateway.matching(" WARN ")


def test_systemd_is_told_who_is_the_main_process(start, tmp_path):
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(str(path))
        notify.settimeout(TIMEOUT)
        gateway = start(env={**os.environ, "NOTIFY_SOCKET": str(path)})
        giver, words = gateway.popen, []
        ask_for(gateway)
        while not any(word.startswith("MAINPID=") for word in words):
            data, ancillary, _, _ = socket.recv_fds(notify, 4096, 4)
            words += data.decode().split("\n")
            for fd in ancillary:
                os.close(fd)  # of a barrier: it is answered by that
        while not gateway.matching("handed over"):
            notify.settimeout(0.1)
            with contextlib.suppress(TimeoutError):
                _, ancillary, _, _ = socket.recv_fds(notify, 4096, 4)
                for fd in ancillary:
                    os.close(fd)
        follow(gateway, giver, 1)
        assert f"MAINPID={gateway.pid}" in words
    gateway.login("alice").round_trip()


@pytest.mark.parametrize("admin", ["127.0.0.1:0", "unix"])
def test_the_admin_port(start, tmp_path, admin):
    """It stays open: who asks meanwhile has to wait, and is answered by one of the two, or told that it has moved."""
    where = f"unix:{tmp_path}/admin" if admin == "unix" else admin
    gateway = start("--admin", where)
    clerk, alice = Admin(gateway), gateway.login("alice")

    def look():
        with contextlib.suppress(OSError, EOFError):  # its line may be ended between two answers
            reply = clerk.get("/healthz")
            assert reply.body == b"ok\n" or (reply.status, reply.problem) == (503, "moved"), reply
        clerk.connection.close()

    while_it_hands_over(gateway, look)
    assert clerk.user("alice")["user"] == "alice"
    alice.round_trip()


def test_an_admin_port_that_is_new(start, config):
    listen, port = f"127.0.0.1:{free_port()}", free_port()
    gateway = start_with(start, config, f"listen = {listen}", listen=[listen])
    config(f"listen = {listen}", f"admin = 127.0.0.1:{port}")
    hand_over(gateway)
    assert Admin(gateway).port == port
