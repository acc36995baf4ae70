# SPDX-License-Identifier: Apache-2.0
"""RFC 6121 4: presence."""
import pytest

from harness import ns

PRESENCE = f"{{{ns.CLIENT}}}presence"


@pytest.fixture
def friends(cast):
    """Two accounts that see each other; nobody is online."""
    cast.friends("romeo", "juliet")
    return cast.client("romeo"), cast.client("juliet")


def available(stanzas):
    return {each.get("from") for each in stanzas if each.tag == PRESENCE and not each.get("type")}


class TestInitial:
    def test_goes_to_subscribers(self, cast, friends):
        romeo, juliet = friends
        juliet.online()
        romeo.login()
        romeo.presence("", "<show>away</show><status>zzz</status>", priority=3)
        juliet.expect("<presence from='{r}' to='{any}' type='{none}'><show>away</show>"
                      "<status>zzz</status><priority>3</priority>{more}</presence>", r=romeo.full)

    def test_brings_the_contacts_presence(self, cast, friends):
        """The server probes on behalf of the user (RFC 6121 4.2.2)."""
        romeo, juliet = friends
        juliet.login()
        juliet.presence("", "<status>here</status>")
        juliet.settle()
        romeo.login()
        romeo.presence()
        got = [each for each in romeo.settle(juliet) if each.get("from") == juliet.full]
        assert [each.findtext(f"{{{ns.CLIENT}}}status") for each in got] == ["here"]

    def test_every_resource_of_the_contact(self, cast, friends):
        romeo, juliet = friends
        juliet.online()
        second = cast.client("juliet", "second").online()
        romeo.login()
        romeo.presence()
        assert {juliet.full, second.full} <= available(romeo.settle(juliet, second))

    def test_own_resources_see_each_other(self, cast):
        one = cast.client("romeo", "one").online()
        two = cast.client("romeo", "two").login()
        two.presence("", "<status>2</status>")
        one.expect("<presence from='{two}'><status>2</status>{more}</presence>", two=two.full)
        assert one.full in available(two.settle(one))

    def test_nobody_else(self, cast):
        romeo, tybalt = cast.online("romeo", "tybalt")
        romeo.presence("", "<show>dnd</show>")
        cast.nothing(tybalt)

    def test_not_before_it_is_sent(self, cast, friends):
        romeo, juliet = friends
        juliet.login()
        romeo.online()
        cast.nothing(juliet)
        juliet.presence()
        assert romeo.full in available(juliet.settle(romeo))


class TestUpdates:
    def test_later_presence(self, cast, friends):
        for client in friends:
            client.online()
        cast.settle()
        romeo, juliet = friends
        for show in ("away", "xa", "dnd", "chat"):
            romeo.presence("", f"<show>{show}</show>")
            juliet.expect("<presence from='{r}'><show>%s</show>{more}</presence>" % show, r=romeo.full)
        cast.nothing(juliet)

    def test_extensions_arrive_untouched(self, cast, friends):
        for client in friends:
            client.online()
        cast.settle()
        romeo, juliet = friends
        romeo.presence("", "<x xmlns='urn:x' a='1'><y>z</y></x>")
        juliet.expect("<presence>{more}<x xmlns='urn:x' a='1'><y>z</y></x></presence>")

    @pytest.mark.parametrize("priority", ["128", "-129", "abc"])
    def test_impossible_priority(self, cast, priority):
        """RFC 6121 4.7.2.3 has no word for it: an error, or another number, but no broken stream."""
        romeo, juliet = cast.client("romeo").login(), cast.client("juliet").online()
        romeo.presence("", f"<priority>{priority}</priority>")
        romeo.settle()
        juliet.message(romeo.full)
        romeo.expect("<message>{more}</message>")


class TestUnavailable:
    @pytest.mark.parametrize("how", ["presence", "close", "drop", "error"])
    def test_is_broadcast(self, cast, friends, how):
        for client in friends:
            client.online()
        cast.settle()
        romeo, juliet = friends
        if how == "presence":
            romeo.presence("type='unavailable'", "<status>bye</status>")
        elif how == "error":
            romeo.send("</wrong>")
        else:
            getattr(romeo, how)()
        juliet.expect("<presence from='{r}' type='unavailable'>{more}</presence>", r=romeo.full)
        if how == "presence":
            cast.nothing(juliet)

    def test_status_is_passed_on(self, cast, friends):
        for client in friends:
            client.online()
        cast.settle()
        friends[0].presence("type='unavailable'", "<status>bye</status>")
        friends[1].expect("<presence type='unavailable'><status>bye</status></presence>")

    def test_only_once(self, cast, friends):
        """No second one when the stream ends after unavailable presence."""
        for client in friends:
            client.online()
        cast.settle()
        friends[0].presence("type='unavailable'")
        friends[0].close()
        friends[1].expect("<presence type='unavailable'>{more}</presence>")
        cast.nothing(friends[1])

    def test_available_again(self, cast, friends):
        for client in friends:
            client.online()
        romeo, juliet = friends
        romeo.presence("type='unavailable'")
        romeo.settle()
        juliet.settle(romeo)
        romeo.presence()
        juliet.expect("<presence from='{r}' type='{none}'>{more}</presence>", r=romeo.full)
        assert juliet.full in available(romeo.settle(juliet))

    def test_never_available_never_unavailable(self, cast, friends):
        romeo, juliet = friends
        juliet.online()
        romeo.login()
        romeo.close()
        cast.nothing(juliet)


