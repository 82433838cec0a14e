"""tools/check-citations finds what it is there to find."""

import pathlib
import re
import subprocess

import pytest

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "tools" / "check-citations"

PROTOCOL = "# The protocol\n\n## 1. Opening: how\n\n## 2. Packets\n\n### 2.1 More\n"
TEST = "test('1: an open socket is no login')\n"
ROW = "| 1 | a fault | no fault | [unit](test/faults.test.ts) `1: an open socket is no login` |\n"
SHOWN_BY = "| tried | shown by |\n| --- | --- |\n| a token | [token](test_token.c) `test_b` |\n"
TABLE = "# Faults\n\n| # | fault | asked for | shown by |\n| --- | --- | --- | --- |\n" + ROW


@pytest.fixture
def tree(tmp_path):
    """A tree in which every citation leads somewhere."""
    write(tmp_path, "proto/PROTOCOL.md", PROTOCOL)
    write(tmp_path, "tools/web-sdk/FAULTS.md", TABLE)
    write(tmp_path, "tools/web-sdk/test/faults.test.ts", TEST)
    return tmp_path


def write(tree, name, text):
    path = tree / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def run(tree):
    return subprocess.run([SCRIPT, tree], capture_output=True, text=True, timeout=60, check=False)


def check_fault(tree, place, complaint):
    result = run(tree)
    assert result.returncode == 1
    assert result.stderr.startswith(place), result.stderr
    assert complaint in result.stderr
    assert result.stderr.count("\n") == 1, result.stderr


GOOD = {
    "a section": ("proto/a.c", "/* PROTOCOL section 1. */"),
    "several": ("proto/a.c", "/* PROTOCOL sections 1, 2 and 2.1 */"),
    "over the end of a line": ("proto/a.c", "/* Of PROTOCOL\n * section 2. */"),
    "over the end of a line of //": ("tools/a.ts", "// Of PROTOCOL section\n// 2, as it is"),
    "a possessive": ("tests/a.py", '"""PROTOCOL\'s section 2, over raw sockets."""'),
    "the page": ("tests/a.py", "# see PROTOCOL.md and proto/PROTOCOL.md"),
    "an identifier": ("tests/a.py", "alice.assert_ends(PROTOCOL, CLIENTS)\nfor c in CLIENTS: TG_ERR_PROTOCOL"),
    "a fault": ("tests/a.c", "/* Fault 1. */"),
    "a fault and a list": ("tests/a.c", "/* faults 1 and 1 */"),
    "no number of a fault": ("tests/a.c", "int faults[2]; /* 3 faults, fault by fault */"),
    "RFCs": ("proto/a.c", "/* RFC 6455; RFC 9112 section 5.1, RFC 6455 §5.2, RFC 6455's. */"),
    "an RFC over the end of a line": ("proto/a.c", "/* RFC\n * 6455 section\n * 5.2 */"),
    "a file beside": ("proto/a.h", "/* see PROTOCOL.md. */"),
    "a file above": ("tools/web-sdk/src/a.ts", "// the rows of FAULTS.md"),
    "a compressed file": ("tests/a.py", '"doc/README.md.gz"'),
    "a pattern": ("tests/a.py", 'glob("*.md")'),
    "a link": ("README.md", "[protocol](proto/PROTOCOL.md), [folder](proto/), [out](https://example.org/x.html)"),
    "an anchor": ("README.md", "[how](proto/PROTOCOL.md#1-opening-how)"),
    "an anchor of the page": ("README.md", "# What it is, and `why`\n\n[below](#what-it-is-and-why)"),
    "the second of two headings": ("README.md", "# A\n\n# A\n\n[second](#a-1)"),
    "a link in code": ("README.md", "`[x](nowhere)` and\n\n```\n[x](nowhere)\n```\n"),
    "a path": ("proto/a.c", "/* see tools/web-sdk/FAULTS.md, and `tools/web-sdk/test/`. */"),
    "a path with a star": ("README.md", "`tools/web-sdk/test/*.test.ts`"),
    "a path of elsewhere": ("tests/a.py", 'root + "/tests/a.c", build/proto/a.c, ../server/a.c, {x}/tests/a.c, node.js'),
    "a path in a made-up tree": ("tests/tools/test_a.py", 'write(tree, "server/conn/conn.c")'),
    "another table": ("README.md", "| tried | seen by |\n| --- | --- |\n| a | nobody |\n"),
    "what is not read": ("build/a.c", "/* PROTOCOL section 9. */"),
}


@pytest.mark.parametrize(("name", "text"), GOOD.values(), ids=GOOD.keys())
def test_what_leads_somewhere_passes(tree, name, text):
    write(tree, name, text + "\n")
    result = run(tree)
    assert (result.returncode, result.stderr) == (0, "")


