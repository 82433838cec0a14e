"""The gateway's options, as its source has them."""

import pathlib
import re

CONFIG = pathlib.Path(__file__).resolve().parents[2] / "server/config"


def numbers():
    """name: (default, least, most, reload) by options.def."""
    text = (CONFIG / "options.def").read_text(encoding="utf-8")
    rows = re.findall(r"^OPTION\((\w+), (\d+), (\d+), (\d+), (\w+),", text, re.MULTILINE)
    assert len(rows) > 10
    return {
        name: (int(default), int(least), int(most), reload == "true") for name, default, least, most, reload in rows
    }


def words():
    """Those that are no numbers, in the order of the guide."""
    found = re.findall(r'^\t\{"(\w+)", (?:set_\w+|NULL),', (CONFIG / "config_words.c").read_text(encoding="utf-8"), re.MULTILINE)
    assert found
    return found


def reloaded_words():
    """Those of them that may change while the gateway runs."""
    text = (CONFIG / "config_words.c").read_text(encoding="utf-8")
    return set(re.findall(r'^\t\{"(\w+)", \w+, \w+, true\},', text, re.MULTILINE))
