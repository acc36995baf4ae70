# SPDX-License-Identifier: Apache-2.0
"""XEP-0016, section by section."""
import sqlite3

import pytest

from harness import ns
from harness.settings import Settings
from harness.stream import show

pytestmark = pytest.mark.only("stanzad")
PRIVACY = "jabber:iq:privacy"
SETTINGS = Settings(modules={"mod_privacy": {"max_lists": 5, "max_items": 10}, "mod_blocking": {}})
MESSAGE, PRESENCE, IQ = (f"{{{ns.CLIENT}}}{kind}" for kind in ("message", "presence", "iq"))
ALLOW_ALL = "<item action='allow' order='100'/>"


def query(client, type, content, to=None):
    return client.iq(type, f"<query xmlns='{PRIVACY}'>{content}</query>", to=to)


def ok(reply):
    assert reply.get("type") == "result", show(reply)
    return reply


def condition(reply):
    assert reply.get("type") == "error", show(reply)
    error = reply.find(f"{{{ns.CLIENT}}}error")
    return next(child.tag.partition("}")[2] for child in error if child.tag.startswith("{" + ns.STANZA_ERRORS))


def put(client, name, items=ALLOW_ALL):
    ok(query(client, "set", f"<list name='{name}'>{items}</list>"))


def activate(client, name, items=None):
    if items:
        put(client, name, items)
    ok(query(client, "set", f"<active name='{name}'/>"))
    client.settle()


def default(client, name, items=None):
    if items:
        put(client, name, items)
    ok(query(client, "set", f"<default name='{name}'/>"))
    client.settle()


def deny(type=None, value=None, kinds="", order=1, action="deny"):
    about = f"type='{type}' value='{value}'" if type else ""
    return f"<item {about} action='{action}' order='{order}'>{kinds}</item>"


def put_in_group(client, jid, group):
    ok(client.iq("set", f"<query xmlns='{ns.ROSTER}'><item jid='{jid}'><group>{group}</group></item></query>"))


def names(client):
    return [(child.tag.partition("}")[2], child.get("name")) for child in ok(query(client, "get", ""))[0]]


def items(client, name):
    found = ok(query(client, "get", f"<list name='{name}'/>"))[0][0]
    return [(each.get("type"), each.get("value"), each.get("action"), each.get("order"),
             tuple(kind.tag.partition("}")[2] for kind in each)) for each in found]


def kinds(client, *senders):
    """What came, as (kind, from)."""
    return [(each.tag.partition("}")[2], each.get("type"), each.get("from")) for each in client.settle(*senders)]


def quiet(client, sender):
    """Nothing came of what the sender sent; the usual fence is an IQ result, and those may be denied."""
    sender.iq("get", "<query xmlns='urn:example:fence'/>", to=client.bare)
    stanzas = client.settle()
    assert not stanzas, "\n".join(map(show, stanzas))


def alone(*clients):
    """Each drops what came so far, one after the other."""
    for client in clients:
        client.settle()


@pytest.fixture
def romeo(cast):
    return cast.client("romeo", "orchard").login()


