"""Certificates, and a client that speaks TLS: Python's, which is OpenSSL."""

import base64
import contextlib
import datetime
import hashlib
import ipaddress
import ssl

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from raw import Gone, Raw

ALERT = bytes.fromhex("15030300020250")  # fatal, internal_error, in clear: RFC 8446 section 6.2

NAME = "chat.example.org"  # whom certificates are for, and clients ask for

HOUR = datetime.timedelta(hours=1)
DAY = datetime.timedelta(days=1)


def host(text):
    """How a certificate names it."""
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


class Pair:
    """A certificate and its key, in files as PEM: `cert` and `key`.

    `stem` is what the files are called, and its subject. `signer` is another pair, which is then shown behind
    it; None: it has signed itself, as an authority may. `begins` and `ends` are told from now on.
    """

    def __init__(self, folder, *names, stem="a", signer=None, begins=-DAY, ends=90 * DAY, rsa_bits=None):
        self.cert, self.key = folder / f"{stem}.pem", folder / f"{stem}.key"
        self.options = ["--tls-cert", self.cert, "--tls-key", self.key]
        self.subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, stem)])
        self.signer, self.begins, self.ends = signer, begins, ends
        self.make(*names, rsa_bits=rsa_bits)

    def make(self, *names, rsa_bits=None):
        """A fresh one in its place, written over what is there. Its key is on P-256 unless told."""
        self.private = rsa.generate_private_key(65537, rsa_bits) if rsa_bits else ec.generate_private_key(ec.SECP256R1())
        signer = self.signer or self
        self.certificate = self._builder(names or [NAME], signer).sign(signer.private, hashes.SHA256())
        behind = self.signer.cert.read_bytes() if self.signer else b""
        self.cert.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM) + behind)
        pem = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        self.key.write_bytes(self.private.private_bytes(*pem))
        self.key.chmod(0o600)

    def _builder(self, names, signer):
        now = datetime.datetime.now(datetime.timezone.utc)
        public = self.private.public_key()
        extensions = [
            (x509.BasicConstraints(ca=signer is self, path_length=None), True),
            (x509.SubjectAlternativeName([host(name) for name in names]), False),
            (x509.SubjectKeyIdentifier.from_public_key(public), False),
            (x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.private.public_key()), False),
        ]
        builder = x509.CertificateBuilder().issuer_name(signer.subject).subject_name(self.subject).public_key(public)
        builder = builder.not_valid_before(now + self.begins).not_valid_after(now + self.ends)
        builder = builder.serial_number(x509.random_serial_number())
        for extension, is_critical in extensions:
            builder = builder.add_extension(extension, is_critical)
        return builder

    def key_hash(self):
        """Of its public key, as Chromium wants it."""
        kind = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        return base64.b64encode(hashlib.sha256(self.private.public_key().public_bytes(*kind)).digest()).decode()

    def der(self):
        return self.certificate.public_bytes(serialization.Encoding.DER)

    def context(self, **changed):
        """What a client trusts it by. `changed` are attributes, as maximum_version=…"""
        context = ssl.create_default_context(cafile=self.cert)
        for name, value in changed.items():
            setattr(context, name, value)
        return context


def secure(sock, context, name=NAME):
    """A client of ours over a socket on which nothing was said, its handshake done."""
    return Raw(context.wrap_socket(sock, server_hostname=name))


class Handshake:
    """A client's part of one, for whoever sends it: `hello`, and what `finish` returns."""

    def __init__(self, context, name=NAME):
        self.arrived, self.sent = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.line = context.wrap_bio(self.arrived, self.sent, server_hostname=name)
        with contextlib.suppress(ssl.SSLWantReadError):
            self.line.do_handshake()
        self.hello = self.sent.read()

    def finish(self, sock):
        """Reads the answer to the hello, and not a byte behind it where the server waits for ours."""
        while data := sock.recv(1 << 16):
            self.arrived.write(data)
            with contextlib.suppress(ssl.SSLWantReadError):
                self.line.do_handshake()
                return self.sent.read()
        raise Gone("end of file")
