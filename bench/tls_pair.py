"""The certificate of the servers that speak TLS: made by openssl for one run, its own authority, gone with the script."""

import functools
import pathlib
import shutil
import ssl
import subprocess
import tempfile

import programs

# A key as most have it, for the names by which this machine calls itself.
REQUEST = ("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=localhost "
           "-addext subjectAltName=DNS:localhost,IP:127.0.0.1").split()


@functools.cache
def folder():
    return tempfile.TemporaryDirectory(prefix="tidegate-certificates-")


@functools.cache
def make():
    """The files of certificate and key."""
    if not shutil.which("openssl"):
        programs.fail("openssl is missing: tools/setup --tests installs it")
    certificate, key = (pathlib.Path(folder().name) / name for name in ("certificate.pem", "key.pem"))
    done = subprocess.run(["openssl", *REQUEST, "-keyout", key, "-out", certificate], capture_output=True, text=True,
                          check=False)
    if done.returncode:
        programs.fail(f"openssl makes no certificate: {done.stderr.strip()}")
    return certificate, key


def showing():
    """What a server is told, the gateway and the floor alike."""
    certificate, key = make()
    return ["--tls-cert", str(certificate), "--tls-key", str(key)]


def trusting(suite):
    """What the generator is told: who signed, and the one suite that it offers, so that all servers speak it."""
    return ["--ca", str(make()[0])] + (["--suite", suite] if suite else [])


def context():
    """What a client in Python goes by: it verifies, and offers all suites, of which the gateway takes AES-128."""
    trust = ssl.create_default_context(cafile=make()[0])
    trust.minimum_version = ssl.TLSVersion.TLSv1_3
    return trust
