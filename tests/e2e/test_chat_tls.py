"""tidegate-chat with wss://, of the gateway itself and of others: whom it believes, what it says of them, and
that a line is a line."""

import signal
import socket
import threading

import pytest

from chatting import CHAT, KICKED, LOST, OK, TLS, UNREACHABLE, USAGE, talk
from gateway import free_port
from proxy import Proxy
from test_chat import run_alone
from tls import DAY, HOUR, Pair
from tls_front import TlsFront
from waiting import TIMEOUT


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture(scope="module")
def authority(directory):
    return Pair(directory, stem="authority")


@pytest.fixture(scope="module")
def pair(directory, authority):
    return Pair(directory, "localhost", "127.0.0.1", stem="gate", signer=authority)


@pytest.fixture
def gateway(start, pair):
    """One that listens without TLS, and with it as `wss_port`."""
    plain, secure = free_port(), free_port()
    listen = [f"127.0.0.1:{plain}", f"wss://127.0.0.1:{secure}"]
    started = start(*pair.options, listen=listen)
    started.wss_port = secure
    return started


@pytest.fixture(params=["gateway", "front"])
def port(request, gateway, pair):
    """Of who speaks TLS: the gateway itself, or somebody else in front of it."""
    if request.param == "gateway":
        yield gateway.wss_port
    else:
        with TlsFront(gateway.port, pair) as front:
            yield front.port


def wss(port, host="localhost"):
    return f"wss://{host}:{port}"


def trust(authority):
    return f"--ca={authority.cert}"


# --- talking --------------------------------------------------------------------------------------


@pytest.mark.threads
def test_two_talk(port, authority, chat):
    alice = chat(trust(authority), address=wss(port), user="alice").connected()
    bob = chat(trust(authority), address=wss(port, "127.0.0.1"), user="bob").connected()
    talk(alice, bob, wss(port))


def test_names_are_asked_for_and_addresses_are_not(gateway, pair, authority, chat):
    with TlsFront(gateway.port, pair) as front:
        for host in ("localhost", "127.0.0.1"):
            chat(trust(authority), run=True, address=wss(front.port, host)).assert_ends(OK)
        assert front.names == ["localhost", None]


def test_whom_the_system_trusts(port, authority, chat):
    bot = chat(run=True, text=b"hi\n", address=wss(port), env={"SSL_CERT_FILE": str(authority.cert)})
    bot.assert_ends(OK)


def test_the_heartbeat(port, authority, chat):
    alice = chat("-v", "--heartbeat=0.1", "--read-deadline=60", trust(authority), address=wss(port))
    for _ in range(3):
        alice.err.expect_text("ping...")
        alice.err.expect_text("recv a pong...")
    alice.end_input()
    alice.assert_ends(OK)


def test_much_that_is_said(gateway, port, authority, chat):
    """More than a record, a residue and all buffers on the way hold at once."""
    lines = [f"{number} " + "x" * 60_000 for number in range(100)]
    with gateway.login("alice") as alice:
        bot = chat(trust(authority), address=wss(port), user="bot").connected()
        saying = threading.Thread(target=lambda: (bot.say("\n".join(lines)), bot.end_input()))
        saying.start()
        for line in lines:
            alice.expect_text(f"{line} -- FROM bot")
        saying.join(TIMEOUT)
        bot.assert_ends(OK)


def test_much_that_is_heard(gateway, port, authority, chat):
    lines = [f"{number} " + "x" * 60_000 for number in range(100)]
    bot = chat(trust(authority), address=wss(port), user="bot").connected()
    with gateway.login("alice") as alice:
        for number, line in enumerate(lines):
            alice.text(line)
            bot.out.expect(f"^{number} x")  # not faster than it reads
    bot.end_input()
    bot.assert_ends(OK)
    assert bot.out.lines() == [f"{line} -- FROM alice" for line in lines]


def test_a_cut_line_comes_back(gateway, port, authority, chat):
    with Proxy(port) as proxy:
        alice = chat(trust(authority), address=proxy.address.replace("ws:", "wss:")).connected()
        proxy.reset()
        alice.expect_error(r"the connection was lost \(Connection reset by peer\)")
        alice.connected()
        gateway.login("bob").text("again")
        alice.expect("again -- FROM bob\n")
        alice.end_input()
        alice.assert_ends(OK)


def test_kicked(port, authority, chat):
    first = chat(trust(authority), address=wss(port)).connected()
    second = chat(trust(authority), address=wss(port)).connected()
    first.assert_ends(KICKED)
    second.end_input()
    second.assert_ends(OK)


def test_the_end_of_the_gateway(gateway, authority, chat):
    """Its Close is read, and the end of the line is no fault."""
    bot = chat("--once", trust(authority), address=wss(gateway.wss_port)).connected()
    gateway.stop()
    bot.assert_ends(LOST)
    bot.expect_error(r"the gateway restarts \(Close 1012 retry_ms=\d+\)")


def test_users_and_rooms(gateway, authority, chat):
    alice = chat("--v1", trust(authority), address=wss(gateway.wss_port), user="alice").connected()
    bob = chat("--v1", trust(authority), address=wss(gateway.wss_port), user="bob").connected()
    bob.say("/in #dev")
    bob.expect_state(r"in #dev \(1 there\)")
    alice.say("/join dev")
    alice.expect_state(r"in #dev \(2 there\)")
    alice.say("/to #dev hello")
    bob.expect("[#dev] hello -- FROM alice\n")


