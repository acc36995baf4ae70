# SPDX-License-Identifier: Apache-2.0
"""XEP-0013: a client looks at its offline messages before it takes them."""
import pytest

from harness import ns
from harness.stream import show

pytestmark = pytest.mark.only("stanzad", "ejabberd")
OFFLINE = f"{{{ns.OFFLINE}}}"


@pytest.fixture
def juliet(cast):
    """Logged in without presence; three messages wait."""
    romeo, juliet = cast.client("romeo").online(), cast.client("juliet")
    for number in range(3):
        romeo.message(juliet.bare, f"text {number}")
    romeo.ping()
    juliet.sender = romeo
    return juliet.login()


def nodes(client):
    reply = client.iq("get", f"<query xmlns='{ns.DISCO_ITEMS}' node='{ns.OFFLINE}'/>")
    assert reply.get("type") == "result", show(reply)
    return reply.findall(f".//{{{ns.DISCO_ITEMS}}}item")


def ask(client, action, items):
    content = "".join(f"<item action='{action}' node='{node}'/>" for node in items)
    return client.iq("get" if action == "view" else "set",
                     f"<offline xmlns='{ns.OFFLINE}'>{content}</offline>")


def messages(client):
    return [element for element in client.settle() if element.tag.endswith("}message")]


def test_feature(juliet):
    reply = juliet.iq("get", f"<query xmlns='{ns.DISCO_INFO}'/>", to="localhost")
    assert ns.OFFLINE in {each.get("var") for each in reply.iter(f"{{{ns.DISCO_INFO}}}feature")}


def test_number(juliet):
    reply = juliet.iq("get", f"<query xmlns='{ns.DISCO_INFO}' node='{ns.OFFLINE}'/>")
    field = reply.find(f".//{{{ns.DATA}}}field[@var='number_of_messages']")
    assert field.findtext(f"{{{ns.DATA}}}value") == "3"


def test_headers(juliet):
    items = nodes(juliet)
    assert len(items) == 3 and len({each.get("node") for each in items}) == 3
    assert {each.get("name") for each in items} == {juliet.sender.full}


def test_asking_keeps_them_from_flooding(cast, juliet):
    """2.1: whoever asked for the number gets no flood at initial presence."""
    juliet.iq("get", f"<query xmlns='{ns.DISCO_INFO}' node='{ns.OFFLINE}'/>")
    juliet.presence()
    assert not [each for each in juliet.settle() if each.tag.endswith("}message")]


def test_view_one(juliet):
    node = nodes(juliet)[1].get("node")
    assert ask(juliet, "view", [node]).get("type") == "result"
    got = messages(juliet)
    assert [each.findtext(f"{{{ns.CLIENT}}}body") for each in got] == ["text 1"]
    assert got[0].find(f"{OFFLINE}offline/{OFFLINE}item").get("node") == node


def test_view_is_not_remove(juliet):
    ask(juliet, "view", [each.get("node") for each in nodes(juliet)])
    assert len(messages(juliet)) == 3
    assert len(nodes(juliet)) == 3


def test_remove(juliet):
    items = [each.get("node") for each in nodes(juliet)]
    assert ask(juliet, "remove", items[:2]).get("type") == "result"
    assert [each.get("node") for each in nodes(juliet)] == items[2:]


def test_fetch(juliet):
    assert juliet.iq("get", f"<offline xmlns='{ns.OFFLINE}'><fetch/></offline>").get("type") == "result"
    assert len(messages(juliet)) == 3
    assert len(nodes(juliet)) == 3


def test_purge(juliet):
    assert juliet.iq("set", f"<offline xmlns='{ns.OFFLINE}'><purge/></offline>").get("type") == "result"
    assert nodes(juliet) == []


def test_unknown_node(juliet):
    reply = ask(juliet, "view", ["2002-02-27T22:49:17.008Z-no-such"])
    assert reply.get("type") == "error"
    assert reply.find(f".//{{{ns.STANZA_ERRORS}}}item-not-found") is not None, show(reply)


def test_somebody_elses(cast, juliet):
    tybalt = cast.client("tybalt").login()
    reply = tybalt.iq("get", f"<query xmlns='{ns.DISCO_ITEMS}' node='{ns.OFFLINE}'/>", to=juliet.bare)
    assert reply.get("type") == "error", show(reply)
    assert len(nodes(juliet)) == 3
