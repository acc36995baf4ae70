# SPDX-License-Identifier: Apache-2.0
"""Blocking somebody on another server: what crosses the border and what does not."""
import pytest
from test_s2s_pair import DIALBACK, pair  # noqa: F401 (a fixture)

from harness import ns

pytestmark = pytest.mark.only("stanzad")
BLOCKING = "urn:xmpp:blocking"
MODULES = {**DIALBACK, "mod_privacy": {}, "mod_blocking": {}}


def command(client, name, jid):
    assert client.iq("set", f"<{name} xmlns='{BLOCKING}'><item jid='{jid}'/></{name}>").get("type") == "result"


def subscribe(one, other):
    for asker, giver in ((one, other), (other, one)):
        asker.presence(f"to='{giver.bare}' type='subscribe'")
        giver.take(lambda each: each.get("type") == "subscribe")
        giver.presence(f"to='{asker.bare}' type='subscribed'")
        asker.take(lambda each, giver=giver: each.get("from") == giver.full and not each.get("type"))
    fence(one, other)
    fence(other, one)


def fence(one, other):
    """Whatever one sent so far has arrived at other."""
    one.send(f"<message to='{other.full}' id='fence'/>")
    other.take(lambda each: each.get("id") == "fence")
    for client in one, other:
        client.settle()


def test_both_ways(pair, cast_for):  # noqa: F811
    left, right = pair.start(modules=MODULES)
    romeo, juliet = cast_for(left).client("romeo").online(), cast_for(right).client("juliet").online()
    subscribe(romeo, juliet)
    command(juliet, "block", romeo.bare)
    romeo.expect(f"<presence from='{juliet.full}' type='unavailable'/>")
    juliet.settle()
    romeo.message(juliet.bare)
    error = romeo.recv().find(f"{{{ns.CLIENT}}}error")
    assert error.find(f"{{{ns.STANZA_ERRORS}}}service-unavailable") is not None
    romeo.presence("", "<show>away</show>")
    romeo.presence(f"to='{juliet.bare}' type='probe'")
    reply = romeo.iq("get", "<query xmlns='jabber:iq:version'/>", to=juliet.full)
    assert reply.find(f".//{{{ns.STANZA_ERRORS}}}service-unavailable") is not None
    assert not juliet.settle()
    assert {each.get("from") for each in romeo.settle()} == {romeo.full}, "its own presence"
    command(juliet, "unblock", romeo.bare)
    romeo.expect(f"<presence from='{juliet.full}' type='{{none}}'>{{more}}</presence>")
    juliet.expect(f"<presence from='{romeo.full}'><show>away</show>{{more}}</presence>")
    romeo.message(juliet.full)
    juliet.expect("<message>{more}</message>")
