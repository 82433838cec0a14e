"""The changelog's newest entry is the version, and what has to name one as well names the same."""

import json
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]


def found(pattern, path):
    return re.search(pattern, (ROOT / path).read_text(encoding="utf-8"))[1]


def test_there_is_one_version():
    version = found(r"\Atidegate \(([\d.]+)\) ", "tools/debian/changelog")
    sdk = json.loads((ROOT / "tools/web-sdk/package.json").read_text(encoding="utf-8"))
    locked = json.loads((ROOT / "tools/web-sdk/package-lock.json").read_text(encoding="utf-8"))
    named = {
        "meson.build": found(r"version: '([\d.]+)'", "meson.build"),
        "package.json": sdk["version"],
        "package-lock.json": locked["version"],
        "package-lock.json, the package": locked["packages"][""]["version"],
    }
    assert named == dict.fromkeys(named, version)
