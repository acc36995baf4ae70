# SPDX-License-Identifier: Apache-2.0
"""A raw component (XEP-0114): like the raw client, it does nothing by itself."""
import hashlib
import select
import socket

from . import ns, wait
from .client import Client
from .stream import StreamParser, show
from .transport import Transport


class UnixTransport(Transport):
    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(wait.DEADLINE)
        self.sock.connect(str(path))
        self.tls = self.certificate = None


class ComponentParser(StreamParser):
    """Elements of the stream's own namespace as if they were in jabber:client."""

    def _start(self, name, attributes):
        super()._start(name.replace(ns.COMPONENT, ns.CLIENT), attributes)

    def _end(self, name):
        super()._end(name.replace(ns.COMPONENT, ns.CLIENT))


class Component(Client):
    def __init__(self, server, domain, port="component", password="secret"):
        super().__init__(server, host=domain, port=port, password=password)
        self.name = self.full = domain

    def connect(self, path=None, direct_tls=False, **tls):
        self.transport = UnixTransport(path) if path else Transport(self.port)
        self.ended, self.events = False, []
        if direct_tls:
            self.transport.start_tls(tls.pop("name", "localhost"), **tls)
        self.parser = ComponentParser()
        return self

    def header(self, to="", xmlns=ns.COMPONENT, **rest):
        return super().header(to, version=None, xmlns=xmlns, **rest)

    def open(self, **header):
        self.send(self.header(**header))
        self.read_header()
        return self

    def handshake(self):
        text = self.answer["id"] + self.password
        self.send(f"<handshake>{hashlib.sha1(text.encode()).hexdigest()}</handshake>")
        return self

    def attach(self, **connect):
        """All steps up to the server's <handshake/>."""
        self.connect(**connect).open().handshake()
        reply = self.recv()
        assert reply.tag == f"{{{ns.CLIENT}}}handshake", show(reply)
        return self

    def say(self, to, body="hi", user=None, extra=""):
        address = f"{user}@{self.host}" if user else self.host
        self.send(f"<message from='{address}' to='{to}' {extra}><body>{body}</body></message>")

    def ping(self):
        """The server has dealt with all that was sent before, and its answers are here. Only for the one
        component of a domain: the answer is for the domain, not for the stream."""
        id = f"ping{next(self.ids)}"
        self.send(f"<iq type='get' id='{id}' from='{self.host}' to='{self.server.host}'>"
                  f"<ping xmlns='{ns.PING}'/></iq>")
        return self.take(lambda each: each.get("id") == id)

    def arrived(self):
        """The events that are here already; they stay in the queue."""
        while not self.ended and select.select([self.transport.sock], [], [], 0)[0]:
            data = self.transport.recv(wait.DEADLINE)
            self.transcript.append("<< " + data[:1500].decode(errors="replace"))
            self.ended = not data
            self.events += self.parser.feed(data)
        return self.events
