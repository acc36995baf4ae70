# SPDX-License-Identifier: Apache-2.0
"""A client of today: XEP-0388 with XEP-0386 and XEP-0484. Every step is open to a test that wants to bend it."""
import base64
import hashlib
import hmac
import uuid

from . import ns
from .client import Client
from .sasl import Scram, b64, plain
from .stream import show

BINDINGS = {"EXPR": "tls-exporter", "ENDP": "tls-server-end-point", "UNIQ": "tls-unique"}


def request_token(mechanism="HT-SHA-256-NONE"):
    return f"<request-token xmlns='{ns.FAST}' mechanism='{mechanism}'/>"


def bind(children="", tag=None):
    tag = f"<tag>{tag}</tag>" if tag is not None else ""
    return f"<bind xmlns='{ns.BIND2}'>{tag}{children}</bind>"


def condition(failure):
    """The one condition of a <failure/>."""
    assert failure.tag == f"{{{ns.SASL2}}}failure", show(failure)
    names = [each.tag.partition("}")[2] for each in failure if each.tag.startswith(f"{{{ns.SASL}}}")]
    assert len(names) == 1, show(failure)
    return names[0]


class Phone(Client):
    def __init__(self, server, user, password=None, id=None, **options):
        super().__init__(server, user, password=password, **options)
        self.id = str(uuid.uuid4()) if id is None else id
        self.software, self.device = "Phone App", "a phone"
        self.token, self.token_mechanism, self.success = None, None, None

    # -- the stream ------------------------------------------------------------------------------

    def start(self, named=False, **tls):
        """Up to the features within TLS; named: the stream header says who we are."""
        extra = f"from='{self.bare}'" if named else ""
        self.connect(direct_tls=True, **tls) if self.port == self.server.ports["tls"] else \
            self.connect().open().secure(**tls)
        return self.open(extra=extra)

    def secure(self, **tls):
        self.send(f"<starttls xmlns='{ns.TLS}'/>")
        reply = self.recv()
        assert reply.tag == f"{{{ns.TLS}}}proceed", show(reply)
        self.transport.start_tls(tls.pop("name", self.host), **tls)
        return self

    @property
    def offer(self):
        return self.features.find(f"{{{ns.SASL2}}}authentication")

    def mechanisms2(self):
        return [each.text for each in self.offer.findall(f"{{{ns.SASL2}}}mechanism")]

    def inline(self, tag):
        return self.offer.find(f"{{{ns.SASL2}}}inline/{tag}")

    def token_mechanisms(self):
        fast = self.inline(f"{{{ns.FAST}}}fast")
        return [] if fast is None else [each.text for each in fast]

    def upgrades(self):
        return [each.text for each in self.offer.findall(f"{{{ns.UPGRADE}}}upgrade")]

    # -- the exchange ----------------------------------------------------------------------------

    def agent(self):
        id = f" id='{self.id}'" if self.id else ""
        return (f"<user-agent{id}><software>{self.software}</software>"
                f"<device>{self.device}</device></user-agent>")

    def request(self, mechanism, initial=None, children="", agent=True):
        """The text of <authenticate/>."""
        first = "" if initial is None else f"<initial-response>{b64(initial)}</initial-response>"
        return (f"<authenticate xmlns='{ns.SASL2}' mechanism='{mechanism}'>{first}"
                f"{self.agent() if agent else ''}{children}</authenticate>")

    def ask(self, mechanism, initial=None, children="", agent=True):
        self.send(self.request(mechanism, initial, children, agent))
        return self.outcome(self.recv())

    def respond2(self, data):
        self.send(f"<response xmlns='{ns.SASL2}'>{b64(data)}</response>")
        return self.outcome(self.recv())

    def outcome(self, reply):
        """Keeps what <success/> says, and the features behind it."""
        if reply.tag != f"{{{ns.SASL2}}}success":
            return reply
        self.success = reply
        identifier = reply.find(f"{{{ns.SASL2}}}authorization-identifier").text
        self.full = identifier if "/" in identifier else None
        token = reply.find(f"{{{ns.FAST}}}token")
        if token is not None:
            self.token = token.get("token")
        self.features = self.recv()
        assert self.features.tag == f"{{{ns.STREAM}}}features", show(self.features)
        return reply

    def data(self, element):
        found = element.find(f"{{{ns.SASL2}}}additional-data")
        return None if found is None else base64.b64decode(found.text)

    def scram(self, mechanism="SCRAM-SHA-1", children="", binding=None, agent=True, **options):
        """With the password; returns <success/>, <failure/> or <continue/>."""
        if binding:
            binding = (binding, self.transport.channel_binding(binding))
        exchange = Scram(mechanism, self.user, self.password, binding, **options)
        reply = self.ask(mechanism, exchange.first(), children, agent)
        if reply.tag != f"{{{ns.SASL2}}}challenge":
            return reply
        reply = self.respond2(exchange.final(base64.b64decode(reply.text)))
        if reply.tag != f"{{{ns.SASL2}}}failure":
            exchange.verify(self.data(reply))
        return reply

    def plain(self, children=""):
        return self.ask("PLAIN", plain(self.user, self.password), children)

    # -- tokens ----------------------------------------------------------------------------------

    def hashed(self, mechanism, role, token=None):
        kind = BINDINGS.get(mechanism[-4:])
        bound = self.transport.channel_binding(kind) if kind else b""
        hash = "sha512" if "512" in mechanism else "sha256"
        return hmac.new((token or self.token).encode(), role + bound, getattr(hashlib, hash)).digest()

    def token_response(self, mechanism, token=None, user=None):
        return (user or self.user).encode() + b"\0" + self.hashed(mechanism, b"Initiator", token)

    def fast(self, mechanism="HT-SHA-256-NONE", children="", attributes="", token=None):
        """With the token; returns <success/> or <failure/>."""
        used = token or self.token
        reply = self.ask(mechanism, self.token_response(mechanism, token),
                         f"<fast xmlns='{ns.FAST}' {attributes}/>{children}")
        if reply.tag == f"{{{ns.SASL2}}}success":
            assert self.data(reply) == self.hashed(mechanism, b"Responder", used)
        return reply

    def enrol(self, mechanism="HT-SHA-256-NONE", **options):
        """Logs in with the password and gets a token."""
        self.token = None
        reply = self.scram(children=request_token(mechanism), **options)
        assert reply.tag == f"{{{ns.SASL2}}}success" and self.token, show(reply)
        return self

    def again(self, **options):
        """A new connection of the same client."""
        self.drop()
        return self.start(**options)
