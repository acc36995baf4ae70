# SPDX-License-Identifier: Apache-2.0
"""Other servers, played step by step by a test, and the DNS that leads to them.

    world = World(folder, ["far.example"]); world.start()
    peer = world["far.example"].accept()    # somebody connects
    peer.opened(); peer.features("<starttls .../>")
"""
import select
import socket
import ssl
import xml.etree.ElementTree as ET

from . import certs, dns, ns, wait
from .stream import StreamParser, show

SERVER, DIALBACK, SM = "jabber:server", "jabber:server:dialback", "urn:xmpp:sm:3"
STARTTLS = f"<starttls xmlns='{ns.TLS}'/>"
EXTERNAL = f"<mechanisms xmlns='{ns.SASL}'><mechanism>EXTERNAL</mechanism></mechanisms>"
DIALBACK_FEATURE = "<dialback xmlns='urn:xmpp:features:dialback'><errors/></dialback>"
BIDI = "<bidi xmlns='urn:xmpp:features:bidi'/>"
SM_FEATURE = f"<sm xmlns='{SM}'/>"


def one_for_each(make):
    """For a fixture: gives get(key), which calls make(key) once for each key; all servers are stopped in the end."""
    made = {}

    def get(key="optional"):
        if key not in made:
            made[key] = make(key)
        return made[key]
    yield get
    for server in made.values():
        try:
            server.stop()
        finally:
            if server.process:
                server.process.kill()


def signed_by(folder, name, names, signer, *extra):
    """A server certificate for DNS names; extra are further arguments of openssl x509."""
    cert = certs.Certificate(folder, name)
    extensions = cert.key.with_suffix(".ext")
    extensions.write_text("subjectAltName=" + ",".join(f"DNS:{each}" for each in names) + "\n")
    certs.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", cert.key,
                  "-out", cert.key.with_suffix(".csr"), "-subj", f"/CN={name}")
    certs.openssl("x509", "-req", "-in", cert.key.with_suffix(".csr"), "-CA", signer.crt, "-CAkey", signer.key,
                  "-CAcreateserial", *(extra or ("-days", "30")), "-sha256", "-extfile", extensions, "-out", cert.crt)
    return cert.join()


