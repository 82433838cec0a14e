"""The hook that gives certbot's files to the gateway's account: what it copies, who may read it, and what it has done then."""

import os
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
TEXT = (ROOT / "tools/deploy/certbot-hook").read_text(encoding="ascii")


def test_what_it_gives_to_whom(tmp_path):
    """As anybody, who can give to himself only: the owners are looked at in the text."""
    [owners] = re.findall(r"-m 0640 (-o root -g tidegate) ", TEXT)
    [folder] = re.findall(r" (/etc/tidegate/tls)/$", TEXT, re.MULTILINE)
    lineage, given = tmp_path / "lineage", tmp_path / "tls"
    for path in (lineage, given, tmp_path / "bin"):
        path.mkdir()
    for name in ("fullchain.pem", "privkey.pem", "cert.pem", "README"):
        (lineage / name).write_text(name, encoding="ascii")
    (given / "privkey.pem").write_text("of before, and longer than what comes now", encoding="ascii")
    systemctl = tmp_path / "bin/systemctl"
    systemctl.write_text(f'#!/bin/sh\necho "$@" >>{tmp_path}/asked\n', encoding="ascii")
    systemctl.chmod(0o755)
    hook = tmp_path / "hook"
    hook.write_text(TEXT.replace(owners, "").replace(folder, str(given)), encoding="ascii")
    hook.chmod(0o755)
    environment = {"PATH": f"{tmp_path}/bin:{os.environ['PATH']}", "RENEWED_LINEAGE": str(lineage)}
    subprocess.run([hook], check=True, env=environment)
    assert {path.name: path.read_text(encoding="ascii") for path in given.iterdir()} == {
        "fullchain.pem": "fullchain.pem", "privkey.pem": "privkey.pem"}  # fmt: skip
    assert {path.stat().st_mode & 0o777 for path in given.iterdir()} == {0o640}
    assert (tmp_path / "asked").read_text(encoding="ascii") == "try-reload-or-restart tidegate\n"
    # What it could not give it says, and has nothing reloaded.
    (lineage / "privkey.pem").unlink()
    assert subprocess.run([hook], check=False, env=environment, capture_output=True).returncode != 0
    assert (tmp_path / "asked").read_text(encoding="ascii").count("\n") == 1


def test_the_folder_is_the_package_s_and_the_guide_s():
    for path in ("tools/debian/tidegate.postinst", "tools/deploy/README.md"):
        assert "/etc/tidegate/tls" in (ROOT / path).read_text(encoding="utf-8")
    assert (ROOT / "tools/debian/tidegate.dirs").read_text(encoding="ascii") == "etc/tidegate/tls\n"
