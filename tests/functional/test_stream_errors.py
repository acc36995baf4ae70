# SPDX-License-Identifier: Apache-2.0
"""RFC 6120 4.9: what is wrong with a stream is said in a stream error, and the stream ends."""
import pytest

from harness import ns
from harness.settings import Settings

SETTINGS = Settings(max_stanza_size=20000)
MESSAGE = "<message to='{}' type='chat'><body>{}</body></message>"


def raw(cast):
    return cast.nobody().connect()


@pytest.fixture
def romeo(cast):
    return cast.client("romeo").login()


class TestHeader:
    def error(self, cast, text, condition):
        client = raw(cast)
        client.send(text)
        assert client.read_header()["tag"] == f"{{{ns.STREAM}}}stream", "RFC 6120 4.9.1.1"
        client.stream_error(condition)
        return client

    def test_wrong_stream_namespace(self, cast):
        text = raw(cast).header(stream="http://wrong.example/streams")
        self.error(cast, text, "invalid-namespace|bad-namespace-prefix|bad-format")

    def test_wrong_default_namespace(self, cast):
        self.error(cast, raw(cast).header(xmlns="jabber:nonsense"), "invalid-namespace")

    def test_wrong_root_element(self, cast):
        self.error(cast, "<?xml version='1.0'?><wrong xmlns='jabber:client' to='localhost' "
                   f"version='1.0' xmlns:stream='{ns.STREAM}'>", "bad-format|invalid-namespace"
                   "|not-well-formed|invalid-xml")

    def test_unsupported_version(self, cast):
        self.error(cast, raw(cast).header(version="0.9"), "unsupported-version")

    def test_unknown_host(self, cast):
        client = self.error(cast, raw(cast).header(to="nowhere.example"), "host-unknown")
        assert client.answer.get("id")

    def test_empty_host(self, cast):
        self.error(cast, raw(cast).header(to=None, extra="to=''"), "host-unknown|improper-addressing")

    def test_malformed_host(self, cast):
        self.error(cast, raw(cast).header(to="bad@@host"), "host-unknown|improper-addressing")

    def test_garbage_instead_of_xml(self, cast):
        self.error(cast, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
                   "not-well-formed|invalid-xml|bad-format")

    def test_unterminated_header_too_large(self, cast):
        client = raw(cast)
        client.send("<stream:stream a='" + "x" * 200000)
        client.wait_closed()


