# SPDX-License-Identifier: Apache-2.0
"""XEP-0191, section by section, and the reports of XEP-0377."""
import pytest

from harness import ns, wait
from harness.settings import Settings
from harness.stream import show

pytestmark = pytest.mark.only("stanzad")
BLOCKING, PRIVACY, ERRORS = "urn:xmpp:blocking", "jabber:iq:privacy", "urn:xmpp:blocking:errors"
REPORTING, SPAM, ABUSE = "urn:xmpp:reporting:1", "urn:xmpp:reporting:spam", "urn:xmpp:reporting:abuse"
SETTINGS = Settings(modules={"mod_privacy": {"max_items": 20},
                             "mod_blocking": {"max_block_items": 10, "max_reports": 3}})


def items(*jids):
    return "".join(f"<item jid='{jid}'/>" for jid in jids)


def command(client, name, content="", type="set", to=None):
    return client.iq(type, f"<{name} xmlns='{BLOCKING}'>{content}</{name}>", to=to)


def ok(reply):
    assert reply.get("type") == "result", show(reply)
    return reply


def condition(reply):
    assert reply.get("type") == "error", show(reply)
    error = reply.find(f"{{{ns.CLIENT}}}error")
    return next(child.tag.partition("}")[2] for child in error if child.tag.startswith("{" + ns.STANZA_ERRORS))


def block(client, *jids):
    ok(command(client, "block", items(*jids)))


def unblock(client, *jids):
    ok(command(client, "unblock", items(*jids)))


def blocked(client):
    reply = ok(command(client, "blocklist", type="get"))
    assert reply[0].tag == f"{{{BLOCKING}}}blocklist"
    return [each.get("jid") for each in reply[0]]


def privacy(client, type, content):
    return client.iq(type, f"<query xmlns='{PRIVACY}'>{content}</query>")


def rules(client, name):
    return [(each.get("type"), each.get("value"), each.get("action"), each.get("order"))
            for each in ok(privacy(client, "get", f"<list name='{name}'/>"))[0][0]]


def quiet(client, sender):
    """Nothing came of what the sender sent; the usual fence is an IQ result, and those may be blocked."""
    sender.iq("get", "<query xmlns='urn:example:fence'/>", to=client.bare)
    stanzas = client.settle()
    assert not stanzas, "\n".join(map(show, stanzas))


@pytest.fixture
def juliet(cast):
    return cast.client("juliet", "chamber").login()


@pytest.fixture
def friends(cast):
    cast.friends("juliet", "romeo")
    pair = cast.online("juliet", "romeo")
    cast.settle()
    return pair


class TestDiscovery:
    """3.1, and XEP-0377 3"""

    @pytest.mark.parametrize("feature", [BLOCKING, REPORTING])
    def test_server(self, juliet, feature):
        features = juliet.iq("get", f"<query xmlns='{ns.DISCO_INFO}'/>", to=juliet.host)[0]
        assert feature in [each.get("var") for each in features]


class TestBlocklist:
    """3.2"""

    def test_empty(self, juliet):
        assert blocked(juliet) == []

    def test_filled(self, juliet):
        block(juliet, "romeo@montague.net", "iago@shakespeare.lit")
        assert blocked(juliet) == ["romeo@montague.net", "iago@shakespeare.lit"]

    def test_to_oneself(self, juliet):
        assert len(ok(command(juliet, "blocklist", type="get", to=juliet.bare))) == 1

    def test_of_others(self, cast, juliet):
        other = cast.client("tybalt").login()
        for name, type in ("blocklist", "get"), ("block", "set"), ("unblock", "set"):
            assert condition(command(juliet, name, items("a@example.com"), type, to=other.bare)) == "forbidden"

    @pytest.mark.parametrize("name,type", [("blocklist", "set"), ("block", "get"), ("unblock", "get"), ("other", "set"),
                                           ("other", "get")])
    def test_wrong_type(self, juliet, name, type):
        assert condition(command(juliet, name, items("a@example.com"), type)) == "bad-request"