class TestSyntax:
    """2.1"""

    @pytest.mark.parametrize("item", [
        "<item order='1'/>", "<item action='block' order='1'/>", "<item action='' order='1'/>",
        "<item action='deny'/>", "<item action='deny' order=''/>", "<item action='deny' order='-1'/>",
        "<item action='deny' order='1.5'/>", "<item action='deny' order='4294967296'/>",
        "<item action='deny' order='x'/>",
        "<item type='name' value='x' action='deny' order='1'/>", "<item type='' value='x' action='deny' order='1'/>",
        "<item type='jid' action='deny' order='1'/>", "<item type='group' value='' action='deny' order='1'/>",
        "<item type='subscription' value='all' action='deny' order='1'/>",
        "<item type='subscription' value='remove' action='deny' order='1'/>",
        "<item type='subscription' value='' action='deny' order='1'/>",
        "<item action='deny' order='1'><presence/></item>", "<item action='deny' order='1'><x xmlns='urn:x'/></item>",
        "<item action='deny' order='1'/><item action='allow' order='1'/>", "<thing action='deny' order='1'/>",
        "<item xmlns='urn:x' action='deny' order='1'/>"])
    def test_bad_item(self, romeo, item):
        put(romeo, "good")
        assert condition(query(romeo, "set", f"<list name='good'>{item}</list>")) == "bad-request"
        assert items(romeo, "good") == [(None, None, "allow", "100", ())]

    @pytest.mark.parametrize("jid", ["", "@example.com", "a b@example.com", "example.com/"])
    def test_bad_jid(self, romeo, jid):
        assert condition(query(romeo, "set", f"<list name='x'>{deny('jid', jid)}</list>")) == "jid-malformed"

    def test_unknown_group(self, romeo):
        assert condition(query(romeo, "set", f"<list name='x'>{deny('group', 'Enemies')}</list>")) == "item-not-found"
        assert names(romeo) == []

    def test_everything_comes_back(self, romeo):
        put_in_group(romeo, "a@example.com", "A &amp; B")
        put(romeo, "all", "".join([
            deny("jid", "Tybalt@EXAMPLE.com/pda", order=4294967295), deny("jid", "example.com", "<message/>", 7),
            deny("group", "A &amp; B", "<iq/><presence-in/>", 0), deny("subscription", "from", order=3, action="allow"),
            deny(kinds="<presence-out/><message/><iq/><presence-in/>", order=12)]))
        assert items(romeo, "all") == [
            ("group", "A & B", "deny", "0", ("iq", "presence-in")), ("subscription", "from", "allow", "3", ()),
            ("jid", "example.com", "deny", "7", ("message",)),
            (None, None, "deny", "12", ("message", "iq", "presence-in", "presence-out")),
            ("jid", "tybalt@example.com/pda", "deny", "4294967295", ())]

    @pytest.mark.parametrize("content", [
        "", "<active/><default/>", "<list name='a'/><list name='b'/>", "<other/>", "<active xmlns='urn:x'/>",
        "<list>" + ALLOW_ALL + "</list>", "<list name=''>" + ALLOW_ALL + "</list>",
        f"<list name='{'x' * 192}'>{ALLOW_ALL}</list>", "<active><x/></active>", "<default name='a'><x/></default>"])
    def test_one_child(self, romeo, content):
        assert condition(query(romeo, "set", content)) == "bad-request"

    def test_of_others(self, cast, romeo):
        tybalt = cast.client("tybalt").login()
        assert condition(query(romeo, "get", "", to=tybalt.bare)) == "forbidden"
        assert condition(query(romeo, "set", "<active/>", to=tybalt.bare)) == "forbidden"

    def test_limits(self, romeo):
        many = "".join(deny("jid", f"a{number}@example.com", order=number) for number in range(11))
        assert condition(query(romeo, "set", f"<list name='x'>{many}</list>")) == "resource-constraint"
        for number in range(5):
            put(romeo, f"list{number}")
        assert condition(query(romeo, "set", f"<list name='more'>{ALLOW_ALL}</list>")) == "resource-constraint"
        put(romeo, "list1", deny())


