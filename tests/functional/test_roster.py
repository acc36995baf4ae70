# SPDX-License-Identifier: Apache-2.0
"""RFC 6121 2: managing the roster."""
import pytest

from harness import ns
from harness.stream import show

ITEM = f"{{{ns.ROSTER}}}item"
ERROR = f"{{{ns.CLIENT}}}error"


def get(client, version=None):
    attribute = "" if version is None else f" ver='{version}'"
    return client.iq("get", f"<query xmlns='{ns.ROSTER}'{attribute}/>")


def items(reply):
    return {each.get("jid"): each for each in reply.iter(ITEM)}


def put(client, content):
    return client.iq("set", f"<query xmlns='{ns.ROSTER}'>{content}</query>")


def ok(reply):
    assert reply.get("type") == "result", show(reply)
    return reply


def condition(reply):
    assert reply.get("type") == "error", show(reply)
    return {child.tag.partition("}")[2] for child in reply.find(ERROR)}


PUSH = ("<iq type='set' id='{any:id}'><query xmlns='jabber:iq:roster'>"
        "<item jid='{jid}' subscription='%s'>{more}</item></query></iq>")


@pytest.fixture
def romeo(cast):
    client = cast.client("romeo").login()
    get(client)
    return client


class TestGet:
    def test_empty(self, romeo):
        reply = ok(get(romeo))
        assert reply.find(f"{{{ns.ROSTER}}}query") is not None
        assert items(reply) == {}

    def test_everything_that_was_set(self, romeo):
        ok(put(romeo, "<item jid='a@example.com' name='A &amp; B'><group>One</group>"
                      "<group>Two</group></item>"))
        item = items(get(romeo))["a@example.com"]
        assert item.get("name") == "A & B"
        assert item.get("subscription") == "none"
        assert sorted(group.text for group in item) == ["One", "Two"]

    def test_many_items(self, romeo):
        for number in range(60):
            ok(put(romeo, f"<item jid='contact{number}@example.com'/>"))
        assert len(items(get(romeo))) == 60

    def test_of_somebody_else(self, cast, romeo):
        juliet = cast.client("juliet").login()
        reply = romeo.iq("get", f"<query xmlns='{ns.ROSTER}'/>", to=juliet.bare)
        assert condition(reply) & {"forbidden", "not-allowed", "service-unavailable"}

    def test_addressed_to_oneself(self, romeo):
        ok(romeo.iq("get", f"<query xmlns='{ns.ROSTER}'/>", to=romeo.bare))

    def test_last_value_wins(self, romeo):
        ok(put(romeo, "<item jid='a@example.com' name='Old'><group>G</group></item>"))
        ok(put(romeo, "<item jid='a@example.com' name='New'/>"))
        item = items(get(romeo))["a@example.com"]
        assert item.get("name") == "New" and len(item) == 0

    def test_name_can_be_taken_away(self, romeo):
        ok(put(romeo, "<item jid='a@example.com' name='Old'/>"))
        ok(put(romeo, "<item jid='a@example.com'/>"))
        assert not items(get(romeo))["a@example.com"].get("name")


class TestPush:
    def test_to_every_interested_resource(self, cast, romeo):
        other, deaf = cast.client("romeo", "other").login(), cast.client("romeo", "deaf").login()
        get(other)
        put(romeo, "<item jid='a@example.com'/>")
        romeo.expect(PUSH % "none", jid="a@example.com")
        other.expect(PUSH % "none", jid="a@example.com")
        deaf.nothing(romeo)

    def test_sender_is_the_account(self, romeo):
        put(romeo, "<item jid='a@example.com'/>")
        assert romeo.recv().get("from") in (None, romeo.bare)

    def test_ids_differ(self, romeo):
        ids = []
        for number in range(3):
            put(romeo, f"<item jid='a{number}@example.com'/>")
            ids.append(romeo.recv().get("id"))
        assert len(set(ids)) == 3

    def test_answers_are_swallowed(self, romeo):
        put(romeo, "<item jid='a@example.com'/>")
        id = romeo.recv().get("id")
        romeo.send(f"<iq type='result' id='{id}'/>")
        romeo.nothing()

    def test_complete_item(self, romeo):
        put(romeo, "<item jid='a@example.com' name='A'><group>G</group></item>")
        romeo.expect("<iq type='set'><query xmlns='jabber:iq:roster'><item jid='a@example.com' "
                     "name='A' subscription='none'><group>G</group></item></query></iq>")


class TestRemove:
    def test_removed(self, romeo):
        put(romeo, "<item jid='a@example.com'/>")
        romeo.settle()
        ok(put(romeo, "<item jid='a@example.com' subscription='remove'/>"))
        romeo.expect(PUSH % "remove", jid="a@example.com")
        assert items(get(romeo)) == {}

    def test_unknown_item(self, romeo):
        reply = put(romeo, "<item jid='nobody@example.com' subscription='remove'/>")
        assert "item-not-found" in condition(reply)

    def test_friend_is_told(self, cast):
        """RFC 6121 2.5.2: removal takes both subscriptions back."""
        cast.friends("romeo", "juliet")
        romeo, juliet = cast.online("romeo", "juliet")
        get(romeo)
        get(juliet)
        cast.settle()
        ok(put(romeo, f"<item jid='{juliet.bare}' subscription='remove'/>"))
        romeo.settle()
        got = juliet.settle(romeo)
        types = {each.get("type") for each in got if each.tag == f"{{{ns.CLIENT}}}presence"}
        assert {"unsubscribe", "unsubscribed", "unavailable"} <= types
        assert items(get(juliet))[romeo.bare].get("subscription") == "none"
        assert items(get(romeo)) == {}