class TestBlock:
    """3.3"""

    @pytest.mark.parametrize("content", ["", "<other jid='a@example.com'/>", "<item/>",
                                         items("a@example.com") + "<item/>",
                                         "<item xmlns='urn:x' jid='a@example.com'/>"])
    def test_bad(self, juliet, content):
        assert condition(command(juliet, "block", content)) == "bad-request"
        assert blocked(juliet) == []

    @pytest.mark.parametrize("jid", ["", "@example.com", "a b@example.com", "a@"])
    def test_bad_address(self, juliet, jid):
        assert condition(command(juliet, "block", items("a@example.com", jid))) == "jid-malformed"
        assert blocked(juliet) == []

    def test_prepared(self, juliet):
        block(juliet, "Romeo@Montague.NET/Orchard")
        assert blocked(juliet) == ["romeo@montague.net/Orchard"]

    def test_twice(self, juliet):
        block(juliet, "a@example.com", "a@example.com", "A@example.com")
        block(juliet, "b@example.com", "a@example.com")
        assert blocked(juliet) == ["a@example.com", "b@example.com"]

    def test_pushes(self, cast, juliet):
        """To all resources that asked for the list, and to no other."""
        asked, silent = cast.client("juliet", "balcony").login(), cast.client("juliet", "garden").login()
        blocked(asked)
        blocked(juliet)
        block(juliet, "romeo@montague.net")
        for client in juliet, asked:
            client.expect(f"<iq type='set' id='{{any}}' to='{client.full}'><block xmlns='{BLOCKING}'>"
                          "<item jid='romeo@montague.net'/></block></iq>")
        cast.nothing(silent)
        cast.nothing(asked)

    def test_unavailable(self, cast, friends):
        juliet, romeo = friends
        block(juliet, romeo.bare)
        romeo.expect(f"<presence from='{juliet.full}' type='unavailable'/>")
        juliet.presence("", "<show>away</show>")
        quiet(romeo, romeo)

    def test_unavailable_to_subscribers_only(self, cast):
        juliet, tybalt = cast.online("juliet", "tybalt")
        block(juliet, tybalt.bare)
        unblock(juliet)
        cast.nothing(tybalt)

    def test_unavailable_from_all(self, cast, friends):
        juliet, romeo = friends
        second = cast.client("juliet", "second").online()
        cast.settle()
        block(juliet, romeo.bare)
        juliet.iq("get", "<query xmlns='urn:example:fence'/>", to=juliet.bare)
        gone = {each.get("from") for each in romeo.settle() if each.get("type") == "unavailable"}
        assert gone == {juliet.full, second.full}

    def test_one_resource_of_a_contact(self, cast, friends):
        juliet, romeo = friends
        other = cast.client("romeo", "other").online()
        cast.settle()
        block(juliet, romeo.full)
        romeo.expect(f"<presence from='{juliet.full}' type='unavailable'/>")
        romeo.message(juliet.full)
        assert condition(romeo.recv()) == "service-unavailable"
        other.message(juliet.full)
        juliet.expect("<message>{more}</message>")

    @pytest.mark.parametrize("part", ["bare", "full"])
    @pytest.mark.parametrize("type", ["chat", "normal", "headline"])
    def test_message(self, friends, part, type):
        juliet, romeo = friends
        block(juliet, romeo.bare)
        romeo.settle()
        juliet.settle()
        romeo.message(getattr(juliet, part), type=type)
        reply = romeo.recv()
        assert condition(reply) == "service-unavailable"
        assert reply.find(f".//{{{ERRORS}}}blocked") is None
        quiet(juliet, romeo)

    @pytest.mark.parametrize("part", ["bare", "full"])
    @pytest.mark.parametrize("type", ["get", "set"])
    def test_request(self, friends, part, type):
        juliet, romeo = friends
        block(juliet, romeo.bare)
        juliet.settle()
        reply = romeo.iq(type, f"<ping xmlns='{ns.PING}'/>", to=getattr(juliet, part))
        assert condition(reply) == "service-unavailable"
        quiet(juliet, romeo)

    @pytest.mark.parametrize("stanza", ["<iq type='result' id='1' to='{}'/>", "<iq type='error' id='1' to='{}'/>",
                                        "<presence to='{}'/>", "<presence type='unavailable' to='{}'/>",
                                        "<presence type='probe' to='{}'/>", "<presence type='subscribe' to='{}'/>",
                                        "<presence type='unsubscribed' to='{}'/>"])
    def test_silence(self, friends, stanza):
        """Nothing gets in, and no error goes out."""
        juliet, romeo = friends
        block(juliet, romeo.bare)
        romeo.settle()
        juliet.settle()
        romeo.send(stanza.format(juliet.full))
        romeo.send(stanza.format(juliet.bare))
        romeo.iq("get", "<query xmlns='urn:example:fence'/>", to=juliet.bare)
        got = [each for each in romeo.settle() if each.get("from", "").startswith(juliet.bare)]
        assert not got, "\n".join(map(show, got))
        assert not juliet.settle()

    @pytest.mark.parametrize("stanza", ["<message to='{}'><body>x</body></message>", "<presence to='{}'/>",
                                        "<iq type='get' id='1' to='{}'><x xmlns='urn:x'/></iq>"])
    def test_outbound(self, friends, stanza):
        juliet, romeo = friends
        block(juliet, romeo.bare)
        romeo.settle()
        juliet.settle()
        juliet.send(stanza.format(romeo.full))
        reply = juliet.recv()
        assert condition(reply) == "not-acceptable"
        assert reply.find(f"{{{ns.CLIENT}}}error/{{{ERRORS}}}blocked") is not None
        assert reply.find(f"{{{ns.CLIENT}}}error").get("type") == "cancel"
        quiet(romeo, romeo)

    def test_offline(self, cast):
        """The block holds while nobody is there; nothing is kept for later."""
        juliet, romeo = cast.client("juliet").login(), cast.client("romeo").login()
        block(juliet, romeo.bare)
        juliet.close()
        romeo.message(juliet.bare, "later?")
        assert condition(romeo.recv()) == "service-unavailable"
        assert not cast.client("juliet").online().settle()

    def test_new_session(self, friends, cast):
        juliet, romeo = friends
        block(juliet, romeo.bare)
        romeo.settle()
        late = cast.client("juliet", "late").login()
        late.presence()
        late.iq("get", "<query xmlns='urn:example:fence'/>", to=romeo.bare)
        assert not romeo.settle()
        assert not [each for each in late.settle() if each.get("from", "").startswith(romeo.bare)]

    def test_oneself(self, cast):
        """5, note: never one resource from another."""
        one, two = cast.online("juliet/one", "juliet/two")
        block(one, one.bare, two.full)
        one.message(two.full)
        two.expect("<message>{more}</message>")

    def test_limits(self, juliet):
        many = [f"a{number}@example.com" for number in range(21)]
        assert condition(command(juliet, "block", items(*many[:11]))) == "resource-constraint"
        block(juliet, *many[:10])
        block(juliet, *many[10:20])
        assert condition(command(juliet, "block", items(many[20]))) == "resource-constraint"
        assert blocked(juliet) == many[:20]
        unblock(juliet, many[0])
        block(juliet, many[20])