class TestRules:
    """2.2"""

    def test_active_alone_counts(self, cast):
        """Rules 1 and 2: no layering."""
        romeo, juliet = cast.online("romeo/a", "juliet")
        default(romeo, "nobody", deny())
        other = cast.client("romeo", "b").online()
        activate(other, "all", ALLOW_ALL)
        alone(romeo, other, juliet)
        juliet.message(romeo.full)
        assert condition(juliet.recv()) == "service-unavailable"
        juliet.message(other.full)
        other.expect("<message>{more}</message>")
        quiet(romeo, juliet)

    def test_without_sessions(self, cast):
        """Rule 2: the default list counts when nobody is there; offline messages, too."""
        romeo, juliet = cast.client("romeo").login(), cast.client("juliet").login()
        default(romeo, "x", deny("jid", juliet.bare, "<message/>"))
        romeo.close()
        juliet.message(romeo.bare, "kept?")
        assert condition(juliet.recv()) == "service-unavailable"
        assert not [each for each in cast.client("romeo").login().settle(juliet) if each.tag == MESSAGE]

    def test_order(self, cast):
        """Rules 5 and 6."""
        romeo, juliet, tybalt = cast.online("romeo", "juliet", "tybalt")
        activate(romeo, "x", deny(order=9) + deny("jid", juliet.bare, order=3, action="allow"))
        juliet.message(romeo.full)
        romeo.expect("<message>{more}</message>")
        tybalt.message(romeo.full)
        assert condition(tybalt.recv()) == "service-unavailable"

    def test_fall_through(self, cast):
        """Rule 7."""
        romeo, juliet = cast.online("romeo", "juliet")
        activate(romeo, "x", deny("jid", "tybalt@example.com"))
        juliet.message(romeo.full)
        romeo.expect("<message>{more}</message>")

    def test_edit_counts_at_once(self, cast):
        """Rule 8: for all resources that have it active."""
        one, two, juliet = cast.online("romeo/one", "romeo/two", "juliet")
        put(one, "x")
        activate(one, "x")
        activate(two, "x")
        put(one, "x", deny(kinds="<message/>"))
        for client in one, two:
            juliet.message(client.full)
            assert condition(juliet.recv()) == "service-unavailable"

    def test_roster_changes_count(self, cast):
        """Rule 9."""
        romeo, juliet = cast.online("romeo", "juliet")

        put_in_group(romeo, juliet.bare, "Enemies")
        activate(romeo, "x", deny("group", "Enemies"))
        juliet.message(romeo.full)
        assert condition(juliet.recv()) == "service-unavailable"
        put_in_group(romeo, juliet.bare, "Friends")
        romeo.settle()
        juliet.message(romeo.full)
        romeo.expect("<message>{more}</message>")

    @pytest.mark.parametrize("change", ["add", "edit", "remove"])
    def test_pushes(self, cast, change):
        """Rule 10: to all connected resources, available or not."""
        one, two = cast.client("romeo", "one").login(), cast.client("romeo", "two").login()
        if change != "add":
            put(one, "public")
        cast.settle()
        ok(query(one, "set", f"<list name='public'>{'' if change == 'remove' else deny()}</list>"))
        for client in one, two:
            client.expect(f"<iq type='set' id='{{any}}' to='{client.full}'><query xmlns='{PRIVACY}'>"
                          "<list name='public'/></query></iq>")
        cast.nothing(two)

    def test_acknowledged_push(self, cast, romeo):
        """2.6: the client's answer sets off nothing."""
        put(romeo, "x")
        push = romeo.recv()
        romeo.send(f"<iq type='result' id='{push.get('id')}'/>")
        cast.nothing(romeo)

    def test_own_resources(self, cast):
        """2.1: never blocked from each other, whatever the lists say."""
        one, two = cast.online("romeo/one", "romeo/two")
        default(one, "x", deny())
        cast.settle()
        one.message(two.full)
        two.expect("<message>{more}</message>")
        two.presence("", "<show>away</show>")
        one.expect(f"<presence from='{two.full}'>{{more}}</presence>")
        assert one.iq("get", f"<query xmlns='{ns.ROSTER}'/>").get("type") == "result"
        assert one.iq("get", f"<ping xmlns='{ns.PING}'/>", to=one.host).get("type") == "result"


class TestRetrieving:
    """2.3"""

    def test_nothing(self, romeo):
        assert names(romeo) == []

    def test_names(self, romeo):
        for name in "public", "private", "special":
            put(romeo, name)
        default(romeo, "public")
        activate(romeo, "private")
        assert names(romeo) == [("active", "private"), ("default", "public"), ("list", "public"), ("list", "private"),
                                ("list", "special")]

    def test_active_is_of_the_session(self, cast, romeo):
        put(romeo, "x")
        activate(romeo, "x")
        assert names(cast.client("romeo", "home").login()) == [("list", "x")]

    @pytest.mark.parametrize("name", ["The Empty Set", "", "&lt;&apos;"])
    def test_unknown(self, romeo, name):
        assert condition(query(romeo, "get", f"<list name='{name}'/>")) == "item-not-found"

    @pytest.mark.parametrize("content", ["<list name='a'/><list name='b'/>", "<list/>", "<active/>",
                                         "<default name='a'/>"])
    def test_bad(self, romeo, content):
        put(romeo, "a")
        assert condition(query(romeo, "get", content)) == "bad-request"

    def test_odd_names(self, romeo):
        put(romeo, "a&amp;b&apos;ü")
        assert names(romeo) == [("list", "a&b'ü")]
        assert items(romeo, "a&amp;b&apos;ü")