class TestXml:
    """RFC 6120 11.1 and 11.3"""

    @pytest.mark.parametrize("text", [
        "<message></wrong>", "<message><body>a & b</body></message>", "<message a=b/>",
        "<message a='1' a='2'/>", "<<message/>", "<message to='<'/>", "</nothing>",
        "<message><body>]]></body></message>", "<message a='1'b='2'/>", "<1message/>",
    ])
    def test_not_well_formed(self, romeo, text):
        romeo.send(text)
        romeo.stream_error("not-well-formed|invalid-xml")

    @pytest.mark.parametrize("text", [
        "<x:message/>", "<message x:a='1'/>",
        "<message xmlns:a='urn:1' xmlns:b='urn:1' a:c='1' b:c='2'/>",
    ])
    def test_not_namespace_well_formed(self, romeo, text):
        romeo.send(text)
        romeo.stream_error("not-well-formed|invalid-xml|bad-namespace-prefix")

    @pytest.mark.parametrize("text", [
        "<!-- a comment -->", "<?a processing instruction?>",
        "<message><body>a<!-- comment -->b</body></message>",
        "<message><?pi?></message>",
    ])
    def test_restricted_xml(self, romeo, text):
        romeo.send(text)
        romeo.stream_error("restricted-xml")

    def test_document_type(self, cast):
        client = raw(cast)
        client.send("<?xml version='1.0'?><!DOCTYPE stream [<!ENTITY a 'b'>]>")
        client.send(client.header().removeprefix("<?xml version='1.0'?>"))
        client.stream_error("restricted-xml|not-well-formed|policy-violation")

    def test_entity_beyond_the_five(self, romeo):
        romeo.send("<message><body>&nbsp;</body></message>")
        romeo.stream_error("restricted-xml|not-well-formed|invalid-xml")

    @pytest.mark.parametrize("data", [
        b"\xff\xfe", b"\xc0\x80", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\xc3(", b"\x80",
        b"\xe2\x82", b"\xf0\x9f\x98",
    ], ids=lambda data: data.hex())
    def test_not_utf8(self, romeo, data):
        romeo.send(b"<message><body>" + data + b"</body></message>")
        romeo.stream_error("unsupported-encoding|not-well-formed|bad-format|invalid-xml")

    @pytest.mark.parametrize("data", [b"\x00", b"\x01", b"&#0;", b"&#x1f;", b"&#xFFFF;",
                                      b"\xef\xbf\xbf", b"&#xD800;", b"&#x110000;"])
    def test_not_an_xml_character(self, romeo, data):
        romeo.send(b"<message><body>" + data + b"</body></message>")
        romeo.stream_error("not-well-formed|invalid-xml|bad-format")

    def test_every_encoding_but_utf8(self, cast):
        client = raw(cast)
        client.send(client.header().replace("<?xml version='1.0'?>",
                                            "<?xml version='1.0' encoding='ISO-8859-1'?>"))
        client.stream_error("unsupported-encoding|bad-format|not-well-formed|restricted-xml"
                            "|invalid-xml")

    def test_text_between_stanzas(self, romeo):
        """Only whitespace may stand between stanzas (RFC 6120 11.7)."""
        romeo.send(" \n\t ")
        romeo.ping()
        romeo.send("hello")
        romeo.stream_error("bad-format|not-well-formed|invalid-xml|unsupported-stanza-type")


class TestStanzas:
    def test_unknown_first_level_element(self, romeo):
        romeo.send("<nonsense/>")
        romeo.stream_error("unsupported-stanza-type")

    def test_known_name_in_unknown_namespace(self, romeo):
        romeo.send("<message xmlns='urn:nonsense'/>")
        romeo.stream_error("unsupported-stanza-type|invalid-namespace")

    def test_stanza_before_authentication(self, cast):
        client = raw(cast).open()
        client.send(MESSAGE.format("juliet@localhost", "hi"))
        client.stream_error("not-authorized")

    def test_iq_before_authentication(self, cast):
        """Registration aside (XEP-0077), nothing is answered before authentication."""
        client = raw(cast).open()
        client.send(f"<iq type='get' id='1'><query xmlns='{ns.ROSTER}'/></iq>")
        client.stream_error("not-authorized")

    def test_stanza_before_binding(self, cast):
        client = cast.client("romeo").connect().open()
        client.authenticate()
        client.open().send(MESSAGE.format("juliet@localhost", "hi"))
        client.stream_error("not-authorized")

    @pytest.mark.parametrize("sender", ["juliet@localhost/balcony", "{bare}/other", "localhost"])
    def test_wrong_sender(self, romeo, sender):
        romeo.send(f"<presence from='{sender.format(bare=romeo.bare)}'/>")
        romeo.stream_error("invalid-from")

    def test_own_addresses_as_sender(self, cast, romeo):
        juliet = cast.client("juliet").login()
        for own in (romeo.bare, romeo.full):
            romeo.message(juliet.full, extra=f"from='{own}'")
            juliet.expect("<message from='{sender}'>{more}</message>", sender=romeo.full)


class TestSize:
    def test_too_large(self, romeo):
        romeo.send(MESSAGE.format("juliet@localhost", "x" * 40000))
        romeo.stream_error("policy-violation")

    def test_too_large_and_never_finished(self, romeo):
        romeo.send("<message><body>" + "x" * 100000)
        romeo.stream_error("policy-violation")

    def test_just_small_enough(self, cast, romeo):
        juliet = cast.client("juliet").login()
        empty = len(MESSAGE.format(juliet.full, ""))
        romeo.send(MESSAGE.format(juliet.full, "x" * (20000 - empty)))
        assert len(juliet.recv().findtext(f"{{{ns.CLIENT}}}body")) == 20000 - empty

    def test_one_byte_too_large(self, cast, romeo):
        juliet = cast.client("juliet").login()
        empty = len(MESSAGE.format(juliet.full, ""))
        romeo.send(MESSAGE.format(juliet.full, "x" * (20001 - empty)))
        romeo.stream_error("policy-violation")

    def test_large_total_of_small_stanzas(self, cast, romeo):
        juliet = cast.client("juliet").login()
        romeo.send(MESSAGE.format(juliet.full, "y" * 900) * 100)
        for _ in range(100):
            juliet.expect("<message type='chat'>{more}</message>")


class TestTimeout:
    @pytest.mark.parametrize("reached", ["tcp", "stream", "authenticated"])
    def test_log_in_that_is_never_finished(self, own_server, cast_for, reached):
        cast = cast_for(own_server(negotiation_timeout=2).start())
        client = cast.client("romeo").connect()
        if reached != "tcp":
            client.open()
        if reached == "authenticated":
            client.authenticate()
            client.open()
        if reached == "tcp":
            client.wait_closed()
        else:
            client.stream_error("connection-timeout|policy-violation")
