"""What the gateway says of its configuration without starting: --test, `config`, and the unit's reload."""

import bisect
import os
import re
import signal
import subprocess

import pytest

from gateway import BINARY, ROOT, Process, free_port, limit_files
from tls import Pair
from waiting import TIMEOUT

TOKEN = "correct-horse-battery-staple"


def ask(*arguments, **popen):
    """(exit code, lines on standard output, lines on standard error)"""
    done = subprocess.run(
        [BINARY, *map(str, arguments)], capture_output=True, text=True, timeout=TIMEOUT, check=False, **popen
    )
    assert "Sanitizer" not in done.stderr, done.stderr
    return done.returncode, done.stdout.splitlines(), done.stderr.splitlines()


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "tidegate.conf"

    def write(text):
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def token(tmp_path):
    path = tmp_path / "token"
    path.write_text(TOKEN + "\n", encoding="ascii")
    path.chmod(0o600)
    return path


# --- --test -------------------------------------------------------------------------------------


def test_a_good_one(config, token, tmp_path):
    path = config(
        f"listen = 127.0.0.1:{free_port()} # trailing\nlisten = unix:{tmp_path}/socket\n"
        f"admin = *:{free_port()}\nadmin_token = {token}\nadmin_plain = yes\nread_deadline = 5m ; five\n"
    )
    good = f"tidegate: the configuration is good: {path}"
    assert ask("--test", "--config", path) == (0, [good], [])
    assert ask("-c", path, "-t", "--drain=2m") == (0, [good], [])
    assert not (tmp_path / "socket").exists()


def test_without_a_file():
    assert ask("-t") == (0, ["tidegate: the configuration is good: no file, command line and defaults only"], [])


def test_beside_the_gateway_that_runs(start, config, token, tmp_path):
    """All it names is in use, by the one that it is for."""
    port = free_port()
    socket = f"unix:{tmp_path}/socket"
    path = config(f"listen = {socket}\nlisten = 127.0.0.1:{port}\nadmin = :{free_port()}\nadmin_token = {token}\n")
    gateway = start("--config", path, listen=[socket, f"127.0.0.1:{port}"], say_where=False)
    code, _, err = ask("--test", "--config", path)
    assert (code, err) == (0, [])
    gateway.login("alice", spec=socket).round_trip()
    gateway.login("bob", spec=f"127.0.0.1:{port}").round_trip()


def test_all_that_only_a_start_would_find(config, token, tmp_path):
    token.chmod(0o604)
    path = config(
        f"listen = unix:{tmp_path}/missing/socket\n"
        "listen = 192.0.2.1:8000\n"
        "listen = a..b:8000\n"
        f"admin = :8001\nadmin_token = {token}\n"
        "max_message = 1M\ntx_queue_limit = 1M\n"
    )
    code, out, err = ask("--test", "--config", path)
    assert (code, out) == (1, [])
    assert err[-1] == "tidegate: the configuration has 5 faults"
    for line, said in zip(
        err,
        (
            rf"{path}:7: tx_queue_limit = 1M: too small for a message",
            rf"{path}:1: listen = unix:{tmp_path}/missing/socket: No such file",
            rf"{path}:2: listen = 192.0.2.1:8000: Cannot assign requested address",
            rf"{path}:3: listen = a..b:8000: ",
            rf"admin_token: {token}: others may read",
        ),
    ):
        assert re.match("tidegate: " + said, line)


def test_an_admin_port_for_others_needs_a_token(config, token):
    path = config("admin = *:8001\n")
    code, _, err = ask("--test", "--config", path)
    assert code == 1
    assert "needs a token" in err[0]
    path = config(f"admin = *:8001\nadmin_token = {token}\n")
    code, _, err = ask("--test", "--config", path)
    assert code == 1
    assert "needs a token" not in err[0] and "in clear" in err[0] and "--admin-plain" in err[0]
    missing = config("admin = :8001\nadmin_token = /nonexistent/token\n")
    code, _, err = ask("--test", "--config", missing)
    assert code == 1
    assert "/nonexistent/token: No such file or directory" in err[0]