class TestUnblock:
    """3.4 and 3.5"""

    def test_one(self, juliet):
        block(juliet, "a@example.com", "b@example.com")
        unblock(juliet, "a@example.com")
        assert blocked(juliet) == ["b@example.com"]

    def test_all(self, juliet):
        block(juliet, "a@example.com", "b@example.com")
        unblock(juliet)
        assert blocked(juliet) == []

    def test_nothing_to_do(self, juliet):
        unblock(juliet)
        unblock(juliet, "a@example.com")
        block(juliet, "b@example.com")
        unblock(juliet, "a@example.com")
        assert blocked(juliet) == ["b@example.com"]

    @pytest.mark.parametrize("content,error", [("<item/>", "bad-request"), ("<x jid='a'/>", "bad-request"),
                                               (items("@"), "jid-malformed")])
    def test_bad(self, juliet, content, error):
        block(juliet, "a@example.com")
        assert condition(command(juliet, "unblock", content)) == error
        assert blocked(juliet) == ["a@example.com"]

    @pytest.mark.parametrize("jids", [("a@example.com",), ()])
    def test_pushes(self, cast, juliet, jids):
        asked, silent = cast.client("juliet", "balcony").login(), cast.client("juliet", "garden").login()
        block(juliet, "a@example.com", "b@example.com")
        for client in juliet, asked:
            blocked(client)
        unblock(juliet, *jids)
        for client in juliet, asked:
            client.expect(f"<iq type='set' id='{{any}}' to='{client.full}'><unblock xmlns='{BLOCKING}'>"
                          + items(*jids) + "</unblock></iq>")
        cast.nothing(silent)

    @pytest.mark.parametrize("everybody", [True, False])
    def test_presence(self, cast, friends, everybody):
        juliet, romeo = friends
        block(juliet, romeo.bare)
        juliet.presence("", "<show>away</show>")
        romeo.presence("", "<show>dnd</show>")
        romeo.settle()
        juliet.settle()
        unblock(juliet, *([] if everybody else [romeo.bare]))
        romeo.expect(f"<presence from='{juliet.full}'><show>away</show>{{more}}</presence>")
        juliet.expect(f"<presence from='{romeo.full}'><show>dnd</show>{{more}}</presence>")
        romeo.message(juliet.full)
        juliet.expect("<message>{more}</message>")
        cast.nothing(romeo)

    def test_presence_to_subscribers_only(self, cast):
        juliet, tybalt = cast.online("juliet", "tybalt")
        block(juliet, tybalt.bare)
        unblock(juliet, tybalt.bare)
        cast.nothing(tybalt)