# --- who is not believed --------------------------------------------------------------------------

FAULTS = {
    "issuer": ("localhost", {}, "signed by nobody who is trusted", "signed by stranger"),
    "name": ("127.0.0.2", {"signed": True}, "for others", "it is for 127.0.0.2"),
    "expired": ("localhost", {"signed": True, "begins": -2 * DAY, "ends": -HOUR}, "has expired", "it ended 20"),
    "future": ("localhost", {"signed": True, "begins": HOUR, "ends": DAY}, "not valid yet", "it begins 20"),
}


@pytest.mark.parametrize("name, how, text, detail", FAULTS.values(), ids=FAULTS.keys())
def test_faults_of_certificates(gateway, directory, authority, chat, name, how, text, detail):
    how = dict(how)
    stranger = Pair(directory, stem="stranger")
    signer = authority if how.pop("signed", False) else stranger
    shown = Pair(directory, name, stem="shown", signer=signer, **how)
    with TlsFront(gateway.port, shown) as front:
        bot = chat("--reconnect=forever", trust(authority), address=wss(front.port))
        bot.expect_error(rf"the gateway's certificate .*{text} \(localhost:{front.port}: {detail}")
        bot.assert_ends(TLS)
    assert gateway.matching("alice") == []  # nothing was asked of it


def test_one_that_has_signed_itself(gateway, directory, authority, chat):
    shown = Pair(directory, "localhost", stem="itself")
    with TlsFront(gateway.port, shown) as front:
        bot = chat(trust(authority), address=wss(front.port))
        bot.expect_error(r"the gateway's certificate is signed by itself alone \(localhost:")
        bot.assert_ends(TLS)
        chat(address=wss(front.port)).assert_ends(TLS)  # nor does the system trust it
        bot = chat(f"--ca={shown.cert}", address=wss(front.port))
        bot.connected().end_input()
        bot.assert_ends(OK)


def test_insecure_says_why(gateway, directory, chat):
    shown = Pair(directory, "elsewhere", stem="itself")
    with TlsFront(gateway.port, shown) as front:
        bot = chat("-q", "--insecure=the gateway of\ta test", address=wss(front.port), user="bot")
        bot.err.expect_text("* any certificate is taken: the gateway of\ta test")
        gateway.wait_for_line("user bot in")
        bot.end_input()
        bot.assert_ends(OK)
        assert len(bot.err.lines()) == 1


# --- who speaks no TLS ----------------------------------------------------------------------------


def test_a_plain_gateway(gateway, chat):
    bot = chat("--insecure=a test", address=f"wss://127.0.0.1:{gateway.port}")
    bot.expect_error(r"no TLS could be agreed on \(127.0.0.1:\d+: what answers does not speak TLS\)")
    bot.assert_ends(TLS)


def test_nobody(chat):
    bot = chat(address=f"wss://127.0.0.1:{free_port()}")
    bot.expect_error(r"the gateway is unreachable \(127.0.0.1:\d+: Connection refused\)")
    bot.assert_ends(UNREACHABLE)


def test_one_that_hangs_up(chat):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        bot = chat(address=f"wss://127.0.0.1:{listener.getsockname()[1]}")
        listener.accept()[0].close()
        bot.expect_error(r"the connection was lost \(127.0.0.1:\d+: cut in the middle of the handshake")
        bot.assert_ends(LOST)


def test_a_signal_in_the_handshake(chat):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        bot = chat(address=f"wss://127.0.0.1:{listener.getsockname()[1]}")
        with listener.accept()[0]:
            bot.expect_state("connecting")
            bot.signal(signal.SIGINT)
            bot.assert_ends(OK)


# --- options --------------------------------------------------------------------------------------

WRONG = {
    "no reason": (["--insecure"], "requires an argument"),
    "empty reason": (["--insecure="], "--insecure: why is it right to take any certificate?"),
    "blank reason": (["--insecure= "], "--insecure: why is it right to take any certificate?"),
    "an option": (["--insecure", "-q"], "--insecure: why is it right to take any certificate?"),
    "no file": (["--ca=/nonexistent"], "--ca=/nonexistent: the file of certificates: No such file or directory"),
    "nobody": (["--ca=/dev/null"], "--ca=/dev/null: the file of certificates: there is none in it"),
}


@pytest.mark.parametrize("options, message", WRONG.values(), ids=WRONG.keys())
def test_wrong_options(options, message):
    ended = run_alone("-u", "a", "-a", "wss://localhost", *options)
    assert ended.returncode == USAGE
    assert message in ended.stderr
    assert ended.stdout == ""


def test_options_that_do_not_go_together(authority):
    both = run_alone("-u", "a", "-a", "wss://h", trust(authority), "--insecure=a test")
    assert both.returncode == USAGE and "exclude each other" in both.stderr
    for option in (trust(authority), "--insecure=a test"):
        plain = run_alone("-u", "a", "-a", "ws://h", option)
        assert plain.returncode == USAGE and "are of wss://" in plain.stderr


def test_the_order_of_options_does_not_matter(gateway, authority, chat):
    command = (CHAT, trust(authority), "-a", wss(gateway.wss_port))
    chat(run=True, text=b"hi\n", command=command).assert_ends(OK)
