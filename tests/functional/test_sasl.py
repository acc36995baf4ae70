# SPDX-License-Identifier: Apache-2.0
"""RFC 6120 6: SASL, and what a server answers to what is wrong."""
import base64

import pytest

from harness import ns
from harness.sasl import Scram, b64, plain
from harness.stream import show


def failed(reply, conditions):
    assert reply.tag == f"{{{ns.SASL}}}failure", show(reply)
    names = {child.tag.partition("}")[2] for child in reply}
    assert names & set(conditions.split("|")), f"wanted {conditions}:\n{show(reply)}"


def succeeded(reply):
    assert reply.tag == f"{{{ns.SASL}}}success", show(reply)


@pytest.fixture
def romeo(cast):
    return cast.client("romeo").connect().open()


@pytest.fixture
def secure(romeo):
    return romeo.starttls()


class TestMechanisms:
    @pytest.mark.parametrize("mechanism", ["SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512"])
    def test_scram_without_tls(self, romeo, mechanism):
        succeeded(romeo.authenticate(mechanism))

    @pytest.mark.parametrize("mechanism", ["SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512", "PLAIN"])
    def test_within_tls(self, secure, mechanism):
        assert mechanism in secure.mechanisms()
        succeeded(secure.authenticate(mechanism))
        assert secure.open().bind("x").get("type") == "result"

    def test_plain_without_tls_is_refused(self, romeo):
        failed(romeo.authenticate("PLAIN"), "encryption-required|invalid-mechanism")

    def test_strongest_first(self, secure):
        """Clients take the first they know: no PLAIN before SCRAM, no weaker hash before stronger."""
        names = [name for name in secure.mechanisms()
                 if name in ("SCRAM-SHA-512", "SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN")]
        assert names == sorted(names, key=["SCRAM-SHA-512", "SCRAM-SHA-256", "SCRAM-SHA-1",
                                           "PLAIN"].index)

    @pytest.mark.parametrize("name", ["NONSENSE", "", "DIGEST-MD6", "x" * 100, "scram-sha-1"])
    def test_unknown_mechanism(self, romeo, name):
        failed(romeo.auth(name, ""), "invalid-mechanism")

    def test_mechanism_of_another_kind_of_host(self, romeo):
        failed(romeo.auth("ANONYMOUS", ""), "invalid-mechanism|not-authorized")

    def test_external_without_certificate(self, secure):
        failed(secure.auth("EXTERNAL", ""), "invalid-mechanism|not-authorized")

    def test_initial_response_later(self, secure):
        """RFC 6120 6.4.2: without initial response the server asks with an empty challenge."""
        reply = secure.auth("PLAIN")
        assert reply.tag == f"{{{ns.SASL}}}challenge", show(reply)
        assert reply.text in (None, "", "=")
        succeeded(secure.respond(plain(secure.user, secure.password)))


class TestPasswords:
    @pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-256"])
    def test_wrong(self, secure, mechanism):
        secure.password = "wrong"
        failed(secure.authenticate(mechanism), "not-authorized")

    @pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-1"])
    def test_unknown_user_looks_the_same(self, cast, secure, mechanism):
        """The two differ in nothing that a client can see."""
        secure.password = "wrong"
        nobody = cast.nobody().connect().open().starttls()
        assert show(secure.authenticate(mechanism)) == show(nobody.authenticate(mechanism))

    def test_unknown_user_gets_a_challenge_that_stays(self, cast, server):
        """A salt that changes between two attempts would tell that there is no such user."""
        user, salts = server.unique("nobody"), []
        for _ in range(2):
            client = cast.nobody().connect().open()
            reply = client.auth("SCRAM-SHA-1", Scram("SCRAM-SHA-1", user, "x").first())
            assert reply.tag == f"{{{ns.SASL}}}challenge", show(reply)
            fields = Scram.fields(base64.b64decode(reply.text))
            salts.append((fields["s"], fields["i"]))
        assert salts[0] == salts[1]

    def test_empty(self, secure):
        failed(secure.auth("PLAIN", plain(secure.user, "")),
               "not-authorized|malformed-request|incorrect-encoding")

    @pytest.mark.parametrize("password", ["a,b=c", "pässwörd", "пароль", "x" * 200, " spaces "])
    @pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-256"])
    def test_unusual(self, cast, mechanism, password):
        cast.account("unusual", password=password)
        client = cast.client("unusual", password=password).connect().open().starttls()
        succeeded(client.authenticate(mechanism))

    def test_user_name_in_capitals(self, romeo):
        romeo.user = romeo.user.upper()
        succeeded(romeo.authenticate())
        romeo.open().bind("x")
        assert romeo.full == romeo.full.lower()

    def test_second_attempt_on_the_same_stream(self, romeo):
        good, romeo.password = romeo.password, "wrong"
        failed(romeo.authenticate(), "not-authorized")
        romeo.password = good
        succeeded(romeo.authenticate())

    def test_endless_attempts(self, romeo):
        """RFC 6120 6.4.5: after a number of failures the server closes the stream."""
        romeo.password = "wrong"
        for _ in range(30):
            try:
                reply = romeo.authenticate()
            except (AssertionError, OSError):
                return
            if reply.tag == f"{{{ns.STREAM}}}error":
                return
        pytest.fail("30 wrong passwords, and the server still listens")