class TestPrivacyLists:
    """5"""

    def test_a_list_is_made(self, juliet):
        block(juliet, "a@example.com", "b@example.com")
        names = [(each.tag.partition("}")[2], each.get("name")) for each in ok(privacy(juliet, "get", ""))[0]]
        assert names == [("default", "Blocked contacts"), ("list", "Blocked contacts")]
        assert [row[:3] for row in rules(juliet, "Blocked contacts")] == [
            ("jid", "a@example.com", "deny"), ("jid", "b@example.com", "deny")]

    def test_first_in_the_default_list(self, juliet):
        """What was there stays, its items behind the blocked addresses, all orders different."""
        ok(privacy(juliet, "set", "<list name='mine'><item action='allow' order='0' type='subscription' value='both'/>"
                                  "<item action='deny' order='1'><message/></item></list>"))
        ok(privacy(juliet, "set", "<default name='mine'/>"))
        block(juliet, "a@example.com")
        block(juliet, "b@example.com")
        found = rules(juliet, "mine")
        assert [row[:3] for row in found] == [
            ("jid", "a@example.com", "deny"), ("jid", "b@example.com", "deny"), ("subscription", "both", "allow"),
            (None, None, "deny")]
        assert len({row[3] for row in found}) == 4
        unblock(juliet)
        assert [row[:3] for row in rules(juliet, "mine")] == [("subscription", "both", "allow"), (None, None, "deny")]

    def test_hidden_block(self, cast):
        """An item that denies too late is moved to the head."""
        juliet, romeo = cast.online("juliet", "romeo")
        ok(privacy(juliet, "set", f"<list name='x'><item action='allow' order='1' type='jid' value='{romeo.bare}'/>"
                                  f"<item action='deny' order='2' type='jid' value='{romeo.bare}'/></list>"))
        ok(privacy(juliet, "set", "<default name='x'/>"))
        romeo.message(juliet.full)
        juliet.take(lambda each: each.tag == f"{{{ns.CLIENT}}}message")
        block(juliet, romeo.bare)
        assert [row[2] for row in rules(juliet, "x")] == ["deny", "allow"]
        romeo.message(juliet.full)
        assert condition(romeo.recv()) == "service-unavailable"

    def test_declined_list_is_left_alone(self, juliet):
        block(juliet, "a@example.com")
        ok(privacy(juliet, "set", "<default/>"))
        assert blocked(juliet) == []
        block(juliet, "b@example.com")
        assert blocked(juliet) == ["b@example.com"]
        assert [row[1] for row in rules(juliet, "Blocked contacts")] == ["a@example.com"]

    def test_changed_as_privacy_list(self, cast, juliet):
        """2 to 4: the block list is what the default list denies completely to an address."""
        block(juliet, "a@example.com", "b@example.com")
        assert blocked(juliet) == ["a@example.com", "b@example.com"]
        ok(privacy(juliet, "set", "<list name='Blocked contacts'>"
                                  "<item type='jid' value='b@example.com' action='deny' order='1'/>"
                                  "<item type='jid' value='c@example.com' action='deny' order='2'/>"
                                  "<item type='jid' value='d@example.com' action='deny' order='3'><message/></item>"
                                  "<item type='jid' value='e@example.com' action='allow' order='4'/>"
                                  "<item type='subscription' value='none' action='deny' order='5'/></list>"))
        assert blocked(juliet) == ["b@example.com", "c@example.com"]
        pushes = [each for each in juliet.settle() if each[0].tag.startswith("{" + BLOCKING)]
        assert [(each[0].tag.partition("}")[2], [item.get("jid") for item in each[0]]) for each in pushes] == [
            ("unblock", ["a@example.com"]), ("block", ["c@example.com"])]
        ok(privacy(juliet, "set", "<list name='other'>"
                                  "<item type='jid' value='z@example.com' action='deny' order='1'/></list>"))
        ok(privacy(juliet, "set", "<default name='other'/>"))
        assert blocked(juliet) == ["z@example.com"]

    def test_another_active_list(self, cast):
        """5: then who is blocked may get through."""
        juliet, romeo = cast.online("juliet", "romeo")
        block(juliet, romeo.bare)
        ok(privacy(juliet, "set", "<list name='all'><item action='allow' order='1'/></list>"))
        ok(privacy(juliet, "set", "<active name='all'/>"))
        juliet.settle()
        romeo.message(juliet.full)
        juliet.expect("<message>{more}</message>")

    def test_privacy_pushes(self, cast, juliet):
        """Those who use privacy lists hear of it, too."""
        user = cast.client("juliet", "lists").login()
        ok(privacy(user, "get", ""))
        block(juliet, "a@example.com")
        user.expect(f"<iq type='set'><query xmlns='{PRIVACY}'><list name='Blocked contacts'/></query></iq>")
        cast.nothing(juliet)


