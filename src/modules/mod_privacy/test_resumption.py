# SPDX-License-Identifier: Apache-2.0
"""XEP-0016 2.2 rule 1: an active list is there for the whole session, which may outlive connections and the server."""
import sqlite3

import pytest

from harness import ns, wait
from harness.settings import Settings
from harness.sm import SM, Managed
from harness.stream import show

pytestmark = pytest.mark.only("stanzad")
PRIVACY, BLOCKING = "jabber:iq:privacy", "urn:xmpp:blocking"
SETTINGS = Settings(modules={"mod_stream_mgmt": {}, "mod_privacy": {}, "mod_blocking": {}})


def ask(client, type, content):
    reply = client.iq(type, content)
    assert reply.get("type") == "result", show(reply)
    return reply


def privacy(client, type, content=""):
    return ask(client, type, f"<query xmlns='{PRIVACY}'>{content}</query>")


def names(client):
    return [(child.tag.partition("}")[2], child.get("name")) for child in privacy(client, "get")[0]]


def stored_state(server):
    with sqlite3.connect(server.database, timeout=wait.DEADLINE) as database:
        rows = database.execute("SELECT state FROM mod_stream_mgmt").fetchall()
    database.close()
    return rows[0][0]


@pytest.mark.parametrize("way", ["drop", "stop", "kill"])
def test_kept(own_server, cast_for, way):
    server = own_server(SETTINGS).start()
    cast = cast_for(server)
    romeo = cast.client("romeo", kind=Managed).online()
    romeo.manage()
    romeo.handled()             # the session is in storage now
    privacy(romeo, "set", "<list name='x'><item action='deny' order='1'><message/></item></list>")
    privacy(romeo, "set", "<active name='x'/>")
    ask(romeo, "get", f"<blocklist xmlns='{BLOCKING}'/>")
    wait.until(lambda: "stanzad:blocking" in stored_state(server), "the state of the session is written")
    romeo.drop()
    if way != "drop":
        getattr(server, way)()
        server.start()
    juliet = cast.client("juliet").online()
    juliet.message(romeo.full)
    error = juliet.recv().find(f"{{{ns.CLIENT}}}error")
    assert error.find(f"{{{ns.STANZA_ERRORS}}}service-unavailable") is not None
    assert romeo.resume().tag == f"{{{SM}}}resumed"
    assert names(romeo) == [("active", "x"), ("list", "x")]
    juliet.message(romeo.full)
    assert juliet.recv().get("type") == "error"
    ask(cast.client("romeo", "other").login(), "set",
        f"<block xmlns='{BLOCKING}'><item jid='a@example.com'/></block>")
    push = romeo.take(lambda each: each.tag == f"{{{ns.CLIENT}}}iq" and each.get("type") == "set"
                      and each[0].tag == f"{{{BLOCKING}}}block")
    assert [item.get("jid") for item in push[0]] == ["a@example.com"]
