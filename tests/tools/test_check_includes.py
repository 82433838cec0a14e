"""tools/check-includes finds what it is there to find."""

import pathlib
import subprocess

import pytest

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "tools" / "check-includes"


def floors():
    """The units of the script's own table, as `directory/name`, lowest first."""
    table = SCRIPT.read_text(encoding="utf-8").split('FLOORS = """', 1)[1].split('"""', 1)[0]
    return [unit for line in table.strip().splitlines() for unit in line.split()[2:]]


@pytest.fixture
def tree(tmp_path):
    """A whole house in which nobody includes anybody."""
    for unit in floors():
        path = tmp_path / (unit + ".h")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("/* empty */\n", encoding="utf-8")
    return tmp_path


def run(tree):
    return subprocess.run([SCRIPT, tree], capture_output=True, text=True, timeout=60, check=False)


def write(tree, name, text):
    (tree / name).write_text(text, encoding="utf-8")


def test_a_tree_that_looks_down_passes(tree):
    write(
        tree, "server/session.c", '#include "session.h"\n#include "fanout.h"\n#include "../proto/packet.h"\n'
    )
    write(tree, "server/main.c", '#include "gateway.h"\n#include "build_config.h"\n#include <stdio.h>\n')
    write(tree, "tools/client/chat.c", '#include "chat_show.h"\n#include "tidegate-client.h"\n')
    write(tree, "tools/client/line.c", '#include "../../proto/message.h"\n#include "entropy.h"\n')
    write(tree, "tools/client/transport.c", "#include <poll.h>\n")
    write(tree, "proto/frame.c", "#include <wslay/wslay.h>\n")
    write(tree, "server/mailbox.c", "#include <urcu/wfcqueue.h>\n")
    result = run(tree)
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize(
    ("name", "line", "complaint"),
    [
        ("server/conn.c", '#include "session.h"', "points up"),
        ("server/fanout.c", '#include "session.h"', "points up"),
        ("server/worker.h", '#include "gateway.h"', "points up"),
        ("server/log.c", '  #  include "loop.h"', "points up"),
        ("proto/frame.h", '#include "../server/buf.h"', "points up"),
        ("proto/packet.c", '#include "message.h"', "points up"),
        ("proto/frame.c", '#include "packet.h"', "side by side"),
        ("proto/packet.c", '#include "build_config.h"', "no file of the tree"),
        ("proto/packet.c", "#include <sys/socket.h>", "knows no sockets"),
        ("proto/packet.c", "#include <pthread.h>", "knows no sockets"),
        ("server/conn.c", "#include <wslay/wslay.h>", "belongs to proto/frame only"),
        ("proto/message.c", "#include <wslay/wslay.h>", "belongs to proto/frame only"),
        ("server/conn.c", "#include <urcu.h>", "belongs to"),
        ("server/session.c", "#include <urcu/rculfhash.h>", "belongs to"),
        ("server/conn.c", '#include "nowhere.h"', "no file of the tree"),
        ("tools/client/line.c", '#include "wire.h"', "points up"),
        ("tools/client/wire.c", '#include "../../server/buf.h"', "knows nothing of server/"),
        ("server/session.c", '#include "../tools/client/url.h"', "knows nothing of the client library"),
        ("tools/client/wire.c", "#include <time.h>", "knows no sockets, threads or clock"),
        ("tools/client/line.c", "#include <poll.h>", "knows no sockets, threads or clock"),
        ("tools/client/chat.c", '#include "login.h"', "knows nothing of the client library"),
        ("tools/client/example_uv.c", '#include "chat.h"', "knows nothing of the chat command"),
        ("proto/message.c", '#include "../tools/client/url.h"', "points up"),
    ],
)
def test_a_fault_is_found_and_named(tree, name, line, complaint):
    write(tree, name, f"/* first line */\n{line}\n")
    result = run(tree)
    assert result.returncode == 1
    [told] = result.stderr.splitlines()
    assert told.startswith(f"{name}:2: ") and complaint in told


def test_a_unit_without_a_place_is_a_fault(tree):
    write(tree, "server/stranger.c", "")
    result = run(tree)
    assert result.returncode == 1
    assert "server/stranger has no place" in result.stderr


def test_a_place_without_a_unit_is_a_fault(tree):
    (tree / "server/loop.h").unlink()
    result = run(tree)
    assert result.returncode == 1
    assert "server/loop stands in the floors" in result.stderr


def test_an_empty_tree_is_a_fault(tmp_path):
    assert run(tmp_path).returncode == 1
