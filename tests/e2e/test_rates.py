"""How much a session may say in a second: read no faster, refused, and who goes on and on sent away."""

import re
import signal
import struct

import pytest

from chatting import OK
from raw import BINARY, PACKET_PING, PACKET_PONG, PING, TEXT, frame, packet
from talking import BUSY, DONE, SAY, Talker, string
from waiting import wait_until

pytestmark = pytest.mark.threads

PAUSES = "rate_pauses"
REFUSALS = "rate_refusals"


def total(admin, name):
    return admin.status()["totals"][name]


def texts(count, text="{:04}"):
    return b"".join(frame(TEXT, text.format(number).encode()) for number in range(count))


def test_nothing_is_lost_and_all_in_order(serve):
    """A burst at once, the rest as it may come: none is lost, and the pings between them are answered."""
    gateway, admin = serve("--message-rate", 500)
    with gateway.login("alice") as alice, gateway.login("bob") as bob:
        alice.send(texts(3000, "x" * 50 + "{:04}") + frame(PING, b"behind all"))
        for number in range(3000):
            bob.expect_text("x" * 50 + f"{number:04} -- FROM alice")
        alice.expect_pong(b"behind all")
        assert total(admin, PAUSES) > 0
        gateway.wait_for_line("WARN.*user alice says more than a session may")
        bob.text("and I?")
        alice.expect_text("and I? -- FROM bob")


def test_heartbeats_pass_while_texts_wait(serve):
    gateway, admin = serve("--message-rate", 1)
    with gateway.login("alice") as alice:
        alice.send(texts(12, "x" * 100 + "{:04}"))
        wait_until(lambda: total(admin, PAUSES) > 0, "alice has to wait")
        for _ in range(3):
            alice.ping(b"are you there?")
            alice.packet(PACKET_PING, b"still?")
        got = [alice.frame().payload for _ in range(6)]
        assert sorted(got) == sorted([b"are you there?", packet(PACKET_PONG, b"still?")] * 3)


def test_bytes(serve):
    gateway, admin = serve("--byte-rate", "20K")
    with gateway.login("alice") as alice, gateway.login("bob") as bob:
        alice.send(b"".join(frame(TEXT, b"%04d" % number + b"x" * 9996) for number in range(16)))
        for number in range(16):
            _, text = bob.message()
            assert text.startswith(b"%04d" % number)
        assert total(admin, PAUSES) > 0


def test_a_say_too_many_is_refused_at_once(serve):
    gateway, admin = serve("--message-rate", 2)
    alice, bob = Talker(gateway.raw(), "alice"), Talker(gateway.raw(), "bob")
    ids = [alice.ids + 1 + number for number in range(40)]
    says = (struct.pack("!I", number) + b"\0" + string("@bob") + b"%d" % number for number in ids)
    alice.raw.send(b"".join(frame(BINARY, packet(SAY, say)) for say in says))
    results = [alice.answer(number)[0] for number in ids]
    done = [number for number, result in zip(ids, results) if result == DONE]
    assert set(results) == {DONE, BUSY}
    assert done[:10] == ids[:10]
    assert [int(bob.message().text) for _ in done] == done
    bob.expect_nothing()
    assert total(admin, REFUSALS) == len(ids) - len(done)
    # Later it may say more.
    alice.ids = ids[-1]
    wait_until(lambda: alice.say("@bob", "later")[0] == DONE, "the gateway is busy no longer")
    assert bob.message().text == "later"


def test_a_reload_sets_and_lifts_a_rate(start, tmp_path):
    path = tmp_path / "tidegate.conf"
    path.write_text("message_rate = 0\n", encoding="utf-8")
    gateway = start("--config", path)

    def reload(text):
        before = len(gateway.matching("reloaded"))
        path.write_text(text, encoding="utf-8")
        gateway.signal(signal.SIGHUP)
        gateway.wait_for_line("reloaded", count=before + 1)

    with gateway.login("alice") as alice, gateway.login("bob") as bob:
        reload("message_rate = 1\n")
        alice.send(texts(300, "x" * 100 + "{:04}"))
        gateway.wait_for_line("user alice says more than a session may")
        reload("message_rate = 0\n")
        for number in range(300):
            bob.expect_text("x" * 100 + f"{number:04} -- FROM alice")


@pytest.mark.slow
def test_who_goes_on_and_on_is_sent_away(serve):
    """A minute; test_pace.c tries it on a clock that it turns."""
    gateway, admin = serve("--message-rate", 1)
    with gateway.login("alice") as alice:
        alice.sock.setblocking(False)
        flood = texts(20000, "x" * 100 + "{:04}")
        sent = alice.sock.send(flood)
        assert sent > 65536 + 61 * 256, "the kernel takes too little for this case"
        alice.sock.settimeout(120)
        alice.expect_close(1013, re.compile(r"retry_ms=\d+"), end=False)
        wait_until(lambda: admin.status()["ends"]["over_rate"] == 1, "it is counted")
        gateway.wait_for_line("user alice out: says more than it may")


# --- our own client -------------------------------------------------------------------------------


def ws(gateway):
    return f"ws://127.0.0.1:{gateway.port}"


def test_a_chat_says_again_what_a_busy_gateway_refused(serve, chat):
    gateway, admin = serve("--message-rate", 10)
    bob = Talker(gateway.raw(), "bob")
    said = "".join(f"/to @bob {number}\n" for number in range(70))
    alice = chat("--v1", address=ws(gateway), run=True, text=said.encode())
    assert [bob.message().text for _ in range(70)] == [str(number) for number in range(70)]
    alice.err.expect("the gateway is busy")
    alice.assert_ends(OK)
    assert total(admin, REFUSALS) > 0


def test_a_chat_is_read_at_its_rate(serve, chat):
    """Classic: nobody tells it anything, and all arrives."""
    gateway, admin = serve("--message-rate", 40)
    with gateway.login("bob") as bob:
        said = "".join(f"{number}\n" for number in range(300))
        alice = chat("--classic", address=ws(gateway), run=True, text=said.encode())
        for number in range(300):
            bob.expect_text(f"{number} -- FROM alice")
        alice.assert_ends(OK)
        assert total(admin, PAUSES) > 0


def test_a_chat_sends_in_portions(server, chat):
    """64 lines, or 16 KiB, and then nothing until they are read; of the last only when it is to leave."""
    alice = chat("--classic", "--heartbeat=0", address=server.address)
    peer = server.open()

    def take(first, count, size):
        for number in range(first, first + count):
            peer.expect_text(f"{number:0{size}}")

    def take_portion(first, count, size):
        take(first, count, size)
        peer.answer_ping(peer.frame())

    for number in range(150):
        alice.say(f"{number:010}")
    take_portion(0, 64, 10)
    take_portion(64, 64, 10)
    take(128, 22, 10)
    for number in range(10):
        alice.say(f"{number:05000}")
    take_portion(0, 4, 5000)
    take_portion(4, 4, 5000)
    take(8, 2, 5000)
    alice.end_input()
    peer.answer_ping(peer.frame())
    peer.expect_logout()
    alice.assert_ends(OK)
