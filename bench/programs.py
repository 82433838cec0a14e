"""Where the programs are that the README builds, and what to type when they are not there."""

import json
import os
import pathlib
import shlex
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build/release"  # of tools/start and of the README
GATEWAY = "server/tidegate"
GENERATOR = "bench/tidegate-bench"


def fail(message):
    sys.exit(f"{pathlib.Path(sys.argv[0]).name}: {message}")


def shown(path):
    """As short as it can be typed here."""
    path, here = pathlib.Path(path).resolve(), pathlib.Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def is_program(path):
    return os.path.isfile(path) and os.access(path, os.X_OK)


def how_to_build(build, name):
    """What makes `name` in the folder `build`; a folder that can make it is left as it is."""
    folder = shlex.quote(shown(build))
    ninja = f"ninja -C {folder} {name}"
    source = "" if pathlib.Path.cwd() == ROOT else f" {shlex.quote(str(ROOT))}"
    steps = build / "build.ninja"
    if not steps.is_file():
        return f"meson setup {folder}{source} -Dbuildtype=release -Db_lto=true && {ninja}"
    if f"\nbuild {name}:" in steps.read_text(encoding="utf-8"):
        return ninja
    return f"tools/setup --tests && meson setup --reconfigure -Dbench=enabled {folder}{source} && {ninja}"


def find(build, name):
    """The program `name`, as meson calls it, of a build; or the end, with what to type."""
    path = build / name
    if not is_program(path):
        fail(f"{shown(path)} is missing. To build it, type\n    {how_to_build(build, name)}")
    return path


def find_other(build, name):
    """The same of a build of another commit, which this tree cannot make."""
    if not is_program(build / name) and not (build / "build.ninja").is_file():
        fail(f"{shown(build / name)} is missing: --against is the folder of another commit's build, which is made in a "
             f'checkout of that commit (bench/README.md, "Two builds")')
    return find(build, name)


def find_gateway(args):
    """That of `args.build`, or the one that `args.gateway` names."""
    if not args.gateway:
        return find(args.build, GATEWAY)
    if not is_program(args.gateway):
        fail(f"{args.gateway} is no program: --gateway is the path of one, as in {shown(BUILD / GATEWAY)}")
    return args.gateway


def warn_unless_release(build):
    """Figures of a build for debugging are no figures."""
    try:
        text = (build / "meson-info/intro-buildoptions.json").read_text(encoding="utf-8")
    except OSError:
        return
    options = {option["name"]: option["value"] for option in json.loads(text)}
    is_sanitized = options["b_sanitize"] not in ("none", [])  # a list since meson 1.8
    if options["buildtype"] != "release" or is_sanitized:
        kind = "with sanitizers" if is_sanitized else f"of the type {options['buildtype']}"
        print(f"{pathlib.Path(sys.argv[0]).name}: {shown(build)} is a build {kind}: what it shows is no measure of a "
              f"release", file=sys.stderr)


def gateway_to_measure(args):
    """find_gateway, for a program's start."""
    path = find_gateway(args)
    if not args.gateway:
        warn_unless_release(args.build)
    return path
