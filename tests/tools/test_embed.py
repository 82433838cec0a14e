"""server/embed.py: what it writes is the same wherever it is built, and says what the files say."""

import base64
import hashlib
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
EMBED = ROOT / "server/embed.py"
PAGE = b"<p>\xe4\xb8\xad</p>\n"
PROGRAM = """
#include <stdio.h>
#include "server/admin/assets.h"

int main(void)
{
	const struct admin_asset *page = admin_asset_find("/");
	printf("%zu %d %s\\n", admin_asset_count, admin_asset_find("/none") != NULL, page->type);
	fwrite(page->data, 1, page->len, stdout);
	return 0;
}
"""

PAGE_PROGRAM = """
#include <stdio.h>
#include "server/welcome_page.h"

int main(void)
{
	puts(welcome_page_policy);
	fwrite(welcome_page_body, 1, welcome_page_body_len, stdout);
	return 0;
}
"""


def embed(tmp_path, folder):
    """The path of a table of two files, made in `folder`."""
    page, style = tmp_path / "index.html", tmp_path / "style.css"
    page.write_bytes(PAGE)
    style.write_text("p{}", encoding="ascii")
    output = tmp_path / folder / "assets.c"
    output.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run([sys.executable, EMBED, "assets", output, page, style], check=True, timeout=60)
    return output


@pytest.mark.parametrize("folder", [".", "x", "build/x", "x/y/z/server"])
def test_the_table_compiles_in_any_folder(tmp_path, folder):
    table = embed(tmp_path, folder)
    program = tmp_path / "program.c"
    program.write_text(PROGRAM, encoding="ascii")
    subprocess.run(["cc", "-I", ROOT, "-o", tmp_path / "program", program, table], check=True, timeout=60)
    said = subprocess.run([tmp_path / "program"], capture_output=True, check=True, timeout=60).stdout
    assert said == b"2 0 text/html; charset=utf-8\n" + PAGE


def test_the_table_does_not_depend_on_the_folder(tmp_path):
    assert embed(tmp_path, "x").read_bytes() == embed(tmp_path, "x/y/z").read_bytes()


def page(tmp_path, text):
    """The page made of `text`: what the program that has it built in says."""
    (tmp_path / "page.html").write_bytes(text)
    table = tmp_path / "page.c"
    subprocess.run([sys.executable, EMBED, "page", table, tmp_path / "page.html"], check=True, timeout=60)
    program = tmp_path / "program.c"
    program.write_text(PAGE_PROGRAM, encoding="ascii")
    subprocess.run(["cc", "-I", ROOT, "-o", tmp_path / "program", program, table], check=True, timeout=60)
    return subprocess.run([tmp_path / "program"], capture_output=True, check=True, timeout=60).stdout


def digest(text):
    return b"'sha256-" + base64.b64encode(hashlib.sha256(text).digest()) + b"'"


def test_a_page_s_policy_lets_its_own_style_and_script_run(tmp_path):
    text = b"<style>\np {}\n</style>\xe4\xb8\xad<script>\n1 < 2\n</script>\n"
    policy, body = page(tmp_path, text).split(b"\n", 1)
    assert body == text
    assert b"style-src " + digest(b"\np {}\n") + b"; script-src " + digest(b"\n1 < 2\n") + b";" in policy
    assert policy.startswith(b"default-src 'none';")
    assert b"unsafe" not in policy


@pytest.mark.parametrize("text", [b"<style></style>", b"<style></style><script>1</script><script>2</script>"])
def test_a_page_has_one_style_and_one_script(tmp_path, text):
    """Others would not run."""
    (tmp_path / "page.html").write_bytes(text)
    command = [sys.executable, EMBED, "page", tmp_path / "page.c", tmp_path / "page.html"]
    assert subprocess.run(command, capture_output=True, check=False, timeout=60).returncode != 0
