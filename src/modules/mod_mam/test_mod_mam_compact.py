# SPDX-License-Identifier: Apache-2.0
"""mod_mam: compress_xml. Compact rows beside plain ones, what can be done with them, and damaged ones."""
import base64
import random
import sqlite3
import string
import zlib

import pytest

from harness import ns, wait
from harness.device import FORWARD, MAM
from harness.settings import Settings

pytestmark = pytest.mark.only("stanzad")
MARK = "stanzad1:"
RETRACT, FULLTEXT, DATA = "urn:xmpp:message-retract:1", "{urn:xmpp:fulltext:0}fulltext", "jabber:x:data"
MESSAGE, BODY, RESULT = f"{{{ns.CLIENT}}}message", f"{{{ns.CLIENT}}}body", f"{{{MAM}}}result"
STATE = "<active xmlns='http://jabber.org/protocol/chatstates'/><request xmlns='urn:xmpp:receipts'/>"


def settings(compact, **offline):
    return Settings(modules={"mod_mam": {"default": "always", "compress_xml": compact}, "mod_offline": offline})


@pytest.fixture
def server(own_server):
    return own_server(settings(True)).start()


@pytest.fixture
def romeo(server, cast_for):
    return cast_for(server).client("romeo").online()


@pytest.fixture
def juliet(server, cast_for):
    return cast_for(server).client("juliet").online()


def rows(server, client):
    with sqlite3.connect(server.database, timeout=20) as db:
        return db.execute("SELECT xml FROM archive WHERE username = ? ORDER BY timestamp", (client.user,)).fetchall()


def say(server, romeo, juliet, *bodies, id="m"):
    """They are in the archive then."""
    before = len(rows(server, juliet))
    for body in bodies:
        romeo.send(f"<message to='{juliet.bare}' type='chat' id='{id}'><body>{body}</body>{STATE}</message>")
    wait.until(lambda: len(rows(server, juliet)) == before + len(bodies), "they are archived")


def kinds(server, client):
    return [xml.startswith(MARK) for xml, in rows(server, client)]


def read(client, words=None):
    """The bodies; empty for a message that has none, None for a result without a message."""
    form = words and (f"<x xmlns='{DATA}' type='submit'><field var='FORM_TYPE'><value>{MAM}</value></field>"
                      f"<field var='{FULLTEXT}'><value>{words}</value></field></x>")
    answer = client.iq("set", f"<query xmlns='{MAM}'>{form or ''}</query>")
    assert answer.find(f"{{{MAM}}}fin") is not None
    results = [each.find(f"{RESULT}/{{{FORWARD}}}forwarded") for kind, each in client.events
               if kind == "stanza" and each.find(RESULT) is not None]
    client.events.clear()
    messages = [each.find(MESSAGE) for each in results]
    return [None if each is None else each.findtext(BODY, "") for each in messages]


def overwrite(server, client, xml):
    with sqlite3.connect(server.database, timeout=20) as db:
        db.execute("UPDATE archive SET xml = ? WHERE username = ?", (xml, client.user))


