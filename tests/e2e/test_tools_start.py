"""README's first command: builds, serves, says what to try, which works as printed; and ends by Ctrl-C."""

import json
import os
import re
import shlex
import signal
import subprocess
import urllib.request

import pytest

from gateway import PORTS, ROOT, Gateway, Process, free_port
from typed import check_that_they_talk, two_tabs
from waiting import TIMEOUT, wait_until

pytestmark = pytest.mark.release

START = ROOT / "tools/start"


@pytest.fixture(scope="module", autouse=True)
def built(tmp_path_factory):
    """Once, in whatever folder it is called from."""
    command = [START, "--version"]
    folder = tmp_path_factory.mktemp("elsewhere")
    build = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600, check=True)
    assert "building" in build.stdout
    assert re.search(r"^tidegate \d+\.\d+\.\d+$", build.stdout, re.MULTILINE)


def typed_lines(text):
    """What is to be typed into the tools of alice's page, of bob's, and again of hers."""
    return [re.search(pattern, text, re.MULTILINE)[1]
            for pattern in (r"^    (alice = .*)$", r"^    (bob = .*)$", r"(alice\.send\(\S*\))")]


@pytest.mark.timeout(900)
def test_what_it_says_works_as_printed(tmp_path, browser):
    gateway = Gateway("--log-level", "debug", "--admin=none", command=[START], cwd=tmp_path)
    try:
        chat = gateway.wait_for_line(r"^    (\S*tidegate-chat -a ws:\S+ -u carol)$")[1]
        text = "\n".join(gateway.lines)
        url = re.search(r"^    (http://\S+)$", text, re.MULTILINE)[1]
        assert url == f"http://{gateway.listen[0]}/"
        with two_tabs(browser, url) as pages:
            check_that_they_talk(pages, *typed_lines(text))
        with gateway.login("dave") as dave:
            subprocess.run(chat, shell=True, input="good evening\n", text=True, timeout=TIMEOUT, check=True)
            dave.expect_text("good evening -- FROM carol")
        gateway.close_clients()
        gateway.signal(signal.SIGINT)
        gateway.assert_ends(0, TIMEOUT)
    finally:
        gateway.kill()


@pytest.mark.timeout(900)
def test_tls_works_as_printed(tmp_path):
    """The certificate made for it is trusted by whom it says, and by nobody else."""
    port = free_port()
    process = Process(["--tls", "--listen", f"127.0.0.1:{port}", "--log-sessions", "yes", "--admin=none"], command=[START],
                      cwd=tmp_path)  # fmt: skip
    try:
        chat = process.wait_for_line(r"^    (\S*tidegate-chat -a wss:\S+ --ca \S+ -u carol)$", timeout=900)[1]
        curl = process.wait_for_line(r"^    (curl --cacert \S+ https://\S+)$")[1]
        page = subprocess.run(f"{curl} -sS -H 'Accept: text/html'", shell=True, capture_output=True, text=True, timeout=TIMEOUT, check=True)
        assert "<h2>Try it here</h2>" in page.stdout
        subprocess.run(chat, shell=True, stdin=subprocess.DEVNULL, timeout=TIMEOUT, check=True)
        process.wait_for_line("user carol in")
        stranger = subprocess.run(chat.replace(re.search(r"--ca \S+ ", chat)[0], ""), shell=True, stdin=subprocess.DEVNULL,
                                  capture_output=True, text=True, timeout=TIMEOUT, check=False)
        assert stranger.returncode != 0 and "certificate" in stranger.stderr
        process.signal(signal.SIGINT)
        assert process.wait() == 0
    finally:
        process.kill()


@pytest.mark.timeout(900)
def test_several_nodes_are_one(tmp_path, browser):
    """Alice at the first, bob at the second, carol's terminal at the last; and one of them may die."""
    port = wait_until(room_for_three, "a place for three nodes")
    process = Process(["--cluster", 3, "--listen", f"127.0.0.1:{port}", "--log-sessions", "yes"], command=[START],
                      cwd=tmp_path, start_new_session=True)  # fmt: skip
    try:
        process.wait_for_line("see who still talks to whom", timeout=900)
        wait_until(lambda: nodes_up(port + 1) == ["gw-1", "gw-2", "gw-3"], "the first node knows of the others")
        text = "\n".join(process.lines)
        urls = re.findall(r"^    (http://\S+)$", text, re.MULTILINE)
        assert urls == [f"http://127.0.0.1:{port}/", f"http://127.0.0.1:{port + 10}/"]
        chat = re.search(r"^    (\S*tidegate-chat -a ws:\S+ -u carol)$", text, re.MULTILINE)[1]
        with two_tabs(browser, *urls) as pages:
            check_that_they_talk(pages, *typed_lines(text))
            subprocess.run(chat, shell=True, input="good evening\n", text=True, timeout=TIMEOUT, check=True)
            pages[1].wait("shown.includes('good evening -- FROM carol')")
        dying = int(re.search(r"^    gw-3 .* process (\d+)$", text, re.MULTILINE)[1])
        os.kill(dying, signal.SIGKILL)
        again = process.wait_for_line(r"^    (\S*/server/tidegate --listen .* --id gw-3 .*)$")[1]
        back = Process([], command=shlex.split(again))
        back.wait_for_line("started")
        back.signal(signal.SIGTERM)
        assert back.wait() == 0
        process.signal(signal.SIGINT)
        assert process.wait() == 0
        process.assert_no_report()
    finally:
        process.kill()


def nodes_up(admin_port):
    with urllib.request.urlopen(f"http://127.0.0.1:{admin_port}/v1/nodes", timeout=TIMEOUT) as answer:
        return [node["id"] for node in json.load(answer)["nodes"] if node["state"] in ("self", "up")]


def room_for_three():
    port = free_port()
    places = [f"127.0.0.1:{port + 10 * i + j}" for i in range(3) for j in range(2)]
    is_free = subprocess.run([ROOT / "tools/busy", *places], capture_output=True, check=False).returncode == 0
    return port if port < PORTS.stop - 30 and is_free else None


def test_help_has_the_gateway_s_options():
    said = subprocess.run([START, "--help"], capture_output=True, text=True, timeout=TIMEOUT, check=True).stdout
    assert "tools/start [OPTION...]" in said
    assert "--read-deadline" in said
