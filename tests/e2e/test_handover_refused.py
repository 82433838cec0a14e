"""Hand-overs that cannot be: everybody stays where he is, the operator reads why, and the next one may go well."""

import contextlib
import os
import resource
import signal
import subprocess

import pytest

from admin import Admin
from gateway import BINARY, free_port
from handover import (
    REFUSED,
    Installed,
    ask_for,
    awaited_refusal,
    follow,
    hand_over,
    has_hooks,
    is_stopped,
    refusal,
    stopping_at,
    taker_of,
    wait_until_stopped,
    while_it_hands_over,
)
from raw import TEXT, frame
from talking import DONE, Talker
from tls import Pair
from waiting import FACTOR, wait_until

KIB, MIB = 1 << 10, 1 << 20
LATE_MS = 1500 * FACTOR  # in the place of the giver's time-outs: what is in time is well within it


class Place:
    """A gateway of its own binary and config file, in which alice and bob talk."""

    def __init__(self, start, folder, *lines, **more):
        self.installed = Installed(folder)
        self.config = folder / "tidegate.conf"
        self.listen = f"127.0.0.1:{free_port()}"
        self.write(*lines)
        more.setdefault("command", [self.installed.path])
        self.gateway = start("--config", self.config, "--admin", "127.0.0.1:0", listen=[self.listen], **more)
        self.admin = Admin(self.gateway)
        self.alice, self.bob = Talker(self.gateway.raw(), "alice"), Talker(self.gateway.raw(), "bob")
        assert self.alice.join("room")[0] == self.bob.join("room")[0] == DONE
        self.count = 0

    def write(self, *lines):
        self.config.write_text("".join(line + "\n" for line in lines), encoding="utf-8")

    def check(self, refused=1):
        """Nothing has changed for anybody."""
        self.count += 1
        assert self.alice.say("#room", f"{self.count}") == (DONE, 1)
        assert self.bob.message().text == f"{self.count}"
        self.bob.expect_nothing()
        with self.gateway.login("guest") as guest:
            guest.round_trip()
        wait_until(lambda: self.admin.status()["totals"]["users"] == 2, "the guest has gone")
        assert self.admin.metrics()['tidegate_handovers_total{result="refused"}'] == refused
        assert self.admin.status()["handover"]["state"] == "none"


@pytest.fixture
def place(start, tmp_path):
    def make(*lines, **more):
        return Place(start, tmp_path, *lines, **more)

    return make


def test_a_config_with_a_fault(place):
    here = place("workers = 2")
    here.write("workers = 2", "max_message = soon")
    said = refusal(here.gateway)
    assert f"{here.config}:2: max_message = soon" in said
    here.check()
    assert said.startswith(here.admin.status()["handover"]["refused"][:40])
    here.write("workers = 1")
    hand_over(here.gateway, here.admin)
    here.check(refused=1)


def test_a_config_that_contradicts_itself(place):
    """What --test finds out: a certificate that is not there."""
    here = place()
    here.write(f"listen = {here.listen}", "tls_cert = /nonexistent/cert.pem", "tls_key = /nonexistent/key.pem")
    assert "/nonexistent" in refusal(here.gateway)
    here.check()


