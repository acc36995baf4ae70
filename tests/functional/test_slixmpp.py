# SPDX-License-Identifier: Apache-2.0
"""A library that people write bots with: slixmpp does its own idea of a log-in and a chat."""
import asyncio

import pytest

from harness.settings import Settings

slixmpp = pytest.importorskip("slixmpp")

from harness import bots  # noqa: E402

SETTINGS = Settings(starttls="required")


def play(server, scene, *jids, **options):
    """Run scene(bots…) with every bot logged in."""
    authority = server.certificates[0].crt
    bots.play(scene, *(lambda jid=jid: bots.Bot(jid, server, authority, **options) for jid in jids))


@pytest.fixture
def jids(cast):
    return [f"{cast.account(name)}@localhost/bot" for name in ("romeo", "juliet")]


def test_chat_both_ways(server, jids):
    async def scene(romeo, juliet):
        await romeo.ready.wait()
        await juliet.ready.wait()
        romeo.send_message(mto=jids[1], mbody="hello", mtype="chat")
        assert (await juliet.inbox.get())["body"] == "hello"
        juliet.send_message(mto=jids[0], mbody="hello yourself", mtype="chat")
        assert (await romeo.inbox.get())["body"] == "hello yourself"
    play(server, scene, *jids)


def test_subscription_by_its_own_logic(server, jids):
    """slixmpp accepts and asks back by itself; both end with subscription both."""
    async def scene(romeo, juliet):
        await romeo.ready.wait()
        await juliet.ready.wait()
        bare = [jid.partition("/")[0] for jid in jids]
        romeo.send_presence_subscription(pto=bare[1])
        while (romeo.client_roster[bare[1]]["subscription"] != "both"
               or juliet.client_roster[bare[0]]["subscription"] != "both"):
            await asyncio.sleep(0.02)
    play(server, scene, *jids)


def test_plugins(server, jids):
    async def scene(romeo):
        await romeo.ready.wait()
        await romeo["xep_0199"].send_ping("localhost")
        info = await romeo["xep_0030"].get_info(jid="localhost")
        assert "urn:xmpp:ping" in info["disco_info"]["features"]
        assert (await romeo["xep_0092"].get_version("localhost"))["software_version"]["name"]
        assert (await romeo["xep_0012"].get_last_activity("localhost"))["last_activity"]["seconds"] >= 0
    play(server, scene, jids[0])


def test_wrong_password(server, jids):
    async def scene(romeo):
        await romeo.refused.wait()
    play(server, scene, jids[0], password="wrong")