class TestActive:
    """2.4"""

    def test_unknown(self, romeo):
        assert condition(query(romeo, "set", "<active name='The Empty Set'/>")) == "item-not-found"

    def test_declined(self, cast):
        romeo, juliet = cast.online("romeo", "juliet")
        activate(romeo, "x", deny())
        juliet.message(romeo.full)
        assert condition(juliet.recv()) == "service-unavailable"
        ok(query(romeo, "set", "<active/>"))
        juliet.message(romeo.full)
        romeo.settle()
        assert names(romeo) == [("list", "x")]

    def test_declined_without(self, romeo):
        ok(query(romeo, "set", "<active/>"))

    def test_ends_with_the_session(self, cast, romeo):
        put(romeo, "x", deny())
        activate(romeo, "x")
        romeo.close()
        assert names(cast.client("romeo", "orchard").login()) == [("list", "x")]


class TestDefault:
    """2.5"""

    def test_unknown(self, romeo):
        assert condition(query(romeo, "set", "<default name='The Empty Set'/>")) == "item-not-found"

    @pytest.mark.parametrize("content", ["<default name='b'/>", "<default/>"])
    def test_conflict(self, cast, romeo, content):
        put(romeo, "a")
        put(romeo, "b")
        default(romeo, "a")
        other = cast.client("romeo", "home").login()
        assert condition(query(romeo, "set", content)) == "conflict"
        assert ("default", "a") in names(romeo)
        activate(other, "b")
        ok(query(romeo, "set", content))

    def test_the_same_again(self, cast, romeo):
        put(romeo, "a")
        default(romeo, "a")
        cast.client("romeo", "home").login()
        ok(query(romeo, "set", "<default name='a'/>"))

    def test_first_one(self, cast, romeo):
        cast.client("romeo", "home").login()
        put(romeo, "a")
        default(romeo, "a")

    def test_declined(self, romeo):
        put(romeo, "a")
        default(romeo, "a")
        ok(query(romeo, "set", "<default/>"))
        assert names(romeo) == [("list", "a")]

    def test_stays(self, cast, romeo):
        put(romeo, "a")
        default(romeo, "a")
        romeo.close()
        assert names(cast.client("romeo").login()) == [("default", "a"), ("list", "a")]


class TestRemoving:
    """2.8"""

    def test_unknown(self, romeo):
        assert condition(query(romeo, "set", "<list name='private'/>")) == "item-not-found"

    def test_own(self, cast):
        """A list that the sender alone uses may go; then it counts no more."""
        romeo, juliet = cast.online("romeo", "juliet")
        put(romeo, "a", deny())
        default(romeo, "a")
        activate(romeo, "a")
        ok(query(romeo, "set", "<list name='a'/>"))
        romeo.settle()
        assert names(romeo) == []
        juliet.message(romeo.full)
        romeo.expect("<message>{more}</message>")

    @pytest.mark.parametrize("use", [activate, default])
    def test_conflict(self, cast, romeo, use):
        other = cast.client("romeo", "home").login()
        put(romeo, "a")
        use(other, "a")
        assert condition(query(romeo, "set", "<list name='a'/>")) == "conflict"
        assert ("list", "a") in names(romeo)


class Blocking:
    """Each kind is denied by address, group, subscription and for everybody."""

    @pytest.fixture(params=["jid", "group", "subscription", "everybody"])
    def pair(self, request, cast):
        """Two who see each other, a third, and the item of romeo's that means juliet."""
        cast.friends("romeo", "juliet")
        romeo, juliet = cast.online("romeo", "juliet")
        put_in_group(romeo, juliet.bare, "Enemies")
        cast.settle()
        about = {"jid": ("jid", juliet.bare), "group": ("group", "Enemies"), "subscription": ("subscription", "both"),
                 "everybody": (None, None)}[request.param]
        return romeo, juliet, lambda kinds: activate(romeo, "x", deny(*about, kinds))


