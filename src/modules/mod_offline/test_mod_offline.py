# SPDX-License-Identifier: Apache-2.0
"""mod_offline: its commands and options, ejabberd's rows, slow and vanishing clients."""
import sqlite3

import pytest

from harness import ns, wait
from harness.settings import Settings

pytestmark = pytest.mark.only("stanzad")
SETTINGS = Settings(max_offline=400, max_stanza_size=262144)
BODY = f"{{{ns.CLIENT}}}body"
DELAY = f"{{{ns.DELAY}}}delay"


@pytest.fixture
def romeo(cast):
    return cast.client("romeo").online()


@pytest.fixture
def juliet(cast):
    """Not connected yet."""
    return cast.client("juliet")


def bodies(client, *senders):
    return [each.findtext(BODY) for each in client.settle(*senders) if each.tag.endswith("}message")]


def count(server, client):
    return int(server.ask("get_offline_count", client.user, client.host))


def rows(server, client):
    with sqlite3.connect(server.database, timeout=20) as db:
        return db.execute("SELECT seq, xml FROM spool WHERE username = ? ORDER BY seq",
                          (client.user,)).fetchall()


def wait_rows(server, client, number):
    wait.until(lambda: len(rows(server, client)) == number, f"{number} messages are in the database")


class TestCommands:
    def test_count(self, server, romeo, juliet):
        assert count(server, juliet) == 0
        romeo.message(juliet.bare)
        romeo.message(juliet.bare)
        wait.until(lambda: count(server, juliet) == 2, "two messages are counted")
        juliet.login()
        juliet.presence()
        assert len(bodies(juliet)) == 2
        wait.until(lambda: count(server, juliet) == 0, "nothing is left")

    def test_count_of_nobody(self, server):
        done = server.ctl("get_offline_count", "somebody", "not-served.example")
        assert done.returncode != 0

    def test_delete_old(self, server, romeo, juliet):
        romeo.message(juliet.bare, "old")
        romeo.message(juliet.bare, "new")
        wait_rows(server, juliet, 2)
        with sqlite3.connect(server.database, timeout=20) as db:
            db.execute("UPDATE spool SET created_at = '2020-01-01 00:00:00' WHERE seq = ?",
                       (rows(server, juliet)[0][0],))
        server.ask("delete_old_messages", 30)
        assert ["new" in xml for _, xml in rows(server, juliet)] == [True]
        assert count(server, juliet) == 1

    def test_delete_expired(self, server, romeo, juliet):
        for body, seconds in (("gone", 0), ("stays", 3600)):
            romeo.send(f"<message to='{juliet.bare}'><body>{body}</body>"
                       f"<x xmlns='jabber:x:expire' seconds='{seconds}'/></message>")
        romeo.message(juliet.bare, "jabber:x:expire is only text here")
        wait_rows(server, juliet, 3)
        server.ask("delete_expired_messages")
        juliet.login()
        juliet.presence()
        assert bodies(juliet) == ["stays", "jabber:x:expire is only text here"]


def test_expired_is_not_delivered(server, romeo, juliet):
    romeo.send(f"<message to='{juliet.bare}'><body>x</body><x xmlns='jabber:x:expire' seconds='0'/></message>")
    romeo.message(juliet.bare, "y")
    wait_rows(server, juliet, 2)
    juliet.login()
    juliet.presence()
    assert bodies(juliet) == ["y"]
    wait_rows(server, juliet, 0)


class TestRows:
    def test_what_is_written(self, server, romeo, juliet):
        romeo.message(juliet.bare + "/away", "hi", extra="id='m1'")
        wait_rows(server, juliet, 1)
        xml = rows(server, juliet)[0][1]
        assert xml.startswith("<message ") and f"from='{romeo.full}'" in xml and f"to='{juliet.bare}/away'" in xml
        assert "<body>hi</body>" in xml and "<delay xmlns='urn:xmpp:delay'" in xml

    def test_what_ejabberd_wrote(self, server, juliet):
        with sqlite3.connect(server.database, timeout=20) as db:
            columns = [each[1] for each in db.execute("PRAGMA table_info(spool)")]
            host = ["localhost"] if "server_host" in columns else []
            names = (["server_host"] if host else []) + ["username", "xml"]
            for xml in (f"<message xml:lang='en' to='{juliet.bare}' from='a@example.com/r' type='chat' id='e1' "
                        "xmlns='jabber:client'><body>one</body><delay xmlns='urn:xmpp:delay' from='localhost' "
                        "stamp='2026-01-02T03:04:05.678901Z'>Offline Storage</delay></message>",
                        f"<message to='{juliet.bare}' from='a@example.com'><body>two</body></message>",
                        "this is no message"):
                db.execute(f"INSERT INTO spool ({','.join(names)}) VALUES ({','.join('?' * len(names))})",
                           [*host, juliet.user, xml])
        juliet.login()
        juliet.presence()
        got = [each for each in juliet.settle() if each.tag.endswith("}message")]
        assert [each.findtext(BODY) for each in got] == ["one", "two"]
        assert [len(each.findall(DELAY)) for each in got] == [1, 1]
        assert got[0].find(DELAY).get("stamp") == "2026-01-02T03:04:05.678901Z"
        wait_rows(server, juliet, 1)
        juliet.presence()
        assert bodies(juliet) == []


