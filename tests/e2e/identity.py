"""Keys and tokens of others: made by PyJWT and cryptography, held against the gateway."""

import base64
import json
import os
import time

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from talking import SESSION, V1, Fields, Talker
from raw import request


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Key:
    """A key that signs, and what a gateway is given of it."""

    def __init__(self, algorithm="HS256", kid=None):
        self.algorithm, self.kid = algorithm, kid
        if algorithm == "HS256":
            self.private = os.urandom(32)
        elif algorithm == "ES256":
            self.private = ec.generate_private_key(ec.SECP256R1())
        elif algorithm == "EdDSA":
            self.private = ed25519.Ed25519PrivateKey.generate()
        else:
            self.private = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    @property
    def pem(self):
        return self.private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        ).decode()

    @property
    def private_pem(self):
        return self.private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()

    @property
    def jwk(self):
        if self.algorithm == "HS256":
            jwk = {"kty": "oct", "k": base64url(self.private)}
        elif self.algorithm == "EdDSA":
            raw = self.private.public_key().public_bytes(
                serialization.Encoding.Raw, serialization.PublicFormat.Raw
            )
            jwk = {"kty": "OKP", "crv": "Ed25519", "x": base64url(raw)}
        elif self.algorithm == "ES256":
            numbers = self.private.public_key().public_numbers()
            jwk = {"kty": "EC", "crv": "P-256", "x": base64url(numbers.x.to_bytes(32, "big")),
                   "y": base64url(numbers.y.to_bytes(32, "big"))}  # fmt: skip
        else:
            numbers = self.private.public_key().public_numbers()
            jwk = {"kty": "RSA", "n": base64url(numbers.n.to_bytes(256, "big")),
                   "e": base64url(numbers.e.to_bytes(3, "big"))}  # fmt: skip
        return jwk | {"alg": self.algorithm} | ({"kid": self.kid} if self.kid else {})

    def sign(self, user="alice", ttl=600, **claims):
        """A token that ends in `ttl` seconds."""
        headers = {"kid": self.kid} if self.kid else None
        claims = {"sub": user, "exp": int(time.time()) + ttl} | claims
        return jwt.encode(claims, self.private, self.algorithm, headers)


def write(path, *keys):
    """A key file, in the place of the one before in one step."""
    fresh = path.with_suffix(".new")
    text = json.dumps({"keys": [key.jwk for key in keys]})
    fresh.touch(mode=0o600)
    fresh.write_text(text, encoding="utf-8")
    fresh.rename(path)
    return path


def bearer(token):
    return f"Authorization: Bearer {token}"


def offer(token, protocol="tidegate.v1"):
    return f"Sec-WebSocket-Protocol: {protocol}, tidegate.token.{token}"


class Holder(Talker):
    """A Talker with a token."""

    def __init__(self, raw, token, target="/"):
        self.raw, self.ids = raw, 0
        raw.send(request(target, extra=[offer(token)]))
        answer = raw.answer()
        assert answer.status == 101 and answer.headers["sec-websocket-protocol"] == "tidegate.v1", answer
        self.greeting = self.session()

    def refresh(self, token):
        """Returns the answer: result and seconds."""
        self.send(103, token.encode())
        return self.session()[:2]


__all__ = ["SESSION", "V1", "Fields", "Holder", "Key", "base64url", "bearer", "offer", "write"]
