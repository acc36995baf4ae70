#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a page of an archive costs, by the size of the archive: wall time and CPU of the server for each kind of query.

Makes a data directory with one user and as many rows as asked for, starts stanzad on it, and asks for pages.
"""

import argparse
import base64
import os
import random
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests", "functional"))
sys.dont_write_bytecode = True

from harness.sasl import Scram, b64  # noqa: E402

SASL = "urn:ietf:params:xml:ns:xmpp-sasl"
MAM, RSM = "urn:xmpp:mam:2", "http://jabber.org/protocol/rsm"
BEGIN, STEP = 1500000000000000, 1000000     # the first id; a message a second
PEERS = 1000                                # the one that is asked for has one row in as many


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    def __init__(self, build, work):
        self.build, self.work, self.port, self.process = build, work, free_port(), None
        with open(os.path.join(work, "stanzad.yml"), "w") as out:
            out.write("hosts: [localhost]\nloglevel: warning\nworkers: 1\nlisten:\n"
                      "  - {port: %d, ip: 127.0.0.1, module: ejabberd_c2s}\n"
                      "modules: {mod_mam: {default: always}, mod_offline: {}}\n"
                      % self.port)

    def start(self):
        self.process = subprocess.Popen(
            [os.path.join(self.build, "stanzad"), "--config", os.path.join(self.work, "stanzad.yml"),
             "--data-dir", os.path.join(self.work, "data")])
        end = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            except OSError:
                if time.monotonic() > end or self.process.poll() is not None:
                    sys.exit("stanzad does not start")
                time.sleep(0.02)

    def stop(self):
        self.process.terminate()
        self.process.wait()

    def ask(self, *words):
        subprocess.run([os.path.join(self.build, "stanzactl"), "--socket", os.path.join(self.work, "data", "ctl.sock"),
                        *words], check=True, capture_output=True)

    def cpu_us(self):
        total = 0
        for task in os.listdir("/proc/%d/task" % self.process.pid):
            with open("/proc/%d/task/%s/schedstat" % (self.process.pid, task)) as stat:
                total += int(stat.read().split()[0])
        return total / 1000

    def fill(self, rows):
        """Rows with all that the server itself would write, the oldest first."""
        with sqlite3.connect(os.path.join(self.work, "data", "stanzad.db")) as database:
            database.execute(
                "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?) INSERT INTO archive "
                "(username, server_host, timestamp, peer, bare_peer, xml, txt, kind) SELECT 'u', 'localhost', "
                "? + i * ?, 'p' || (i % ?) || '@localhost/desk', 'p' || (i % ?) || '@localhost', "
                "'<message xmlns=''jabber:client'' from=''p' || (i % ?) || '@localhost/desk'' to=''u@localhost'' "
                "type=''chat'' id=''' || i || '''><body>' || 'word' || (i % 997) || ' and the usual hundred bytes of "
                "what people say to each other when the day is long ' || i || '</body></message>', "
                "'word' || (i % 997) || ' and the usual hundred bytes of what people say ' || i, 'chat' FROM n",
                (rows, BEGIN, STEP, PEERS, PEERS, PEERS))
        database.close()


class Client:
    def __init__(self, port):
        self.socket, self.number = socket.create_connection(("127.0.0.1", port)), 0
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.open()
        scram = Scram("SCRAM-SHA-1", "u", "secret")
        challenge = self.exchange("<auth xmlns='%s' mechanism='SCRAM-SHA-1'>%s</auth>" % (SASL, b64(scram.first())),
                                  b"</challenge>")
        inside = base64.b64decode(challenge.split(b">")[1].split(b"<")[0])
        self.exchange("<response xmlns='%s'>%s</response>" % (SASL, b64(scram.final(inside))), b"</success>")
        self.open()
        self.exchange("<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>", b"</iq>")

    def open(self):
        self.exchange("<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' "
                      "to='localhost' version='1.0'>", b"</stream:features>")

    def exchange(self, text, until):
        self.socket.sendall(text.encode())
        got = b""
        while until not in got:
            more = self.socket.recv(1 << 20)
            if not more:
                sys.exit("the server closed the stream: " + got.decode(errors="replace"))
            got += more
        return got

    def page(self, form, page):
        self.number += 1
        got = self.exchange("<iq type='set' id='q%d'><query xmlns='%s'>%s<set xmlns='%s'><max>50</max>%s</set></query>"
                            "</iq>" % (self.number, MAM, form, RSM, page), b"</iq>")
        if b"<fin " not in got:
            sys.exit("no page: " + got[-500:].decode(errors="replace"))
        return got.count(b"<result ")


def form(var, value):
    return ("<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'><value>%s</value></field>"
            "<field var='%s'><value>%s</value></field></x>" % (MAM, var, value))


def queries(rows):
    """(name, a function that makes form and page)"""
    def known():
        return BEGIN + random.randrange(rows // 4, rows // 2) * STEP
    with_peer = form("with", "p7@localhost")
    words = form("{urn:xmpp:fulltext:0}fulltext", "word7 usual")
    return [
        ("the first page", lambda: ("", "")),
        ("the last page", lambda: ("", "<before/>")),
        ("after an id in the middle", lambda: ("", "<after>%d</after>" % known())),
        ("before an id in the middle", lambda: ("", "<before>%d</before>" % known())),
        ("with one peer, the last page", lambda: (with_peer, "<before/>")),
        ("with one peer, after an id", lambda: (with_peer, "<after>%d</after>" % known())),
        ("by words, the last page", lambda: (words, "<before/>")),
    ]


def measure(server, client, make, count):
    times, results = [], 0
    for _ in range(20):
        client.page(*make())
    before = server.cpu_us()
    for _ in range(count):
        at = time.perf_counter()
        results += client.page(*make())
        times.append((time.perf_counter() - at) * 1e6)
    return statistics.median(times), (server.cpu_us() - before) / count, results / count


def run(build, rows, count):
    with tempfile.TemporaryDirectory(prefix="stanzad-archive-") as work:
        os.mkdir(os.path.join(work, "data"))
        server = Server(build, work)
        server.start()
        try:
            server.ask("register", "u", "localhost", "secret")
            server.stop()
            server.fill(rows)
            server.start()
            client = Client(server.port)
            at, steps = time.perf_counter(), 0
            while b"stable='false'" in client.exchange(
                    "<iq type='set' id='w%d'><query xmlns='%s'>%s</query></iq>"
                    % (steps, MAM, form("withtext", "word7")), b"</iq>"):
                steps += 1
            print("%9d rows: the index of words was made in %.1f s" % (rows, time.perf_counter() - at))
            for name, make in queries(rows):
                wall, cpu, results = measure(server, client, make, count)
                print("%9d rows  %-30s %6.0f us  %6.0f us CPU  %4.0f messages" % (rows, name, wall, cpu, results),
                      flush=True)
        finally:
            server.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default=os.path.join(ROOT, "build"), help="build directory (build)")
    parser.add_argument("--rows", default="10000,1000000", help="sizes of archives, comma separated (10000,1000000)")
    parser.add_argument("--count", type=int, default=200, help="pages of each kind (200)")
    options = parser.parse_args()
    for rows in options.rows.split(","):
        run(os.path.abspath(options.build), int(rows), options.count)


if __name__ == "__main__":
    main()
