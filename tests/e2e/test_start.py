"""The start and the end of the process: listeners, options, what is refused and how that is said."""

import contextlib
import os
import re
import shutil
import signal
import socket
import stat
import tempfile

import pytest

from gateway import BINARY, Process, free_port
from waiting import TIMEOUT

NOBODY = 65534


def run(*arguments, **popen):
    """Runs the gateway to its end: (exit code, lines)."""
    process = Process(arguments, **popen)
    code = process.wait()
    process.assert_no_report()
    return code, process.lines


@pytest.fixture
def public_dir():
    """A directory that anybody may enter."""
    path = tempfile.mkdtemp(prefix="tidegate-")
    os.chmod(path, 0o755)
    yield path
    shutil.rmtree(path)


# --- listeners ----------------------------------------------------------------------------------


def test_several_listeners_of_all_kinds(start, tmp_path):
    port = free_port()
    listeners = [
        f"127.0.0.1:{port}",
        f"127.0.0.2:{port}",
        f"[::1]:{free_port(socket.AF_INET6, '::1')}",
        f"unix:{tmp_path}/socket",
    ]
    gateway = start(listen=listeners)
    clients = [gateway.login(f"user{number}", spec=spec) for number, spec in enumerate(listeners)]
    clients[0].text("hello")
    for client in clients[1:]:
        client.expect_text("hello -- FROM user0")
        client.round_trip()


def test_a_listener_on_all_addresses(start):
    """`:PORT` is IPv4 and IPv6."""
    port = free_port()
    gateway = start(listen=[f":{port}"])
    for spec in (f"127.0.0.1:{port}", f"127.0.0.9:{port}", f"[::1]:{port}"):
        with gateway.login("alice", spec=spec) as client:
            client.round_trip()


def test_several_acceptors(start):
    gateway = start("--acceptors", 3, "--workers", 3)
    clients = [gateway.login(f"user{number}") for number in range(60)]
    clients[0].text("hello")
    for client in clients[1:]:
        client.expect_text("hello -- FROM user0")


def test_acceptors_share_a_unix_socket(start, tmp_path):
    gateway = start("--acceptors", 3, listen=[f"unix:{tmp_path}/socket"])
    for number in range(60):
        gateway.login(f"user{number}").round_trip()


def test_many_workers(start):
    gateway = start("--workers", 16)
    clients = [gateway.login(f"user{number}") for number in range(64)]
    clients[0].text("hello")
    for client in clients[1:]:
        client.expect_text("hello -- FROM user0")
    assert gateway.threads() >= 17


def test_a_stale_unix_socket_is_replaced(start, tmp_path):
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    gateway = start(listen=[f"unix:{path}"])
    gateway.login("alice").round_trip()


# --- what is refused ----------------------------------------------------------------------------


def check_one_clear_line(lines, *words):
    assert len(lines) == 1, lines
    for word in words:
        assert word in lines[0], lines


@pytest.mark.parametrize("shared", [False, True], ids=["plain", "SO_REUSEPORT"])
def test_a_port_in_use(shared):
    """A foreign process holds it; SO_REUSEPORT must not bind silently beside it."""
    with socket.socket() as holder:
        if shared:
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        code, lines = run("--listen", f"127.0.0.1:{port}")
    assert code == 1
    check_one_clear_line(lines, str(port), "in use")


def test_a_second_gateway(gateway):
    code, lines = run("--listen", gateway.listen[0])
    assert code == 1
    check_one_clear_line(lines, str(gateway.port), "in use")
    gateway.login("alice").round_trip()


def test_a_second_gateway_on_a_unix_socket(start, tmp_path):
    gateway = start(listen=[f"unix:{tmp_path}/socket"])
    code, lines = run("--listen", gateway.listen[0])
    assert code == 1
    check_one_clear_line(lines, f"{tmp_path}/socket", "in use")
    gateway.login("alice").round_trip()


def test_a_file_in_the_place_of_a_socket(tmp_path):
    path = tmp_path / "file"
    path.write_text("precious", encoding="ascii")
    code, lines = run("--listen", f"unix:{path}")
    assert code == 1
    check_one_clear_line(lines, str(path))
    assert path.read_text(encoding="ascii") == "precious"


