#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An authentication program for 'auth_method: external' that keeps its accounts in a text file.

usage: extauth.py FILE

Each line of FILE is USER@HOST:SALT:KEY, where SALT and KEY are hexadecimal and KEY is made from the password with
scrypt. Several of these programs may use one file at the same time. An empty or missing file is a good beginning:

    stanzactl register romeo example.org 'a good password'
"""
import fcntl
import hashlib
import hmac
import os
import struct
import sys


def key_of(password, salt):
    return hashlib.scrypt(password.encode(), salt=salt, n=16384, r=8, p=1)


class Accounts:
    def __init__(self, path):
        self.path = path

    def locked(self):
        """Hold this while the file is changed."""
        lock = open(self.path + ".lock", "w")
        fcntl.flock(lock, fcntl.LOCK_EX)
        return lock

    def read(self):
        """{address: (salt, key)}"""
        try:
            with open(self.path, encoding="utf-8") as file:
                rows = [line.rstrip("\n").rsplit(":", 2) for line in file if line.strip()]
        except FileNotFoundError:
            return {}
        return {address: (bytes.fromhex(salt), bytes.fromhex(key)) for address, salt, key in rows}

    def write(self, accounts):
        """Whoever reads meanwhile sees the old file or the new one."""
        fresh = f"{self.path}.{os.getpid()}"
        with open(fresh, "w", encoding="utf-8", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            for address, (salt, key) in sorted(accounts.items()):
                file.write(f"{address}:{salt.hex()}:{key.hex()}\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, self.path)

    # -- the six operations; each returns whether it worked ------------------------------------

    def isuser(self, address):
        return address in self.read()

    def auth(self, address, password):
        salt, key = self.read().get(address, (b"nobody", b""))
        return hmac.compare_digest(key_of(password, salt), key)

    def setpass(self, address, password):
        with self.locked():
            accounts = self.read()
            if address not in accounts:
                return False
            salt = os.urandom(16)
            accounts[address] = (salt, key_of(password, salt))
            self.write(accounts)
        return True

    def tryregister(self, address, password):
        with self.locked():
            accounts = self.read()
            if address in accounts:
                return False
            salt = os.urandom(16)
            accounts[address] = (salt, key_of(password, salt))
            self.write(accounts)
        return True

    def removeuser(self, address):
        with self.locked():
            accounts = self.read()
            if accounts.pop(address, None) is None:
                return False
            self.write(accounts)
        return True

    def removeuser3(self, address, password):
        return self.auth(address, password) and self.removeuser(address)


def read_exactly(count):
    """None when the server has closed our input: then it is time to go."""
    data = sys.stdin.buffer.read(count)
    return data if len(data) == count else None


def requests():
    while True:
        head = read_exactly(2)
        text = read_exactly(struct.unpack(">H", head)[0]) if head else None
        if text is None:
            return
        yield text.decode("utf-8")


def answer(accounts, request):
    """OP:USER:HOST, and for some operations :PASSWORD, which is all the rest and may have colons in it."""
    op, user, host, *password = request.split(":", 3)
    address = f"{user}@{host}"
    if op in ("isuser", "removeuser"):
        return getattr(accounts, op)(address)
    if op in ("auth", "setpass", "tryregister", "removeuser3"):
        return getattr(accounts, op)(address, password[0])
    return False


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    accounts = Accounts(sys.argv[1])
    for request in requests():
        try:
            good = answer(accounts, request)
        except (OSError, ValueError, IndexError) as problem:
            print(f"extauth.py: {problem}", file=sys.stderr, flush=True)     # goes to the server's log
            good = False
        sys.stdout.buffer.write(struct.pack(">HH", 2, good))
        sys.stdout.buffer.flush()


main()
