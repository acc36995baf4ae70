# SPDX-License-Identifier: Apache-2.0
"""mod_private: several elements, limits, commands, removal."""
import pytest

from harness import ns
from harness.settings import Settings

pytestmark = pytest.mark.only("stanzad")
SETTINGS = Settings(max_stanza_size=262144)


@pytest.fixture
def romeo(cast):
    return cast.client("romeo").login()


def private(client, type, content):
    return client.iq(type, f"<query xmlns='{ns.PRIVATE}'>{content}</query>")


def test_several_elements(romeo):
    assert private(romeo, "set", "<a xmlns='urn:a'>1</a><b xmlns='urn:b'>2</b>").get("type") == "result"
    query = private(romeo, "get", "<b xmlns='urn:b'/><c xmlns='urn:c'/><a xmlns='urn:a'/>")[0]
    assert [(each.tag, each.text) for each in query] == [("{urn:b}b", "2"), ("{urn:c}c", None), ("{urn:a}a", "1")]


@pytest.mark.parametrize("type", ["get", "set"])
@pytest.mark.parametrize("content", ["<a/>", "<a xmlns=''/>", "<a xmlns='jabber:client'/>",
                                     "<a xmlns='urn:a'/><b/>"])
def test_namespace(romeo, type, content):
    reply = private(romeo, type, content)
    assert reply.find(f".//{{{ns.STANZA_ERRORS}}}not-acceptable") is not None


def test_full(romeo):
    """What does not fit changes nothing of what is there."""
    text = "x" * 200000
    replies = [private(romeo, "set", f"<a xmlns='urn:{number}'>{text}</a>") for number in range(12)]
    assert replies[0].get("type") == "result"
    assert replies[11].find(f".//{{{ns.STANZA_ERRORS}}}resource-constraint") is not None
    assert not private(romeo, "get", "<a xmlns='urn:11'/>")[0][0].text
    assert private(romeo, "set", "<a xmlns='urn:0'>small</a>").get("type") == "result"


def test_commands(server, romeo):
    server.ask("private_set", romeo.user, "localhost", "<s xmlns='urn:s'><x a='1'/>é</s>")
    assert private(romeo, "get", "<s xmlns='urn:s'/>")[0][0][0].get("a") == "1"
    shown = server.ask_json("private_get", romeo.user, "localhost", "s", "urn:s")
    assert "<x a='1'/>é" in shown and "urn:s" in shown
    assert "urn:none" in server.ask_json("private_get", romeo.user, "localhost", "none", "urn:none")


@pytest.mark.parametrize("element", ["<a/>", "<a xmlns='urn:a'>", "text"])
def test_bad_set(server, romeo, element):
    assert server.ctl("private_set", romeo.user, "localhost", element).returncode != 0


def test_removed_with_the_account(server, romeo):
    private(romeo, "set", "<a xmlns='urn:a'>old</a>")
    server.ask("unregister", romeo.user, "localhost")
    romeo.wait_closed()
    server.add_user(romeo.user)
    romeo.login()
    assert not private(romeo, "get", "<a xmlns='urn:a'/>")[0][0].text
