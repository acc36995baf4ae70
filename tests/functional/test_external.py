# SPDX-License-Identifier: Apache-2.0
"""SASL EXTERNAL with client certificates (XEP-0178), and SASL ANONYMOUS (XEP-0175)."""
import pytest

from harness import certs, ns
from harness.sasl import b64
from harness.settings import Settings
from harness.stream import show

pytestmark = pytest.mark.only("stanzad", "ejabberd")
SETTINGS = Settings(hosts=("localhost", "anon.example"), starttls="required",
                    client_authority=True, anonymous_host="anon.example")


@pytest.fixture
def romeo(cast, server, tmp_path):
    """A client with a certificate that names its address."""
    client = cast.client("romeo")
    client.certificate = certs.client_certificate(tmp_path, "romeo", client.bare, server.authority)
    return client


def outcome(reply):
    return reply.tag.partition("}")[2]


class TestExternal:
    def test_offered_and_accepted(self, romeo):
        romeo.connect().open().starttls(certificate=romeo.certificate)
        assert "EXTERNAL" in romeo.mechanisms()
        reply = romeo.auth("EXTERNAL", "")
        assert outcome(reply) == "success", show(reply)
        romeo.open().bind("x")
        assert romeo.full == romeo.bare + "/x"

    def test_direct_tls(self, romeo, server):
        romeo.port = server.ports["tls"]
        romeo.connect(direct_tls=True, certificate=romeo.certificate).open()
        assert outcome(romeo.auth("EXTERNAL", "")) == "success"

    def test_own_authzid(self, romeo):
        romeo.connect().open().starttls(certificate=romeo.certificate)
        assert outcome(romeo.auth("EXTERNAL", romeo.bare)) == "success"

    def test_authzid_of_somebody_else(self, cast, romeo):
        other = f"{cast.account('juliet')}@localhost"
        romeo.connect().open().starttls(certificate=romeo.certificate)
        assert outcome(romeo.auth("EXTERNAL", other)) == "failure"

    def test_not_offered_without_certificate(self, cast):
        client = cast.nobody().connect().open().starttls()
        assert "EXTERNAL" not in client.mechanisms()
        assert outcome(client.auth("EXTERNAL", "")) == "failure"

    def test_certificate_of_an_unknown_authority(self, romeo, tmp_path):
        (tmp_path / "other").mkdir()
        stranger = certs.authority(tmp_path / "other")
        bad = certs.client_certificate(tmp_path / "other", "romeo", romeo.bare, stranger)
        try:
            romeo.connect().open().starttls(certificate=bad)
            assert outcome(romeo.auth("EXTERNAL", "")) == "failure"
        except (ConnectionError, AssertionError) as problem:
            assert "success" not in str(problem)

    def test_certificate_for_nobody(self, cast, server, tmp_path):
        client = cast.nobody()
        own = certs.client_certificate(tmp_path, "nobody", client.bare, server.authority)
        client.connect().open().starttls(certificate=own)
        assert outcome(client.auth("EXTERNAL", "")) == "failure"

    def test_password_still_works(self, romeo):
        romeo.connect().open().starttls(certificate=romeo.certificate)
        assert outcome(romeo.authenticate()) == "success"


class TestAnonymous:
    def client(self, cast):
        client = cast.nobody(host="anon.example").connect().open().starttls()
        reply = client.auth("ANONYMOUS", "")
        assert outcome(reply) == "success", show(reply)
        client.open().bind()
        return client

    def test_only_mechanism(self, cast):
        client = cast.nobody(host="anon.example").connect().open().starttls()
        assert client.mechanisms() == ["ANONYMOUS"]

    def test_every_client_is_another_user(self, cast):
        one, two = self.client(cast), self.client(cast)
        assert one.full.partition("/")[0] != two.full.partition("/")[0]
        assert one.full.partition("/")[0].endswith("@anon.example")

    def test_chat(self, cast):
        one, two = self.client(cast), self.client(cast)
        one.message(two.full)
        two.expect("<message from='{one}'>{more}<body>hi</body></message>", one=one.full)

    def test_trace_information_is_allowed(self, cast):
        client = cast.nobody(host="anon.example").connect().open().starttls()
        client.send(f"<auth xmlns='{ns.SASL}' mechanism='ANONYMOUS'>{b64('sirhc')}</auth>")
        assert outcome(client.recv()) == "success"

    def test_not_on_other_hosts(self, cast):
        client = cast.nobody().connect().open().starttls()
        assert "ANONYMOUS" not in client.mechanisms()

    def test_no_trace_is_left(self, cast):
        """A user who was anonymous cannot be written to afterwards."""
        one, two = self.client(cast), self.client(cast)
        gone = two.full.partition("/")[0]
        two.close()
        one.message(gone)
        one.expect("<message type='error' from='{gone}'>{more}</message>", gone=gone)