def test_a_unix_path_without_permission(public_dir):
    """The directory is root's, the gateway nobody's."""
    binary = shutil.copy(BINARY, public_dir)
    directory = os.path.join(public_dir, "closed")
    os.mkdir(directory, 0o555)
    who = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
    code, lines = run("--listen", f"unix:{directory}/socket", command=[binary], **who)
    assert code == 1
    check_one_clear_line(lines, f"{directory}/socket", "ermission")


def test_a_unix_path_of_no_directory(tmp_path):
    code, lines = run("--listen", f"unix:{tmp_path}/missing/socket")
    assert code == 1
    check_one_clear_line(lines, f"{tmp_path}/missing/socket")


def test_an_address_that_is_not_ours():
    code, lines = run("--listen", "192.0.2.1:8000")
    assert code == 1
    check_one_clear_line(lines, "192.0.2.1")


BAD_OPTIONS = {
    "unknown": ["--nonsense"],
    "no number": ["--read-deadline", "soon"],
    "number with a tail": ["--read-deadline", "5x"],
    "negative": ["--read-deadline", "-1"],
    "too small": ["--read-deadline", "0"],
    "too large": ["--read-deadline", "86401"],
    "far too large": ["--read-deadline", "99999999999999999999999"],
    "empty": ["--read-deadline", ""],
    "workers": ["--workers", "255"],
    "no port": ["--listen", "127.0.0.1"],
    "a port too large": ["--listen", ":65536"],
    "a port of text": ["--listen", ":http-or-so"],
    "an empty listener": ["--listen", ""],
    "an unfinished IPv6 address": ["--listen", "[::1:8000"],
    "an empty unix path": ["--listen", "unix:"],
    "a long unix path": ["--listen", "unix:/" + "x" * 200],
    "a log level": ["--log-level", "loud"],
    "a log format": ["--log-format", "xml"],
    "an argument": ["stray"],
    "a missing value": ["--read-deadline"],
}


@pytest.mark.parametrize("options", BAD_OPTIONS.values(), ids=BAD_OPTIONS.keys())
def test_a_bad_option(options):
    """Exit code 2; the first line says what is wrong, a second at most where help is."""
    code, lines = run(*options)
    assert code == 2
    assert 1 <= len([line for line in lines if line.strip()]) <= 2, lines
    name = options[0].lstrip("-").replace("-", "_")
    assert name in lines[0].replace("-", "_"), lines


OPTIONS = """
    listen id config echo log-format log-level help version
    workers acceptors event-batch
    read-deadline write-deadline handshake-deadline close-deadline ping-interval drain
    max-message max-connections tx-queue-limit tx-memory-limit
""".split()


def test_help():
    code, lines = run("--help")
    assert code == 0
    text = "\n".join(lines)
    assert [name for name in OPTIONS if f"--{name}" not in text] == []


def test_version():
    code, lines = run("--version")
    assert code == 0
    assert re.search(r"\d+\.\d+\.\d+", lines[0])


# --- the config file ----------------------------------------------------------------------------


@pytest.fixture
def config(tmp_path):
    """Writes a config file, returns its path."""
    path = tmp_path / "tidegate.ini"

    def write(text):
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_a_config_file(start, config):
    port = free_port()
    path = config(
        "; a comment\n[gateway]\n"
        f"listen = 127.0.0.1:{port}\nid = node7\nmax_message = 1000\nlog_format = json\nlog-level = debug\n"
    )
    gateway = start("--config", path, listen=[f"127.0.0.1:{port}"], say_where=False)
    gateway.wait_for_line(r'"started".*"node7"|"node7".*"started"')
    with gateway.login("alice") as client:
        client.text("x" * 1001)
        client.expect_close(1009)


def test_the_command_line_beats_the_file(start, config):
    path = config("max_message = 1000\nlisten = 127.0.0.1:1\n")
    gateway = start("--config", path, "--max-message", 2000)
    with gateway.login("alice") as client:
        client.packet(999, b"x" * 1900)
        client.round_trip()
        client.packet(999, b"x" * 2000)
        client.expect_close(1009)


BAD_FILES = {
    "unknown key": ("id = a\nread_deadlin = 5\n", 2, "read_deadlin"),
    "bad value": ("\n\nread_deadline = soon\n", 3, "read_deadline"),
    "out of range": ("read_deadline = 0\n", 1, "86400"),
    "bad choice": ("id = x\nlog_level = loud\n", 2, "debug"),
    "no value": ("id = x\n\n\nnonsense\n", 4, ""),
}