def passes(cast, romeo, juliet):
    """Which of all that juliet and romeo can send each other arrives."""
    cast.settle()
    passed = set()
    juliet.message(romeo.full)
    juliet.send(f"<iq type='get' id='1' to='{romeo.full}'><x xmlns='urn:x'/></iq>")
    juliet.presence("", "<show>away</show>")
    juliet.send(f"<iq type='result' id='2' to='{romeo.full}'/>")
    for kind, type, sender in kinds(romeo, juliet):
        if sender == juliet.full:
            passed.add(f"in {kind}" + (f" {type}" if kind == "iq" else ""))
    juliet.settle()
    romeo.message(juliet.full)
    romeo.send(f"<iq type='get' id='3' to='{juliet.full}'><x xmlns='urn:x'/></iq>")
    romeo.presence("", "<show>dnd</show>")
    for kind, type, sender in kinds(juliet, romeo):
        if sender == romeo.full and type != "error":
            passed.add(f"out {kind}")
    romeo.settle()
    return passed


EVERYTHING = {"in message", "in iq get", "in iq result", "in presence", "out message", "out iq", "out presence"}


class TestKinds(Blocking):
    """2.9 to 2.13"""

    def test_nothing_denied(self, cast, pair):
        romeo, juliet, _ = pair
        assert passes(cast, romeo, juliet) == EVERYTHING

    def test_messages(self, cast, pair):
        romeo, juliet, denies = pair
        denies("<message/>")
        assert passes(cast, romeo, juliet) == EVERYTHING - {"in message"}

    def test_presence_in(self, cast, pair):
        romeo, juliet, denies = pair
        denies("<presence-in/>")
        assert passes(cast, romeo, juliet) == EVERYTHING - {"in presence"}

    def test_presence_out(self, cast, pair):
        romeo, juliet, denies = pair
        denies("<presence-out/>")
        assert passes(cast, romeo, juliet) == EVERYTHING - {"out presence"}

    def test_iq(self, cast, pair):
        """2.12; the fence between the clients is an IQ result, so that the rest is asked without it."""
        romeo, juliet, denies = pair
        denies("<iq/>")
        for to in romeo.full, romeo.bare:
            assert condition(juliet.iq("get", "<query xmlns='jabber:iq:version'/>", to=to)) == "service-unavailable"
        juliet.message(romeo.full)
        romeo.expect("<message>{more}</message>")

    def test_everything(self, pair):
        romeo, juliet, denies = pair
        denies("")
        juliet.settle()
        romeo.message(juliet.full)
        assert condition(romeo.recv()) == "not-acceptable"
        assert condition(romeo.iq("get", "<x xmlns='urn:x'/>", to=juliet.full)) == "not-acceptable"
        juliet.message(romeo.full)
        assert condition(juliet.recv()) == "service-unavailable"
        assert condition(juliet.iq("get", "<x xmlns='urn:x'/>", to=romeo.full)) == "service-unavailable"