class TestErrors:
    """RFC 6121 2.3.3"""

    @pytest.mark.parametrize("content, wanted", [
        ("<item jid='a@example.com'/><item jid='b@example.com'/>", "bad-request"),
        ("", "bad-request"),
        ("<item/>", "bad-request|jid-malformed"),
        ("<item jid=''/>", "bad-request|jid-malformed"),
        ("<item jid='a@@b'/>", "bad-request|jid-malformed"),
        ("<item jid='@example.com'/>", "bad-request|jid-malformed"),
        ("<item jid='a@example.com'><group/></item>", "not-acceptable"),
        ("<item jid='a@example.com'><group>G</group><group>G</group></item>", "bad-request"),
        ("<item jid='a@example.com' name='%s'/>" % ("n" * 5000), "not-acceptable"),
        ("<item jid='a@example.com'><group>%s</group></item>" % ("g" * 5000), "not-acceptable"),
        ("<item jid='a@example.com' subscription='nonsense'/>", "bad-request|ignored"),
    ], ids=["two items", "no item", "no jid", "empty jid", "bad jid", "no local part", "empty group",
            "double group", "long name", "long group", "bad subscription"])
    def test_set(self, romeo, content, wanted):
        reply = put(romeo, content)
        if reply.get("type") == "result":
            assert "ignored" in wanted, show(reply)
            return
        assert condition(reply) & set(wanted.split("|")), show(reply)
        romeo.nothing()
        assert items(get(romeo)) == {}

    def test_other_users_roster(self, cast, romeo):
        juliet = cast.client("juliet").login()
        get(juliet)
        reply = romeo.iq("set", f"<query xmlns='{ns.ROSTER}'><item jid='x@y.example'/></query>",
                         to=juliet.bare)
        assert condition(reply) & {"forbidden", "not-allowed", "service-unavailable"}
        assert items(get(juliet)) == {}

    def test_faked_push(self, cast, romeo):
        """An IQ set from another user reaches the client, which must refuse it; nothing is stored."""
        juliet = cast.client("juliet").login()
        romeo.send(f"<iq type='set' id='f' to='{juliet.full}'><query xmlns='{ns.ROSTER}'>"
                   "<item jid='x@y.example' subscription='both'/></query></iq>")
        juliet.expect("<iq from='{r}' type='set'>{more}</iq>", r=romeo.full)
        assert items(get(juliet)) == {}

    @pytest.mark.parametrize("value", ["both", "to", "from", "none"])
    def test_subscription_cannot_be_set(self, romeo, value):
        """RFC 6121 2.1.2.5: the server ignores any value but remove."""
        ok(put(romeo, f"<item jid='a@example.com' subscription='{value}' ask='subscribe'/>"))
        item = items(get(romeo))["a@example.com"]
        assert item.get("subscription") == "none" and item.get("ask") is None


class TestAddresses:
    def test_are_normalised(self, romeo):
        ok(put(romeo, "<item jid='Some.Body@EXAMPLE.com'/>"))
        assert list(items(get(romeo))) == ["some.body@example.com"]

    def test_full_jid(self, romeo):
        """RFC 6121 2.1.2.3 wants a bare JID; an item with a resource is refused or cut."""
        reply = put(romeo, "<item jid='a@example.com/res'/>")
        if reply.get("type") == "result":
            assert list(items(get(romeo))) in (["a@example.com"], ["a@example.com/res"])

    def test_host_as_contact(self, romeo):
        ok(put(romeo, "<item jid='gateway.example.com' name='Gate'/>"))
        assert "gateway.example.com" in items(get(romeo))


class TestVersioning:
    """RFC 6121 2.6"""

    def version(self, client, version=""):
        return ok(get(client, version)).find(f"{{{ns.ROSTER}}}query").get("ver")

    def test_first_time(self, romeo):
        assert self.version(romeo)

    def test_unchanged(self, romeo):
        put(romeo, "<item jid='a@example.com'/>")
        version = self.version(romeo)
        reply = ok(get(romeo, version))
        assert list(reply) == [], show(reply)

    def test_changed(self, cast, romeo):
        version = self.version(romeo)
        put(romeo, "<item jid='a@example.com'/>")
        later = cast.client("romeo", "later").login()
        reply = ok(get(later, version))
        if len(reply) == 0:
            later.expect(PUSH % "none", jid="a@example.com")
        else:
            assert "a@example.com" in items(reply)
            assert reply[0].get("ver") not in (None, version)

    def test_removal_is_seen(self, cast, romeo):
        put(romeo, "<item jid='a@example.com'/>")
        version = self.version(romeo)
        put(romeo, "<item jid='a@example.com' subscription='remove'/>")
        reply = ok(get(cast.client("romeo", "later").login(), version))
        assert len(reply) == 0 or "a@example.com" not in items(reply)

    def test_unknown_version(self, romeo):
        put(romeo, "<item jid='a@example.com'/>")
        assert "a@example.com" in items(get(romeo, "no-such-version"))

    def test_pushes_carry_it(self, romeo):
        put(romeo, "<item jid='a@example.com'/>")
        push = romeo.recv()
        assert push[0].get("ver")
        assert push[0].get("ver") == self.version(romeo)

    def test_no_version_asked(self, romeo):
        assert items(get(romeo)) == {}
