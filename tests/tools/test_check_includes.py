"""tools/check-includes finds what it is there to find."""

import json
import pathlib
import subprocess

import pytest

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "tools" / "check-includes"


def folders():
    """The folders of the script's own table."""
    table = SCRIPT.read_text(encoding="utf-8").split('FOLDERS = """', 1)[1].split('"""', 1)[0]
    return [line.split()[1] for line in table.strip().splitlines()]


@pytest.fixture
def tree(tmp_path):
    """A whole house in which nobody includes anybody: `empty` and `other` in each folder."""
    for folder in folders():
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        for name in ("empty", "other"):
            write(tmp_path, f"{folder}/{name}.{'ts' if folder.endswith('/src') else 'h'}", "")
    return tmp_path


def run(tree):
    return subprocess.run([SCRIPT, tree], capture_output=True, text=True, timeout=60, check=False)


def write(tree, name, text):
    (tree / name).write_text(text, encoding="utf-8")


def assert_passes(tree):
    result = run(tree)
    assert (result.returncode, result.stderr) == (0, "")


def assert_fault(tree, place, complaint):
    result = run(tree)
    assert result.returncode == 1
    [told] = result.stderr.splitlines()
    assert told.startswith(place) and complaint in told


def test_a_tree_that_looks_down_passes(tree):
    write(tree, "tools/client/tidegate-client.h", "")
    for name, text in {
        "server/main.c": '#include "gateway.h"\n#include "build_config.h"\n#include <stdio.h>\n',
        "server/gateway.h": '#include "node/empty.h"\n#include "base/empty.h"\n#include "../proto/empty.h"\n',
        "server/gateway.c": "#include <urcu.h>\n",
        "server/conn/conn.c": '#include "conn.h"\n#include "../user/empty.h"\n#include "empty.h"\n',
        "server/conn/conn.h": '#include "other.h"\n',
        "server/base/mailbox.c": "#include <urcu/wfcqueue.h>\n",
        "proto/frame.c": "#include <wslay/wslay.h>\n",
        "server/tls/empty.c": '#include <openssl/ssl.h>\n#include "../config/empty.h"\n',
        "server/admin/tls_any.c": "#include <openssl/ssl.h>\n",
        "bench/client.c": '#include "../server/base/empty.h"\n#include "../proto/empty.h"\n',
        "bench/micro/work.c": '#include "../scale/empty.h"\n#include "../../server/conn/conn.h"\n',
        "tools/client/chat.c": '#include "chat_show.h"\n#include "tidegate-client.h"\n',
        "tools/client/chat_show.h": "#include <poll.h>\n",
        "tools/client/line.c": '#include "../../proto/empty.h"\n#include "empty.h"\n',
        "tools/client/transport.c": "#include <poll.h>\n",
        "tools/console/src/main.ts": "import { a,\n  b } from '../../web-sdk/src/empty.js'\nimport 'dygraphs'\n",
    }.items():
        write(tree, name, text)
    assert_passes(tree)


