"""Keys that tokens are signed and verified with: made by the gateway that is measured, one of each kind, and gone with
the script."""

import functools
import pathlib
import subprocess
import tempfile

import programs

KINDS = ("hs256", "es256")


@functools.cache
def folder():
    return tempfile.TemporaryDirectory(prefix="tidegate-keys-")


@functools.cache
def make(gateway, kind):
    """The file of a private key, readable by its owner only."""
    path = pathlib.Path(folder().name) / f"{kind}.jwk"
    done = subprocess.run([gateway, "token", f"--new={kind}", f"--key={path}"], capture_output=True, text=True, check=False)
    if done.returncode:
        programs.fail(f"{gateway} makes no keys: {done.stderr.strip()}")
    return path


def signing(args, kind):
    """What the generator is told, which may be nothing."""
    return ["--token-key", str(make(programs.find_gateway(args), kind))] if kind else []


def verifying(args, kind):
    """What a gateway is told, likewise; a secret has no public half."""
    if not kind:
        return []
    path = make(programs.find_gateway(args), kind)
    public = path.with_name(path.name + ".pub")
    return ["--auth", "token", "--auth-keys", str(public if public.exists() else path)]
