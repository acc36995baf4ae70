# SPDX-License-Identifier: Apache-2.0
"""DNS servers on loopback: Knot with zones of the test, signed if wanted; one that loses questions, or is silent."""
import pathlib
import random
import re
import socket
import subprocess
import threading

from . import wait
from .process import Process

CONFIGURATION = """
server:
    rundir: "{folder}/run"
    listen: [{listen}]
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
log:
  - target: stderr
    any: warning
database:
    storage: "{folder}/keys"
policy:
  - id: short
    algorithm: ecdsap256sha256
template:
  - id: default
    storage: "{folder}/zones"
    file: "%s.zone"
    zonefile-sync: -1
    zonefile-load: whole
    journal-content: none
    semantic-checks: off
zone:
"""
HEAD = """$ORIGIN {zone}.
$TTL 60
@ SOA ns hostmaster 1 3600 600 86400 60
@ NS ns
ns A 127.0.0.1
"""


def run(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


class Knot:
    """Serves zones; add them, sign some, bend what is signed, then start."""

    def __init__(self, folder, *listen):
        """listen: further places, each ADDRESS@PORT; port is where it always answers."""
        self.folder = pathlib.Path(folder)
        self.port = free_udp_port()
        self.listen = [f"127.0.0.1@{self.port}", *listen]
        self.zones, self.process = [], None
        for name in ("run", "keys", "zones"):
            (self.folder / name).mkdir(parents=True)

    def configuration(self, signing):
        """The file; zones in signing are to be signed."""
        text = CONFIGURATION.format(folder=self.folder, listen=", ".join(self.listen))
        for zone in self.zones:
            text += f"  - domain: {zone}\n"
            if zone in signing:
                text += "    dnssec-signing: on\n    dnssec-policy: short\n"
        path = self.folder / "knot.conf"
        path.write_text(text)
        return path

    def zone_file(self, zone):
        return self.folder / "zones" / f"{zone}.zone"

    def add(self, zone, records):
        self.zones.append(zone)
        self.zone_file(zone).write_text(HEAD.format(zone=zone) + records)

    def sign(self, zone):
        """The zone's file holds its signatures from now on; returns its DS record, a trust anchor."""
        path = self.configuration([zone])
        run("kzonesign", "-c", path, f"{zone}.")
        # SHA-256, which everybody knows.
        return next(line for line in run("keymgr", "-c", path, f"{zone}.", "ds").splitlines() if " 13 2 " in line)

    def bend(self, zone, pattern, replacement):
        """Changes one record behind its signature's back."""
        path = self.zone_file(zone)
        text, count = re.subn(pattern, replacement, path.read_text(), count=1)
        assert count == 1, f"{pattern} is not in the zone:\n{text}"
        path.write_text(text)

    def start(self):
        self.process = Process(["knotd", "-c", self.configuration([])], self.folder / "knot.log")
        wait.until(lambda: answers(self.port, self.zones[0]), "Knot answers")
        return self

    def stop(self):
        if self.process:
            self.process.stop()


def free_udp_port():
    """For a DNS server, which wants it for TCP, too; no outgoing connection is given one of these by the kernel."""
    for _ in range(1000):
        port = random.randrange(12000, 32000)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
            try:
                udp.bind(("127.0.0.1", port))
                tcp.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("there is no free port for a DNS server")


def answers(port, zone):
    """Whether a DNS server there knows the zone."""
    name = b"".join(bytes([len(label)]) + label.encode() for label in zone.split(".")) + b"\0"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(0.2)
        client.connect(("127.0.0.1", port))
        try:
            client.send(b"\x12\x34\0\0\0\1\0\0\0\0\0\0" + name + b"\0\6\0\1")
            reply = client.recv(4096)
        except OSError:
            return False
        return reply[3] & 15 == 0 and reply[6:8] != b"\0\0"


class Relay:
    """Hands questions on to another DNS server, but not before each was asked twice; a silent one hands on none."""

    def __init__(self, port, silent=False):
        self.target, self.silent, self.seen, self.dropped = ("127.0.0.1", port), silent, set(), 0
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            question, sender = self.socket.recvfrom(4096)
            if question == b"end":
                return
            key = question[12:].lower()
            if self.silent or key not in self.seen:
                self.seen.add(key)
                self.dropped += 1
                continue
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                client.settimeout(wait.DEADLINE)
                client.sendto(question, self.target)
                self.socket.sendto(client.recv(65536), sender)

    def stop(self):
        self.socket.sendto(b"end", ("127.0.0.1", self.port))
        self.thread.join()
        self.socket.close()
