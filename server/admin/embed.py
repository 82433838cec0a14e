#!/usr/bin/python3
"""Writes files as a table in C, to be built into the gateway.

    embed.py OUTPUT FILE...    each is served as /NAME, index.html as /
"""

import hashlib
import pathlib
import sys

TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}
BYTES_PER_LINE = 24


def rows(data):
    for at in range(0, len(data), BYTES_PER_LINE):
        yield "\t" + "".join(f"{byte}," for byte in data[at : at + BYTES_PER_LINE])


def main(output, *names):
    lines = ['#include "server/admin/assets.h"', "", "#include <string.h>", ""]
    table = []
    for number, path in enumerate(map(pathlib.Path, names)):
        data = path.read_bytes()
        etag = hashlib.sha256(data).hexdigest()[:32]
        url = "/" if path.name == "index.html" else "/" + path.name
        lines += [f"static const unsigned char data{number}[] = {{", *rows(data), "};", ""]
        table.append(
            f'\t{{"{url}", "{TYPES[path.suffix]}", "\\"{etag}\\"", data{number}, sizeof(data{number})}},'
        )
    lines += ["const struct admin_asset admin_assets[] = {", *table, "};", ""]
    lines += [f"const size_t admin_asset_count = {len(table)};", ""]
    lines += [
        "const struct admin_asset *admin_asset_find(const char *path)",
        "{",
        "\tfor (size_t i = 0; i < admin_asset_count; i++) {",
        "\t\tif (strcmp(admin_assets[i].path, path) == 0) {",
        "\t\t\treturn &admin_assets[i];",
        "\t\t}",
        "\t}",
        "\treturn NULL;",
        "}",
        "",
    ]
    pathlib.Path(output).write_text("\n".join(lines), encoding="ascii")


if __name__ == "__main__":
    main(*sys.argv[1:])
