# SPDX-License-Identifier: Apache-2.0
"""Privacy lists in the database: ejabberd's rows are understood and written, and what cannot be written is undone."""
import sqlite3

import pytest

from harness import ns, wait
from harness.settings import Settings
from harness.stream import show

pytestmark = pytest.mark.only("stanzad")
PRIVACY, BLOCKING = "jabber:iq:privacy", "urn:xmpp:blocking"
MATCHES = "match_all, match_iq, match_message, match_presence_in, match_presence_out"


@pytest.fixture(params=[True, False], ids=["multihost", "single"])
def server(request, own_server):
    return own_server(Settings(modules={"mod_privacy": {}, "mod_blocking": {}},
                               options={"sql_schema_multihost": request.param})).start()


@pytest.fixture
def cast(cast_for, server):
    return cast_for(server)


def sql(server, *statements):
    """Runs each, past the server; the rows of the last."""
    with sqlite3.connect(server.database, timeout=wait.DEADLINE) as database:
        rows = [database.execute(*each).fetchall() if isinstance(each, tuple) else database.execute(each).fetchall()
                for each in statements]
    database.close()
    return rows[-1]


def host_column(server):
    return ("server_host, ", "'localhost', ") if server.settings.options["sql_schema_multihost"] else ("", "")


def fill(server, user, lists, default):
    """As ejabberd does it."""
    column, value = host_column(server)
    statements = []
    for number, (name, rows) in enumerate(lists.items(), 41):
        statements.append((f"INSERT INTO privacy_list ({column}username, name, id) VALUES ({value}?, ?, ?)",
                           (user, name, number)))
        statements += [(f"INSERT INTO privacy_list_data (id, t, value, action, ord, {MATCHES}) "
                        f"VALUES ({number}, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row) for row in rows]
    statements.append((f"INSERT INTO privacy_default_list ({column}username, name) VALUES ({value}?, ?)",
                       (user, default)))
    sql(server, *statements)


def get(client, content=""):
    reply = client.iq("get", f"<query xmlns='{PRIVACY}'>{content}</query>")
    assert reply.get("type") == "result", show(reply)
    return reply[0]


def items(client, name):
    return [(each.get("type"), each.get("value"), each.get("action"), each.get("order"),
             tuple(kind.tag.partition("}")[2] for kind in each)) for each in get(client, f"<list name='{name}'/>")[0]]


def put(client, content):
    return client.iq("set", f"<query xmlns='{PRIVACY}'>{content}</query>")


def block(client, *jids, command="block"):
    return client.iq("set", f"<{command} xmlns='{BLOCKING}'>" + "".join(f"<item jid='{jid}'/>" for jid in jids)
                     + f"</{command}>")


def blocked(client):
    return [each.get("jid") for each in client.iq("get", f"<blocklist xmlns='{BLOCKING}'/>")[0]]


def rows_of(server, name):
    return sql(server, ("SELECT t, value, action, CAST(ord AS INTEGER), " + MATCHES + " FROM privacy_list_data d "
                        "JOIN privacy_list l ON l.id = d.id WHERE name = ? ORDER BY ord", (name,)))


ALL, BLOCKED = (1, 0, 0, 0, 0), "Blocked contacts"


def test_reading(server, cast):
    user = cast.account("romeo")
    fill(server, user, {
        "mine": [("j", "Tybalt@Example.com", "d", 3, *ALL), ("g", "Enemies", "d", 1, 0, 1, 0, 1, 0),
                 ("s", "none", "a", 2, 0, 0, 1, 0, 1), ("n", "", "d", 9, *ALL)],
        BLOCKED: [("j", "a@example.com", "d", 0, *ALL), ("j", "b@example.com", "d", 0, *ALL)],
        "empty": []}, "mine")
    romeo = cast.client("romeo").login()
    assert [(each.tag.partition("}")[2], each.get("name")) for each in get(romeo)] == [
        ("default", "mine"), ("list", "mine"), ("list", BLOCKED), ("list", "empty")]
    assert items(romeo, "mine") == [
        ("group", "Enemies", "deny", "1", ("iq", "presence-in")),
        ("subscription", "none", "allow", "2", ("message", "presence-out")),
        ("jid", "tybalt@example.com", "deny", "3", ()), (None, None, "deny", "9", ())]
    assert [each[3] for each in items(romeo, BLOCKED)] == ["0", "0"]
    assert items(romeo, "empty") == []


def test_unreadable_rows(server, cast):
    """They are left out, and the server says so; what can be read counts."""
    fill(server, cast.account("romeo"), {"x": [
        ("j", "@", "d", 1, *ALL), ("x", "y", "d", 2, *ALL), ("s", "maybe", "d", 3, *ALL),
        ("j", "a@example.com", "?", 4, *ALL),
        ("j", "a@example.com", "d", 5, 0, 0, 0, 0, 0), ("j", "ok@example.com", "d", 6, *ALL)]}, "none of these")
    romeo = cast.client("romeo").login()
    assert items(romeo, "x") == [("jid", "ok@example.com", "deny", "6", ())]
    assert [each.get("name") for each in get(romeo)] == ["x"]
    assert server.log.read_text().count("privacy.bad_item") == 5


def test_writing(server, cast):
    romeo = cast.client("romeo").login()
    romeo.iq("set", f"<query xmlns='{ns.ROSTER}'><item jid='a@example.com'><group>G</group></item></query>")
    assert put(romeo, "<list name='x'><item type='jid' value='A@example.com/R' action='deny' order='4294967295'/>"
               "<item type='group' value='G' action='allow' order='7'><iq/><message/></item>"
               "<item type='subscription' value='from' action='deny' order='5'><presence-in/></item>"
               "<item action='deny' order='9'><presence-out/></item></list>").get("type") == "result"
    put(romeo, "<default name='x'/>")
    assert rows_of(server, "x") == [
        ("s", "from", "d", 5, 0, 0, 0, 1, 0), ("g", "G", "a", 7, 0, 1, 1, 0, 0), ("n", "", "d", 9, 0, 0, 0, 0, 1),
        ("j", "a@example.com/R", "d", 4294967295, *ALL)]
    column, _ = host_column(server)
    host = ("localhost",) if column else ()
    assert sql(server, f"SELECT {column}username, name FROM privacy_default_list") == [(*host, romeo.user, "x")]
    assert sql(server, f"SELECT {column}username, name FROM privacy_list") == [(*host, romeo.user, "x")]
    put(romeo, "<default/>")
    assert sql(server, "SELECT * FROM privacy_default_list") == []
    put(romeo, "<list name='x'/>")
    assert sql(server, "SELECT * FROM privacy_list") == sql(server, "SELECT * FROM privacy_list_data") == []


def test_default_list_that_goes(server, cast):
    romeo = cast.client("romeo").login()
    block(romeo, "a@example.com")
    put(romeo, f"<list name='{BLOCKED}'/>")
    assert sql(server, "SELECT * FROM privacy_default_list") == []


def test_blocking(server, cast):
    """Only rows that change are touched; those of ejabberd, which all have the order 0, are numbered."""
    rows = [("j", f"{name}@example.com", "d", 0, *ALL) for name in "abc"]
    fill(server, cast.account("romeo"), {BLOCKED: rows}, BLOCKED)
    romeo = cast.client("romeo").login()
    assert blocked(romeo) == ["a@example.com", "b@example.com", "c@example.com"]
    block(romeo, "d@example.com")
    assert [row[1:4:2] for row in rows_of(server, BLOCKED)] == [
        ("a@example.com", 0), ("b@example.com", 1), ("c@example.com", 2), ("d@example.com", 3)]
    before = dict(sql(server, "SELECT value, rowid FROM privacy_list_data"))
    block(romeo, "b@example.com", command="unblock")
    block(romeo, "e@example.com")
    assert [row[1:4:2] for row in rows_of(server, BLOCKED)] == [
        ("a@example.com", 0), ("c@example.com", 2), ("d@example.com", 3), ("e@example.com", 4)]
    after = dict(sql(server, "SELECT value, rowid FROM privacy_list_data"))
    assert all(after[value] == before[value] for value in ("a@example.com", "c@example.com", "d@example.com"))


def test_removed_with_the_account(server, cast):
    romeo, juliet = cast.client("romeo").login(), cast.client("juliet").login()
    for client in romeo, juliet:
        block(client, "a@example.com")
    server.ask("unregister", romeo.user, "localhost")
    assert len(sql(server, "SELECT * FROM privacy_list_data")) == 1
    assert sql(server, "SELECT username FROM privacy_list") == [(juliet.user,)]
    assert sql(server, "SELECT username FROM privacy_default_list") == [(juliet.user,)]


def test_what_cannot_be_written(server, cast):
    """The client hears of it, and the list is as it was before; what comes behind it works."""
    romeo, tybalt = cast.online("romeo", "tybalt")
    block(romeo, "a@example.com")
    sql(server, f"CREATE TRIGGER broken BEFORE INSERT ON privacy_list_data WHEN NEW.value = '{tybalt.bare}' "
        "BEGIN SELECT RAISE(ABORT, 'no'); END")
    reply = block(romeo, tybalt.bare)
    assert reply.find(f".//{{{ns.STANZA_ERRORS}}}internal-server-error") is not None
    wait.until(lambda: blocked(romeo) == ["a@example.com"], "it is undone")
    tybalt.message(romeo.full)
    romeo.take(lambda each: each.tag == f"{{{ns.CLIENT}}}message")
    assert block(romeo, "b@example.com").get("type") == "result"
    assert blocked(romeo) == ["a@example.com", "b@example.com"]
    assert [row[1] for row in rows_of(server, BLOCKED)] == ["a@example.com", "b@example.com"]
