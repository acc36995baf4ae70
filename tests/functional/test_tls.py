# SPDX-License-Identifier: Apache-2.0
"""RFC 6120 5, RFC 7590 and XEP-0368: STARTTLS, direct TLS, certificates by host name."""
import socket
import ssl

import pytest
from OpenSSL import SSL

from harness import ns, wait
from harness.settings import Settings
from harness.stream import show

SETTINGS = Settings(hosts=("localhost", "second.example"), starttls="required")


def failure(reply, condition):
    assert reply.tag == f"{{{ns.SASL}}}failure", show(reply)
    assert reply.find(f"{{{ns.SASL}}}{condition}") is not None, show(reply)


class TestRequired:
    def test_feature_says_so(self, cast):
        client = cast.nobody().connect().open()
        assert client.features.find(f"{{{ns.TLS}}}starttls/{{{ns.TLS}}}required") is not None

    def test_nothing_but_tls_is_offered(self, cast):
        """RFC 6120 5.3.1: only STARTTLS when it is required."""
        client = cast.nobody().connect().open()
        assert client.mechanisms() == []

    def test_authentication_without_tls(self, cast):
        romeo = cast.client("romeo").connect().open()
        romeo.send(f"<auth xmlns='{ns.SASL}' mechanism='PLAIN'>AGEAYg==</auth>")
        reply = romeo.recv()
        if reply.tag == f"{{{ns.SASL}}}failure":
            failure(reply, "encryption-required")
        else:
            assert reply.tag == f"{{{ns.STREAM}}}error", show(reply)

    def test_after_tls(self, cast):
        romeo = cast.client("romeo").login()
        romeo.ping()


@pytest.mark.parametrize("version", ["1.2", "1.3"])
class TestVersions:
    def test_starttls(self, cast, version):
        romeo = cast.client("romeo").connect().open().starttls(version=version)
        assert romeo.transport.tls.get_protocol_version_name() == f"TLSv{version}"
        assert "PLAIN" in romeo.mechanisms()

    def test_direct_tls(self, cast, version):
        romeo = cast.client("romeo", port="tls").connect(direct_tls=True, version=version).open()
        assert romeo.transport.tls.get_protocol_version_name() == f"TLSv{version}"
        assert romeo.features.find(f"{{{ns.TLS}}}starttls") is None


class TestOldVersions:
    @pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
    def test_refused(self, server, version):
        """RFC 8996"""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = context.maximum_version = version
        with socket.create_connection(("127.0.0.1", server.ports["tls"]), wait.DEADLINE) as sock:
            with pytest.raises((ssl.SSLError, ConnectionError)):
                context.wrap_socket(sock, server_hostname="localhost")


class TestStarttls:
    def test_twice(self, cast):
        romeo = cast.client("romeo").connect().open().starttls()
        romeo.send(f"<starttls xmlns='{ns.TLS}'/>")
        reply = romeo.recv()
        assert reply.tag in (f"{{{ns.TLS}}}failure", f"{{{ns.STREAM}}}error"), show(reply)

    def test_stream_id_is_new(self, cast):
        romeo = cast.client("romeo").connect().open()
        before = romeo.answer["id"]
        assert romeo.starttls().answer["id"] != before

    def test_injected_plain_text_is_not_used(self, cast):
        """What came in the same packet as <starttls/> is from before encryption."""
        romeo = cast.client("romeo").connect().open()
        romeo.send(f"<starttls xmlns='{ns.TLS}'/>" + romeo.header()
                   + f"<auth xmlns='{ns.SASL}' mechanism='PLAIN'>AGEAYg==</auth>")
        assert romeo.recv().tag == f"{{{ns.TLS}}}proceed"
        try:
            romeo.transport.start_tls("localhost")
            romeo.open()
        except (AssertionError, OSError, SSL.Error):
            return          # to give up is as good as to ignore it
        assert "PLAIN" in romeo.mechanisms()

    def test_garbage_instead_of_a_handshake(self, cast):
        romeo = cast.client("romeo").connect().open()
        romeo.send(f"<starttls xmlns='{ns.TLS}'/>")
        assert romeo.recv().tag == f"{{{ns.TLS}}}proceed"
        romeo.send(b"this is no ClientHello, not at all\r\n")
        romeo.parser.feed = lambda data: []
        romeo.wait_closed()

    def test_cut_during_the_handshake(self, cast):
        for _ in range(10):
            client = cast.nobody().connect().open()
            client.send(f"<starttls xmlns='{ns.TLS}'/>")
            client.recv()
            client.drop()
        cast.client("romeo").login().ping()


class TestDirect:
    def test_login(self, cast):
        romeo = cast.client("romeo", port="tls").connect(direct_tls=True).open()
        assert romeo.authenticate("PLAIN").tag == f"{{{ns.SASL}}}success"
        assert romeo.open().bind().get("type") == "result"

    def test_alpn(self, cast):
        romeo = cast.client("romeo", port="tls")
        romeo.connect(direct_tls=True, alpn=["xmpp-client"]).open()
        assert romeo.transport.tls.get_alpn_proto_negotiated() == b"xmpp-client"

    def test_alpn_with_others(self, cast):
        romeo = cast.client("romeo", port="tls")
        romeo.connect(direct_tls=True, alpn=["h2", "xmpp-client"]).open()
        assert romeo.transport.tls.get_alpn_proto_negotiated() in (b"xmpp-client", b"")

    def test_plain_text_on_the_tls_port(self, cast):
        client = cast.nobody(port="tls").connect()
        client.send(client.header())
        client.wait_closed()


class TestCertificates:
    @pytest.mark.parametrize("host", ["localhost", "second.example"])
    def test_direct_tls_by_sni(self, cast, host):
        client = cast.nobody(host=host, port="tls").connect(direct_tls=True).open()
        assert client.transport.certificate_names() == [host]

    @pytest.mark.parametrize("host", ["localhost", "second.example"])
    def test_starttls_by_sni(self, cast, host):
        client = cast.nobody(host=host).connect().open().starttls()
        assert client.transport.certificate_names() == [host]

    @pytest.mark.parametrize("host", ["localhost", "second.example"])
    def test_starttls_by_stream_header(self, cast, host):
        """Without SNI the address of the stream says which host is meant."""
        client = cast.nobody(host=host).connect().open().starttls(name=None)
        assert client.transport.certificate_names() == [host]

    def test_unknown_name(self, cast):
        client = cast.nobody(port="tls")
        client.connect(direct_tls=True, name="nowhere.example").open()
        assert client.transport.certificate_names()

    def test_users_of_both_hosts(self, cast, server):
        server.add_user("both", host="localhost", password="one")
        server.add_user("both", host="second.example", password="two")
        for host, password in (("localhost", "one"), ("second.example", "two")):
            client = cast.nobody(host=host, password=password)
            client.user = "both"
            client.login()
            assert client.full.startswith(f"both@{host}/")