def test_a_cluster_and_its_files(config, tmp_path):
    key, creds = tmp_path / "key", tmp_path / "creds"
    for file, text in ((key, "00" * 32), (creds, "node:secret\n")):
        file.write_text(text, encoding="ascii")
        file.chmod(0o600)
    path = config(
        f"id = gw-1\ncluster = nats://127.0.0.1:9\ncluster_key = {key}\ncluster_creds = {creds}\ncluster_ca = {key}\n"
    )
    assert ask("--test", "--config", path)[0] == 0
    key.write_text("too short", encoding="ascii")
    creds.chmod(0o604)
    path = config(
        f"id = gw-1\ncluster = nats://127.0.0.1:9\ncluster_key = {key}\ncluster_creds = {creds}\ncluster_ca = /no/where\n"
    )
    code, _, err = ask("--test", "--config", path)
    assert (code, err[-1]) == (1, "tidegate: the configuration has 3 faults")
    assert err[0].startswith(f"tidegate: cluster_key: {key}: ")
    assert err[1] == f"tidegate: cluster_creds: {creds}: others may read or change it: chmod o= it"
    assert err[2] == "tidegate: cluster_ca: /no/where: No such file or directory"


def test_warnings_are_no_faults(config):
    path = config("read_deadline = 30\ndrain = 1\n\ndrain = 2\n")
    code, out, err = ask("--test", "--config", path)
    assert (code, out) == (0, [f"tidegate: the configuration is good, with 2 warnings: {path}"])
    assert err[0] == f"tidegate: warning: {path}:4: drain is there already, in line 2: that one does not count"
    assert err[1].startswith(f"tidegate: warning: {path}:1: read_deadline = 30: ")


def test_connections_beyond_the_machine(config):
    path = config("max_connections = 100000\n")
    code, out, err = ask("--test", "--config", path, preexec_fn=limit_files(1000))
    assert code == 0
    assert any("warning: for 100000 connections: the limit of open files is 1000" in line for line in err)
    assert f"with {len(err)} warning" in out[0]


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--workers", 3, "--acceptors", 2),
        ("--listen", "127.0.0.2:0", "--acceptors", 2),
        ("--admin", "127.0.0.1:0"),
        ("--workers", 3, "--listen", "wss://127.0.0.1:0"),
    ],
)
def test_the_least_file_limit(start, tmp_path, options):
    """Is told to be enough, and is; one less is not."""
    arguments = ("--workers", 1, "--listen", "127.0.0.1:0", *options)
    if "wss://127.0.0.1:0" in options:
        arguments = (*arguments, *Pair(tmp_path).options)

    def suffices(files):
        code, _, err = ask("--test", *arguments, preexec_fn=limit_files(files))
        assert code == 0 or f"the file limit of {files} leaves no place for a connection" in err[0]
        return code == 0

    least = bisect.bisect_left(range(100), True, lo=10, key=suffices)
    start(*arguments, preexec_fn=limit_files(least), listen=[], say_where=False).stop()
    process = Process(arguments, preexec_fn=limit_files(least - 1))
    assert process.wait() == 1


def test_all_lines_of_a_file_are_told(config):
    path = config("drain = soon\n[open\nreed_deadline = 5\nmax_message = 64KB\n")
    code, out, err = ask("-t", "-c", path, "--log-level", "loud")
    assert (code, out) == (1, [])
    assert err == [
        "tidegate: --log-level loud: not debug, info, warn or error",
        f"tidegate: {path}:1: drain = soon: not a number of seconds from 0 to 3600 (s, m and h may follow it)",
        f'tidegate: {path}:2: neither "name = value" nor a [section] nor a comment',
        f"tidegate: {path}:3: reed_deadline = 5: no such option; did you mean read_deadline?",
        f"tidegate: {path}:4: max_message = 64KB: not a number of bytes from 125 to 16777216 (K, M and G may follow "
        "it)",
        "tidegate: the configuration has 5 faults",
    ]


# --- config -------------------------------------------------------------------------------------


def values(lines):
    return [tuple(re.split(r" += +|  +# | # ", line)) for line in lines]


