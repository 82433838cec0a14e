"""A unit test that begins threads is one of those that are tried under the thread sanitizer."""

import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
UNIT = ROOT / "tests/unit"

# What begins a thread, for its caller as well.
BEGINS = re.compile(r"\b(?:pthread_create|worker_start|registrar_start|acceptor_start|admin_start|tls_threads_create"
                    r"|log_start|link_nats_create|tg_client_create)\(")


def threaded():
    text = (UNIT / "meson.build").read_text()
    return set(re.findall(r"'(\w+)'", re.search(r"^threaded = \[(.*?)\]", text, re.M | re.S)[1]))


def with_headers(path, seen):
    """The text of a test, and of what it includes of this folder."""
    text = path.read_text()
    for name in re.findall(r'#include "(\w+\.h)"', text):
        if (UNIT / name).exists() and name not in seen:
            seen.add(name)
            text += with_headers(UNIT / name, seen)
    return text


def test_each_that_begins_threads_is_named():
    found = {path.stem.removeprefix("test_") for path in UNIT.glob("test_*.c")
             if BEGINS.search(with_headers(path, set()))}
    assert found - threaded() == set()
    assert {"torture", "mailbox", "user_table"} <= found


def test_each_that_is_named_is_there():
    assert {name for name in threaded() if not (UNIT / f"test_{name}.c").exists()} == set()