def test_open_lines_over_tls_without_a_certificate(start, tmp_path):
    """A config without TLS: whatever the taker says, who is in stays, and goes on over TLS."""
    pair, path = Pair(tmp_path), tmp_path / "tidegate.conf"
    listen = f"wss://127.0.0.1:{free_port()}"
    path.write_text("".join(f"{name} = {value}\n" for name, value in (("listen", listen), ("tls_cert", pair.cert), ("tls_key", pair.key))), encoding="utf-8")
    gateway = start("--config", path, say_where=False, listen=[listen])
    gateway._pair = pair
    alice = gateway.login("alice")
    path.write_text(f"listen = 127.0.0.1:{free_port()}\n", encoding="utf-8")
    refusal(gateway)
    alice.round_trip()


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("raise SystemExit(1)", "ended"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "ended"),
        ("import os, socket; socket.socket(fileno=int(os.environ['TIDEGATE_HANDOVER_FD'])).send(b'HTTP/1.1 200 OK\\r\\n\\r\\n' * 99)", ""),
    ],
    ids=["it ends", "it is killed", "it speaks another language"],
)  # fmt: skip
def test_a_binary_that_is_no_gateway(place, script, why):
    here = place()
    here.installed.script(script)
    assert why in refusal(here.gateway)
    here.check()
    here.installed.put(BINARY.read_bytes())
    hand_over(here.gateway, here.admin)
    here.check()


def test_a_binary_that_is_gone(place):
    here = place()
    here.installed.remove()
    assert "No such file" in refusal(here.gateway)
    here.check()
    here.installed.put(b"\x7fELF, but not really")
    assert refusal(here.gateway, 2)
    here.check(refused=2)


SAYS_NOTHING = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nwhile True: time.sleep(9)"


@pytest.mark.skipif(not has_hooks(), reason="a build without unit tests has no shorter time-outs")
def test_a_binary_that_says_nothing(place):
    here = place(env=stopping_at("none", deadline_ms=500))
    here.installed.script(SAYS_NOTHING)
    assert refusal(here.gateway)
    here.check()


@pytest.mark.skipif(not has_hooks(), reason="a build without unit tests has no shorter time-outs")
def test_what_our_other_tests_do_about_a_refusal(place):
    """Where time was short they ask again; else they fail and say why, and do not go on for ever."""
    here = place(env=stopping_at("none", deadline_ms=LATE_MS))
    here.installed.script(SAYS_NOTHING)

    def say_and_mend():
        assert here.alice.say("#room", "meanwhile") == (DONE, 1)
        assert here.bob.message().text == "meanwhile"
        if here.gateway.matching(REFUSED):
            here.installed.put(BINARY.read_bytes())

    while_it_hands_over(here.gateway, say_and_mend, here.admin)
    assert "was not ready within" in here.gateway.wait_for_line(REFUSED).string
    here.installed.remove()
    with pytest.raises(AssertionError, match="No such file"):
        while_it_hands_over(here.gateway, here.alice.expect_nothing)


def test_another_version_of_the_snapshot(place):
    """A later one says what it is; so does ours to a giver that speaks of version 2 (test_handover_wire)."""
    here = place()
    text = b"this one takes snapshots of version 2, not of 1"
    here.installed.script(SAYS_NOT_NOW.format(text=text))
    assert text.decode() in refusal(here.gateway)
    here.check()


@pytest.mark.skipif(not has_hooks(), reason="a build without unit tests has no longer time-outs")
def test_who_has_lines_has_time_to_end(place):
    """Only it can answer what backends have asked of it meanwhile."""
    here = place(env=stopping_at("none", deadline_ms=10_000))
    here.installed.script(SAYS_NOT_NOW_BEHIND_NODE)
    assert "not after all" in refusal(here.gateway)
    here.gateway.wait_for_line("told to end")
    here.check()


OF_A_TAKER = """
import os, socket, sys
sys.path.insert(0, {folder!r})
from handover_wire import ABORT, LISTENERS, NODE, READY, Channel
channel = Channel(socket.socket(fileno=int(os.environ["TIDEGATE_HANDOVER_FD"])))
def skip_to(kind):
    while channel.receive()[0] != kind:
        pass
""".replace("{folder!r}", repr(os.path.dirname(os.path.abspath(__file__))))

SAYS_NOT_NOW = OF_A_TAKER + """
channel.receive()
channel.say_not_now({text!r})
"""

SAYS_NOT_NOW_BEHIND_NODE = OF_A_TAKER + """
skip_to(LISTENERS)
channel.send(READY)
skip_to(NODE)
channel.say_not_now(b"not after all")
skip_to(ABORT)
print("told to end", file=sys.stderr)
"""


