# SPDX-License-Identifier: Apache-2.0
"""A client with stream management (XEP-0198): counts both ways, acknowledges by itself unless told not to, resumes."""
from . import ns, wait
from .client import Client
from .stream import show

SM = "urn:xmpp:sm:3"
STANZAS = ("message", "presence", "iq")


class Managed(Client):
    managed, acknowledges = False, True
    received = sent = 0         # stanzas since <enabled/>
    acked = None                # the latest h of the server
    id = None                   # what the session can be resumed with

    def _next_event(self, timeout):
        while True:
            kind, element = super()._next_event(timeout)
            if kind != "stanza" or id(element) in self.seen:
                return kind, element
            self.seen[id(element)] = element
            if not self.managed:
                self.managed = element.tag in (f"{{{SM}}}enabled", f"{{{SM}}}resumed")
                return kind, element
            if element.tag == f"{{{SM}}}r":
                self.requests += 1
                if self.acknowledges:
                    self.acknowledge()
            elif element.tag == f"{{{SM}}}a":
                self.acked = int(element.get("h"))
                if self.waits_for_ack:
                    return kind, element
            else:
                self.received += element.tag in [f"{{{ns.CLIENT}}}{name}" for name in STANZAS]
                return kind, element

    seen = {}                   # what was taken out of the queue before, and put back
    requests, waits_for_ack = 0, False

    def send(self, data):
        super().send(data)
        text = data if isinstance(data, str) else data.decode()
        if self.managed and text.startswith(tuple(f"<{name}" for name in STANZAS)):
            self.sent += 1

    def acknowledge(self, h=None):
        self.send(f"<a xmlns='{SM}' h='{self.received if h is None else h}'/>")

    def manage(self, resume=True, attributes=""):
        self.received = 0
        self.send(f"<enable xmlns='{SM}' {'resume=%r' % 'true' if resume else ''} {attributes}/>")
        reply = self.take(lambda each: each.tag.startswith(f"{{{SM}}}"))
        assert reply.tag == f"{{{SM}}}enabled", show(reply)
        self.id, self.sent, self.acked = reply.get("id"), 0, 0
        return reply

    def handled(self):
        """Ask, and return the h of the answer."""
        self.send(f"<r xmlns='{SM}'/>")
        self.waits_for_ack = True
        try:
            return int(self.take(lambda each: each.tag == f"{{{SM}}}a").get("h"))
        finally:
            self.waits_for_ack = False

    def all_handled(self):
        wait.until(lambda: self.handled() == self.sent, "everything is acknowledged")

    def again(self, tls=False):
        """A new connection, authenticated."""
        self.managed = False
        self.connect().open()
        if tls or self.server.settings.starttls == "required":
            self.starttls()
        reply = self.authenticate()
        assert reply.tag == f"{{{ns.SASL}}}success", show(reply)
        return self.open()

    def resume(self, h=None, id=None, **options):
        """The answer: <resumed/> or <failed/>."""
        self.again(**options)
        self.send(f"<resume xmlns='{SM}' h='{self.received if h is None else h}' previd='{id or self.id}'/>")
        reply = self.take(lambda each: each.tag.startswith(f"{{{SM}}}"))
        if reply.tag == f"{{{SM}}}resumed":
            self.sent = int(reply.get("h"))
        return reply