BAD = {
    "no such section": ("proto/a.c", "/* PROTOCOL section 3. */", "has no section 3"),
    "one of several": ("proto/a.c", "/* PROTOCOL sections 1, 2 and 7 */", "has no section 7"),
    "over the end of a line": ("proto/a.c", "/* Of PROTOCOL section\n * 8. */", "has no section 8"),
    "a title for a number": ("proto/a.c", '/* PROTOCOL section "Packets" */', "by its number"),
    "no section": ("proto/a.c", "/* in the order of PROTOCOL: */", "which section"),
    "no section of its": ("proto/a.c", "/* PROTOCOL's table */", "which section"),
    "another page's section": ("proto/a.c", "/* CLUSTER section 2 */", "no page of the tree"),
    "another page": ("tests/a.py", '"""The rules of DESIGN."""', "no page of the tree"),
    "a file that is not there": ("server/a.c", "/* see DESIGN.md */", "no file of the tree"),
    "a path that is not there": ("server/a.c", "/* see docs/PROTOCOL.md */", "no file of the tree"),
    "a page that lies elsewhere": ("server/a.c", "/* see NOTES.md */", "no file of the tree"),
    "no such fault": ("tests/a.c", "/* Fault 18. */", "has no row 18"),
    "a source that is not there": ("tools/web-sdk/A.md", "see `tests/unit/test_a.c`", "tests/unit/test_a.c is not"),
    "a source in a comment": ("tests/e2e/a.py", '"""What tests/unit/test_a.c tries."""', "tests/unit/test_a.c is not"),
    "a folder that is not there": ("README.md", "`server/attic/`", "server/attic/ is not in the tree"),
    "a star of nothing": ("README.md", "`tests/e2e/test_a*.py`", "tests/e2e/test_a*.py is not in the tree"),
    "an RFC without a blank": ("proto/a.c", "/* RFC6455 */", "RFC 6455 section 5.2"),
    "an RFC without a number": ("proto/a.c", "/* the RFC says */", "RFC 6455 section 5.2"),
    "an RFC's section by title": ("proto/a.c", '/* RFC 6455 section "Framing" */', "RFC 6455 section 5.2"),
    "a link to nowhere": ("README.md", "[x](server/nowhere)", "server/nowhere is not there"),
    "an anchor to nowhere": ("README.md", "[x](proto/PROTOCOL.md#3-more)", "no heading #3-more"),
    "an anchor of the page": ("README.md", "[x](#nowhere)", "no heading #nowhere"),
    "a reference": ("README.md", "[x][y]\n\n[y]: nowhere", "nowhere is not there"),
}


@pytest.mark.parametrize(("name", "text", "complaint"), BAD.values(), ids=BAD.keys())
def test_a_fault_is_found_and_named(tree, name, text, complaint):
    write(tree, "other/NOTES.md", "Not above the one that names it.\n")
    write(tree, name, f"{text}\n")
    check_fault(tree, f"{name}:", complaint)


def test_the_line_is_told(tree):
    write(tree, "proto/a.c", "\n\n/* As in\n * PROTOCOL section\n * 7. */\n")
    check_fault(tree, "proto/a.c:4: ", "has no section 7")


def test_a_row_names_a_test(tree):
    write(tree, "tools/web-sdk/FAULTS.md", TABLE + "| 2 | a fault | no fault | nobody |\n")
    check_fault(tree, "tools/web-sdk/FAULTS.md:6: ", "names no test")


def test_a_row_names_a_test_that_is_there(tree):
    write(tree, "tools/web-sdk/test/faults.test.ts", "test('1: renamed')\n")
    check_fault(tree, "tools/web-sdk/FAULTS.md:5: ", "has no test `1: an open socket is no login`")


@pytest.mark.parametrize(
    ("shown_by", "complaint"),
    [
        ("nobody", "names no test"),
        ("[token](test_token.c)", "names no test"),
        ("[token](test_token.c) `test_a`", "test_token.c has no test `test_a`"),
        ("[token](test_token.c) `test_b`, `test_a`", "test_token.c has no test `test_a`"),
        ("[token](test_token.c) `test_b`, [token](test_token.c) `test_b`, `test_a`", "has no test `test_a`"),
        ("[token](test_token.c) `test_b_and`", "has no test `test_b_and`"),
        ("[token](test_token.c) `test_b_and_c`, `test_b`, `est_b`", "has no test `est_b`"),
    ],
)
def test_so_does_a_row_of_any_such_table(tree, shown_by, complaint):
    write(tree, "server/tls/README.md", f"{SHOWN_BY}| more | {shown_by} |\n")
    write(tree, "server/tls/test_token.c", "void test_b(void **state)\nvoid test_b_and_c(void **state)\n")
    check_fault(tree, "server/tls/README.md:4: ", complaint)


@pytest.mark.parametrize(
    "page", ["server/session/identity/THREATS.md", "server/tls/README.md", "tools/web-sdk/FAULTS.md"]
)
def test_these_pages_have_such_a_table(page):
    text = (SCRIPT.parents[1] / page).read_text(encoding="utf-8")
    assert re.search(r"^\|.*\| shown by \|\n\| --- ", text, re.MULTILINE)


def test_an_empty_tree_is_no_success(tmp_path):
    result = run(tmp_path)
    assert result.returncode == 1
    assert "no texts found" in result.stderr


def test_this_tree_passes():
    result = run(SCRIPT.parent.parent)
    assert (result.returncode, result.stderr) == (0, "")
