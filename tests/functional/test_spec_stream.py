# SPDX-License-Identifier: Apache-2.0
"""RFC 6120 4 to 7: corners of streams that clients meet."""
import base64

import pytest

from harness import ns
from harness.sasl import Scram, b64
from harness.stream import show


def condition(reply):
    assert reply.get("type") == "error", show(reply)
    return {child.tag.partition("}")[2] for child in reply.find(f"{{{ns.CLIENT}}}error")}


class TestHeader:
    @pytest.mark.parametrize("given", ["{bare}", "{bare}/orchard"])
    def test_who_says_who_is_answered_by_name(self, cast, given):
        """4.7.2: to is the bare JID of the client's from."""
        romeo = cast.client("romeo").connect()
        romeo.open(extra=f"from='{given.format(bare=romeo.bare)}'")
        assert romeo.answer.get("to") == romeo.bare

    @pytest.mark.parametrize("given", ["", "from='a@@b'", "from='localhost'", "from=''"])
    def test_nobody_else_is(self, cast, given):
        assert "to" not in cast.client("romeo").connect().open(extra=given).answer

    @pytest.mark.parametrize("version", ["1.0", "1", "1.1", "2.0", "11.0"])
    def test_version_is_the_lower_one(self, cast, version):
        """4.7.5"""
        assert cast.nobody().connect().open(version=version).answer["version"] == "1.0"

    @pytest.mark.parametrize("version", [None, "0.9", "", "x"])
    def test_version_of_old(self, cast, version):
        client = cast.nobody().connect()
        client.send(client.header(version=version))
        client.read_header()
        client.stream_error("unsupported-version")

    def test_without_domain(self, cast):
        client = cast.nobody().connect()
        client.send(client.header(to=None))
        client.read_header()
        client.stream_error("improper-addressing")

    def test_that_is_the_whole_stream(self, cast):
        client = cast.nobody().connect()
        client.send(client.header().removesuffix(">") + "/>")
        client.read_header()
        assert client.recv().tag == f"{{{ns.STREAM}}}features"
        client.wait_end()

    def test_another_domain_after_authentication(self, cast):
        romeo = cast.client("romeo").connect().open()
        romeo.authenticate()
        romeo.parser = type(romeo.parser)()
        romeo.send(romeo.header(to="other.example"))
        romeo.read_header()
        romeo.stream_error("host-unknown")


class TestRestart:
    """4.3.3: after TLS and after SASL a new stream begins, whatever hung on the old one."""

    def test_white_space_behind_the_last_response(self, cast):
        romeo = cast.client("romeo").connect().open()
        exchange = Scram("SCRAM-SHA-1", romeo.user, romeo.password)
        challenge = base64.b64decode(romeo.auth("SCRAM-SHA-1", exchange.first()).text)
        text = b64(exchange.final(challenge))
        romeo.send(f"<response xmlns='{ns.SASL}'>{text}</response>\n\r\n ")
        assert romeo.recv().tag == f"{{{ns.SASL}}}success"
        romeo.open()
        assert romeo.bind("x").get("type") == "result"

    def test_white_space_before_the_header(self, cast):
        romeo = cast.client("romeo").connect().open()
        romeo.authenticate()
        romeo.send(" \n")
        romeo.open()
        assert romeo.bind("x").get("type") == "result"

    @pytest.mark.parametrize("after", ["tls", "sasl"])
    def test_error_comes_behind_a_header(self, cast, after):
        """4.9.1.1: the new stream has none yet."""
        romeo = cast.client("romeo").connect().open()
        if after == "tls":
            romeo.send(f"<starttls xmlns='{ns.TLS}'/>")
            romeo.recv()
            romeo.transport.start_tls(romeo.host)
        else:
            romeo.authenticate()
        romeo.parser = type(romeo.parser)()
        romeo.send("<a b='<'/>")
        assert romeo.read_header()["id"]
        romeo.stream_error("not-well-formed")

    def test_new_id_after_tls(self, cast):
        client = cast.nobody().connect().open()
        before = client.answer["id"]
        assert client.starttls().answer["id"] != before