class TestDirected:
    """RFC 6121 4.6"""

    def test_reaches_a_stranger(self, cast):
        romeo, tybalt = cast.online("romeo", "tybalt")
        romeo.presence(f"to='{tybalt.full}'", "<status>psst</status>")
        tybalt.expect("<presence from='{r}' to='{t}'><status>psst</status></presence>",
                      r=romeo.full, t=tybalt.full)

    @pytest.mark.parametrize("how", ["drop", "close", "presence"])
    def test_unavailable_follows(self, cast, how):
        """The server remembers whom the user was available to."""
        romeo, tybalt = cast.online("romeo", "tybalt")
        romeo.presence(f"to='{tybalt.full}'")
        tybalt.settle(romeo)
        if how == "presence":
            romeo.presence("type='unavailable'")
        else:
            getattr(romeo, how)()
        tybalt.expect("<presence from='{r}' type='unavailable'>{more}</presence>", r=romeo.full)

    def test_taken_back(self, cast):
        romeo, tybalt = cast.online("romeo", "tybalt")
        romeo.presence(f"to='{tybalt.full}'")
        romeo.presence(f"to='{tybalt.full}' type='unavailable'")
        tybalt.settle(romeo)
        romeo.drop()
        cast.nothing(tybalt)

    def test_updates_are_not_directed(self, cast):
        romeo, tybalt = cast.online("romeo", "tybalt")
        romeo.presence(f"to='{tybalt.full}'")
        tybalt.settle(romeo)
        romeo.presence("", "<show>away</show>")
        cast.nothing(tybalt)

    def test_before_initial_presence(self, cast):
        romeo, tybalt = cast.client("romeo").login(), cast.online("tybalt")
        romeo.presence(f"to='{tybalt.full}'")
        tybalt.expect("<presence from='{r}'>{more}</presence>", r=romeo.full)
        romeo.drop()
        tybalt.expect("<presence from='{r}' type='unavailable'>{more}</presence>", r=romeo.full)

    def test_to_a_bare_jid(self, cast):
        """Every available resource gets it (RFC 6121 8.5.2.1.2)."""
        romeo = cast.online("romeo")
        one, two = cast.online("juliet/one"), cast.online("juliet/two")
        cast.settle()
        romeo.presence(f"to='{one.bare}'")
        for client in (one, two):
            client.expect("<presence from='{r}'>{more}</presence>", r=romeo.full)


class TestProbe:
    """RFC 6121 4.3: answered for those who may see, and for nobody else."""

    def test_of_a_friend(self, cast, friends):
        for client in friends:
            client.online()
        cast.settle()
        romeo, juliet = friends
        romeo.presence(f"to='{juliet.bare}' type='probe'")
        assert juliet.full in available(romeo.settle(juliet))
        cast.nothing(juliet)

    def test_of_a_stranger(self, cast):
        romeo, tybalt = cast.online("romeo", "tybalt")
        romeo.presence(f"to='{tybalt.bare}' type='probe'")
        assert not available(romeo.settle(via=tybalt.bare))
        cast.nothing(tybalt)

    def test_of_nobody(self, cast):
        """No account and no right to see look the same: unsubscribed or silence."""
        romeo, tybalt = cast.online("romeo", "tybalt")
        answers = []
        for target in (tybalt.bare, "no-such-user@localhost"):
            romeo.presence(f"to='{target}' type='probe'")
            answers.append([each.get("type") for each in romeo.settle(via=target)])
        assert answers[0] == answers[1]

    def test_of_an_offline_friend(self, cast, friends):
        romeo, juliet = friends
        romeo.online()
        romeo.presence(f"to='{juliet.bare}' type='probe'")
        assert not available(romeo.settle(via=juliet.bare))


class TestTypes:
    def test_unknown_type(self, cast):
        """RFC 6121 4.7.1 lists the types; another one is an error or goes nowhere."""
        romeo, tybalt = cast.online("romeo", "tybalt")
        romeo.presence(f"to='{tybalt.full}' type='nonsense'")
        romeo.settle()
        assert not available(tybalt.settle(romeo))

    def test_error_is_delivered_and_not_answered(self, cast):
        romeo, tybalt = cast.online("romeo", "tybalt")
        romeo.presence(f"to='{tybalt.full}' type='error'",
                       f"<error type='cancel'><gone xmlns='{ns.STANZA_ERRORS}'/></error>")
        cast.nothing(romeo)
