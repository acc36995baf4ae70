# SPDX-License-Identifier: Apache-2.0
"""SCRAM-…-PLUS (RFC 5802 6), XEP-0440 and downgrade protection (XEP-0474)."""
import base64
import hashlib

import pytest

from harness import ns
from harness.sasl import Scram
from harness.settings import Settings
from harness.stream import show

SETTINGS = Settings(starttls="required")
HASHES = ["SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS", "SCRAM-SHA-512-PLUS"]


def secure(cast, version, direct=False):
    if direct:
        return cast.client("romeo", port="tls").connect(direct_tls=True, version=version).open()
    return cast.client("romeo").connect().open().starttls(version=version)


def announced(client):
    return {each.get("type") for each in client.features.iter(
        f"{{{ns.CHANNEL_BINDING}}}channel-binding")}


def outcome(reply):
    return reply.tag.partition("}")[2]


@pytest.mark.parametrize("mechanism", HASHES)
class TestExporter:
    @pytest.mark.parametrize("direct", [False, True], ids=["starttls", "direct"])
    def test_tls_13(self, cast, mechanism, direct):
        romeo = secure(cast, "1.3", direct)
        assert mechanism in romeo.mechanisms()
        reply = romeo.authenticate(mechanism, binding="tls-exporter")
        assert outcome(reply) == "success", show(reply)
        assert romeo.open().bind().get("type") == "result"

    def test_wrong_bytes(self, cast, mechanism):
        """Somebody in the middle has another TLS connection, so another binding."""
        romeo = secure(cast, "1.3")
        romeo.transport.channel_binding = lambda kind: b"\0" * 32
        reply = romeo.authenticate(mechanism, binding="tls-exporter")
        assert outcome(reply) == "failure", show(reply)


class TestOtherTypes:
    def test_unique_on_tls_12(self, cast):
        romeo = secure(cast, "1.2")
        reply = romeo.authenticate("SCRAM-SHA-1-PLUS", binding="tls-unique")
        assert outcome(reply) == "success", show(reply)

    def test_unique_is_not_announced_for_tls_13(self, cast):
        """RFC 9266 does not define it there; clients whose TLS library knows nothing else use it all the same."""
        romeo = secure(cast, "1.3")
        assert "tls-unique" not in announced(romeo)
        reply = romeo.authenticate("SCRAM-SHA-1-PLUS", binding="tls-unique")
        assert outcome(reply) == "success", show(reply)

    @pytest.mark.parametrize("version", ["1.2", "1.3"])
    def test_end_point(self, cast, version):
        romeo = secure(cast, version)
        reply = romeo.authenticate("SCRAM-SHA-256-PLUS", binding="tls-server-end-point")
        assert outcome(reply) == "success", show(reply)

    def test_unknown_type(self, cast):
        romeo = secure(cast, "1.3")
        romeo.transport.channel_binding = lambda kind: b"\0" * 32
        reply = romeo.authenticate("SCRAM-SHA-1-PLUS", binding="tls-nonsense")
        assert outcome(reply) == "failure", show(reply)


class TestDowngrade:
    def test_plus_needs_a_binding(self, cast):
        romeo = secure(cast, "1.3")
        for flag in ("n", "y"):
            reply = romeo.authenticate("SCRAM-SHA-1-PLUS", gs2=flag)
            assert outcome(reply) == "failure", show(reply)

    def test_client_thinks_that_the_server_cannot(self, cast):
        """gs2 flag y while the server did announce -PLUS: somebody changed the list."""
        romeo = secure(cast, "1.3")
        assert "SCRAM-SHA-1-PLUS" in romeo.mechanisms()
        reply = romeo.authenticate("SCRAM-SHA-1", gs2="y")
        assert outcome(reply) == "failure", show(reply)

    def test_flag_p_without_plus(self, cast):
        romeo = secure(cast, "1.3")
        reply = romeo.authenticate("SCRAM-SHA-1", binding="tls-exporter")
        assert outcome(reply) == "failure", show(reply)

    def test_without_binding(self, cast):
        reply = secure(cast, "1.3").authenticate("SCRAM-SHA-1")
        assert outcome(reply) == "success", show(reply)

    def test_no_plus_without_tls(self, own_server, cast_for):
        cast = cast_for(own_server(starttls="optional").start())
        client = cast.nobody().connect().open()
        assert not [name for name in client.mechanisms() if name.endswith("-PLUS")]


class TestAnnouncement:
    """XEP-0440"""

    def test_tls_13(self, cast):
        types = announced(secure(cast, "1.3"))
        assert "tls-exporter" in types
        assert "tls-unique" not in types

    def test_tls_12(self, cast):
        assert announced(secure(cast, "1.2"))

    def test_end_point(self, cast):
        """XEP-0440 asks every server that can for tls-server-end-point."""
        assert "tls-server-end-point" in announced(secure(cast, "1.3"))


class TestHash:
    """XEP-0474: the server's first message carries a hash of what it announced."""

    def test_attribute(self, cast):
        romeo = secure(cast, "1.3")
        exchange = Scram("SCRAM-SHA-256", romeo.user, romeo.password)
        reply = romeo.auth("SCRAM-SHA-256", exchange.first())
        fields = Scram.fields(base64.b64decode(reply.text))
        text = "\x1e".join(sorted(romeo.mechanisms()))
        if announced(romeo):
            text += "\x1f" + "\x1e".join(sorted(announced(romeo)))
        assert fields.get("h") == base64.b64encode(
            hashlib.sha256(text.encode()).digest()).decode()