class TestStartTls:
    def test_twice(self, cast):
        """5.4.2.2: what cannot be is a failure, and the stream ends."""
        client = cast.nobody().connect().open().starttls()
        client.send(f"<starttls xmlns='{ns.TLS}'/>")
        assert client.recv().tag == f"{{{ns.TLS}}}failure"
        client.wait_end()

    def test_after_authentication(self, cast):
        romeo = cast.client("romeo").connect().open()
        romeo.authenticate()
        romeo.open()
        romeo.send(f"<starttls xmlns='{ns.TLS}'/>")
        romeo.stream_error()


class TestSasl:
    def test_abort_of_nothing(self, cast):
        romeo = cast.client("romeo").connect().open()
        romeo.send(f"<abort xmlns='{ns.SASL}'/>")
        reply = romeo.recv()
        assert reply.tag == f"{{{ns.SASL}}}failure"
        assert reply.find(f"{{{ns.SASL}}}aborted") is not None, show(reply)
        assert romeo.authenticate().tag == f"{{{ns.SASL}}}success"

    def test_failures_are_counted_out(self, cast):
        """6.4.5: two more attempts at least, then policy-violation."""
        romeo = cast.client("romeo").connect().open()
        romeo.password = "wrong"
        for _ in range(3):
            assert romeo.authenticate().tag == f"{{{ns.SASL}}}failure"
        for _ in range(3):
            reply = romeo.authenticate()
            if reply.tag == f"{{{ns.STREAM}}}error":
                break
        assert reply.find(f"{{{ns.STREAM_ERRORS}}}policy-violation") is not None, show(reply)


class TestBinding:
    def test_without_id(self, cast):
        """8.2.3"""
        romeo = cast.client("romeo").connect().open()
        romeo.authenticate()
        romeo.open()
        romeo.send(f"<iq type='set'><bind xmlns='{ns.BIND}'/></iq>")
        assert "bad-request" in condition(romeo.recv())
        assert romeo.bind("x").get("type") == "result"


class TestBound:
    @pytest.mark.parametrize("to", [None, "localhost", "{bare}"])
    def test_second_bind(self, cast, to):
        romeo = cast.client("romeo").login()
        reply = romeo.iq("set", f"<bind xmlns='{ns.BIND}'/>", to=to and to.format(bare=romeo.bare))
        assert "not-allowed" in condition(reply)
        romeo.ping()

    @pytest.mark.parametrize("to", [None, "localhost"])
    def test_session_request(self, cast, to):
        romeo = cast.client("romeo").login()
        assert romeo.iq("set", f"<session xmlns='{ns.SESSION}'/>", to=to).get("type") == "result"

    def test_session_request_to_somebody(self, cast):
        romeo, juliet = cast.online("romeo", "juliet")
        romeo.send(f"<iq type='set' id='s' to='{juliet.full}'><session xmlns='{ns.SESSION}'/></iq>")
        juliet.expect("<iq type='set' id='s' from='{r}'>{more}</iq>", r=romeo.full)

    def test_stream_error_of_the_client(self, cast):
        """4.9.1.1: it ends the stream; no error is made of an error."""
        romeo = cast.client("romeo").login()
        romeo.send(f"<stream:error><reset xmlns='{ns.STREAM_ERRORS}'/></stream:error></stream:stream>")
        assert not romeo.wait_end()
        romeo.wait_closed()

    @pytest.mark.parametrize("children", ["<show>away</show><priority>1000</priority>"])
    def test_refused_presence_comes_from_the_account(self, cast, children):
        romeo = cast.client("romeo").login()
        romeo.presence("id='p'", children)
        reply = romeo.recv()
        assert reply.get("from") == romeo.bare and reply.get("id") == "p", show(reply)
        assert "bad-request" in condition(reply)


class TestMessageType:
    @pytest.mark.parametrize("type", ["normal", "chat", "headline", "groupchat"])
    def test_arrives_as_it_was_written(self, cast, type):
        romeo, juliet = cast.client("romeo").login(), cast.client("juliet").login()
        romeo.message(juliet.full, type=type)
        assert juliet.recv().get("type") == type

    def test_none_stays_none(self, cast):
        romeo, juliet = cast.client("romeo").login(), cast.client("juliet").login()
        romeo.send(f"<message to='{juliet.full}'><body>x</body></message>")
        assert juliet.recv().get("type") is None
