# SPDX-License-Identifier: Apache-2.0
"""XEP-0049: private XML storage."""
import pytest

from harness import ns
from harness.stream import show

ERROR = f"{{{ns.CLIENT}}}error"


@pytest.fixture
def romeo(cast):
    return cast.client("romeo").login()


def private(client, type, content, to=None):
    return client.iq(type, f"<query xmlns='{ns.PRIVATE}'>{content}</query>", to=to)


def ok(reply):
    assert reply.get("type") == "result", show(reply)
    return reply


def condition(reply):
    assert reply.get("type") == "error", show(reply)
    return {child.tag.partition("}")[2] for child in reply.find(ERROR)}


def test_empty(romeo):
    reply = ok(private(romeo, "get", "<prefs xmlns='urn:a'/>"))
    found = reply.find(f"{{{ns.PRIVATE}}}query/{{urn:a}}prefs")
    assert found is not None and len(found) == 0 and not found.text


def test_store_and_read(romeo):
    ok(private(romeo, "set", "<prefs xmlns='urn:a'><nick a='1'>é &amp; ☃</nick></prefs>"))
    found = ok(private(romeo, "get", "<prefs xmlns='urn:a'/>")).find(f".//{{urn:a}}prefs")
    assert found[0].text == "é & ☃" and found[0].get("a") == "1"


def test_overwrite(romeo):
    for text in ("one", "two"):
        ok(private(romeo, "set", f"<prefs xmlns='urn:a'>{text}</prefs>"))
    found = ok(private(romeo, "get", "<prefs xmlns='urn:a'/>")).findall(".//{urn:a}prefs")
    assert [each.text for each in found] == ["two"]


def test_two_namespaces(romeo):
    ok(private(romeo, "set", "<prefs xmlns='urn:a'>a</prefs>"))
    ok(private(romeo, "set", "<prefs xmlns='urn:b'>b</prefs>"))
    for name in "ab":
        reply = ok(private(romeo, "get", f"<prefs xmlns='urn:{name}'/>"))
        assert reply.findtext(f".//{{urn:{name}}}prefs") == name


def test_shared_by_resources(cast, romeo):
    ok(private(romeo, "set", "<prefs xmlns='urn:a'>shared</prefs>"))
    other = cast.client("romeo", "other").login()
    reply = private(other, "get", "<prefs xmlns='urn:a'/>")
    assert reply.findtext(".//{urn:a}prefs") == "shared"


def test_not_by_others(cast, romeo):
    ok(private(romeo, "set", "<prefs xmlns='urn:a'>mine</prefs>"))
    juliet = cast.client("juliet").login()
    reply = private(juliet, "get", "<prefs xmlns='urn:a'/>", to=romeo.bare)
    assert condition(reply) & {"forbidden", "service-unavailable", "not-allowed"}
    reply = private(juliet, "set", "<prefs xmlns='urn:a'>theirs</prefs>", to=romeo.bare)
    assert condition(reply) & {"forbidden", "service-unavailable", "not-allowed"}
    assert private(romeo, "get", "<prefs xmlns='urn:a'/>").findtext(".//{urn:a}prefs") == "mine"


def test_no_child(romeo):
    assert condition(private(romeo, "get", "")) & {"bad-request", "not-acceptable"}


def test_old_bookmarks(romeo):
    """XEP-0048 in its private storage form, as old clients keep them."""
    ok(private(romeo, "set", "<storage xmlns='storage:bookmarks'><conference jid='r@c.example' "
               "autojoin='1' name='R'><nick>n</nick></conference></storage>"))
    reply = private(romeo, "get", "<storage xmlns='storage:bookmarks'/>")
    assert reply.find(".//{storage:bookmarks}conference").get("jid") == "r@c.example"