class PeerStream:
    """One stream of another server with the one under test: nothing happens by itself."""

    def __init__(self, connection, domain, authority):
        self.socket, self.domain, self.authority = connection, domain, authority
        self.socket.settimeout(wait.DEADLINE)
        self.parser, self.events, self.ended = StreamParser(), [], False
        self.header, self.shown, self.transcript = None, None, []

    # -- bytes ---------------------------------------------------------------------------------

    def send(self, text):
        self.transcript.append(">> " + text[:600])
        self.socket.sendall(text.encode())

    def next_event(self):
        while not self.events:
            assert not self.ended, "the connection has ended:\n" + "\n".join(self.transcript)
            try:
                data = self.socket.recv(65536)
            except (ConnectionError, ssl.SSLEOFError):
                data = b""
            self.transcript.append("<< " + data[:1500].decode(errors="replace"))
            if not data:
                self.ended = True
                self.events.append(("gone", None))
            else:
                self.events += self.parser.feed(data)
        return self.events.pop(0)

    def recv(self):
        kind, element = self.next_event()
        assert kind == "stanza", f"wanted an element, got {kind}:\n" + "\n".join(self.transcript)
        return element

    def expect(self, tag, namespace=SERVER, **attributes):
        element = self.recv()
        assert element.tag == f"{{{namespace}}}{tag}", show(element)
        for name, value in attributes.items():
            assert element.get(name.rstrip("_")) == value, show(element)
        return element

    def quiet(self):
        """Nothing has come, as far as can be told without waiting for it."""
        return not self.events and (self.ended or not select.select([self.socket], [], [], 0)[0])

    def wait_closed(self):
        """Everything up to the end of the connection; returns the elements."""
        elements = []
        while not self.ended:
            kind, element = self.next_event()
            if kind == "stanza":
                elements.append(element)
            if kind == "end":
                self.close()
                break
        return elements

    def close(self):
        self.ended = True
        self.socket.close()

    # -- steps ---------------------------------------------------------------------------------

    def read_header(self):
        kind, self.header = self.next_event()
        assert kind == "header", f"{kind}\n" + "\n".join(self.transcript)
        return self.header

    def answer(self, id="stream-1", version=" version='1.0'", dialback=True, extra=""):
        declared = f" xmlns:db='{DIALBACK}'" if dialback else ""
        self.send(f"<?xml version='1.0'?><stream:stream xmlns='{SERVER}' xmlns:stream='{ns.STREAM}'{declared} "
                  f"id='{id}' from='{self.domain}' to='{self.header['from']}'{version}{extra}>")

    def opened(self, *features, **answer):
        """Their header, ours, and these features."""
        self.parser = StreamParser()
        self.read_header()
        self.answer(**answer)
        if features or "version" not in answer:
            self.features(*features)
        return self

    def features(self, *features):
        self.send("<stream:features>" + "".join(features) + "</stream:features>")

    def tls(self, certificate, ask=True):
        """The handshake, as the server; shown is their certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate.pem)
        if ask:
            context.verify_mode = ssl.CERT_OPTIONAL
            context.load_verify_locations(self.authority.crt)
        names = []
        context.sni_callback = lambda connection, name, ctx: names.append(name)
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.shown, self.name = self.socket.getpeercert(), names[0] if names else None
        return self

    def starttls(self, certificate, **options):
        self.expect("starttls", ns.TLS)
        self.send(f"<proceed xmlns='{ns.TLS}'/>")
        return self.tls(certificate, **options)

    def external(self):
        """SASL EXTERNAL succeeds; returns what they claimed to be."""
        element = self.expect("auth", ns.SASL, mechanism="EXTERNAL")
        self.send(f"<success xmlns='{ns.SASL}'/>")
        return element.text

    def dialback(self, result="valid", inner=""):
        """Answers their key without looking at it."""
        element = self.expect("result", DIALBACK)
        self.send(f"<db:result from='{self.domain}' to='{element.get('from')}' type='{result}'>{inner}</db:result>")
        return element

    def trusted(self, certificate, *features):
        """All the way with certificates."""
        self.opened(STARTTLS).starttls(certificate)
        self.opened(EXTERNAL, DIALBACK_FEATURE)
        self.external()
        return self.opened(*features)

    def message(self):
        return self.expect("message")

    def answer_sm(self):
        self.expect("enable", SM)
        self.send(f"<enabled xmlns='{SM}'/>")


class Peer:
    """Where one domain's server listens."""

    def __init__(self, domain, authority, address="127.0.0.1"):
        self.domain, self.authority = domain, authority
        self.socket = socket.create_server((address, 0))
        self.socket.settimeout(wait.DEADLINE)
        self.address, self.port = self.socket.getsockname()
        self.streams = []

    def accept(self):
        connection, _ = self.socket.accept()
        self.streams.append(PeerStream(connection, self.domain, self.authority))
        return self.streams[-1]

    def nobody(self):
        """No connection waits to be accepted."""
        return not select.select([self.socket], [], [], 0)[0]

    def reset(self):
        """Ends all streams and drops the connections that wait."""
        for each in self.streams:
            each.close()
        self.streams = []
        while not self.nobody():
            self.socket.accept()[0].close()

    def stop(self):
        self.reset()
        self.socket.close()


class World:
    """Peers by domain, all of the zone "example", with a certificate each; and their DNS."""

    def __init__(self, folder, domains, direct=()):
        self.folder = folder
        self.authority = certs.authority(folder)
        self.peers = {domain: Peer(domain, self.authority) for domain in domains}
        self.certificates = {domain: signed_by(folder, domain, [domain], self.authority) for domain in domains}
        self.knot = dns.Knot(folder / "knot")
        records = "host A 127.0.0.1\n"
        for domain, peer in self.peers.items():
            name = domain.removesuffix(".example")
            service = "_xmpps-server" if domain in direct else "_xmpp-server"
            records += f"{service}._tcp.{name} SRV 1 0 {peer.port} host\n"
        self.records = records

    def __getitem__(self, domain):
        return self.peers[domain]

    def start(self, more=""):
        self.knot.add("example", self.records + more)
        self.knot.start()
        return self

    def stop(self):
        self.knot.stop()
        for peer in self.peers.values():
            peer.stop()

    def reset(self):
        for peer in self.peers.values():
            peer.reset()

    def options(self, **more):
        """Top-level options of a server that lives in this world."""
        return {"s2s_dns_servers": [f"127.0.0.1@{self.knot.port}"], "s2s_dns_hosts_file": "/dev/null",
                "s2s_dnssec": "off", "ca_file": str(self.authority.crt), "s2s_max_retry_delay": "1 s",
                "outgoing_s2s_families": ["ipv4"], **more}


def error_of(stanza):
    """The condition and the text of a stanza error."""
    error = next(each for each in stanza if each.tag.endswith("}error"))
    names = {each.tag.partition("}")[2]: each.text for each in error if ns.STANZA_ERRORS in each.tag}
    text = names.pop("text", None)
    return next(iter(names)), text or ""


def text_of(element):
    return ET.tostring(element, encoding="unicode")
