# SPDX-License-Identifier: Apache-2.0
"""RFC 6120 4: opening and closing streams, and what the server says about itself."""
import xml.etree.ElementTree as ET

import pytest

from harness import ns
from harness.settings import Settings
from harness.stream import XML_NAMESPACE

SETTINGS = Settings(max_stanza_size=12345)
LANG = f"{{{XML_NAMESPACE}}}lang"


def feature(client, name, namespace):
    return client.features.find(f"{{{namespace}}}{name}")


class TestHeader:
    def test_answer(self, cast, server):
        answer = cast.nobody().connect().open().answer
        assert answer["tag"] == f"{{{ns.STREAM}}}stream"
        assert answer["from"] == server.host
        assert answer["version"] == "1.0"
        assert answer["id"]

    def test_ids_are_unique_and_unpredictable(self, cast):
        ids = {cast.nobody().connect().open().answer["id"] for _ in range(8)}
        assert len(ids) == 8
        assert all(len(each) >= 8 for each in ids)

    def test_new_id_after_authentication(self, cast):
        romeo = cast.client("romeo").connect().open()
        before = romeo.answer["id"]
        romeo.authenticate()
        assert romeo.open().answer["id"] != before

    def test_language(self, cast):
        assert cast.nobody().connect().open(extra="xml:lang='de'").answer.get(LANG)

    def test_language_is_always_stated(self, cast):
        """RFC 6120 4.7.4: the server states a default language."""
        assert cast.nobody().connect().open().answer.get(LANG)

    def test_from_is_answered_with_to(self, cast):
        """RFC 6120 4.7.2: once the initiating entity is known."""
        romeo = cast.client("romeo").connect().open(extra=f"from='{cast.account('romeo')}@localhost'")
        assert romeo.answer.get("to") in (None, romeo.bare)

    def test_byte_by_byte(self, cast):
        """TCP may cut a stream anywhere."""
        client = cast.nobody().connect()
        for byte in client.header():
            client.send(byte)
        assert client.read_header()["id"]

    def test_without_xml_declaration(self, cast):
        client = cast.nobody().connect()
        client.send(client.header().removeprefix("<?xml version='1.0'?>"))
        assert client.read_header()["id"]

    def test_prefixed_client_namespace(self, cast):
        """RFC 6120 4.8.3: content namespace by prefix instead of default."""
        client = cast.nobody().connect()
        client.send(f"<s:stream xmlns:s='{ns.STREAM}' xmlns='{ns.CLIENT}' to='localhost' "
                    "version='1.0'>")
        assert client.read_header()["tag"] == f"{{{ns.STREAM}}}stream"

    def test_host_in_capitals(self, cast):
        assert cast.nobody().connect().open(to="LOCALHOST").answer["from"].lower() == "localhost"

    def test_pipelined_stream_and_auth(self, cast):
        """Everything in one packet: nothing that follows the header may be lost."""
        client = cast.nobody().connect()
        client.send(client.header() + f"<auth xmlns='{ns.SASL}' mechanism='NONSENSE'/>")
        client.read_header()
        assert client.recv().tag == f"{{{ns.STREAM}}}features"
        assert client.recv().tag == f"{{{ns.SASL}}}failure"


class TestFeatures:
    def test_before_authentication(self, cast):
        client = cast.nobody().connect().open()
        assert feature(client, "starttls", ns.TLS) is not None
        assert {"SCRAM-SHA-1"} <= set(client.mechanisms())
        assert feature(client, "bind", ns.BIND) is None

    def test_no_plain_without_tls(self, cast):
        client = cast.nobody().connect().open()
        assert "PLAIN" not in client.mechanisms()

    def test_plain_within_tls(self, cast):
        client = cast.nobody().connect().open().starttls()
        assert "PLAIN" in client.mechanisms()
        assert feature(client, "starttls", ns.TLS) is None

    def test_after_authentication(self, cast):
        client = cast.client("romeo").connect().open()
        client.authenticate()
        client.open()
        assert feature(client, "bind", ns.BIND) is not None
        assert feature(client, "mechanisms", ns.SASL) is None
        assert feature(client, "ver", ns.ROSTERVER) is not None

    def test_preapproval(self, cast):
        client = cast.client("romeo").connect().open()
        client.authenticate()
        assert feature(client.open(), "sub", ns.PREAPPROVAL) is not None

    def test_session_is_optional(self, cast):
        """RFC 3921 clients ask for a session; RFC 6121 servers let them, and others not ask."""
        client = cast.client("romeo").connect().open()
        client.authenticate()
        session = feature(client.open(), "session", ns.SESSION)
        assert session is None or session.find(f"{{{ns.SESSION}}}optional") is not None

    def test_session_request_is_answered(self, cast):
        romeo = cast.client("romeo").login()
        reply = romeo.iq("set", f"<session xmlns='{ns.SESSION}'/>")
        assert reply.get("type") == "result"

    def test_limits(self, cast):
        """XEP-0478: before authentication too; a limit may grow once the client is known."""
        client = cast.client("romeo").connect().open()
        assert feature(client, "limits", ns.LIMITS) is not None
        client.authenticate()
        limits = feature(client.open(), "limits", ns.LIMITS)
        assert limits.findtext(f"{{{ns.LIMITS}}}max-bytes") == "12345"
        idle = limits.findtext(f"{{{ns.LIMITS}}}idle-seconds")
        assert idle is None or int(idle) > 0


