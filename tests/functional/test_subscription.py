# SPDX-License-Identifier: Apache-2.0
"""RFC 6121 3 and Appendix A: every row of the subscription state machine, on both sides."""
import pytest

from harness import ns
from harness.stream import show
from subscription_tables import DISAGREEING, INBOUND, MIRROR, OUTBOUND, STATES, STEPS

TYPES = ("subscribe", "unsubscribe", "subscribed", "unsubscribed")
ITEM = f"{{{ns.ROSTER}}}item"


class Pair:
    """A user and a contact who are online and look at their rosters."""

    def __init__(self, cast):
        self.cast = cast
        self.user, self.contact = cast.client("user"), cast.client("contact")

    def online(self):
        for client in (self.user, self.contact):
            client.login()
            client.iq("get", f"<query xmlns='{ns.ROSTER}'/>")
            client.presence()
        self.settle()
        return self

    def settle(self):
        """What each of them received until both had nothing more to say."""
        seen = {self.user: [], self.contact: []}
        for _ in range(2):
            for one, other in ((self.user, self.contact), (self.contact, self.user)):
                seen[one] += one.settle(other)
        return seen

    def other(self, client):
        return self.contact if client is self.user else self.user

    def send(self, client, type):
        client.presence(f"to='{self.other(client).bare}' type='{type}'")
        return self.settle()

    def reach(self, state):
        for who, type in STEPS[state]:
            self.send(getattr(self, who), type)

    def item(self, client):
        reply = client.iq("get", f"<query xmlns='{ns.ROSTER}'/>")
        return {each.get("jid"): each for each in reply.iter(ITEM)}.get(self.other(client).bare)

    def state(self, client):
        """What the roster shows of the state; a pending request of the contact is not in it."""
        item = self.item(client)
        if item is None:
            return "none"
        return item.get("subscription") + ("+o" if item.get("ask") == "subscribe" else "")

    def pending_in(self, client):
        """Whether a contact's request is kept: it is delivered again at the next log-in."""
        again = self.cast.client(client.name, "again").login()
        again.presence()
        self.settle()
        got = again.settle(self.user, self.contact)
        again.close()
        return any(each.get("type") == "subscribe" for each in got)

    def check(self, client, state):
        shown = self.state(client) + ("+i" if self.pending_in(client) else "")
        assert shown == state, f"{client.name} should be in {state}, is in {shown}"


def presences(stanzas, type):
    return [each for each in stanzas
            if each.tag == f"{{{ns.CLIENT}}}presence" and each.get("type") == type]


def pushes(stanzas):
    return [each for each in stanzas if each.tag == f"{{{ns.CLIENT}}}iq"]


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("type", TYPES)
def test_row(cast, type, state):
    """A.2 for the user, and A.3 for the contact when the stanza is routed."""
    pair = Pair(cast).online()
    pair.reach(state)
    routed, after = OUTBOUND[type, state]
    delivered, contact_after = INBOUND[type, MIRROR[state]] if routed else (False, MIRROR[state])
    seen = pair.send(pair.user, type)
    got = presences(seen[pair.contact], type)
    assert len(got) == int(delivered), "\n".join(map(show, got))
    if got:
        assert got[0].get("from") == pair.user.bare, "RFC 6121 3.1.2: stamped with the bare JID"
        assert got[0].get("to") in (pair.contact.bare, pair.contact.full)
    pair.check(pair.user, after)
    pair.check(pair.contact, contact_after)


@pytest.mark.parametrize("state, type, who", [
    ("none", "subscribe", "user"), ("none+i", "subscribed", "user"), ("none+o", "unsubscribe", "user"),
    ("to", "unsubscribe", "user"), ("both", "unsubscribed", "user"), ("both", "unsubscribe", "contact"),
    ("from", "unsubscribed", "contact"), ("none+i", "subscribed", "contact"),
])
def test_roster_push(cast, state, type, who):
    """A change of the state that the roster shows is pushed to its owner."""
    pair = Pair(cast).online()
    pair.reach(state)
    owner = getattr(pair, who)
    pushed = pushes(pair.send(pair.user, type)[owner])
    assert pushed, "no push"
    last = next(pushed[-1].iter(ITEM))
    shown = last.get("subscription") + ("+o" if last.get("ask") == "subscribe" else "")
    assert shown == pair.state(owner)


@pytest.mark.parametrize("user, contact", DISAGREEING)
@pytest.mark.parametrize("type", TYPES)
def test_rosters_that_disagree(cast, server, type, user, contact):
    """A.3 in states that are not the mirror of the sender's, as after a lost stanza."""
    pair = Pair(cast)
    for one, state in ((pair.user, user), (pair.contact, contact)):
        if state != "none":
            server.add_roster_item(one.user, pair.other(one).user, state)
    pair.online()
    routed, after = OUTBOUND[type, user]
    delivered, contact_after = INBOUND[type, contact] if routed else (False, contact)
    got = presences(pair.send(pair.user, type)[pair.contact], type)
    assert len(got) == int(delivered), "\n".join(map(show, got))
    if (type, delivered) == ("subscribe", False) and after.endswith("+o"):
        after = {"none+o": "to", "from+o": "both"}[after]   # the server said subscribed at once
    pair.check(pair.user, after)
    pair.check(pair.contact, contact_after)


