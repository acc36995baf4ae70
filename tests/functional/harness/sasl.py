# SPDX-License-Identifier: Apache-2.0
"""The client side of SASL, with every step open to a test that wants to bend it."""
import base64
import hashlib
import hmac
import os

HASHES = {"SCRAM-SHA-1": "sha1", "SCRAM-SHA-256": "sha256", "SCRAM-SHA-512": "sha512"}


def b64(data):
    return base64.b64encode(data if isinstance(data, bytes) else data.encode()).decode()


def plain(user, password, authzid=""):
    return f"{authzid}\0{user}\0{password}".encode()


class Scram:
    """RFC 5802 and RFC 7677; binding is (type, bytes) for the -PLUS mechanisms."""

    def __init__(self, mechanism, user, password, binding=None, gs2=None, authzid=""):
        self.hash = HASHES[mechanism.removesuffix("-PLUS")]
        self.user = user.replace("=", "=3D").replace(",", "=2C")
        self.password, self.binding = password, binding
        flag = gs2 or (f"p={binding[0]}" if binding else "n")
        self.gs2 = f"{flag},{'a=' + authzid if authzid else ''},"
        self.nonce = b64(os.urandom(18))

    def first(self):
        self.first_bare = f"n={self.user},r={self.nonce}"
        return (self.gs2 + self.first_bare).encode()

    def final(self, challenge):
        fields = self.fields(challenge)
        assert fields["r"].startswith(self.nonce) and len(fields["r"]) > len(self.nonce)
        salted = hashlib.pbkdf2_hmac(self.hash, self.password.encode(),
                                     base64.b64decode(fields["s"]), int(fields["i"]))
        bound = self.gs2.encode() + (self.binding[1] if self.binding else b"")
        without_proof = f"c={b64(bound)},r={fields['r']}"
        message = ",".join((self.first_bare, challenge.decode(), without_proof)).encode()
        key = self._hmac(salted, b"Client Key")
        signature = self._hmac(hashlib.new(self.hash, key).digest(), message)
        proof = bytes(a ^ b for a, b in zip(key, signature))
        self.expected = self._hmac(self._hmac(salted, b"Server Key"), message)
        return f"{without_proof},p={b64(proof)}".encode()

    def verify(self, success):
        """The server proved that it knows the password too."""
        assert self.fields(success)["v"] == b64(self.expected), "wrong server signature"

    @staticmethod
    def fields(text):
        return dict(part.split("=", 1) for part in text.decode().split(","))

    def _hmac(self, key, text):
        return hmac.new(key, text, self.hash).digest()
