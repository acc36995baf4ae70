#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An authentication program that misbehaves on request: the user's name up to the first '-' says how.

usage: extauth_program.py FOLDER [PASSWORD]

Appends its pid to FOLDER/pids and each question that it gets to FOLDER/questions. The password of everybody is PASSWORD
("secret" when left out); there is no user whose name begins with "unknown"; "stuck" hangs when its password is changed.
"""
import os
import struct
import subprocess
import sys
import time

FOLDER, PASSWORD = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "secret"
NO, YES = b"\0\2\0\0", b"\0\2\0\1"


def note(name, text):
    with open(os.path.join(FOLDER, name), "a", encoding="utf-8") as file:
        file.write(text + "\n")


def hang():
    while True:
        time.sleep(1000)


def write(data):
    os.write(1, data)


def crash(_right):
    sys.exit(3)


def silent(_right):
    hang()


def garbage(_right):
    write(b"yes, of course\n")


def words(_right):
    write(b"\0\2\0\7")


def long(_right):
    write(YES + b"\0")


def half(_right):
    write(YES[:2])
    hang()


def halfdie(_right):
    write(YES[:3])
    sys.exit(0)


def twice(right):
    write((YES if right else NO) * 2)


def close(_right):
    os.close(1)
    hang()


def late(_right):
    """Says yes when nobody waits for it any more, out of reach of a signal to the group."""
    if os.fork() == 0:
        os.setsid()
        note("stray", str(os.getpid()))
        time.sleep(5)
        try:
            write(YES * 4)
        except OSError:
            pass
        os._exit(0)
    hang()


def flood(right):
    for number in range(20000):
        os.write(2, b"flood %d\n" % number)
    os.write(2, b"x" * 5000 + b"\n")
    write(YES if right else NO)


def children(_right):
    child = subprocess.Popen(["sleep", "1000"])
    note("children", str(child.pid))
    hang()


BEHAVIOUR = {each.__name__: each for each in (crash, silent, garbage, words, long, half, halfdie, twice, close, late,
                                              flood, children)}


def read_exactly(count):
    data = b""
    while len(data) < count:
        more = os.read(0, count - len(data))
        if not more:
            sys.exit(0)
        data += more
    return data


def main():
    note("pids", str(os.getpid()))
    print("ready", file=sys.stderr, flush=True)
    while True:
        text = read_exactly(struct.unpack(">H", read_exactly(2))[0]).decode()
        note("questions", text)
        op, user, _host, *password = text.split(":", 3)
        kind = user.partition("-")[0]
        right = kind != "unknown" and (op == "isuser" or (op == "auth" and password[0] == PASSWORD))
        if op == "setpass" and kind == "stuck":
            hang()
        elif op == "auth" and kind in BEHAVIOUR:
            BEHAVIOUR[kind](right)
        else:
            write(YES if right else NO)


main()