class TestKept:
    @pytest.mark.parametrize("content, kept", [
        ("<body>x</body><no-store xmlns='urn:xmpp:hints'/>", False),
        ("<store xmlns='urn:xmpp:hints'/>", True),
        ("<active xmlns='http://jabber.org/protocol/chatstates'/><thread>t</thread>", False),
        ("<active xmlns='http://jabber.org/protocol/chatstates'/><body>x</body>", True),
        ("<received xmlns='urn:xmpp:receipts' id='1'/>", True),
        ("<subject>only</subject>", True),
        ("<body/>", True),
    ])
    def test_contents(self, server, romeo, juliet, content, kept):
        romeo.send(f"<message to='{juliet.bare}' type='chat'>{content}</message>")
        romeo.message(juliet.bare, "last")
        wait.until(lambda: "last" in str(rows(server, juliet)), "the last one is kept")
        assert len(rows(server, juliet)) == 1 + kept
        assert romeo.settle() == []

    def test_limit_in_flight(self, own_server, cast_for):
        """The limit counts what is still being written."""
        cast = cast_for(own_server(max_offline=3).start())
        romeo, juliet = cast.client("romeo").online(), cast.client("juliet")
        romeo.send("".join(f"<message to='{juliet.bare}' id='n{number}'><body>{number}</body></message>"
                           for number in range(6)))
        errors = [romeo.recv() for _ in range(3)]
        assert [each.get("id") for each in errors] == ["n3", "n4", "n5"]
        assert all(each.find(f".//{{{ns.STANZA_ERRORS}}}resource-constraint") is not None for each in errors)
        juliet.login()
        juliet.presence()
        assert bodies(juliet) == ["0", "1", "2"]


class TestDelivery:
    def test_two_sessions_at_once(self, cast, server, romeo, juliet):
        for number in range(150):
            romeo.message(juliet.bare, number)
        wait_rows(server, juliet, 150)
        other = cast.client("juliet", "other").login()
        juliet.login()
        for client in (juliet, other):
            client.send("<presence/>")
        got = bodies(juliet) + bodies(other)
        assert sorted(got, key=int) == [str(number) for number in range(150)]

    def test_new_messages_come_behind(self, cast, server):
        cast.friends("romeo", "juliet")
        romeo, juliet = cast.client("romeo").online(), cast.client("juliet")
        text = "x" * 5000
        for number in range(300):
            romeo.message(juliet.bare, f"{number} {text}")
        wait_rows(server, juliet, 300)
        juliet.login()
        juliet.send("<presence/>")
        romeo.take(lambda each: each.tag.endswith("}presence") and each.get("from") == juliet.full)
        for number in range(300, 330):
            romeo.message(juliet.full, number)
        assert [int(each.split()[0]) for each in bodies(juliet, romeo)] == list(range(330))

    def test_client_that_reads_slowly(self, server, romeo, juliet):
        """What does not fit into its queue stays in the database until it does."""
        text = "x" * 30000
        for number in range(300):
            romeo.message(juliet.bare, f"{number} {text}")
        wait_rows(server, juliet, 300)
        juliet.login()
        juliet.send("<presence/>")
        wait.until(lambda: len(rows(server, juliet)) < 290, "delivery has begun")
        got = []
        while len(got) < 300:
            element = juliet.recv()
            if element.tag.endswith("}message"):
                got.append(int(element.findtext(BODY).split()[0]))
        assert got == list(range(300))
        wait_rows(server, juliet, 0)

    def test_client_that_vanishes(self, cast, server, romeo, juliet):
        """
        Another client gets every message that the first did not get, and maybe some again. What the first connection
        gave back comes behind what was never sent; the stamps tell the order.
        """
        text = "x" * 30000
        for number in range(300):
            romeo.message(juliet.bare, f"{number} {text}")
        wait_rows(server, juliet, 300)
        juliet.login()
        juliet.send("<presence/>")
        first = []
        while len(first) < 5:
            element = juliet.recv()
            if element.tag.endswith("}message"):
                first.append(int(element.findtext(BODY).split()[0]))
        taken = 300 - len(rows(server, juliet))
        juliet.drop()
        again = cast.client("juliet", "again").login()
        again.presence()
        got = [int(each.split()[0]) for each in bodies(again)]
        assert first == list(range(5)) and sorted(got) == list(range(300 - len(got), 300))
        assert len(got) <= 300 - taken or taken == 0
        wait_rows(server, juliet, 0)


class TestFlexible:
    def test_another_resource_is_not_flooded_either(self, cast, server, romeo, juliet):
        """XEP-0013 2.2"""
        romeo.message(juliet.bare, "waits")
        wait_rows(server, juliet, 1)
        juliet.login()
        juliet.iq("get", f"<query xmlns='{ns.DISCO_INFO}' node='{ns.OFFLINE}'/>")
        other = cast.client("juliet", "other").login()
        other.presence()
        assert bodies(other) == []
        juliet.close()
        other.presence()
        assert bodies(other) == ["waits"]

    @pytest.mark.parametrize("type, content", [
        ("get", ""), ("set", ""), ("get", "<purge/>"), ("set", "<fetch/>"), ("get", "<fetch/><fetch/>"),
        ("get", "<item action='remove' node='0000000000000000001'/>"), ("set", "<item action='remove'/>"),
        ("get", "<item action='view' node='0000000000000000001'/><other/>"),
    ])
    def test_malformed(self, juliet, type, content):
        juliet.login()
        reply = juliet.iq(type, f"<offline xmlns='{ns.OFFLINE}'>{content}</offline>")
        assert reply.find(f".//{{{ns.STANZA_ERRORS}}}bad-request") is not None


def test_nothing_is_kept_for_anonymous_users(own_server, cast_for):
    cast = cast_for(own_server(hosts=("localhost", "anon.localhost"), anonymous_host="anon.localhost").start())
    romeo, guest = cast.client("romeo").online(), cast.nobody(host="anon.localhost")
    guest.login(mechanism="ANONYMOUS")
    guest.presence(priority=-1)
    guest.ping()
    romeo.message(guest.full.partition("/")[0])
    error = romeo.recv()
    assert error.find(f".//{{{ns.STANZA_ERRORS}}}service-unavailable") is not None
