# SPDX-License-Identifier: Apache-2.0
"""Accounts and clients for one test: names that nobody else uses, and friends."""
from . import ns, rooms
from .client import Client


class Cast:
    """Makes accounts and clients on one server, and ends the clients when the test is over."""

    def __init__(self, server):
        self.server, self.clients, self.names = server, [], {}
        self.rooms = []         # addresses of chat rooms that the clients write to

    def account(self, name, exists=True, **account):
        """The user name that stands for name in this test; the account is made at first use."""
        if name not in self.names:
            self.names[name] = self.server.unique(name)
            if exists:
                self.server.add_user(self.names[name], **account)
        return self.names[name]

    def client(self, name, resource=None, kind=Client, **options):
        """A client for the account; it is not connected yet."""
        client = kind(self.server, self.account(name), resource or "test", **options)
        client.name = name if resource is None else f"{name}/{resource}"
        self.clients.append(client)
        return client

    def nobody(self, resource=None, **options):
        """A client that has no account."""
        client = Client(self.server, self.server.unique("nobody"), resource, **options)
        self.clients.append(client)
        return client

    def online(self, *names, priority=None):
        """Clients that are logged in and have sent initial presence; a name may be user/resource."""
        made = []
        for name in names:
            user, _, resource = name.partition("/")
            made.append(self.client(user, resource or None).online(priority=priority))
            self.settle()
        return made if len(made) > 1 else made[0]

    def friends(self, one, other):
        """Both accounts see each other's presence; done by the protocol."""
        pair = [self.client(name, "befriend").login() for name in (one, other)]
        for client in pair:
            client.iq("get", f"<query xmlns='{ns.ROSTER}'/>")
            client.presence()
        befriend(*pair)
        for client in pair:
            client.close()

    def settle(self):
        """Every client drops what was sent to it so far."""
        self.fence_rooms()
        for client in self.active():
            client.settle(*self.active())

    def nothing(self, client):
        self.fence_rooms()
        client.nothing(*self.clients)

    def active(self):
        return [client for client in self.clients if client.full and not client.ended]

    def fence_rooms(self):
        """What the clients sent to their rooms so far is handled: a room answers behind it."""
        for client in self.active():
            for room in self.rooms:
                rooms.fence(client, room)

    def end(self):
        for client in self.clients:
            try:
                if client.transport and not client.ended:
                    client.send("</stream:stream>")
            except OSError:
                pass
            client.drop()

    def transcript(self):
        return "\n".join(f"--- {client.name}\n" + "\n".join(client.transcript)
                         for client in self.clients)


def befriend(one, other):
    """Mutual subscription between two clients that are online."""
    for asker, giver in ((one, other), (other, one)):
        asker.presence(f"to='{giver.bare}' type='subscribe'")
        asker.ping()
        giver.settle(asker)
        giver.presence(f"to='{asker.bare}' type='subscribed'")
        giver.ping()
        asker.settle(giver)
    one.settle(other)