class TestPresence:
    @pytest.fixture
    def friends(self, cast):
        cast.friends("romeo", "juliet")
        romeo, juliet = cast.online("romeo", "juliet")
        cast.settle()
        return romeo, juliet

    def test_becomes_unavailable(self, friends):
        """2.11, last note; and available again when it is not denied any more."""
        romeo, juliet = friends
        activate(romeo, "x", deny("jid", juliet.bare, "<presence-out/>"))
        juliet.expect(f"<presence from='{romeo.full}' type='unavailable'/>")
        romeo.presence("", "<show>xa</show>")
        juliet.nothing(romeo)
        ok(query(romeo, "set", "<active/>"))
        juliet.expect(f"<presence from='{romeo.full}' type='{{none}}'><show>xa</show>{{more}}</presence>")
        juliet.nothing(romeo)

    def test_not_for_strangers(self, cast):
        """Only who may see it."""
        romeo, juliet = cast.online("romeo", "juliet")
        activate(romeo, "x", deny("jid", juliet.bare))
        ok(query(romeo, "set", "<active/>"))
        cast.nothing(juliet)

    def test_directed(self, cast):
        romeo, juliet = cast.online("romeo", "juliet")
        romeo.presence(f"to='{juliet.bare}'")
        juliet.expect("<presence>{more}</presence>")
        activate(romeo, "x", deny("jid", juliet.bare))
        juliet.expect(f"<presence from='{romeo.full}' type='unavailable'/>")

    def test_contact_is_gone(self, friends):
        """2.10, last note."""
        romeo, juliet = friends
        put(romeo, "x", deny("jid", juliet.bare, "<presence-in/>"))
        romeo.settle()
        ok(query(romeo, "set", "<active name='x'/>"))
        romeo.expect(f"<presence from='{juliet.bare}' type='unavailable'/>")
        juliet.presence("", "<show>xa</show>")
        romeo.nothing(juliet)
        ok(query(romeo, "set", "<active/>"))
        romeo.expect(f"<presence from='{juliet.full}'><show>xa</show>{{more}}</presence>")

    def test_by_edit_of_the_default_list(self, friends, cast):
        romeo, juliet = friends
        second = cast.client("romeo", "second").online()
        default(second, "x", ALLOW_ALL)
        cast.settle()
        put(second, "x", deny("jid", juliet.bare))
        second.iq("get", "<query xmlns='urn:example:fence'/>", to=juliet.bare)
        gone = {each.get("from") for each in juliet.settle() if each.get("type") == "unavailable"}
        assert gone == {romeo.full, second.full}

    def test_log_in_and_out(self, cast, friends):
        """A new session is not announced to whom the default list denies it, nor that it has gone."""
        romeo, juliet = friends
        default(romeo, "x", deny("jid", juliet.bare))
        alone(romeo, juliet)
        third = cast.client("romeo", "third").login()
        third.presence()
        third.iq("get", "<query xmlns='urn:example:fence'/>", to=juliet.bare)
        assert not [each for each in third.settle() if (each.get("from") or "").startswith(juliet.bare)]
        third.close()
        quiet(juliet, romeo)

    def test_probe(self, cast, friends):
        """2.14: no answer at all."""
        romeo, juliet = friends
        default(romeo, "x", deny("jid", juliet.bare))
        alone(romeo, juliet)
        juliet.presence(f"to='{romeo.bare}' type='probe'")
        quiet(juliet, juliet)

    def test_subscriptions(self, cast):
        """2.9 to 2.13: they are none of the kinds, and stopped only when everything is."""
        romeo, juliet = cast.online("romeo", "juliet")
        ok(romeo.iq("get", f"<query xmlns='{ns.ROSTER}'/>"))
        activate(romeo, "x", deny(kinds="<message/><presence-in/><presence-out/>"))
        default(romeo, "y", deny(kinds="<message/><presence-in/><presence-out/>"))
        juliet.presence(f"to='{romeo.bare}' type='subscribe'")
        romeo.expect(f"<presence from='{juliet.bare}' type='subscribe'>{{more}}</presence>")
        put(romeo, "y", deny())
        ok(query(romeo, "set", "<active/>"))
        tybalt = cast.client("tybalt").online()
        alone(romeo, tybalt)
        tybalt.presence(f"to='{romeo.bare}' type='subscribe'")
        quiet(romeo, tybalt)
        quiet(tybalt, tybalt)


class TestBlockedEntity:
    """2.14"""

    @pytest.fixture
    def pair(self, cast):
        romeo, tybalt = cast.online("romeo", "tybalt")
        default(romeo, "x", deny("jid", tybalt.bare))
        alone(romeo, tybalt)
        return romeo, tybalt

    @pytest.mark.parametrize("part", ["bare", "full"])
    @pytest.mark.parametrize("type", ["", "chat", "normal", "headline"])
    def test_message(self, cast, pair, part, type):
        romeo, tybalt = pair
        tybalt.message(getattr(romeo, part), type=type)
        assert condition(tybalt.recv()) == "service-unavailable"
        quiet(romeo, tybalt)

    @pytest.mark.parametrize("type", ["groupchat", "error"])
    def test_no_error(self, cast, pair, type):
        romeo, tybalt = pair
        tybalt.message(romeo.full, type=type)
        quiet(romeo, tybalt)
        quiet(tybalt, tybalt)

    @pytest.mark.parametrize("part", ["bare", "full"])
    @pytest.mark.parametrize("type", ["get", "set"])
    def test_request(self, cast, pair, part, type):
        romeo, tybalt = pair
        reply = tybalt.iq(type, "<query xmlns='jabber:iq:version'/>", to=getattr(romeo, part))
        assert condition(reply) == "service-unavailable"
        quiet(romeo, tybalt)

    @pytest.mark.parametrize("type", ["result", "error"])
    def test_answer(self, cast, pair, type):
        romeo, tybalt = pair
        tybalt.send(f"<iq type='{type}' id='a' to='{romeo.full}'/>")
        quiet(romeo, tybalt)
        quiet(tybalt, tybalt)

    @pytest.mark.parametrize("type", ["", "type='unavailable'", "type='subscribe'", "type='subscribed'",
                                      "type='unsubscribe'", "type='unsubscribed'", "type='probe'"])
    def test_presence(self, cast, pair, type):
        romeo, tybalt = pair
        tybalt.presence(f"to='{romeo.bare}' {type}")
        tybalt.presence(f"to='{romeo.full}' {type}")
        quiet(romeo, tybalt)
        quiet(tybalt, tybalt)

    @pytest.mark.parametrize("stanza", ["<message to='{}'><body>x</body></message>", "<presence to='{}'/>",
                                        "<iq type='get' id='1' to='{}'><x xmlns='urn:x'/></iq>",
                                        "<presence to='{}' type='subscribe'/>"])
    def test_outbound(self, cast, pair, stanza):
        romeo, tybalt = pair
        romeo.send(stanza.format(tybalt.full))
        assert condition(romeo.recv()) == "not-acceptable"
        quiet(tybalt, tybalt)


