# SPDX-License-Identifier: Apache-2.0
"""Client state indication (XEP-0352) over real connections; order and folding are simulated in the unit tests."""
import asyncio
import re

import pytest

from harness import ns
from harness.settings import Settings
from harness.sm import SM, Managed

pytestmark = pytest.mark.only("stanzad")

CSI = "urn:xmpp:csi:0"
INACTIVE, ACTIVE = f"<inactive xmlns='{CSI}'/>", f"<active xmlns='{CSI}'/>"
BODY = f"{{{ns.CLIENT}}}body"
DELAY = f"{{{ns.DELAY}}}delay"
COMPOSING = "<composing xmlns='http://jabber.org/protocol/chatstates'/>"
SETTINGS = Settings(modules={"mod_client_state": {}, "mod_carboncopy": {}, "mod_stream_mgmt": {}})


def metric(server, name):
    lines = server.ask("metrics").splitlines()
    return sum(int(re.search(r"\b\d+\b", line)[0]) for line in lines if name in line)


@pytest.fixture
def friends(cast):
    cast.friends("romeo", "juliet")
    romeo = cast.client("romeo").online()
    juliet = cast.client("juliet").online()
    cast.settle()
    return romeo, juliet


def test_announced(cast):
    """4.1"""
    assert cast.client("romeo").login().features.find(f"{{{CSI}}}csi") is not None


def test_a_message_comes_through(friends):
    """3.2: with what was held before it, and nothing that was not asked for stays behind."""
    romeo, juliet = friends
    romeo.send(INACTIVE)
    romeo.ping()
    juliet.presence(children="<show>away</show>")
    juliet.presence(children="<show>dnd</show>")
    juliet.send(f"<message to='{romeo.full}' type='chat'>{COMPOSING}</message>")
    juliet.message(romeo.full, "hi")
    presence, state, message = [romeo.recv() for _ in range(3)]
    assert presence.findtext(f"{{{ns.CLIENT}}}show") == "dnd"
    assert presence.find(DELAY).get("from") == romeo.host
    assert state.find(DELAY) is not None and len(state) == 2
    assert message.findtext(BODY) == "hi" and message.find(DELAY) is None
    romeo.nothing(juliet)


def test_active_again(server, friends):
    """5.1: first what was held, then the answer to what follows."""
    romeo, juliet = friends
    before = metric(server, "folded_stanzas")
    romeo.send(INACTIVE)
    romeo.ping()
    for show in ("away", "chat", "xa"):
        juliet.presence(children=f"<show>{show}</show>")
    juliet.ping()
    assert metric(server, "folded_stanzas") == before + 2
    romeo.send(ACTIVE + f"<iq type='get' id='p' to='{romeo.host}'><ping xmlns='{ns.PING}'/></iq>")
    assert romeo.recv().findtext(f"{{{ns.CLIENT}}}show") == "xa"
    assert romeo.recv().get("id") == "p"
    juliet.presence()
    assert romeo.recv().find(DELAY) is None


def test_resumed(cast):
    """5.2: it begins anew, active, with what was held."""
    cast.friends("romeo", "juliet")
    romeo = cast.client("romeo", kind=Managed).online()
    juliet = cast.client("juliet").online()
    cast.settle()
    romeo.manage()
    romeo.send(INACTIVE)
    romeo.ping()
    juliet.presence(children="<show>away</show>")
    juliet.ping()
    romeo.drop()
    juliet.presence(children="<show>dnd</show>")
    juliet.ping()
    assert romeo.resume().tag == f"{{{SM}}}resumed"
    juliet.presence(children="<show>xa</show>")
    found = [each for each in romeo.settle(juliet) if each.tag.endswith("}presence")]
    assert [each.findtext(f"{{{ns.CLIENT}}}show") for each in found] == ["dnd", "xa"]
    assert found[1].find(DELAY) is None


def test_explained(server, friends):
    romeo, juliet = friends
    presence = f"<presence from='{juliet.full}' to='{romeo.full}'/>"
    assert "held until" not in server.ask("explain", presence)
    romeo.send(INACTIVE)
    romeo.ping()
    assert "held until the client is active" in server.ask("explain", presence)
    romeo.nothing(juliet)


def test_nobody_else_hears_of_it(friends):
    """6"""
    romeo, juliet = friends
    romeo.send(INACTIVE + ACTIVE)
    juliet.nothing(romeo)


@pytest.mark.parametrize("element", [f"<sleeping xmlns='{CSI}'/>", "<inactive xmlns='urn:example:csi'/>"])
def test_unknown(cast, element):
    romeo = cast.client("romeo").online()
    romeo.send(element)
    romeo.stream_error("unsupported-stanza-type")


def test_slixmpp(server, cast):
    bots = pytest.importorskip("harness.bots")
    authority = server.certificates[0].crt
    jids = [f"{cast.account(name)}@localhost/bot" for name in ("romeo", "juliet")]

    def make(jid):
        bot = bots.Bot(jid, server, authority)
        bot.register_plugin("xep_0352")
        return bot

    async def scene(romeo, juliet):
        shows = asyncio.Queue()
        romeo.add_event_handler("presence", lambda presence: shows.put_nowait(presence["show"]))
        await romeo.ready.wait()
        await juliet.ready.wait()
        await romeo["xep_0199"].send_ping("localhost")
        romeo["xep_0352"].send_inactive()
        await romeo["xep_0199"].send_ping("localhost")
        while not shows.empty():
            shows.get_nowait()
        for show in ("away", "dnd"):
            juliet.send_presence(pto=jids[0], pshow=show)
        # Romeo's account answers it, behind the presence.
        await juliet["xep_0199"].send_ping(jids[0].partition("/")[0])
        assert shows.empty()
        romeo["xep_0352"].send_active()
        assert await shows.get() == "dnd"
    bots.play(scene, *(lambda jid=jid: make(jid) for jid in jids))
