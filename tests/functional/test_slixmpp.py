# SPDX-License-Identifier: Apache-2.0
"""A library that people write bots with: slixmpp does its own idea of a log-in and a chat."""
import asyncio
import logging

import pytest

from harness import wait
from harness.settings import Settings

slixmpp = pytest.importorskip("slixmpp")
SETTINGS = Settings(starttls="required")
logging.getLogger("slixmpp").setLevel(logging.CRITICAL)


class Bot(slixmpp.ClientXMPP):
    def __init__(self, jid, password="secret"):
        super().__init__(jid, password)
        self.ready, self.inbox = asyncio.Event(), asyncio.Queue()
        self.refused = asyncio.Event()
        for plugin in ("xep_0030", "xep_0199", "xep_0092", "xep_0202", "xep_0012", "xep_0049",
                       "xep_0077", "xep_0054"):
            self.register_plugin(plugin)
        self.add_event_handler("session_start", self.started)
        self.add_event_handler("message", self.inbox.put_nowait)
        self.add_event_handler("failed_auth", lambda _: self.refused.set())

    async def started(self, _):
        self.send_presence()
        await self.get_roster()
        self.ready.set()


def play(server, scene, *jids, **options):
    """Run scene(bots…) on an event loop of its own, with every bot logged in."""
    async def run():
        bots = [Bot(jid, **options) for jid in jids]
        try:
            for bot in bots:
                bot.ca_certs = server.certificates[0].crt       # it checks the certificate
                bot.connect(("127.0.0.1", server.ports["c2s"]))
            await asyncio.wait_for(scene(*bots), wait.DEADLINE)
        finally:
            for bot in bots:
                bot.abort()

    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        loop.run_until_complete(run())
    finally:
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.close()
        asyncio.set_event_loop(None)


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
