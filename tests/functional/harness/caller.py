# SPDX-License-Identifier: Apache-2.0
"""Another server that opens a stream to the one under test: nothing happens by itself.

    caller = Caller(port, "far.example", "near.example")
    caller.open(); caller.starttls(certificate); caller.open(); caller.external()
"""
import base64
import socket
import ssl

from . import ns
from .federation import DIALBACK, SERVER, PeerStream
from .stream import StreamParser

FEATURES = f"{{{ns.STREAM}}}features"


class Caller(PeerStream):
    def __init__(self, port, domain, to):
        super().__init__(socket.create_connection(("127.0.0.1", port)), domain, None)
        self.to, self.offered = to, set()

    def say_header(self, domain=None, to=None, version=" version='1.0'"):
        self.parser = StreamParser()
        sender = self.domain if domain is None else domain
        self.send(f"<?xml version='1.0'?><stream:stream xmlns='{SERVER}' xmlns:stream='{ns.STREAM}' "
                  f"xmlns:db='{DIALBACK}' to='{to or self.to}'" + (f" from='{sender}'" if sender else "") +
                  f"{version}>")

    def open(self, **header):
        """Our header and theirs, and what they offer: the features' elements and the mechanisms."""
        self.say_header(**header)
        self.read_header()
        features = self.recv()
        assert features.tag == FEATURES, features.tag
        self.offered = {each.tag.partition("}")[2] for each in features}
        self.offered |= {each.text for each in features.iter(f"{{{ns.SASL}}}mechanism")}
        return self

    def tls(self, certificate=None, alpn=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if certificate:
            context.load_cert_chain(certificate.pem)
        if alpn:
            context.set_alpn_protocols([alpn])
        self.socket = context.wrap_socket(self.socket, server_hostname=self.to)
        return self

    def starttls(self, certificate=None, behind=""):
        self.send(f"<starttls xmlns='{ns.TLS}'/>{behind}")
        self.expect("proceed", ns.TLS)
        return self.tls(certificate)

    def secure(self, certificate=None):
        """As far as the features of an encrypted stream."""
        return self.open().starttls(certificate).open()

    def auth(self, identity=None, mechanism="EXTERNAL"):
        data = "=" if identity is None else base64.b64encode(identity.encode()).decode()
        self.send(f"<auth xmlns='{ns.SASL}' mechanism='{mechanism}'>{data}</auth>")

    def external(self, identity=None):
        """SASL EXTERNAL succeeds, and the stream begins anew."""
        self.auth(identity)
        self.expect("success", ns.SASL)
        return self.open()

    def trusted(self, certificate):
        return self.secure(certificate).external()

    def sasl_refused(self, condition):
        failure = self.expect("failure", ns.SASL)
        assert [each.tag for each in failure] == [f"{{{ns.SASL}}}{condition}"]

    def claim(self, domain=None, to=None, key="0123456789abcdef"):
        self.send(f"<db:result from='{domain or self.domain}' to='{to or self.to}'>{key}</db:result>")

    def claimed(self, type, condition=None, domain=None):
        result = self.expect("result", DIALBACK, type=type, from_=self.to, to=domain or self.domain)
        assert (result[0][0].tag.partition("}")[2] if len(result) else None) == condition
        return result

    def message(self, sender, to, id, body="hi"):
        self.send(f"<message from='{sender}' to='{to}' id='{id}' type='chat'><body>{body}</body></message>")

    def stream_error(self, condition):
        """The stream ends with it."""
        errors = [each for each in self.wait_closed() if each.tag == f"{{{ns.STREAM}}}error"]
        assert errors and errors[0][0].tag.partition("}")[2] == condition, "\n".join(self.transcript)
