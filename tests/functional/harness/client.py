# SPDX-License-Identifier: Apache-2.0
"""A raw XMPP client: sends exactly what a test says, and hands out what comes, stanza by stanza.

Nothing happens by itself: a test may stop after any step. login() takes all steps at once.
"""
import base64
import itertools
import time

from . import match, ns, wait
from .sasl import Scram, b64, plain
from .stream import StreamParser, show
from .transport import Transport


class StreamEnd(AssertionError):
    """The server closed its stream or the connection."""


class Client:
    ids = itertools.count(1)

    def __init__(self, server, user=None, resource=None, password=None, host=None, port="c2s"):
        self.server, self.user, self.password = server, user, password or "secret"
        self.host, self.resource = host or server.host, resource
        self.port = server.ports.get(port, port)
        self.name, self.full, self.values = user, None, {}
        self.transport, self.events, self.transcript, self.ended = None, [], [], False

    @property
    def bare(self):
        return f"{self.user}@{self.host}"

    # -- bytes ---------------------------------------------------------------------------------

    def connect(self, direct_tls=False, **tls):
        self.transport = Transport(self.port)
        self.ended = False
        self.events = []
        if direct_tls:
            self.transport.start_tls(tls.pop("name", self.host), **tls)
        self.parser = StreamParser()
        return self

    def send(self, data):
        data = data.encode() if isinstance(data, str) else data
        self.transcript.append(">> " + data[:600].decode(errors="replace"))
        self.transport.send(data)

    def _next_event(self, timeout):
        end = time.monotonic() + timeout
        while not self.events:
            if self.ended:
                raise StreamEnd("the connection has ended")
            data = self.transport.recv(max(0.01, end - time.monotonic()))
            self.transcript.append("<< " + data[:1500].decode(errors="replace"))
            if not data:
                self.ended = True
            else:
                self.events += self.parser.feed(data)
        return self.events.pop(0)

    def recv(self, timeout=None):
        """The next stanza or other first-level element."""
        kind, element = self._next_event(timeout or wait.DEADLINE)
        if kind == "end":
            raise StreamEnd("the server closed the stream")
        assert kind == "stanza", f"wanted a stanza, got {kind}"
        return element

    # -- stream --------------------------------------------------------------------------------

    def header(self, to="", extra="", version="1.0", xmlns=ns.CLIENT, stream=ns.STREAM):
        """The text of a stream header; to=None leaves the attribute out."""
        to = self.host if to == "" else to
        text = f"<?xml version='1.0'?><stream:stream xmlns='{xmlns}' xmlns:stream='{stream}'"
        text += f" to='{to}'" if to is not None else ""
        return text + (f" version='{version}'" if version else "") + f" {extra}>"

    def open(self, **header):
        """(Re)start the stream; self.answer is the server's header, self.features its features."""
        self.parser = StreamParser()
        self.send(self.header(**header))
        self.read_header()
        self.features = self.recv()
        assert self.features.tag == f"{{{ns.STREAM}}}features", show(self.features)
        return self

    def read_header(self):
        kind, self.answer = self._next_event(wait.DEADLINE)
        assert kind == "header", kind
        return self.answer

    def starttls(self, **tls):
        self.send(f"<starttls xmlns='{ns.TLS}'/>")
        reply = self.recv()
        assert reply.tag == f"{{{ns.TLS}}}proceed", show(reply)
        self.transport.start_tls(tls.pop("name", self.host), **tls)
        return self.open()

    def mechanisms(self):
        return [each.text for each in self.features.findall(f".//{{{ns.SASL}}}mechanism")]

    def stream_error(self, condition=None):
        """Read up to the stream error, check it and that the connection ends after it."""
        while True:
            kind, element = self._next_event(wait.DEADLINE)
            if kind == "stanza" and element.tag == f"{{{ns.STREAM}}}error":
                break
            assert kind != "end", "the stream ended without an error"
        names = [child.tag.partition("}")[2] for child in element if ns.STREAM_ERRORS in child.tag]
        if condition:
            assert set(names) & set(condition.split("|")), f"wanted {condition}:\n{show(element)}"
        self.wait_closed()
        return element

    def wait_closed(self):
        """Read until the server has closed the connection; whatever comes before is dropped."""
        end = time.monotonic() + wait.DEADLINE
        while not self.ended:
            self.events.clear()
            try:
                data = self.transport.recv(max(0.01, end - time.monotonic()))
            except ConnectionError:
                data = b""
            self.transcript.append("<< " + data[:1500].decode(errors="replace"))
            self.ended = not data
        self.transport.close()

    def wait_end(self):
        """Read until the server's </stream:stream>; return the stanzas before it."""
        stanzas = []
        while True:
            kind, element = self._next_event(wait.DEADLINE)
            if kind == "end":
                return stanzas
            stanzas.append(element)

    def close(self):
        """End the stream in order: our end tag, the server's, then the connection."""
        self.send("</stream:stream>")
        stanzas = self.wait_end()
        self.transport.close()
        self.ended = True
        return stanzas

    def drop(self):
        """Cut the connection without a word."""
        if self.transport:
            self.transport.close()
        self.ended = True

    # -- authentication ------------------------------------------------------------------------

    def auth(self, mechanism, initial=None):
        body = "" if initial is None else (b64(initial) or "=")
        self.send(f"<auth xmlns='{ns.SASL}' mechanism='{mechanism}'>{body}</auth>")
        return self.recv()

    def respond(self, data):
        self.send(f"<response xmlns='{ns.SASL}'>{b64(data)}</response>")
        return self.recv()

    def authenticate(self, mechanism="SCRAM-SHA-1", binding=None, **scram):
        """One attempt; returns <success/> or <failure/>."""
        if mechanism == "PLAIN":
            return self.auth("PLAIN", plain(self.user, self.password))
        if mechanism in ("ANONYMOUS", "EXTERNAL"):
            return self.auth(mechanism, "")
        if binding:
            binding = (binding, self.transport.channel_binding(binding))
        exchange = Scram(mechanism, self.user, self.password, binding, **scram)
        reply = self.auth(mechanism, exchange.first())
        if reply.tag != f"{{{ns.SASL}}}challenge":
            return reply
        reply = self.respond(exchange.final(base64.b64decode(reply.text)))
        if reply.tag == f"{{{ns.SASL}}}success":
            exchange.verify(base64.b64decode(reply.text))
        return reply

    def bind(self, resource=None):
        child = f"<resource>{match.escape(resource)}</resource>" if resource is not None else ""
        reply = self.iq("set", f"<bind xmlns='{ns.BIND}'>{child}</bind>")
        if reply.get("type") == "result":
            self.full = reply.find(f".//{{{ns.BIND}}}jid").text
        return reply

    def login(self, mechanism="SCRAM-SHA-1", tls=False, **options):
        """All steps up to a bound resource; no presence is sent."""
        self.connect().open()
        if tls or self.server.settings.starttls == "required":
            self.starttls()
        reply = self.authenticate(mechanism, **options)
        assert reply.tag == f"{{{ns.SASL}}}success", show(reply)
        self.open()
        reply = self.bind(self.resource)
        assert reply.get("type") == "result", show(reply)
        return self

    def online(self, priority=None, **options):
        """login(), initial presence, and everything that this brings read and dropped."""
        self.login(**options)
        self.presence(priority=priority)
        self.settle()
        return self

    # -- stanzas -------------------------------------------------------------------------------

    def presence(self, attributes="", children="", priority=None):
        if priority is not None:
            children += f"<priority>{priority}</priority>"
        self.send(f"<presence {attributes}>{children}</presence>")

    def message(self, to, body="hi", type="chat", extra=""):
        self.send(f"<message to='{to}' type='{type}' {extra}><body>{body}</body></message>")

    def iq(self, type, payload="", to=None, extra=""):
        """Send a request and return its answer; other stanzas stay in the queue in order."""
        id = f"q{next(self.ids)}"
        address = f"to='{match.escape(to)}'" if to else ""
        self.send(f"<iq type='{type}' id='{id}' {address} {extra}>{payload}</iq>")
        return self.take(lambda each: each.tag == f"{{{ns.CLIENT}}}iq" and each.get("id") == id
                         and each.get("type") in ("result", "error"))

    def take(self, wanted, timeout=None):
        """The first stanza for which wanted() is true; those before it stay in the queue."""
        kept = []
        try:
            while True:
                kind, element = self._next_event(timeout or wait.DEADLINE)
                if kind == "stanza" and wanted(element):
                    return element
                kept.append((kind, element))
                if kind == "end":
                    raise StreamEnd("the server closed the stream")
        finally:
            self.events = kept + self.events

    def expect(self, *texts, **values):
        """The next stanzas match these patterns, in this order; see harness.match."""
        for text in texts:
            for pattern in match.patterns(text, {**self.known(), **values}):
                element = self.recv()
                try:
                    match.match(pattern, element, self.values)
                except match.Mismatch as problem:
                    raise match.Mismatch(f"{problem}\n{self.name} got:\n{show(element)}") from None
        return element

    def known(self):
        return {"host": self.host, "me.bare": self.bare, "me.full": self.full, **self.values}

    # -- fences --------------------------------------------------------------------------------

    def settle(self, *senders, via=None):
        """Everything that was sent to us so far, ours and the senders' stanzas handled before.

        First the server answers us a ping, so that what we sent has set off what it sets off. Then
        each sender has its own ping answered, and sends an IQ result, which goes to exactly our
        resource and stays in order behind the sender's earlier stanzas. via is an account that we
        wrote to: a request that its server refuses comes back behind any answer to what we wrote.
        """
        if via:
            self.iq("get", "<query xmlns='urn:example:fence'/>", to=via.partition("/")[0])
        if senders:
            self.ping()
        for sender in senders:
            if sender is not self and not sender.ended and sender.full:
                sender.ping()
                self._fence(sender)
        self.ping()
        stanzas = [element for kind, element in self.events if kind == "stanza"]
        self.events = [event for event in self.events if event[0] != "stanza"]
        return stanzas

    def ping(self):
        self.iq("get", f"<ping xmlns='{ns.PING}'/>", to=self.host)

    def _fence(self, sender):
        id = f"fence{next(self.ids)}"
        sender.send(f"<iq type='result' id='{id}' to='{match.escape(self.full)}'/>")
        self.take(lambda each: each.get("id") == id)

    def nothing(self, *senders):
        """Nothing was sent to us by these senders, nor by the server."""
        stanzas = self.settle(*senders)
        assert not stanzas, f"{self.name} should get nothing, got:\n" + "\n".join(map(show, stanzas))
