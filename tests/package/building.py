"""The packages: built, read, changed into a next version, and installed in a root."""

import re
import shutil
import subprocess

BUILD_TIME = 600
CONFIG = "/etc/tidegate/tidegate.conf"


def run(*command):
    words = [str(word) for word in command]
    result = subprocess.run(words, capture_output=True, text=True, timeout=BUILD_TIME, check=False)
    assert result.returncode == 0, " ".join(words) + "\n" + result.stdout + result.stderr
    return result.stdout


def build(tree, output):
    """Packages by their names."""
    run(tree / "tools/package", "--output", output)
    return {path.name.split("_")[0]: path for path in output.glob("*.deb")}


def field(package, name):
    return run("dpkg-deb", "--field", package, name).strip()


def next_version(package, directory):
    """The package with a higher version and another default config."""
    tree = directory / "next"
    run("dpkg-deb", "--raw-extract", package, tree)
    control = tree / "DEBIAN/control"
    version = field(package, "Version") + "+next"
    control.write_text(
        re.sub(r"(?m)^Version: .*$", f"Version: {version}", control.read_text(encoding="utf-8")),
        encoding="utf-8",
    )
    with open(tree / CONFIG.lstrip("/"), "a", encoding="utf-8") as config:
        config.write("\n# New in this version.\n")
    path = directory / f"tidegate_{version}_all.deb"
    run("dpkg-deb", "--root-owner-group", "--build", tree, path)
    return path, version


def install(root, *packages, options=()):
    for package in packages:
        shutil.copy(package, root / "var/tmp")
    root.apt_get("install", *options, *(f"/var/tmp/{package.name}" for package in packages))
    for package in packages:
        (root / "var/tmp" / package.name).unlink()