def compact(text):
    """A row of what was deflated without the dictionary."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, -13)
    packed = deflate.compress(text) + deflate.flush()
    return MARK + base64.b64encode(zlib.crc32(text).to_bytes(4, "little") + packed).decode()


class TestRows:
    def test_written_and_read(self, server, romeo, juliet):
        say(server, romeo, juliet, "one", "two &amp; three")
        assert kinds(server, juliet) == kinds(server, romeo) == [True, True]
        assert read(juliet) == read(romeo) == ["one", "two & three"]

    def test_shorter(self, server, romeo, juliet):
        say(server, romeo, juliet, "wherefore art thou")
        plain = f"<message from='{romeo.full}' to='{juliet.bare}' type='chat' id='m'>" \
                f"<body>wherefore art thou</body>{STATE}</message>"
        assert len(rows(server, juliet)[0][0]) < len(plain) / 2

    def test_only_where_it_is_shorter(self, server, romeo, juliet):
        """What compresses badly is written as it is."""
        letters = string.ascii_letters + string.digits + "!#$()*+-/:;=?@[]^_{|}~"
        noise = "".join(random.Random(7).choices(letters, k=5000))
        say(server, romeo, juliet, noise)
        assert kinds(server, juliet) == [False] and read(juliet) == [noise]

    def test_off(self, own_server, cast_for):
        server = own_server(settings(False)).start()
        cast = cast_for(server)
        romeo, juliet = cast.client("romeo").online(), cast.client("juliet").online()
        say(server, romeo, juliet, "one")
        assert kinds(server, juliet) == [False]

    @pytest.mark.parametrize("first", [True, False])
    def test_mixed(self, own_server, cast_for, first):
        """Rows of either kind are read whatever the option says now."""
        server = own_server(settings(first)).start()
        cast = cast_for(server)
        romeo, juliet = cast.client("romeo").online(), cast.client("juliet").online()
        say(server, romeo, juliet, "one", "two")
        server.settings = settings(not first)
        server.write_config()
        server.ask("reload_config")
        say(server, romeo, juliet, "three")
        assert kinds(server, juliet) == [first, first, not first]
        assert read(juliet) == read(romeo) == ["one", "two", "three"]


class TestUses:
    def test_words(self, server, romeo, juliet):
        say(server, romeo, juliet, "a rose by any other name", "wherefore")
        assert all(kinds(server, juliet))
        assert read(juliet, "ROSE") == ["a rose by any other name"]

    def test_retraction(self, server, romeo, juliet):
        say(server, romeo, juliet, "a rose", id="r1")
        say(server, romeo, juliet, "a thorn", id="r2")
        assert all(kinds(server, juliet)) and read(juliet, "rose") == ["a rose"]
        romeo.send(f"<message to='{juliet.bare}' type='chat' id='r3'><retract xmlns='{RETRACT}' id='r1'/></message>")
        for client in (romeo, juliet):
            wait.until(lambda: len(rows(server, client)) == 3, "the retraction is archived")
            assert read(client) == ["", "a thorn", ""] and read(client, "rose") == []

    def test_offline_messages(self, own_server, cast_for):
        """With use_mam_for_storage they are taken from the archive."""
        server = own_server(settings(True, use_mam_for_storage=True)).start()
        cast = cast_for(server)
        romeo, juliet = cast.client("romeo").online(), cast.client("juliet")
        say(server, romeo, juliet, "one", "two", "three")
        juliet.login()
        juliet.presence()
        got = [juliet.take(lambda each: each.find(BODY) is not None).findtext(BODY) for _ in range(3)]
        assert got == ["one", "two", "three"] and all(kinds(server, juliet))

    def test_removing(self, server, romeo, juliet):
        say(server, romeo, juliet, "one")
        server.ask("remove_mam_for_user", juliet.user, "localhost")
        assert rows(server, juliet) == [] and read(juliet) == []


class TestBadRows:
    @pytest.mark.parametrize("xml, reason", [
        (MARK, "base64"), (MARK + "%%%%", "base64"), (MARK + "AAAA", "base64"), (MARK + "AAAAAAAAAAAA", ""),
        (compact(b"<message><body>x</body></message>")[:-8], ""),
        (compact(b"<message><body>x</body></message>").replace(MARK, MARK + "AAAA"), ""),
        (compact(b"\0" * (64 << 20)), "larger"), (compact(b"<message><body>"), ""),
        (compact(b"<presence xmlns='jabber:client'/>"), "no message")])
    def test_result_without_a_message(self, server, romeo, juliet, xml, reason):
        say(server, romeo, juliet, "one")
        overwrite(server, juliet, xml)
        assert read(juliet) == [None]
        line = next(each for each in server.log.read_text().splitlines() if "event=mam.unreadable_row" in each)
        assert reason in line
        assert read(romeo) == ["one"]

    def test_others_are_read(self, server, romeo, juliet):
        say(server, romeo, juliet, "one", "two", "three")
        with sqlite3.connect(server.database, timeout=20) as db:
            db.execute("UPDATE archive SET xml = ? WHERE username = ? AND txt = 'two'", (MARK + "x", juliet.user))
        assert read(juliet) == ["one", None, "three"]

    def test_without_the_dictionary(self, server, romeo, juliet):
        """A row that another deflate made is as good."""
        say(server, romeo, juliet, "one")
        overwrite(server, juliet, compact(b"<message xmlns='jabber:client'><body>made elsewhere</body></message>"))
        assert read(juliet) == ["made elsewhere"]
