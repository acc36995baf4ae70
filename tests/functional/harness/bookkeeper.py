# SPDX-License-Identifier: Apache-2.0
"""A client with stream management (XEP-0198) that keeps the books by itself, as people's clients do.

It numbers what it sends and what arrives, whether a test has looked at it or not, and sends again after a resumption
what the server had not acknowledged. A test says when it asks (ask, all_acked) and resumes. <r/> and <a/> are not
among the stanzas that recv() and its kind hand out. For a client that counts what a test has taken, and sends what a
test says and nothing else, there is sm.Managed.
"""
from . import match, ns, wait
from .client import Client, StreamEnd
from .stream import StreamParser, clark, show

SM = "urn:xmpp:sm:3"
STANZAS = tuple(f"{{{ns.CLIENT}}}{kind}" for kind in ("message", "presence", "iq"))


class Watched:
    """A parser that tells somebody of every event, and gives on those that are wanted."""

    def __init__(self, parser, wanted):
        self.parser, self.wanted = parser, wanted

    def feed(self, data):
        return [event for event in self.parser.feed(data) if self.wanted(*event)]


class Outgoing(StreamParser):
    """Bytes of a stream in, each stanza as the bytes that it is out."""

    def feed(self, data):
        self.text += data
        self.stanzas = []
        super().feed(data)
        return self.stanzas

    def __init__(self):
        super().__init__()
        self.text, self.begin = b"", 0

    def _start(self, name, attributes):
        if self.depth == 1:
            self.begin = self.expat.CurrentByteIndex
        super()._start(name, attributes)

    def _end(self, name):
        super()._end(name)
        kind, here = clark(name), self.expat.CurrentByteIndex
        if self.depth != 1 or kind not in STANZAS:
            return
        if self.text.startswith(b"</" + kind.rpartition("}")[2].encode(), here):
            here = self.text.index(b">", here) + 1
        self.stanzas.append(self.text[self.begin:here])


class Bookkeeper(Client):
    acks = True         # an <r/> is answered

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.arrived = []       # every stanza that ever came, on any stream
        self.forget()

    def forget(self):
        """What is known of a session that can be resumed."""
        self.managed, self.id, self.max, self.location = False, None, None, None
        self.received = self.acked = 0      # stanzas; they go on where a number on the wire begins anew
        self.unacked = []       # what was sent and not acknowledged, as bytes: the first is number acked + 1
        self.said = []          # the h of each <a/> that came

    @property
    def sent(self):
        return self.acked + len(self.unacked)

    def offers_management(self):
        return self.features.find(f"{{{SM}}}sm") is not None

    # -- bytes ---------------------------------------------------------------------------------

    def connect(self, **options):
        super().connect(**options)
        self.outgoing = Outgoing()
        return self._watch()

    def open(self, **header):
        self.outgoing = Outgoing()
        super().open(**header)
        return self._watch()

    def _watch(self):
        self.parser = Watched(self.parser, self._arrived)
        return self

    def send(self, data):
        data = data.encode() if isinstance(data, str) else data
        stanzas = self.outgoing.feed(data)
        self.unacked += stanzas if self.managed else []
        super().send(data)

    def _arrived(self, kind, element):
        """Whether it is for the test."""
        if kind != "stanza":
            return True
        if element.tag == f"{{{SM}}}r":
            if self.managed and self.acks and not self.ended:
                self.ack()
        elif element.tag == f"{{{SM}}}a":
            self.said.append(int(element.get("h")))
            self._acknowledged(self.said[-1])
        elif element.tag == f"{{{SM}}}enabled":
            self.managed, self.id = True, element.get("id")
            self.max, self.location = element.get("max"), element.get("location")
            return True
        elif element.tag == f"{{{SM}}}resumed":
            self.managed = True
            self._acknowledged(int(element.get("h")))
            return True
        elif element.tag in STANZAS:
            self.received += self.managed
            self.arrived.append(element)
            return True
        return element.tag not in (f"{{{SM}}}r", f"{{{SM}}}a")

    def _acknowledged(self, h):
        more = (h - self.acked) % 2**32
        assert more <= len(self.unacked), f"h={h} acknowledges more than the {self.sent} stanzas that were sent"
        self.acked += more
        del self.unacked[:more]

    # -- elements ------------------------------------------------------------------------------

    def enable(self, resume=True, extra=""):
        """<enabled/>, or <failed/>."""
        self.forget()
        attribute = "resume='true'" if resume else ""
        self.send(f"<enable xmlns='{SM}' {attribute} {extra}/>")
        return self.take(lambda each: each.tag in (f"{{{SM}}}enabled", f"{{{SM}}}failed"))

    def ack(self, h=None):
        self.send(f"<a xmlns='{SM}' h='{(self.received if h is None else h) % 2**32}'/>")

    def ask(self):
        self.send(f"<r xmlns='{SM}'/>")

    def all_acked(self):
        """The server has taken charge of everything that was sent."""
        while self.unacked:
            answers = len(self.said)
            self.ask()
            self.until(lambda: len(self.said) > answers)

    def until(self, condition):
        """Reads until condition() is true; what came stays in the queue."""
        while not condition():
            if not self._read():
                raise StreamEnd("the connection has ended")
        return self

    def _read(self):
        try:
            data = self.transport.recv(wait.DEADLINE)
        except ConnectionError:
            data = b""
        self.transcript.append("<< " + data[:1500].decode(errors="replace"))
        self.ended = not data
        self.events += self.parser.feed(data) if data else []
        return not self.ended

    # -- life ----------------------------------------------------------------------------------

    def login(self, resume=True, manage=True, **options):
        super().login(**options)
        if manage:
            reply = self.enable(resume)
            assert reply.tag == f"{{{SM}}}enabled", show(reply)
        return self

    def close(self):
        """What came is acknowledged first; nothing can be behind the end of the stream."""
        if self.managed and self.acks:
            self.ack()
        self.managed = False
        stanzas = super().close()
        self.forget()
        return stanzas

    def authenticated(self, **options):
        """A new stream up to where a resource would be bound."""
        self.managed = False
        self.connect().open()
        if self.server.settings.starttls == "required":
            self.starttls()
        reply = self.authenticate(**options)
        assert reply.tag == f"{{{ns.SASL}}}success", show(reply)
        return self.open()

    def ask_to_resume(self, id=None, h=None):
        """<resumed/> or <failed/>. What the server has not acknowledged is not sent again."""
        h = self.received if h is None else h
        self.send(f"<resume xmlns='{SM}' previd='{match.escape(id or self.id)}' h='{h % 2**32}'/>")
        return self.take(lambda each: each.tag in (f"{{{SM}}}resumed", f"{{{SM}}}failed"))

    def resume(self, **options):
        """A new connection in the old session; sends again what the server did not get."""
        reply = self.authenticated(**options).ask_to_resume()
        assert reply.tag == f"{{{SM}}}resumed", show(reply)
        again, self.unacked = self.unacked, []
        for stanza in again:
            self.send(stanza)
        return self

    def read_rest(self):
        """Everything that is on its way, until the connection ends."""
        while not self.ended and self._read():
            pass
        self.transport.close()