class TestMatching:
    """6"""

    @pytest.mark.parametrize("form,stopped", [("full", {"full"}), ("bare", {"full", "other"}),
                                              ("domain", {"full", "other", "stranger"}), ("domain/resource", set())])
    def test_forms(self, cast, form, stopped):
        juliet, full, other, stranger = cast.online("juliet", "romeo/one", "romeo/two", "tybalt/one")
        jid = {"full": full.full, "bare": full.bare, "domain": "localhost", "domain/resource": "localhost/one"}[form]
        block(juliet, jid)
        juliet.settle()
        for name, client in ("full", full), ("other", other), ("stranger", stranger):
            client.message(juliet.full)
            if name in stopped:
                assert condition(client.recv()) == "service-unavailable"
            else:
                juliet.expect(f"<message from='{client.full}'>{{more}}</message>")

    def test_own_server_is_never_blocked(self, juliet):
        block(juliet, "localhost")
        assert ok(juliet.iq("get", f"<ping xmlns='{ns.PING}'/>", to="localhost")) is not None
        assert blocked(juliet) == ["localhost"]


class TestReports:
    """XEP-0377"""

    @staticmethod
    def reports(server, client):
        rows = server.ask_json("list_abuse_reports", "localhost")
        return [row for row in rows if row["reporter"] == client.user]

    def report(self, client, jid, report):
        return command(client, "block", f"<item jid='{jid}'>{report}</item>")

    def test_everything(self, server, juliet):
        ok(self.report(juliet, "romeo@example.net",
                       f"<report xmlns='{REPORTING}' reason='{SPAM}'>"
                       "<stanza-id xmlns='urn:xmpp:sid:0' by='romeo@example.net' id='28482'/>"
                       "<stanza-id xmlns='urn:xmpp:sid:0' by='romeo@example.net' id='38383'/>"
                       "<text xml:lang='en'>\n Never came trouble &amp; like this.\n</text><third-party/></report>"))
        wait.until(lambda: self.reports(server, juliet), "the report is stored")
        row = self.reports(server, juliet)[0]
        assert (row["jid"], row["reason"]) == ("romeo@example.net", SPAM)
        assert row["text"] == "Never came trouble & like this."
        assert row["stanza_ids"].count("<stanza-id ") == 2 and "28482" in row["stanza_ids"]
        assert (row["report_origin"], row["third_party"]) == (0, 1)
        assert blocked(juliet) == ["romeo@example.net"]

    @pytest.mark.parametrize("report", [f"<report xmlns='{REPORTING}'/>", f"<report xmlns='{REPORTING}' reason=''/>",
                                        f"<report xmlns='urn:xmpp:reporting:0' reason='{SPAM}'/>",
                                        f"<report xmlns='{REPORTING}' reason='{'x' * 300}'/>"])
    def test_bad_report(self, server, juliet, report):
        """6: the address is blocked as if there were no report."""
        ok(self.report(juliet, "romeo@example.net", report))
        assert blocked(juliet) == ["romeo@example.net"]
        assert self.reports(server, juliet) == []

    def test_not_in_pushes(self, juliet):
        blocked(juliet)
        ok(self.report(juliet, "romeo@example.net", f"<report xmlns='{REPORTING}' reason='{ABUSE}'/>"))
        juliet.expect(f"<iq type='set'><block xmlns='{BLOCKING}'><item jid='romeo@example.net'/></block></iq>")

    def test_limit(self, server, juliet):
        for number in range(5):
            ok(self.report(juliet, f"a{number}@example.net", f"<report xmlns='{REPORTING}' reason='{ABUSE}'/>"))
        wait.until(lambda: server.log_tail().count("blocking.report") >= 5, "all were dealt with")
        assert [row["jid"] for row in self.reports(server, juliet)] == [f"a{number}@example.net" for number in range(3)]
        assert len(blocked(juliet)) == 5

    def test_long_text(self, server, juliet):
        ok(self.report(juliet, "a@example.net",
                       f"<report xmlns='{REPORTING}' reason='{ABUSE}'><text>x{'ü' * 3000}</text></report>"))
        wait.until(lambda: self.reports(server, juliet), "the report is stored")
        assert self.reports(server, juliet)[0]["text"] == "x" + "ü" * 2047

    def test_commands(self, server, juliet):
        for number in range(2):
            ok(self.report(juliet, f"a{number}@example.net", f"<report xmlns='{REPORTING}' reason='{ABUSE}'/>"))
        wait.until(lambda: len(self.reports(server, juliet)) == 2, "the reports are stored")
        first, second = (row["id"] for row in self.reports(server, juliet))
        assert [row["id"] for row in server.ask_json("list_abuse_reports", "localhost", first)] == [second]
        server.ask("delete_abuse_report", "localhost", first)
        assert server.ctl("delete_abuse_report", "localhost", first).returncode != 0
        assert server.ctl("delete_abuse_report", "nowhere.example", second).returncode != 0
        assert server.ask_json("delete_old_abuse_reports", "localhost", 1) == 0
        assert [row["id"] for row in self.reports(server, juliet)] == [second]
        assert server.ask_json("delete_old_abuse_reports", "localhost", 0) >= 1
        assert self.reports(server, juliet) == []

    def test_go_with_the_account(self, server, cast):
        tybalt = cast.client("tybalt").login()
        ok(self.report(tybalt, "a@example.net", f"<report xmlns='{REPORTING}' reason='{ABUSE}'/>"))
        wait.until(lambda: self.reports(server, tybalt), "the report is stored")
        server.ask("unregister", tybalt.user, "localhost")
        assert self.reports(server, tybalt) == []


def test_needs_privacy_lists(server):
    assert "needs mod_privacy" in server.ctl("module_unload", "localhost", "mod_privacy").stderr + server.ctl(
        "module_unload", "localhost", "mod_privacy").stdout


def test_without_mod_blocking(own_server, cast_for):
    """The error of a privacy list does not name an extension that is not there."""
    server = own_server(Settings(modules={"mod_privacy": {}})).start()
    juliet = cast_for(server).client("juliet").login()
    ok(privacy(juliet, "set",
               "<list name='x'><item type='jid' value='a@example.com' action='deny' order='1'/></list>"))
    ok(privacy(juliet, "set", "<default name='x'/>"))
    juliet.settle()
    juliet.message("a@example.com")
    reply = juliet.recv()
    assert condition(reply) == "not-acceptable"
    assert reply.find(f".//{{{ERRORS}}}blocked") is None
    assert condition(command(juliet, "blocklist", type="get")) == "service-unavailable"
