# SPDX-License-Identifier: Apache-2.0
"""What survives a restart, how a server goes down, and what a kill -9 may not destroy."""
import signal
import sqlite3

import pytest

from harness import ns, wait

BODY = f"{{{ns.CLIENT}}}body"


@pytest.fixture
def server(own_server):
    return own_server().start()


@pytest.fixture
def cast(cast_for, server):
    return cast_for(server)


def roster(client):
    reply = client.iq("get", f"<query xmlns='{ns.ROSTER}'/>")
    return {each.get("jid"): each for each in reply.iter(f"{{{ns.ROSTER}}}item")}


def messages(client):
    client.presence()
    return [each.findtext(BODY) for each in client.settle() if each.tag.endswith("}message")]


def fill(cast):
    """A roster item, an offline message, private data, a pending request, a last log-out."""
    cast.friends("romeo", "juliet")
    romeo = cast.client("romeo").online()
    romeo.iq("set", f"<query xmlns='{ns.ROSTER}'><item jid='friar@example.com' name='Friar'>"
             "<group>Clergy</group></item></query>")
    romeo.iq("set", f"<query xmlns='{ns.PRIVATE}'><p xmlns='urn:p'>kept</p></query>")
    romeo.message(cast.client("juliet").bare, "kept too")
    romeo.presence(f"to='{cast.account('nurse')}@localhost' type='subscribe'")
    romeo.ping()
    return romeo


def check(cast):
    romeo = cast.client("romeo").login()
    items = roster(romeo)
    assert items["friar@example.com"].get("name") == "Friar"
    assert [group.text for group in items["friar@example.com"]] == ["Clergy"]
    assert items[cast.client("juliet").bare].get("subscription") == "both"
    assert items[f"{cast.account('nurse')}@localhost"].get("ask") == "subscribe"
    reply = romeo.iq("get", f"<query xmlns='{ns.PRIVATE}'><p xmlns='urn:p'/></query>")
    assert reply.findtext(".//{urn:p}p") == "kept"
    assert "kept too" in messages(cast.client("juliet").login())
    nurse = cast.client("nurse").login()
    nurse.presence()
    assert any(each.get("type") == "subscribe" for each in nurse.settle(romeo))


def test_restart(server, cast):
    fill(cast).close()
    server.restart()
    check(cast)


def test_roster_version(server, cast):
    romeo = cast.client("romeo").login()
    romeo.iq("set", f"<query xmlns='{ns.ROSTER}'><item jid='a@example.com'/></query>")
    version = romeo.iq("get", f"<query xmlns='{ns.ROSTER}' ver=''/>")[0].get("ver")
    romeo.close()
    server.restart()
    romeo = cast.client("romeo").login()
    assert len(romeo.iq("get", f"<query xmlns='{ns.ROSTER}' ver='{version}'/>")) == 0


def test_delay_stamp_is_that_of_the_message(server, cast):
    romeo, juliet = cast.client("romeo").online(), cast.client("juliet")
    romeo.message(juliet.bare)
    romeo.close()
    server.restart()
    juliet.login()
    juliet.presence()
    got = [each for each in juliet.settle() if each.tag.endswith("}message")]
    assert got[0].get("from") == romeo.full and got[0].find(f"{{{ns.DELAY}}}delay") is not None


def test_orderly_end(server, cast):
    """SIGTERM: every stream ends with system-shutdown, then the process with status 0."""
    clients = [cast.client("romeo", f"r{number}").online() for number in range(3)]
    fresh = cast.nobody().connect().open()
    secure = cast.client("juliet").connect().open().starttls()
    server.process.signal(signal.SIGTERM)
    for client in (*clients, fresh, secure):
        client.stream_error("system-shutdown")
    server.stop()


@pytest.mark.only("stanzad")
def test_orderly_end_flushes(server, cast):
    """What was handled before SIGTERM is delivered or stored before the streams end."""
    romeo, juliet = cast.client("romeo").login(), cast.client("juliet").online()
    for number in range(100):
        romeo.message(juliet.full, number)
    romeo.ping()
    server.process.signal(signal.SIGTERM)
    for number in range(100):
        assert juliet.recv().findtext(BODY) == str(number)
    juliet.stream_error("system-shutdown")


def stored(server, query, *values):
    """What another process sees in the database, so what is committed."""
    with sqlite3.connect(f"file:{server.database}?mode=ro", uri=True, timeout=wait.DEADLINE) as database:
        return database.execute(query, values).fetchone()[0]


@pytest.mark.only("stanzad")
def test_kill(server, cast):
    """What was committed is there after kill -9."""
    fill(cast)
    wait.until(lambda: stored(server, "SELECT count(*) FROM spool") == 1
               and stored(server, "SELECT count(*) FROM rosterusers WHERE username = ?",
                          cast.account("nurse")), "everything is committed")
    server.kill()
    server.start()
    check(cast)


@pytest.mark.only("stanzad")
def test_kill_under_load(server, cast):
    """Of messages stored in order none before the last committed one is missing."""
    romeo, juliet = cast.client("romeo").online(), cast.client("juliet")
    for number in range(60):
        romeo.message(juliet.bare, number)
    wait.until(lambda: stored(server, "SELECT count(*) FROM spool") == 60, "60 are committed")
    for number in range(60, 90):
        romeo.message(juliet.bare, number)
    server.kill()
    server.start()
    got = [int(body) for body in messages(juliet.login())]
    assert got[:60] == list(range(60))
    assert got == list(range(len(got))), "no gap, no double, no disorder"


@pytest.mark.only("stanzad")
def test_kill_again_and_again(server, cast):
    for number in range(3):
        cast.account(f"user{number}")
        server.kill()
        server.start()
    for number in range(3):
        cast.client(f"user{number}").login()


@pytest.mark.only("stanzad")
def test_connections_right_after_the_start(server, cast):
    """Restart while clients come back at once."""
    cast.account("romeo")
    for _ in range(3):
        server.restart()
        cast.client("romeo").login().ping()