@pytest.mark.parametrize(
    ("name", "line", "complaint"),
    [
        ("server/conn/conn.c", '#include "../session/empty.h"', "points up"),
        ("server/fanout/fanout.c", '#include "../session/empty.h"', "points up"),
        ("server/node/worker.h", '#include "../empty.h"', "points up"),
        ("server/base/log.c", '  #  include "../config/empty.h"', "points up"),
        ("server/user/user_table.c", '#include "../conn/empty.h"', "server/user does not see server/conn"),
        ("bench/scale/scale.c", '#include "../micro/empty.h"', "bench/scale does not see bench/micro"),
        ("bench/client.c", '#include "../server/conn/empty.h"', "points up"),
        ("bench/client.c", '#include "../tools/client/empty.h"', "knows nothing of tools/client/"),
        ("server/main.c", '#include "../bench/empty.h"', "knows nothing of bench/"),
        ("server/main.c", '#include "../tests/empty.h"', "no file of the tree"),
        ("proto/frame.h", '#include "../server/base/empty.h"', "knows nothing of server/"),
        ("proto/packet.c", '#include "build_config.h"', "no file of the tree"),
        ("proto/packet.c", "#include <sys/socket.h>", "knows no sockets"),
        ("proto/packet.c", "#include <pthread.h>", "knows no sockets"),
        ("server/conn/conn.c", "#include <wslay/wslay.h>", "belongs to"),
        ("proto/message.c", "#include <wslay/wslay.h>", "belongs to"),
        ("server/conn/conn.c", "#include <urcu.h>", "belongs to"),
        ("server/session/session.c", "#include <urcu/rculfhash.h>", "belongs to"),
        ("bench/run.c", "#include <jansson.h>", "belongs to"),
        ("server/admin/admin.c", "#include <openssl/ssl.h>", "belongs to"),
        ("server/config/empty.c", '#include "../tls/empty.h"', "server/config does not see server/tls"),
        ("server/conn/conn.c", '#include "nowhere.h"', "no file of the tree"),
        ("tools/client/login.c", '#include "../../server/base/empty.h"', "knows nothing of server/"),
        ("server/session/session.c", '#include "../../tools/client/empty.h"', "knows nothing of tools/client/"),
        ("tools/client/login.c", "#include <time.h>", "knows no sockets, threads or clock"),
        ("tools/client/line.c", "#include <poll.h>", "knows no sockets, threads or clock"),
        ("tools/client/chat.c", '#include "empty.h"', "tools/client/chat knows nothing of tools/client/"),
        ("tools/client/example_uv.c", '#include "empty.h"', "knows nothing of tools/client/"),
        ("proto/message.c", '#include "../tools/client/empty.h"', "knows nothing of tools/client/"),
        ("tools/web-sdk/src/url.ts", "export * from '../../console/src/empty.js'", "knows nothing of tools/console/src/"),
        ("tools/web-sdk/src/url.ts", "import { x } from './nowhere.js'", "no file of the tree"),
    ],
)
def test_a_fault_is_found_and_named(tree, name, line, complaint):
    write(tree, name, f"/* first line */\n{line}\n")
    assert_fault(tree, f"{name}:2: ", complaint)


def test_a_circle_is_found_and_shown(tree):
    write(tree, "server/conn/a.h", '#include "b.h"\n')
    write(tree, "server/conn/b.c", '#include "b.h"\n\n#include "c.h"\n')
    write(tree, "server/conn/b.h", "")
    write(tree, "server/conn/c.def", '#include "a.h"\n')
    write(tree, "server/conn/c.h", '#include "c.def"\n')
    assert_fault(tree, "server/conn/a.h:1: ", "a circle in server/conn: a -> b -> c -> a")


def test_circles_that_share_no_include_are_all_told(tree):
    write(tree, "proto/a.h", '#include "b.h"\n#include "c.h"\n')
    write(tree, "proto/b.h", '#include "a.h"\n')
    write(tree, "proto/c.h", '#include "a.h"\n')
    told = run(tree).stderr.splitlines()
    assert [line.rpartition(": ")[2] for line in told] == ["a -> b -> a", "a -> c -> a"]


def test_a_circle_of_modules_is_found_through_the_names_of_the_package(tree):
    aliases = {"imports": {"#dial": {"node": "./src/dial_node.ts", "default": "./src/dial.ts"}}}
    write(tree, "tools/web-sdk/package.json", json.dumps(aliases))
    write(tree, "tools/web-sdk/src/line.ts", "import { dial } from '#dial'\n")
    write(tree, "tools/web-sdk/src/dial.ts", "")
    write(tree, "tools/web-sdk/src/dial_node.ts", "import type { Line } from './line.js'\n")
    assert_fault(tree, "tools/web-sdk/src/dial_node.ts:1: ", "dial_node -> line -> dial_node")


def test_a_folder_without_a_row_is_a_fault(tree):
    (tree / "server/attic").mkdir()
    write(tree, "server/attic/stranger.c", "")
    assert_fault(tree, "server/attic/stranger.c: ", "server/attic has no row")


def test_a_row_without_a_folder_is_a_fault(tree):
    for path in (tree / "server/user").iterdir():
        path.unlink()
    assert_fault(tree, "server/user has a row", "no file")


def test_an_empty_tree_is_a_fault(tmp_path):
    assert run(tmp_path).returncode == 1