class TestServer:
    def test_disco(self, romeo):
        """3"""
        features = romeo.iq("get", f"<query xmlns='{ns.DISCO_INFO}'/>", to=romeo.host)[0]
        assert PRIVACY in [each.get("var") for each in features]

    def test_restart(self, own_server, cast_for):
        server = own_server(SETTINGS).start()
        cast = cast_for(server)
        romeo = cast.client("romeo").login()
        put(romeo, "a", deny("jid", "tybalt@example.com", "<iq/>", 4) + ALLOW_ALL)
        default(romeo, "a")
        server.stop()
        server.start()
        romeo = cast.client("romeo").login()
        assert names(romeo) == [("default", "a"), ("list", "a")]
        assert items(romeo, "a") == [("jid", "tybalt@example.com", "deny", "4", ("iq",)),
                                     (None, None, "allow", "100", ())]

    def test_removed_with_the_account(self, cast, server):
        romeo = cast.client("romeo").login()
        put(romeo, "a")
        default(romeo, "a")
        server.ask("unregister", romeo.user, "localhost")
        romeo.wait_closed()
        server.add_user(romeo.user)
        assert names(cast.client("romeo").login()) == []

    def test_privacy_set(self, cast, server, romeo):
        def run(content):
            return server.ctl("privacy_set", romeo.user, "localhost", f"<query xmlns='{PRIVACY}'>{content}</query>")
        assert run(f"<list name='a'>{deny()}</list>").returncode == 0
        romeo.expect(f"<iq type='set'><query xmlns='{PRIVACY}'><list name='a'/></query></iq>")
        assert run("<default name='a'/>").returncode == 0
        assert names(romeo) == [("default", "a"), ("list", "a")]
        for bad in "<default/>", "<active name='a'/>", "<default name='b'/>", "", "<list name='a'><item/></list>":
            assert run(bad).returncode != 0, bad
        assert server.ctl("privacy_set", romeo.user, "localhost", "<query>").returncode != 0
        assert server.ctl("privacy_set", "no-such-user", "localhost", f"<query xmlns='{PRIVACY}'/>").returncode != 0


def test_anonymous(own_server, cast_for):
    """A user without an account has lists for as long as the user is there; nothing is written."""
    server = own_server(Settings(hosts=("localhost", "anon.example"), anonymous_host="anon.example",
                                 modules={"mod_privacy": {}, "mod_blocking": {}})).start()
    guest = cast_for(server).nobody(host="anon.example").login("ANONYMOUS")
    put(guest, "x", deny())
    default(guest, "x")
    guest.send("<message to='a@localhost'><body>x</body></message>")
    assert condition(guest.recv()) == "not-acceptable"
    ok(guest.iq("set", "<block xmlns='urn:xmpp:blocking'><item jid='a@example.com'/></block>"))
    assert len(items(guest, "x")) == 2
    guest.close()
    with sqlite3.connect(server.database) as database:
        assert database.execute("SELECT COUNT(*) FROM privacy_list").fetchone() == (0,)
    database.close()