def test_what_is_in_force_and_where_it_came_from(config, token):
    path = config(
        f"# mine\nid = node1\nlisten = :1\nlisten = unix:/x\ntx-memory-limit = 2048M\nadmin_token = {token}\n"
    )
    code, out, err = ask("config", "-c", path, "--read-deadline=5m", "--admin=:8001")
    assert (code, err) == (0, [])
    rows = values(out)
    for row in (
        ("listen", ":1", f"{path}:3"),
        ("listen", "unix:/x", f"{path}:4"),
        ("id", "node1", f"{path}:2"),
        ("memory_limit", "2G", f"{path}:5"),
        ("read_deadline", "300", "command line"),
        ("admin", "127.0.0.1:8001", "command line"),
        ("admin_token", str(token), f"{path}:6"),
        ("echo", "false", "default"),
    ):
        assert row in rows
    assert TOKEN not in "\n".join(out)


def test_it_is_a_config_file(config, tmp_path):
    """Which says the same as what it was made from."""
    path = config("listen = *:1\nlisten = [::1]:2\nunix_mode = 600\nadmin = *:9\ndrain = 1m\nmax_message = 65537\n")
    code, first, _ = ask("config", "-c", path, "--log-level=warn", "--echo", "--demo")
    assert code == 0
    again = tmp_path / "again.conf"
    again.write_text("\n".join(first), encoding="utf-8")
    code, second, err = ask("config", "-c", again)
    assert (code, err) == (0, [])
    assert [row[:2] for row in values(second)] == [row[:2] for row in values(first)]
    assert {row[2] for row in values(second)} == {f"{again}:{line + 1}" for line in range(len(second))}


def test_what_differs_from_the_defaults(config):
    path = config("drain = 9\nmax_head = 16384\necho = false\n")
    code, out, _ = ask("config", "--changed", "-c", path, "--id=n1")
    assert code == 0
    rows = values(out)
    assert ("drain", "9", f"{path}:1") in rows
    assert ("id", "n1", "command line") in rows
    assert not {"echo", "listen", "admin"} & {row[0] for row in rows}


def test_a_broken_one_is_not_explained(config):
    path = config("drain = soon\n")
    code, out, err = ask("config", "-c", path)
    assert (code, out) == (1, [])
    assert err[0].startswith(f"tidegate: {path}:1: drain = soon: ")


def test_an_output_that_takes_nothing():
    with open("/dev/full", "wb") as full:
        done = subprocess.run([BINARY, "config"], stdout=full, stderr=subprocess.PIPE, timeout=TIMEOUT, check=False)
    assert done.returncode == 1
    assert b"cannot write" in done.stderr


# --- the unit's reload --------------------------------------------------------------------------


def reload_commands(path):
    """The ExecReload= lines of the unit, for the gateway at hand and a config of ours."""
    unit = (ROOT / "server/tidegate.service.in").read_text(encoding="ascii")
    return [
        line.replace("@bindir@/tidegate", str(BINARY))
        .replace("@sysconfdir@/tidegate/tidegate.conf", str(path))
        .replace("$TIDEGATE_OPTIONS", "")
        for line in re.findall(r"(?m)^ExecReload=(.*)", unit)
    ]


def service_reload(gateway, path):
    """As systemd does it: one command after the other, until one fails. Returns what was said."""
    said = ""
    for command in reload_commands(path):
        done = subprocess.run(
            ["sh", "-c", command],
            env={**os.environ, "MAINPID": str(gateway.pid)},
            capture_output=True, text=True, timeout=TIMEOUT, check=False,
        )  # fmt: skip
        said += done.stdout + done.stderr
        if done.returncode != 0:
            return False, said
    return True, said


def test_a_reload_of_the_service_tests_first(start, config):
    path = config("read_deadline = 100\n")
    gateway = start("--config", path)
    config("read_deadline = soon\n")
    is_done, said = service_reload(gateway, path)
    assert not is_done
    assert f"{path}:1: read_deadline = soon" in said
    config("read_deadline = 90\n")
    is_done, said = service_reload(gateway, path)
    assert is_done, said
    gateway.wait_for_line(r"reloaded: 1 option changed: read_deadline 100 s -> 90 s")
    assert not gateway.matching("soon"), "the gateway was not even asked"
    gateway.signal(signal.SIGHUP)
    gateway.wait_for_line("reloaded: 0 options changed")
