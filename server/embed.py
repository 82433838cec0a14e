#!/usr/bin/python3
"""Writes files as C, to be built into the gateway.

    embed.py assets OUTPUT FILE...   a table; each is served as /NAME, index.html as /
    embed.py page OUTPUT FILE        a page that brings its style and its script, and the policy that lets no others run
"""

import base64
import hashlib
import pathlib
import re
import sys

TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}
BYTES_PER_LINE = 24


def bytes_of(name, data):
    """An array."""
    rows = (data[at : at + BYTES_PER_LINE] for at in range(0, len(data), BYTES_PER_LINE))
    return [f"{name}[] = {{", *("\t" + "".join(f"{byte}," for byte in row) for row in rows), "};", ""]


def assets(*names):
    lines = ['#include "server/admin/assets.h"', "", "#include <string.h>", ""]
    table = []
    for number, path in enumerate(map(pathlib.Path, names)):
        data = path.read_bytes()
        etag = hashlib.sha256(data).hexdigest()[:32]
        url = "/" if path.name == "index.html" else "/" + path.name
        lines += bytes_of(f"static const unsigned char data{number}", data)
        table.append(
            f'\t{{"{url}", "{TYPES[path.suffix]}", "\\"{etag}\\"", data{number}, sizeof(data{number})}},'
        )
    lines += ["const struct admin_asset admin_assets[] = {", *table, "};", ""]
    lines += [f"const size_t admin_asset_count = {len(table)};", ""]
    return lines + [
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


def policy(page):
    """Nothing is loaded. WebSockets may go anywhere: not each browser takes 'self' to hold them, and whoever types in
    the page's console may try another gateway."""

    def only(element):
        (text,) = re.findall(rf"(?s)<{element}>(.*?)</{element}>", page)
        return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"

    return (
        f"default-src 'none'; style-src {only('style')}; script-src {only('script')}; img-src data:; "
        "connect-src ws: wss:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    )


def page(name):
    data = pathlib.Path(name).read_bytes()
    return [
        '#include "server/welcome_page.h"',
        "",
        f'const char welcome_page_policy[] = "{policy(data.decode())}";',
        "",
        *bytes_of("const unsigned char welcome_page_body", data),
        "const size_t welcome_page_body_len = sizeof(welcome_page_body);",
        "",
    ]


def main(kind, output, *names):
    lines = {"assets": assets, "page": page}[kind](*names)
    pathlib.Path(output).write_text("\n".join(lines), encoding="ascii")


if __name__ == "__main__":
    main(*sys.argv[1:])
