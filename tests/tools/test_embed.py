"""server/admin/embed.py: what it writes is the same wherever it is built, and says what the files say."""

import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
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


def embed(tmp_path, folder):
    """The path of a table of two files, made in `folder`."""
    page, style = tmp_path / "index.html", tmp_path / "style.css"
    page.write_bytes(PAGE)
    style.write_text("p{}", encoding="ascii")
    output = tmp_path / folder / "assets.c"
    output.parent.mkdir(parents=True, exist_ok=True)
    embed_py = ROOT / "server/admin/embed.py"
    subprocess.run([sys.executable, embed_py, output, page, style], check=True, timeout=60)
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
