#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The load generator against the relay, and the arithmetic of the table. Prints TAP.

usage: test_bench.py BUILD     (the directory that holds bench/xmppload and bench/relay)
"""

import json
import os
import sqlite3
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
sys.dont_write_bytecode = True

import modern
import plan
import rows
import servers
import table
from pretender import Pretender

BUILD = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else "build"


def command(port, *arguments):
    return [os.path.join(BUILD, "bench", "xmppload"), "--json", "--port", str(port), "--mech", "PLAIN",
            "--seconds", "0.3", "--warmup", "0.1", *arguments]


def load(relay, *arguments):
    done = subprocess.run(command(relay.port, "--pid", str(relay.process.pid), *arguments),
                          stdout=subprocess.PIPE, text=True)
    assert done.returncode == 0, "xmppload failed"
    return checked(done.stdout)


def load_of(server, *arguments):
    """The same with a pretender."""
    done = subprocess.run(command(server.port, *arguments), stdout=subprocess.PIPE, text=True)
    assert done.returncode == 0, "xmppload failed"
    return checked(done.stdout)


def refused(server, *arguments):
    done = subprocess.run(command(server.port, *arguments), capture_output=True, text=True)
    assert done.returncode == 1, done
    return done.stderr


def checked(output):
    result = json.loads(output)
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


def test_messages_are_done_when_delivered_and_acknowledged(_):
    with Pretender() as server:
        result = load_of(server, "--work", "chat", "--users", "4", "--window", "4", "--sm")
        assert result["operations"] > 0 and result["acked_us"]["p50"] > 0, result
        assert server.acks, "no <a/> for the server's <r/>"


def test_a_whole_chat_counts_every_message(_):
    with Pretender() as server:
        result = load_of(server, "--work", "chat", "--users", "4", "--window", "2", "--sm", "--whole")
        sent = sum(stream.handled for stream in server.streams.values())
        # presence and the one message of the warm-up are not of them
        assert result["operations"] == sent - 2 * 4, (result, sent)


def test_open_asks_for_the_rest(_):
    with Pretender() as server:
        arguments = ("--work", "open", "--users", "4", "--rate", "100", "--sm", "--ask-every", "1000")
        assert load_of(server, *arguments)["operations"] > 0


def test_an_impossible_ack_fails(_):
    with Pretender(lie=100) as server:
        assert "impossible <a" in refused(server, "--work", "chat", "--users", "2", "--sm")


def test_pages(_):
    with Pretender() as server:
        assert load_of(server, "--work", "page", "--users", "1")["operations"] > 0
        assert "<before/>" in server.queries[0], server.queries[0]
        load_of(server, "--work", "page", "--users", "1", "--after", "1000:10:3")
        after = {query.partition("<after>")[2].partition("<")[0] for query in server.queries if "<after>" in query}
        assert after == {"1000", "1010", "1020"}, after


def test_a_short_page_fails(_):
    with Pretender(page=49) as server:
        assert "49 messages, then" in refused(server, "--work", "page", "--users", "1")


def restarted(resumes):
    """What the generator says of ten phones whose server was started anew in their absence."""
    with Pretender() as first:
        process = subprocess.Popen(command(first.port, "--work", "resume", "--users", "10"),
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        with process:
            assert process.stdout.readline() == "ready\n"
            first.stop()
            with Pretender(resumes=resumes, port=first.port) as second:
                output, _ = process.communicate("%d\n" % os.getpid())
                assert second.resumptions == 10, second.resumptions
    return checked(output)


def test_phones_resume(_):
    result = restarted(True)
    assert result["operations"] == result["resumed"] == 10, result


def test_phones_that_cannot_resume_log_in(_):
    result = restarted(False)
    assert result["operations"] == 10 and result["resumed"] == 0, result


def test_rooms(relay):
    """Each message has as many copies as the room has occupants."""
    for arguments in ((), ("--senders", "5", "--window", "3")):
        result = load(relay, "--work", "room", "--users", "20", *arguments)
        assert result["operations"] > 0 and result["cpu_us_per_operation"] > 0, result


def test_a_room_is_configured_by_the_first_occupant(_):
    with Pretender() as server:
        load_of(server, "--work", "room", "--users", "4")
        assert len(server.forms) == 1 and "<field" not in server.forms[0], server.forms
        server.occupants.clear()
        load_of(server, "--work", "room", "--users", "4", "--broadcast", "moderator")
        assert "presencebroadcast'><value>moderator<" in server.forms[1], server.forms


def test_a_crowd_counts_presences(_):
    """Nine of the twenty enter one by one, later."""
    with Pretender() as server:
        result = load_of(server, "--work", "crowd", "--users", "20")
    assert result["joined"] == 11 and result["presences"] == 11 * 11 and not result["given_up"], result
    assert all(result[step]["seconds"] > 0 for step in ("all_join", "message", "one_joins")), result


def test_a_crowd_is_given_up(_):
    with Pretender(subjects=10) as server:
        result = load_of(server, "--work", "crowd", "--users", "20", "--patience", "1")
    assert result["given_up"] == "all join" and result["joined"] == 10, result
    metric = next(row for row in rows.ROWS if row.key == "room-big").metrics[0]
    assert table.number(metric.read(result)) == table.GIVEN_UP
    assert table.ratio({"stanzad": 1, "ejabberd": metric.read(result)}) == "-"


def test_a_full_room_fails(_):
    with Pretender(room=3) as server:
        assert "room: unexpected <presence" in refused(server, "--work", "room", "--users", "4")


def test_copies_that_nobody_asked_for_are_errors(_):
    with Pretender(copies=2) as server:
        done = subprocess.run(command(server.port, "--work", "room", "--users", "4"), capture_output=True, text=True)
        assert json.loads(done.stdout)["errors"] > 0, done


def test_filled_archives(_):
    """As many rows as asked for, with ids that are there."""
    with tempfile.TemporaryDirectory() as folder:
        server = modern.Stanzad(folder, BUILD)
        os.makedirs(server.path("data"))
        with sqlite3.connect(server.database) as database:
            database.execute("CREATE TABLE archive (username, server_host, timestamp, peer, bare_peer, xml, txt, kind, "
                             "nick)")
            server.fill(10)
            server.fill(100)
            server.fill(50)
            first, step, count = map(int, modern.middle(100).split(":"))
            found = database.execute("SELECT COUNT(*) FROM archive WHERE timestamp BETWEEN ? AND ?",
                                     (first, first + (count - 1) * step)).fetchone()
            assert found == (50,), found
            assert database.execute("SELECT COUNT(DISTINCT timestamp) FROM archive").fetchone() == (100,)
        assert "SCAN archive" in plan.explain(server.database, "SELECT 1 FROM archive WHERE peer = ?")


def outcome(metric, values):
    return rows.Outcome(metric, values, rows.limit_of(metric, values, {}))


def test_limits(_):
    chat = rows.ROWS[0].metrics[0]
    assert rows.limit_of(chat, {"ejabberd": 30, "relay": 1}, {}) == 2
    assert rows.limit_of(chat, {"ejabberd": 90, "relay": 1}, {}) == 4
    assert rows.limit_of(chat, {"ejabberd": 30}, {}) is None
    assert table.verdict(outcome(chat, {"stanzad": 2, "ejabberd": 30, "relay": 1})) == "yes"
    assert table.verdict(outcome(chat, {"stanzad": 2.1, "ejabberd": 30, "relay": 1})) == "NO"
    assert table.verdict(outcome(chat, {"stanzad": 2.1, "ejabberd": 15, "relay": 1.5})) == table.FLOOR
    assert table.verdict(outcome(chat, {"ejabberd": 30, "relay": 1})) == "-"


def test_limits_of_its_own(_):
    archived = next(row for row in rows.ROWS if row.key == "chat-archive").metrics[0]
    assert rows.limit_of(archived, {"ejabberd": 1500}, {"chat200": 2}) == 6
    assert rows.limit_of(archived, {"ejabberd": 200}, {"chat200": 2}) == 4
    assert rows.limit_of(archived, {"ejabberd": 1500}, {}) is None


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
