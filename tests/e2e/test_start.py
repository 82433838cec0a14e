"""The start and the end of the process: listeners, options, what is refused and how that is said."""

import contextlib
import os
import pathlib
import re
import shutil
import signal
import socket
import stat
import subprocess
import tempfile

import pytest

from gateway import BINARY, Process, free_port
from waiting import TIMEOUT, wait_until

NOBODY = 65534

# Puts a file or folder in the place of another, for the gateway alone.
IN_PLACE = ["unshare", "-m", "/bin/sh", "-c", 'mount --bind "$0" "$1" && shift && exec "$@"']


def in_place(fake, real):
    """The command of a gateway that sees `fake` at `real`."""
    probe = subprocess.run([*IN_PLACE, fake, real, "true"], capture_output=True, check=False)
    if probe.returncode != 0:
        pytest.skip("may not mount")
    return [*IN_PLACE, str(fake), real, BINARY]


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


def test_both_unspecified_addresses(start):
    """`0.0.0.0:PORT` and `[::]:PORT` are two addresses, in whatever order."""
    for order in (1, -1):
        port = free_port()
        gateway = start(listen=[f"0.0.0.0:{port}", f"[::]:{port}"][::order])
        gateway.login("alice", spec=f"127.0.0.9:{port}").round_trip()
        gateway.login("bob", spec=f"[::1]:{port}").round_trip()
        gateway.stop()


def test_a_name_that_stands_for_one_address_twice(start, tmp_path):
    """As `localhost` does where it has two lines in /etc/hosts."""
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.1 twice\n127.0.0.1 twice other\n127.0.0.3 twice\n", encoding="ascii")
    port = free_port()
    command = in_place(hosts, "/etc/hosts")
    gateway = start("--listen", f"twice:{port}", listen=[f"127.0.0.1:{port}"], command=command)
    gateway.wait_for_line(rf"started: .*, ws://127\.0\.0\.1:{port}/, ws://127\.0\.0\.3:{port}/$")
    gateway.login("alice", spec=f"127.0.0.1:{port}").round_trip()
    gateway.login("bob", spec=f"127.0.0.3:{port}").round_trip()


def test_the_kernels_choice_is_one_port(start, tmp_path):
    """Of a name with several addresses, and of all acceptors."""
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.1 both\n::1 both\n", encoding="ascii")
    gateway = start("--acceptors", 2, listen=["both:0"], command=in_place(hosts, "/etc/hosts"))
    listen = re.findall(r"ws://([^/]+)/", gateway.wait_for_line(r"\bstarted\b").string)
    assert {spec.rpartition(":")[0] for spec in listen} == {"127.0.0.1", "[::1]"}
    assert len({spec.rpartition(":")[2] for spec in listen}) == 1
    for number, spec in enumerate(listen):
        gateway.login(f"user{number}", spec=spec).round_trip()


def test_a_quota_of_the_control_group(start, tmp_path):
    """There are not more workers than it keeps busy, unless they are asked for."""
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("there is but one CPU")

    def workers(gateway):
        tasks = pathlib.Path(f"/proc/{gateway.pid}/task").glob("*/comm")
        return sum(task.read_text(encoding="ascii").startswith("worker-") for task in tasks)

    (tmp_path / "cpu.max").write_text("50000 100000\n", encoding="ascii")
    command = in_place(tmp_path, "/sys/fs/cgroup")
    gateway = start(command=command)
    assert workers(gateway) == 1
    gateway.wait_for_line(r" INFO .*quota keeps 1 of \d+ CPUs busy: 1 workers")
    gateway.login("alice").round_trip()
    assert workers(start("--workers", 2, command=command)) == 2


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
    leave_stale(path)
    gateway = start(listen=[f"unix:{path}"])
    gateway.login("alice").round_trip()


def leave_stale(path):
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))


def running(processes):
    return [process for process in processes if process.popen.poll() is None]


def test_of_many_that_start_at_once_one_wins(start, tmp_path):
    """Over what a dead process left: the others say that it is in use."""
    path = tmp_path / "socket"
    for number in range(5):
        leave_stale(path)
        rivals = [Process(["--listen", f"unix:{path}", "--drain", 0]) for _ in range(6)]
        try:
            wait_until(lambda: len(running(rivals)) <= 1, "all but one have ended")
            (winner,) = running(rivals)
            winner.wait_for_line(r"\bstarted\b")
            for loser in (rival for rival in rivals if rival is not winner):
                assert loser.wait() == 1
                check_one_clear_line(loser.lines, str(path), "in use")
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(str(path))
            winner.signal(signal.SIGTERM)
            assert winner.wait() == 0
        finally:
            for rival in rivals:
                rival.kill()
        assert list(tmp_path.iterdir()) == [], number


def test_a_path_that_is_anothers_is_not_taken_away(start, tmp_path):
    """A second gateway where somebody has removed the first one's socket."""
    path = tmp_path / "socket"
    first = start(listen=[f"unix:{path}"])
    path.unlink()
    second = start(listen=[f"unix:{path}"])
    first.stop()
    second.login("alice").round_trip()
    second.stop()
    assert not path.exists()


MODES = {(): 0o750, ("--unix-mode", "0666"): 0o666, ("--unix-mode", "620"): 0o620}


