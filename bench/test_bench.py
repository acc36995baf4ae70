#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The load generator against the relay, and the arithmetic of the table. Prints TAP.

usage: test_bench.py BUILD     (the directory that holds bench/xmppload and bench/relay)
"""

import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
sys.dont_write_bytecode = True

import rows
import servers
import table

BUILD = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else "build"


def load(relay, *arguments):
    done = subprocess.run(
        [os.path.join(BUILD, "bench", "xmppload"), "--json", "--port", str(relay.port), "--mech", "PLAIN",
         "--pid", str(relay.process.pid), "--seconds", "0.3", "--warmup", "0.1", *arguments],
        stdout=subprocess.PIPE, text=True)
    assert done.returncode == 0, "xmppload failed"
    result = json.loads(done.stdout)
    assert result["errors"] == 0 and result["lost"] == 0, result
    return result


def test_chat(relay):
    result = load(relay, "--work", "chat", "--users", "20", "--window", "4")
    assert result["operations"] > 0 and result["cpu_us_per_operation"] > 0, result
    latency = result["latency_us"]
    assert 0 < latency["p50"] <= latency["p99"] <= latency["max"], result


def test_large_bodies_arrive_in_pieces(relay):
    assert load(relay, "--work", "chat", "--users", "4", "--body", "60000")["operations"] > 0


def test_open(relay):
    result = load(relay, "--work", "open", "--users", "20", "--rate", "1000", "--burst", "4")
    assert result["operations"] > 0, result


def test_login(relay):
    result = load(relay, "--work", "login", "--users", "50", "--concurrency", "4")
    assert result["operations"] > 0, result


def test_idle(relay):
    result = load(relay, "--work", "idle", "--users", "30")
    assert result["sessions"] == 30 and result["pss_after"] > 0, result


def test_refused_mechanism_fails(relay):
    done = subprocess.run(
        [os.path.join(BUILD, "bench", "xmppload"), "--work", "chat", "--users", "2",
         "--port", str(relay.port), "--mech", "SCRAM-SHA-1"], capture_output=True, text=True)
    assert done.returncode == 1 and "does not offer SCRAM-SHA-1" in done.stderr, done


def test_limits(_):
    chat = rows.ROWS[0].metrics[0]
    assert rows.limit_of(chat, {"ejabberd": 30, "relay": 1}) == 2
    assert rows.limit_of(chat, {"ejabberd": 90, "relay": 1}) == 4
    assert rows.limit_of(chat, {"ejabberd": 30}) is None
    assert table.verdict(chat, {"stanzad": 2, "ejabberd": 30, "relay": 1}) == "yes"
    assert table.verdict(chat, {"stanzad": 2.1, "ejabberd": 30, "relay": 1}) == "NO"
    assert table.verdict(chat, {"stanzad": 2.1, "ejabberd": 15, "relay": 1.5}) == table.FLOOR
    assert table.verdict(chat, {"ejabberd": 30, "relay": 1}) == "-"


def main():
    tests = [value for name, value in globals().items() if name.startswith("test_")]
    print("1..%d" % len(tests), flush=True)
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        relay = servers.Relay(folder, BUILD)
        relay.prepare(0, None)
        relay.start()
        try:
            for number, test in enumerate(tests, 1):
                try:
                    test(relay)
                    print("ok %d - %s" % (number, test.__name__), flush=True)
                except AssertionError as error:
                    failed += 1
                    print("not ok %d - %s: %s" % (number, test.__name__, error), flush=True)
        finally:
            relay.stop()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