LIMITED = """
import os, resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, ({files}, {files}))
os.execv({binary!r}, [{binary!r}, *sys.argv[1:]])
"""


def test_too_low_a_file_limit(place):
    """As after an edit of LimitNOFILE: the figure is told."""
    here = place()
    clients = [here.gateway.login(f"user{number}") for number in range(100)]
    here.installed.script(LIMITED.format(files=90, binary=str(BINARY)))
    assert "90" in refusal(here.gateway)
    for client in clients:
        client.round_trip()
        client.close_socket()
    here.check()


def test_no_descriptor_left_for_the_channel(place):
    """The giver itself is at its limit."""
    here = place()
    used = here.gateway.fds()
    limits = resource.prlimit(here.gateway.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(here.gateway.pid, resource.RLIMIT_NOFILE, (used, limits[1]))
    said = refusal(here.gateway)
    assert "open files" in said.lower(), said
    resource.prlimit(here.gateway.pid, resource.RLIMIT_NOFILE, limits)
    here.check()
    hand_over(here.gateway, here.admin)
    here.check()


def test_too_little_memory(place):
    """What is queued does not fit into the limit of the new config."""
    here = place("tx_queue_limit = 16M", "memory_limit = 64M", "max_message = 1M")
    with here.gateway.login("deaf", receive_buffer=4 * KIB) as deaf, here.gateway.login("loud") as loud:
        for _ in range(12):
            loud.send(frame(TEXT, b"x" * 900 * KIB))
            here.alice.text(), here.bob.text()
        wait_until(lambda: here.admin.user("deaf")["queue_bytes"] > 6 * MIB, "he lags")
        here.write("tx_queue_limit = 1M", "memory_limit = 2M", "max_message = 1M")
        assert "memory" in refusal(here.gateway)
        here.write("tx_queue_limit = 16M", "memory_limit = 64M", "max_message = 1M")
        hand_over(here.gateway, here.admin)
        for _ in range(12):
            assert len(deaf.message()[1]) == 900 * KIB + len(" -- FROM loud")


FULL = ["unshare", "-m", "/bin/sh", "-c", 'mount -t tmpfs -o nr_inodes=3 tmpfs "$0" && exec "$@"']


def test_a_full_disk(start, tmp_path):
    """A path that cannot be made is a refusal; without one nothing is written at all."""
    folder, path, port = tmp_path / "full", tmp_path / "tidegate.conf", free_port()
    folder.mkdir()
    if subprocess.run([*FULL, folder, "true"], capture_output=True, check=False).returncode:
        pytest.skip("may not mount")
    command = [*FULL, folder, BINARY]
    listen = [f"127.0.0.1:{port}", f"unix:{folder}/a"]
    path.write_text("".join(f"listen = {spec}\n" for spec in listen), encoding="utf-8")
    gateway = start("--config", path, listen=listen[:1], say_where=False, command=command)
    alice = gateway.login("alice")
    hand_over(gateway)
    alice.round_trip()
    path.write_text("".join(f"listen = {spec}\n" for spec in (*listen, f"unix:{folder}/b", f"unix:{folder}/c")), encoding="utf-8")
    assert "No space left" in refusal(gateway)
    alice.round_trip()


# --- not now --------------------------------------------------------------------------------------


def test_while_it_drains(serve):
    gateway, admin = serve("--close-deadline", 60, drain=600)
    alice, bob = gateway.login("alice"), gateway.login("bob")
    gateway.signal(signal.SIGTERM)
    gateway.wait_for_line("draining")
    assert "drain" in refusal(gateway)
    reply = admin.post("/v1/upgrade")
    assert (reply.status, reply.problem) == (409, "not-now")
    for client in (alice, bob):
        client.close()
        client.frames_to_close()
        client.close_socket()
    gateway.assert_ends(0)


@pytest.mark.skipif(not has_hooks(), reason="a build without unit tests does not stop")
def test_while_another_is_under_way(place):
    here = place(env=stopping_at("taker-ready"))
    giver = here.gateway.popen
    ask_for(here.gateway)
    taker = taker_of(here.gateway)
    wait_until_stopped(taker)
    ask_for(here.gateway)
    here.gateway.wait_for_line(REFUSED)
    reply = here.admin.post("/v1/upgrade")
    assert (reply.status, reply.problem) == (409, "not-now")
    assert here.admin.status()["handover"]["state"] == "preparing"
    assert here.alice.say("#room", "meanwhile") == (DONE, 1)
    assert here.bob.message().text == "meanwhile"
    os.kill(taker, signal.SIGCONT)
    follow(here.gateway, giver, 1)
    here.admin.connection.close()
    here.check(refused=here.admin.metrics()['tidegate_handovers_total{result="refused"}'])


@pytest.mark.skipif(not has_hooks(), reason="a build without unit tests does not stop")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=["drain", "reload"])
def test_what_is_asked_for_while_it_prepares(place, number):
    """A drain is what the operator wants now: the hand-over is off. A reload comes after it, or before."""
    here = place(env=stopping_at("taker-ready"))
    giver = here.gateway.popen
    ask_for(here.gateway)
    taker = taker_of(here.gateway)
    wait_until_stopped(taker)
    here.gateway.signal(number)
    if number == signal.SIGTERM:
        here.alice.raw.expect_close(1012)
        here.bob.raw.expect_close(1012)
        here.gateway.assert_ends(0)
        wait_until(lambda: not is_stopped(taker), "the taker has gone")
        return
    here.gateway.wait_for_line("reloaded")
    os.kill(taker, signal.SIGCONT)
    follow(here.gateway, giver, 1)
    here.admin.connection.close()
    here.check(refused=0)


