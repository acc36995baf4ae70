# SPDX-License-Identifier: Apache-2.0
"""A roster that cannot be written: the client is told, and nothing is pretended."""
import sqlite3

import pytest

from harness import ns

ITEM = f"{{{ns.ROSTER}}}item"

pytestmark = pytest.mark.only("stanzad")


@pytest.fixture
def server(own_server):
    return own_server().start()


@pytest.fixture
def cast(cast_for, server):
    return cast_for(server)


@pytest.fixture
def romeo(cast):
    client = cast.client("romeo").login()
    get(client)
    return client


def get(client):
    reply = client.iq("get", f"<query xmlns='{ns.ROSTER}'/>")
    return {each.get("jid"): each for each in reply.iter(ITEM)}


def put(client, content):
    return client.iq("set", f"<query xmlns='{ns.ROSTER}'>{content}</query>")


def refuse_writes(server, refused=True):
    """From now on the database refuses every change of a roster row."""
    with sqlite3.connect(server.database, timeout=10) as database:
        for event in ("INSERT", "UPDATE", "DELETE"):
            database.execute(f"DROP TRIGGER IF EXISTS refuse_{event}")
            if refused:
                database.execute(f"CREATE TRIGGER refuse_{event} BEFORE {event} ON rosterusers "
                                 "BEGIN SELECT RAISE(ABORT, 'refused'); END")
    database.close()


def failed(reply):
    error = reply.find(f"{{{ns.CLIENT}}}error")
    return error is not None and error.find(f"{{{ns.STANZA_ERRORS}}}internal-server-error") is not None


def until(client, jid, wanted):
    """Reads pushes until one of the contact is as wanted."""
    while True:
        for item in client.recv().iter(ITEM):
            if item.get("jid") == jid and wanted(item):
                return


def test_new_item(server, romeo):
    refuse_writes(server)
    assert failed(put(romeo, "<item jid='a@example.com' name='A'/>"))
    until(romeo, "a@example.com", lambda item: item.get("subscription") == "remove")
    assert get(romeo) == {}


def test_changed_item(server, romeo):
    put(romeo, "<item jid='a@example.com' name='Old'><group>G</group></item>")
    romeo.settle()
    refuse_writes(server)
    assert failed(put(romeo, "<item jid='a@example.com' name='New'/>"))
    until(romeo, "a@example.com", lambda item: item.get("name") == "Old" and len(item) == 1)
    assert get(romeo)["a@example.com"].get("name") == "Old"


def test_removed_item(server, romeo):
    put(romeo, "<item jid='a@example.com' name='A'/>")
    romeo.settle()
    refuse_writes(server)
    assert failed(put(romeo, "<item jid='a@example.com' subscription='remove'/>"))
    until(romeo, "a@example.com", lambda item: item.get("name") == "A")
    assert list(get(romeo)) == ["a@example.com"]


def test_works_again(server, romeo):
    refuse_writes(server)
    assert failed(put(romeo, "<item jid='a@example.com'/>"))
    until(romeo, "a@example.com", lambda item: item.get("subscription") == "remove")
    refuse_writes(server, False)
    assert put(romeo, "<item jid='a@example.com'/>").get("type") == "result"
    assert list(get(romeo)) == ["a@example.com"]


def test_many_at_once(server, romeo):
    """Changes that follow each other before the first has failed leave the roster as it is stored."""
    put(romeo, "<item jid='kept@example.com'/>")
    refuse_writes(server)
    for number in range(20):
        romeo.send(f"<iq type='set' id='m{number}'><query xmlns='{ns.ROSTER}'>"
                   f"<item jid='m{number}@example.com'/></query></iq>")
    wrong = {f"m{number}@example.com" for number in range(20)}
    while wrong:
        wrong -= {item.get("jid") for item in romeo.recv().iter(ITEM) if item.get("subscription") == "remove"}
    assert list(get(romeo)) == ["kept@example.com"]