@pytest.mark.parametrize(("options", "mode"), MODES.items())
def test_the_mode_of_a_unix_socket(start, tmp_path, options, mode):
    """As the umask says, unless it is told."""
    path = tmp_path / "socket"
    start(*options, listen=[f"unix:{path}"], umask=0o027)
    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_a_mode_without_a_unix_socket(start):
    start("--unix-mode", "0660").wait_for_line(" WARN .*--unix-mode=0660: means nothing without a unix: in listen")


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


def test_listeners_that_are_in_each_others_way():
    """It is no other process that has to be looked for."""
    port = free_port()
    code, lines = run("--listen", f":{port}", "--listen", f"127.0.0.1:{port}")
    assert code == 1
    check_one_clear_line(lines, f"127.0.0.1:{port}", "another --listen covers it")


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
    "a mode that is no octal number": ["--unix-mode", "0680"],
    "a mode beyond permissions": ["--unix-mode", "1777"],
    "a mode that lets nobody in": ["--unix-mode", "0444"],
    "a short mode": ["--unix-mode", "66"],
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
    listen unix-mode id config echo log-format log-level log-sessions help version
    workers acceptors event-batch
    read-deadline write-deadline handshake-deadline close-deadline ping-interval drain
    max-message max-connections tx-queue-limit memory-limit
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
    gateway.wait_for_line(r'"msg":"started: .*"id":"node7".*"version":')
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


def test_closed_standard_streams_are_no_sockets(tmp_path):
    """Else the log would be written to whatever has come to be number 2."""
    path = tmp_path / "socket"
    closed = ["/bin/sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh"]
    with subprocess.Popen([*closed, BINARY, "--listen", f"unix:{path}"]) as process:
        wait_until(path.exists, "it listens")
        streams = [os.readlink(f"/proc/{process.pid}/fd/{number}") for number in range(3)]
        process.terminate()
        assert process.wait(TIMEOUT) == 0
    assert streams == ["/dev/null"] * 3


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


@contextlib.contextmanager
def passed_sockets():
    """Two listeners as systemd gives them: their addresses, and what Popen is to be told. They live in the
    gateway only: it serves them, or nobody does."""
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
        yield addresses, {"command": command, "pass_fds": fds}
        for fd in fds:
            os.close(fd)


@pytest.mark.parametrize("acceptors", [1, 2])
def test_socket_activation(start, acceptors):
    """Both are served, and the default port is not bound."""
    with passed_sockets() as (addresses, popen):
        gateway = start("--acceptors", acceptors, listen=addresses, say_where=False, **popen)
    assert not gateway.matching(" WARN ")
    clients = [gateway.login(f"user{number}", spec=addresses[number % 2]) for number in range(8)]
    clients[0].text("hello")
    for client in clients[1:]:
        client.expect_text("hello -- FROM user0")
        client.round_trip()


def test_socket_activation_in_place_of_listen(start, tmp_path):
    """One line says what nobody listens on, and what is listened on instead."""
    path = tmp_path / "socket"
    with passed_sockets() as (addresses, popen):
        gateway = start(
            *("--listen", f"unix:{path}", "--listen", addresses[0]), listen=addresses, say_where=False, **popen
        )
    (line,) = gateway.matching(" WARN ")
    assert f"nobody listens on unix:{path}: systemd has passed {','.join(addresses)}" in line
    assert not path.exists()
    gateway.login("alice").round_trip()


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

        words = notify.recv(4096).decode().split("\n")
        assert words == ["READY=1", f"STATUS=listening on {gateway.listen[0]}"]
        gateway.login("alice").round_trip()
        gateway.close_clients()
        gateway.signal(signal.SIGTERM)
        assert told("STOPPING=1")
        gateway.assert_ends(0)


def test_systemd_is_told_where_it_listens(start, tmp_path):
    """`systemctl status` shows it, with the ports that the kernel chose."""
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(str(path))
        notify.settimeout(TIMEOUT)
        start(
            "--admin", "127.0.0.1:0",
            listen=["127.0.0.1:0", f"unix:{tmp_path}/socket"],
            env={**os.environ, "NOTIFY_SOCKET": str(path)},
        )  # fmt: skip
        status = notify.recv(4096).decode().split("\n")[1]
    found = re.fullmatch(
        rf"STATUS=listening on 127\.0\.0\.1:(\d+),unix:{tmp_path}/socket, admin on http://127\.0\.0\.1:(\d+)/", status
    )
    assert found and 0 not in map(int, found.groups()), status


def test_systemd_waits_as_long_as_the_drain_takes(start, tmp_path):
    """However long that is; the time-out of the unit need not know."""
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(str(path))
        notify.settimeout(TIMEOUT)
        gateway = start("--close-deadline", 300, drain=2, env={**os.environ, "NOTIFY_SOCKET": str(path)})
        clients = [gateway.login(f"user{number}") for number in range(25)]
        gateway.signal(signal.SIGTERM)
        words = []
        while not any(word.startswith("EXTEND_TIMEOUT_USEC=") for word in words):
            words += notify.recv(4096).decode().split("\n")
    assert "STOPPING=1" in words
    seconds = int(words[-1].partition("=")[2]) / 1e6
    # The drain, the last one's close deadline, and something for the end itself.
    assert 2 + 300 < seconds < 2 + 300 + 60
    for client in clients:
        client.close_socket()
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
