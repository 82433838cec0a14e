"""The service under a systemd that is process 1: who is its main process after a hand-over, and that it is stopped,
reloaded and restarted as any other. The scripted sockets of tests/e2e cannot say what systemd makes of it."""

import socket

import pytest

import booted
import clean_root
from building import CONFIG, install, next_version
from gateway import free_port
from raw import Raw
from waiting import TIMEOUT, wait_until

pytestmark = pytest.mark.timeout(900)  # a build and a Debian, on a slow machine with a slow network

SOCKET = "/etc/systemd/system/tidegate.socket.d/address.conf"
UPGRADE = ["tidegate", "--upgrade", f"--config={CONFIG}"]


class Service:
    """It runs when a test begins, and one line is open."""

    def __init__(self, system):
        self.system, self.port = system, free_port()
        self.options = [f"listen = 127.0.0.1:{self.port}", f"admin = 127.0.0.1:{free_port()}", "drain = 5"]
        self.configure()
        self.systemctl("start", "tidegate")
        self.alice = self.login("alice")

    def configure(self, *more):
        lines = (line + "\n" for line in (*self.options, *more))
        (self.system / CONFIG).write_text("".join(lines), encoding="utf-8")

    def login(self, user, port=None):
        client = Raw(socket.create_connection(("127.0.0.1", port or self.port), TIMEOUT))
        client.upgrade(f"/?user={user}")
        return client

    def systemctl(self, *words, check=True):
        result = self.system.run("systemctl", *words, check=False)
        assert result.returncode == 0 or not check, result.stderr + self.said("--boot")
        return result

    def shown(self, name):
        return self.systemctl("show", f"--property={name}", "--value", "tidegate").stdout.strip()

    def main_pid(self):
        """Of a service that has never ended since it was started."""
        assert self.shown("ActiveState") == "active"
        assert self.shown("NRestarts") == "0"
        return self.shown("MainPID")

    def said(self, *options):
        return self.system.run("journalctl", "--unit=tidegate", "--output=cat", *options).stdout

    def hand_over(self):
        before = self.main_pid()
        said = self.system.run(*UPGRADE).stdout
        assert "handed over: 1 line in" in said
        self.alice.round_trip()
        wait_until(lambda: self.main_pid() != before, "systemd knows the taker")
        gone = ["test", "!", "-e", f"/proc/{before}"]
        wait_until(lambda: self.system.run(*gone, check=False).returncode == 0, "the giver has ended")

    def stop(self, word="stop"):
        """The client is told, and answers: nobody has been killed before the drain was over."""
        before = self.main_pid()
        self.systemctl(word, "--no-block", "tidegate")
        self.alice.expect_close(1012)
        wait_until(lambda: self.shown("MainPID") != before, "the process has ended")


@pytest.fixture(scope="module")
def system(unpacked, package):
    if reason := booted.why_not():
        pytest.skip(reason)
    with booted.Booted(unpacked("systemd", clean_root.make_with_systemd)) as system:
        config = system / CONFIG
        config.parent.mkdir()
        config.write_text(f"listen = 127.0.0.1:{free_port()}\n", encoding="ascii")  # for it is started
        system.apt_get("update")
        install(system, package)
        system.run("systemctl", "stop", "tidegate")
        yield system


@pytest.fixture
def service(system):
    service = Service(system)
    yield service
    service.alice.close_socket()
    service.systemctl("stop", "tidegate.socket", "tidegate")
    service.systemctl("reset-failed", check=False)


def test_ten_in_a_row(service):
    for _ in range(10):
        service.hand_over()
    assert not service.said("--identifier=systemd", "--priority=warning")


def test_a_stop_waits_for_the_drain(service):
    """The same as of a service that has handed over nothing."""
    service.hand_over()
    service.stop()
    wait_until(lambda: service.shown("ActiveState") == "inactive")  # and not "failed"


def test_a_restart(service):
    service.hand_over()
    service.stop("restart")
    wait_until(lambda: service.shown("ActiveState") == "active")
    service.login("bob").round_trip()


def test_a_taker_that_is_killed_is_started_again(service):
    service.hand_over()
    service.systemctl("kill", "--kill-who=main", "--signal=KILL", "tidegate")
    wait_until(lambda: service.shown("NRestarts") == "1" and service.shown("ActiveState") == "active")
    service.login("bob").round_trip()


def test_a_refused_one_changes_nothing(service):
    before = service.main_pid()
    service.configure("max_message = soon")
    assert service.system.run(*UPGRADE, check=False).returncode == 1  # it asks for nothing
    service.systemctl("kill", "--kill-who=main", "--signal=USR2", "tidegate")
    wait_until(lambda: "not handed over" in service.said())
    service.alice.round_trip()
    assert service.main_pid() == before


def test_without_an_admin_port(service):
    """The command says whom to signal: systemd knows it."""
    del service.options[1]
    service.configure()
    said = service.system.run(*UPGRADE, check=False).stderr
    assert f"kill -USR2 {service.main_pid()} " in said


def test_a_reload(service):
    service.hand_over()
    before = service.main_pid()
    service.configure("max_message = soon")
    assert service.systemctl("reload", "tidegate", check=False).returncode == 1
    service.configure("max_message = 1000")
    service.systemctl("reload", "tidegate")
    wait_until(lambda: "reloaded: 1 option changed" in service.said())
    service.alice.round_trip()
    assert service.main_pid() == before


def test_a_socket_of_systemd(service):
    """It outlives what was handed over: nobody is refused while the service is down."""
    port = free_port()
    service.stop()
    path = service.system / SOCKET
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"[Socket]\nListenStream=\nListenStream=127.0.0.1:{port}\n", encoding="ascii")
    service.systemctl("daemon-reload")
    service.systemctl("start", "tidegate.socket")
    service.alice = service.login("alice", port)
    for _ in range(2):
        service.hand_over()
    service.stop()
    service.login("bob", port).round_trip()
    assert service.shown("TriggeredBy") == "tidegate.socket"


def test_the_package_s_upgrade(service, package, tmp_path):
    before = service.main_pid()
    upgraded, version = next_version(package, tmp_path)
    (service.system / "var/tmp/next.deb").write_bytes(upgraded.read_bytes())
    said = service.system.run("dpkg", "--install", "--force-confold", "/var/tmp/next.deb").stdout
    assert "the new gateway serves; no client was disconnected" in said
    service.alice.round_trip()
    assert service.main_pid() != before
    assert service.system.run("dpkg-query", "-W", "-f", "${Version}", "tidegate").stdout == version
