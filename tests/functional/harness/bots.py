# SPDX-License-Identifier: Apache-2.0
"""slixmpp as a client: it does its own idea of a log-in and a chat. Import behind pytest.importorskip("slixmpp")."""
import asyncio
import logging

import slixmpp

from . import wait

logging.getLogger("slixmpp").setLevel(logging.CRITICAL)


class Bot(slixmpp.ClientXMPP):
    def __init__(self, jid, server, authority, password="secret"):
        """authority: the certificate that it checks the server's with."""
        super().__init__(jid, password)
        self.ca_certs, self.place = authority, ("127.0.0.1", server.ports["c2s"])
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


def run_alone(run):
    """Runs the coroutine run() on an event loop of its own; what it leaves behind is cancelled."""
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


def play(scene, *bots):
    """Run scene(bots…) on an event loop of its own, with every bot logged in; each of bots makes one."""
    async def run():
        made = [make() for make in bots]
        try:
            for bot in made:
                bot.connect(bot.place)
            await asyncio.wait_for(scene(*made), wait.DEADLINE)
        finally:
            for bot in made:
                bot.abort()

    run_alone(run)