class TestPresenceFollows:
    """What a change of subscription does to presence itself."""

    def test_subscribed_brings_presence(self, cast):
        """RFC 6121 3.1.5: the new subscriber learns about all resources of the contact."""
        pair = Pair(cast).online()
        pair.reach("none+o")
        second = cast.client("contact", "second").login()
        second.presence()
        pair.settle()
        seen = pair.send(pair.contact, "subscribed")[pair.user]
        sources = {each.get("from") for each in presences(seen, None)}
        assert sources == {pair.contact.full, second.full}

    def test_unsubscribed_takes_presence(self, cast):
        pair = Pair(cast).online()
        pair.reach("to")
        seen = pair.send(pair.contact, "unsubscribed")[pair.user]
        assert [each.get("from") for each in presences(seen, "unavailable")] == [pair.contact.full]

    def test_unsubscribe_takes_presence(self, cast):
        pair = Pair(cast).online()
        pair.reach("to")
        seen = pair.send(pair.user, "unsubscribe")[pair.user]
        assert [each.get("from") for each in presences(seen, "unavailable")] == [pair.contact.full]


class TestRequests:
    def test_kept_while_offline(self, cast):
        """RFC 6121 3.1.3: delivered at every log-in until it is answered."""
        user, contact = cast.client("user").login(), cast.client("contact")
        user.presence()
        user.presence(f"to='{contact.bare}' type='subscribe'", "<status>please</status>")
        user.settle()
        for _ in range(2):
            contact.login()
            contact.presence()
            got = presences(contact.settle(user), "subscribe")
            assert [each.get("from") for each in got] == [user.bare]
            contact.close()

    def test_payload_is_kept(self, cast):
        user, contact = cast.client("user").login(), cast.client("contact")
        user.presence(f"to='{contact.bare}' type='subscribe'", "<status>please</status>")
        user.ping()
        contact.login()
        contact.presence()
        got = presences(contact.settle(user), "subscribe")
        assert got[0].findtext(f"{{{ns.CLIENT}}}status") == "please"

    def test_not_before_initial_presence(self, cast):
        user, contact = cast.client("user").login(), cast.client("contact")
        user.presence(f"to='{contact.bare}' type='subscribe'")
        user.ping()
        contact.login()
        contact.nothing(user)

    def test_full_jid_becomes_bare(self, cast):
        pair = Pair(cast).online()
        pair.user.presence(f"to='{pair.contact.full}' type='subscribe'")
        got = presences(pair.settle()[pair.contact], "subscribe")
        assert [each.get("from") for each in got] == [pair.user.bare]
        assert list(pair.item(pair.user).attrib) and pair.state(pair.user) == "none+o"

    def test_user_who_does_not_exist(self, cast):
        """RFC 6121 8.5.1 and 3.1.3: unsubscribed, or silence, and the request stays pending."""
        user = cast.client("user").login()
        user.presence()
        user.settle()
        user.presence("to='no-such-user@localhost' type='subscribe'")
        got = [each.get("type") for each in user.settle(via="no-such-user@localhost")
               if each.tag == f"{{{ns.CLIENT}}}presence"]
        assert got in ([], ["unsubscribed"], ["error"])

    def test_oneself(self, cast):
        user = cast.client("user").login()
        user.presence()
        user.settle()
        user.presence(f"to='{user.bare}' type='subscribe'")
        got = user.settle(via=user.bare)
        assert not presences(got, "subscribe"), "nobody subscribes to himself"

    def test_every_available_resource_is_asked(self, cast):
        pair = Pair(cast).online()
        second = cast.client("contact", "second").login()
        second.presence()
        pair.settle()
        second.settle(pair.user, pair.contact)
        seen = pair.send(pair.user, "subscribe")[pair.contact]
        assert len(presences(seen, "subscribe")) == 1
        assert len(presences(second.settle(pair.user), "subscribe")) == 1


class TestPreApproval:
    """RFC 6121 3.4"""

    def test_approved_before_asked(self, cast):
        pair = Pair(cast).online()
        seen = pair.send(pair.user, "subscribed")
        assert not presences(seen[pair.contact], "subscribed"), "not routed"
        assert pair.item(pair.user).get("approved") in ("true", "1")
        seen = pair.send(pair.contact, "subscribe")
        assert not presences(seen[pair.user], "subscribe"), "not asked again"
        assert presences(seen[pair.contact], "subscribed")
        assert pair.state(pair.user) == "from" and pair.state(pair.contact) == "to"

    def test_push_says_so(self, cast):
        pair = Pair(cast).online()
        pushed = pushes(pair.send(pair.user, "subscribed")[pair.user])
        assert next(pushed[-1].iter(ITEM)).get("approved") in ("true", "1")

    def test_cancelled(self, cast):
        pair = Pair(cast).online()
        pair.send(pair.user, "subscribed")
        seen = pair.send(pair.user, "unsubscribed")
        assert not presences(seen[pair.contact], "unsubscribed")
        item = pair.item(pair.user)
        assert item is None or item.get("approved") in (None, "false", "0")
        assert presences(pair.send(pair.contact, "subscribe")[pair.user], "subscribe")

    def test_survives_a_log_out(self, cast):
        pair = Pair(cast).online()
        pair.send(pair.user, "subscribed")
        pair.user.close()
        pair.contact.presence(f"to='{pair.user.bare}' type='subscribe'")
        got = pair.contact.settle(via=pair.user.bare)
        assert presences(got, "subscribed")