# --- in its midst ---------------------------------------------------------------------------------


@pytest.mark.skipif(not has_hooks(), reason="a build without unit tests has no shorter time-outs")
@pytest.mark.parametrize("step", ["ready", "node", "lines", "end"])
def test_a_taker_that_is_late(place, step):
    """The giver goes on alone; what the taker says later finds nobody. The next one goes well."""
    here = place(env=stopping_at(f"taker-{step}", deadline_ms=LATE_MS))
    giver = here.gateway.popen
    ask_for(here.gateway)
    taker = taker_of(here.gateway)
    wait_until_stopped(taker)
    here.gateway.wait_for_line(REFUSED)
    with contextlib.suppress(ProcessLookupError):
        os.kill(taker, signal.SIGCONT)
    awaited_refusal(here.gateway, giver)
    here.check()
    ask_for(here.gateway)
    taker = wait_until(lambda: [pid for pid in [taker_of(here.gateway)] if pid != taker], "another one")[0]
    wait_until_stopped(taker)
    os.kill(taker, signal.SIGCONT)
    follow(here.gateway, giver, 1)
    here.admin.connection.close()
    here.check()


@pytest.mark.skipif(not has_hooks(), reason="a build without unit tests has no shorter time-outs")
def test_what_was_said_into_a_standstill_that_is_given_up(place):
    """Lines that were sent along already: nothing of them was touched, and what came meanwhile is read."""
    here = place(env=stopping_at("taker-end", deadline_ms=LATE_MS))
    giver = here.gateway.popen
    ask_for(here.gateway)
    taker = taker_of(here.gateway)
    wait_until_stopped(taker)
    for number in range(50):
        here.alice.ask(110, b"\0" + bytes([5]) + b"#room" + str(number).encode())
    awaited_refusal(here.gateway, giver)
    for number in range(50):
        assert here.bob.message().text == str(number)
    for _ in range(50):
        here.alice.next()
    here.check()