class TestMalformed:
    def test_abort(self, romeo):
        romeo.auth("SCRAM-SHA-1", Scram("SCRAM-SHA-1", romeo.user, "x").first())
        romeo.send(f"<abort xmlns='{ns.SASL}'/>")
        failed(romeo.recv(), "aborted")
        succeeded(romeo.authenticate())

    @pytest.mark.parametrize("text", ["!!!!", "AGE", "AGEAYg", "AGEA Yg==", "AGEAYg=====", "A=GE"])
    def test_bad_base64(self, secure, text):
        secure.send(f"<auth xmlns='{ns.SASL}' mechanism='PLAIN'>{text}</auth>")
        failed(secure.recv(), "incorrect-encoding")

    def test_bad_base64_in_response(self, romeo):
        romeo.auth("SCRAM-SHA-1", Scram("SCRAM-SHA-1", romeo.user, "x").first())
        romeo.send(f"<response xmlns='{ns.SASL}'>!!!</response>")
        failed(romeo.recv(), "incorrect-encoding")

    @pytest.mark.parametrize("data", [b"", b"\0", b"\0\0", b"a", b"\0a\0b\0c", b"\0\xff\xfe\0b",
                                      b"\0" + b"a" * 5000 + b"\0b"], ids=range(7))
    def test_bad_plain(self, secure, data):
        failed(secure.auth("PLAIN", data), "malformed-request|not-authorized|incorrect-encoding")

    @pytest.mark.parametrize("first", [
        b"", b"n", b"n,,", b"n,,n=a", b"n,,r=abc,n=a", b"x,,n=a,r=abc", b"n,,m=x,n=a,r=abc",
        b"n,,n=a=2,r=abc", b"n,,n=,r=abc", b"n,,n=a,r=", b"n,,n=\xff,r=abc", b"n=a,r=abc",
        b"n,a=b=,n=a,r=abc",
    ], ids=lambda first: first.decode(errors="replace") or "empty")
    def test_bad_scram_first(self, romeo, first):
        reply = romeo.auth("SCRAM-SHA-1", first)
        failed(reply, "malformed-request|not-authorized|incorrect-encoding|bad-protocol"
               "|invalid-authzid|temporary-auth-failure")

    @pytest.mark.parametrize("bend", [
        lambda text: b"", lambda text: text.replace(b"c=biws", b"c=eSws"),
        lambda text: text.replace(b"r=", b"r=x"), lambda text: text.split(b",p=")[0],
        lambda text: text[:-4] + b"AAA=", lambda text: text.split(b",p=")[0] + b",p=AAAA",
        lambda text: text + b",x", lambda text: b"x=1," + text,
    ], ids=["empty", "binding", "nonce", "no proof", "wrong proof", "short proof", "tail", "head"])
    def test_bad_scram_final(self, romeo, bend):
        exchange = Scram("SCRAM-SHA-1", romeo.user, romeo.password)
        challenge = base64.b64decode(romeo.auth("SCRAM-SHA-1", exchange.first()).text)
        failed(romeo.respond(bend(exchange.final(challenge))),
               "malformed-request|not-authorized|incorrect-encoding|bad-protocol")

    def test_response_without_auth(self, romeo):
        romeo.send(f"<response xmlns='{ns.SASL}'>{b64('x')}</response>")
        reply = romeo.recv()
        assert reply.tag in (f"{{{ns.SASL}}}failure", f"{{{ns.STREAM}}}error"), show(reply)

    def test_authentication_after_authentication(self, romeo):
        succeeded(romeo.authenticate())
        romeo.open()
        romeo.send(f"<auth xmlns='{ns.SASL}' mechanism='SCRAM-SHA-1'>{b64('n,,n=a,r=b')}</auth>")
        reply = romeo.recv()
        assert reply.tag != f"{{{ns.SASL}}}challenge", show(reply)


class TestAuthzid:
    def test_own(self, secure):
        succeeded(secure.auth("PLAIN", plain(secure.user, secure.password, secure.bare)))

    def test_somebody_else(self, cast, secure):
        other = f"{cast.account('juliet')}@localhost"
        failed(secure.auth("PLAIN", plain(secure.user, secure.password, other)),
               "invalid-authzid|not-authorized")