@pytest.mark.parametrize(("text", "line", "word"), BAD_FILES.values(), ids=BAD_FILES.keys())
def test_a_bad_config_file(config, text, line, word):
    """File, line and what is allowed."""
    path = config(text)
    code, lines = run("--config", path)
    assert code == 1
    check_one_clear_line(lines, f"{path}:{line}", word)


def test_a_missing_config_file(tmp_path):
    code, lines = run("--config", tmp_path / "missing.ini")
    assert code == 1
    check_one_clear_line(lines, "missing.ini")


# --- the end ------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(gateway, number):
    gateway.signal(number)
    gateway.assert_ends(0)


def test_a_unix_socket_is_taken_away(start, tmp_path):
    path = tmp_path / "socket"
    gateway = start(listen=[f"unix:{path}"])
    assert stat.S_ISSOCK(path.stat().st_mode)
    gateway.stop()
    assert not path.exists()


def test_a_restart_on_the_same_port_at_once(start):
    """Connections of the old process in TIME_WAIT are no port in use."""
    gateway = start()
    client = gateway.login("alice")
    gateway.signal(signal.SIGTERM)
    client.expect_close(1012)
    gateway.assert_ends(0)
    again = start(listen=gateway.listen)
    again.login("alice").round_trip()


# --- systemd ------------------------------------------------------------------------------------

ACTIVATE = """
import os, sys
for place, fd in enumerate(sys.argv[1].split(",")):
    os.dup2(int(fd), 3 + place)
os.environ["LISTEN_FDS"] = str(place + 1)
os.environ["LISTEN_PID"] = str(os.getpid())
os.execv(sys.argv[2], sys.argv[2:])
"""


@pytest.mark.parametrize("acceptors", [1, 2])
def test_socket_activation(start, acceptors):
    """Sockets are given as systemd gives them. Both are served, and the default port is not bound."""
    with contextlib.ExitStack() as stack:
        listeners = [
            stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=64)) for _ in range(2)
        ]
        # Out of the way of 3 and 4, which they are to become.
        fds = [
            os.dup2(listener.fileno(), 100 + place, inheritable=True)
            for place, listener in enumerate(listeners)
        ]
        addresses = ["127.0.0.1:%d" % listener.getsockname()[1] for listener in listeners]
        command = ["/usr/bin/python3", "-c", ACTIVATE, ",".join(map(str, fds)), BINARY]
        gateway = start(
            "--acceptors", acceptors, listen=addresses, say_where=False, command=command, pass_fds=fds
        )
        for fd in fds:
            os.close(fd)
    # The sockets live in the gateway only: they serve, or nobody does.
    clients = [gateway.login(f"user{number}", spec=addresses[number % 2]) for number in range(8)]
    clients[0].text("hello")
    for client in clients[1:]:
        client.expect_text("hello -- FROM user0")
        client.round_trip()


def test_systemd_is_told(start, tmp_path):
    """READY=1 when it serves, STOPPING=1 when it begins to stop."""
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(str(path))
        notify.settimeout(TIMEOUT)
        gateway = start(env={**os.environ, "NOTIFY_SOCKET": str(path)})

        def told(word):
            while word not in (words := notify.recv(4096).decode().split("\n")):
                assert words
            return True

        assert told("READY=1")
        gateway.login("alice").round_trip()
        gateway.close_clients()
        gateway.signal(signal.SIGTERM)
        assert told("STOPPING=1")
        gateway.assert_ends(0)


def test_ready_is_not_told_before_it_listens(tmp_path):
    """Who connects on READY=1 is never refused."""
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(str(path))
        notify.settimeout(TIMEOUT)
        for _ in range(10):
            port = free_port()
            process = Process(
                ["--listen", f"127.0.0.1:{port}", "--drain", 0],
                env={**os.environ, "NOTIFY_SOCKET": str(path)},
            )
            try:
                while b"READY=1" not in notify.recv(4096):
                    pass
                socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT).close()
                process.signal(signal.SIGTERM)
                assert process.wait() == 0
            finally:
                process.kill()


def test_silence_where_nobody_asks(start):
    """Without NOTIFY_SOCKET it just runs."""
    environment = {name: value for name, value in os.environ.items() if name != "NOTIFY_SOCKET"}
    gateway = start(env=environment)
    gateway.login("alice").round_trip()