class TestClosing:
    @pytest.mark.parametrize("state", ["opened", "authenticated", "bound"])
    def test_end_is_answered_with_end(self, cast, state):
        client = cast.client("romeo").connect().open()
        if state != "opened":
            client.authenticate()
            client.open()
        if state == "bound":
            client.bind()
        client.send("</stream:stream>")
        client.wait_end()
        client.wait_closed()

    def test_pending_output_is_flushed(self, cast):
        """What the server had to say before our end tag comes before its own."""
        romeo = cast.client("romeo").login()
        romeo.send("".join(f"<iq type='get' id='p{n}'><ping xmlns='{ns.PING}'/></iq>"
                           for n in range(50)) + "</stream:stream>")
        assert [each.get("id") for each in romeo.wait_end()] == [f"p{n}" for n in range(50)]

    def test_sent_before_the_end_is_delivered(self, cast):
        romeo, juliet = cast.client("romeo").login(), cast.client("juliet").login()
        for number in range(50):
            romeo.message(juliet.full, number)
        romeo.send("</stream:stream>")
        for number in range(50):
            juliet.expect("<message>{more}<body>%d</body></message>" % number)


class TestLanguage:
    """RFC 6120 8.1.5: the stream's language is every stanza's language unless it says otherwise."""

    def test_stream_language_is_passed_on(self, cast):
        romeo, juliet = cast.client("romeo"), cast.client("juliet").login()
        romeo.connect().open()
        romeo.authenticate()
        romeo.open(extra="xml:lang='cs'").bind()
        romeo.message(juliet.full)
        juliet.expect("<message xml:lang='cs'>{more}</message>")

    def test_own_language_is_kept(self, cast):
        romeo, juliet = cast.client("romeo").login(), cast.client("juliet").login()
        romeo.message(juliet.full, extra="xml:lang='it'")
        juliet.expect("<message xml:lang='it'>{more}</message>")


class TestContent:
    """Payloads arrive as they were sent."""

    @pytest.mark.parametrize("text", [
        "&lt;&gt;&amp;&quot;&apos;", "&#x1F600;&#233;&#10;", "<![CDATA[<a> & ]] b]]>",
        "é ☃ 😀 ﷽", "a\r\nb\rc", "  spaces  ", "x" * 5000, "&#xE000;\U0010fffd",
    ], ids=range(8))
    def test_text(self, cast, text):
        romeo, juliet = cast.client("romeo").login(), cast.client("juliet").login()
        romeo.message(juliet.full, text)
        wanted = ET.fromstring(f"<body>{text}</body>").text
        assert juliet.recv().findtext(f"{{{ns.CLIENT}}}body") == wanted

    def test_namespaces_and_prefixes(self, cast):
        romeo, juliet = cast.client("romeo").login(), cast.client("juliet").login()
        payload = ("<p:x xmlns:p='urn:p' xmlns:q='urn:q' q:a='1' b='2'><y xmlns='urn:y'><p:z/>"
                   "<w xmlns=''/></y></p:x>")
        romeo.send(f"<message to='{juliet.full}' type='chat'>{payload}</message>")
        got = juliet.recv()[0]
        assert ET.canonicalize(ET.tostring(got), rewrite_prefixes=True) == ET.canonicalize(
            ET.tostring(ET.fromstring(payload)), rewrite_prefixes=True)

    def test_prefix_declared_on_the_stream(self, cast):
        """A prefix of the sender's stream header must reach the recipient declared."""
        romeo, juliet = cast.client("romeo").connect().open(), cast.client("juliet").login()
        romeo.authenticate()
        romeo.open(extra="xmlns:ext='urn:extension'").bind()
        romeo.send(f"<message to='{juliet.full}' type='chat'><ext:x/></message>")
        assert juliet.recv()[0].tag == "{urn:extension}x"

    def test_byte_by_byte(self, cast):
        romeo, juliet = cast.client("romeo").login(), cast.client("juliet").login()
        text = f"<message to='{juliet.full}' type='chat'><body>é<![CDATA[x]]>&amp;</body></message>"
        for byte in text.encode():
            romeo.send(bytes([byte]))
        assert juliet.recv().findtext(f"{{{ns.CLIENT}}}body") == "éx&"
