# SPDX-License-Identifier: Apache-2.0
"""XEP-0388 and XEP-0386: one protocol for all of a log-in, and what a server answers to what is wrong."""
import base64
import hashlib
import uuid

import pytest

from harness import ns, wait
from harness.client import Client
from harness.phone import Phone, bind, condition
from harness.sasl import Scram, b64, plain
from harness.settings import Settings
from harness.stream import show

pytestmark = pytest.mark.only("stanzad")
SETTINGS = Settings(hosts=("localhost", "other.example"), max_user_sessions=3,
                    modules={"mod_auth_fast": {}, "mod_client_access": {}, "mod_carboncopy": {},
                             "mod_client_state": {}})
CARBONS, CSI = "urn:xmpp:carbons:2", "urn:xmpp:csi:0"


def phone_of(cast, name="romeo", **options):
    phone = Phone(cast.server, cast.account(name), **options)
    phone.name = name
    cast.clients.append(phone)
    return phone


@pytest.fixture
def phone(cast):
    return phone_of(cast).start()


def succeeded(reply):
    assert reply.tag == f"{{{ns.SASL2}}}success", show(reply)
    return reply


class TestOffer:
    def test_beside_the_old_one(self, phone):
        assert phone.mechanisms2() == phone.mechanisms()
        assert phone.inline(f"{{{ns.BIND2}}}bind") is not None
        assert phone.features.find(f"{{{ns.CHANNEL_BINDING}}}sasl-channel-binding") is not None

    def test_not_without_tls(self, cast):
        client = phone_of(cast).connect().open()
        assert client.mechanisms() and client.offer is None
        assert condition(client.scram()) == "encryption-required"

    def test_tokens_only_apart(self, phone):
        assert not [name for name in phone.mechanisms2() if name.startswith("HT-")]
        assert "HT-SHA-256-NONE" in phone.token_mechanisms()

    def test_no_early_data(self, phone):
        assert phone.inline(f"{{{ns.FAST}}}fast").get("tls-0rtt") is None


class TestLogIn:
    @pytest.mark.parametrize("mechanism", ["SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512"])
    def test_scram(self, phone, mechanism):
        reply = succeeded(phone.scram(mechanism))
        assert reply.find(f"{{{ns.SASL2}}}authorization-identifier").text == phone.bare
        assert reply.find(f"{{{ns.BIND2}}}bound") is None

    def test_plain(self, phone):
        assert phone.data(succeeded(phone.plain())) is None

    def test_old_bind_behind_it(self, phone):
        """No new stream: the features are there, and a resource can be bound as ever."""
        succeeded(phone.scram())
        assert phone.features.find(f"{{{ns.BIND}}}bind") is not None
        assert phone.offer is None and not phone.mechanisms()
        assert phone.bind("x").get("type") == "result"
        phone.ping()

    @pytest.mark.parametrize("binding", ["tls-exporter", "tls-server-end-point"])
    def test_channel_binding(self, phone, binding):
        succeeded(phone.scram("SCRAM-SHA-256-PLUS", binding=binding))

    def test_without_user_agent(self, phone):
        succeeded(phone.scram(agent=False, children=bind()))
        phone.ping()

    def test_response_later(self, phone):
        """XEP-0388 2.2: an initial response that is not there is asked for; an empty one is one."""
        reply = phone.ask("PLAIN")
        assert reply.tag == f"{{{ns.SASL2}}}challenge" and not reply.text
        succeeded(phone.respond2(plain(phone.user, phone.password)))

    def test_empty_initial_response(self, phone):
        assert condition(phone.ask("PLAIN", b"")) == "malformed-request"

    def test_equals_sign_is_not_special(self, phone):
        phone.send(f"<authenticate xmlns='{ns.SASL2}' mechanism='PLAIN'><initial-response>=</initial-response>"
                   "</authenticate>")
        assert condition(phone.recv()) == "incorrect-encoding"

    def test_downgrade_hash_is_of_this_offer(self, phone):
        """XEP-0474 6.1"""
        types = [each.get("type") for each in phone.features.iter(f"{{{ns.CHANNEL_BINDING}}}channel-binding")]
        offered = "\x1e".join(sorted(phone.mechanisms2())) + "\x1f" + "\x1e".join(sorted(types))
        reply = phone.ask("SCRAM-SHA-256", Scram("SCRAM-SHA-256", phone.user, "x").first())
        fields = Scram.fields(base64.b64decode(reply.text))
        assert fields["h"] == b64(hashlib.sha256(offered.encode()).digest())

    def test_stream_names_the_user(self, cast):
        phone = phone_of(cast).start(named=True)
        assert phone.answer.get("to") == phone.bare
        succeeded(phone.scram())

    def test_stream_names_another_user(self, cast, phone):
        other = phone_of(cast, "juliet")
        phone.drop()
        phone.connect().open().secure().open(extra=f"from='{other.bare}'")
        assert condition(phone.scram()) == "invalid-authzid"

    def test_stream_names_another_domain(self, cast):
        phone = phone_of(cast).connect().open().secure().open(extra="from='romeo@elsewhere.example'")
        phone.send(phone.request("PLAIN", plain(phone.user, "secret")))
        phone.stream_error("invalid-from")


class TestFailures:
    def test_wrong_password_looks_like_nobody(self, cast, phone):
        phone.password = "wrong"
        nobody = Phone(cast.server, cast.server.unique("nobody")).start()
        cast.clients.append(nobody)
        assert show(phone.scram()) == show(nobody.scram())

    def test_again_after_a_failure(self, phone):
        good, phone.password = phone.password, "wrong"
        assert condition(phone.scram()) == "not-authorized"
        phone.password = good
        succeeded(phone.scram(children=bind()))

    def test_then_the_old_protocol(self, phone):
        good, phone.password = phone.password, "wrong"
        assert condition(phone.scram()) == "not-authorized"
        phone.password = good
        assert phone.authenticate().tag == f"{{{ns.SASL}}}success"
        assert phone.open().bind("x").get("type") == "result"

    def test_endless_attempts(self, phone):
        phone.password = "wrong"
        for _ in range(5):
            assert condition(phone.scram()) == "not-authorized"
        phone.stream_error("policy-violation")

    @pytest.mark.parametrize("mechanism", ["NONSENSE", "", "HT-SHA-256-UNIQ", "scram-sha-1", "x" * 300])
    def test_mechanism_that_is_not_offered(self, phone, mechanism):
        assert condition(phone.ask(mechanism, b"x")) == "invalid-mechanism"

    def test_abort(self, phone):
        phone.ask("SCRAM-SHA-1", Scram("SCRAM-SHA-1", phone.user, "x").first())
        phone.send(f"<abort xmlns='{ns.SASL2}'><text>no</text></abort>")
        assert condition(phone.recv()) == "aborted"
        succeeded(phone.scram())

    @pytest.mark.parametrize("text", ["!!!!", "AGE", "AGEA Yg=="])
    def test_bad_base64(self, phone, text):
        phone.send(f"<authenticate xmlns='{ns.SASL2}' mechanism='PLAIN'>"
                   f"<initial-response>{text}</initial-response></authenticate>")
        assert condition(phone.recv()) == "incorrect-encoding"

    @pytest.mark.parametrize("id", ["x", "d4565fa7-4d72-4749-b3d3-740edbf8777", "d4565fa7-4d72-4749-b3d3-740edbf8777g",
                                    "d4565fa74d724749b3d3740edbf87770", "x" * 5000])
    def test_id_that_is_no_uuid(self, phone, id):
        phone.id = id
        assert condition(phone.scram()) == "malformed-request"

    def test_inline_requests_die_with_a_failure(self, phone):
        good, phone.password = phone.password, "wrong"
        phone.scram(children=bind())
        phone.password = good
        succeeded(phone.scram())
        assert phone.full is None


class TestMixing:
    """What does not belong into an exchange ends the stream."""

    @pytest.fixture
    def under_way(self, phone):
        reply = phone.ask("SCRAM-SHA-1", Scram("SCRAM-SHA-1", phone.user, "x").first())
        assert reply.tag == f"{{{ns.SASL2}}}challenge"
        return phone

    @pytest.mark.parametrize("text", [
        f"<response xmlns='{ns.SASL}'>eA==</response>", f"<auth xmlns='{ns.SASL}' mechanism='PLAIN'>eA==</auth>",
        f"<abort xmlns='{ns.SASL}'/>", f"<authenticate xmlns='{ns.SASL2}' mechanism='PLAIN'/>",
        f"<next xmlns='{ns.SASL2}' task='x'/>", f"<task-data xmlns='{ns.SASL2}'/>", f"<starttls xmlns='{ns.TLS}'/>",
        "<message to='a@localhost'><body>x</body></message>", "<iq type='get' id='1'><x xmlns='y'/></iq>",
        "<x xmlns='urn:example:x'/>"])
    def test_in_the_new_one(self, under_way, text):
        under_way.send(text)
        under_way.stream_error("unsupported-stanza-type|not-authorized")

    @pytest.mark.parametrize("text", [f"<response xmlns='{ns.SASL2}'>eA==</response>",
                                      f"<authenticate xmlns='{ns.SASL2}' mechanism='PLAIN'/>",
                                      f"<abort xmlns='{ns.SASL2}'/>"])
    def test_in_the_old_one(self, phone, text):
        reply = phone.auth("SCRAM-SHA-1", Scram("SCRAM-SHA-1", phone.user, "x").first())
        assert reply.tag == f"{{{ns.SASL}}}challenge"
        phone.send(text)
        phone.stream_error("unsupported-stanza-type")

    @pytest.mark.parametrize("name", ["response", "next", "task-data", "success", "abort"])
    def test_without_an_exchange(self, phone, name):
        phone.send(f"<{name} xmlns='{ns.SASL2}'/>")
        phone.stream_error("unsupported-stanza-type")

    @pytest.mark.parametrize("children", ["", bind()])
    def test_twice(self, phone, children):
        """XEP-0388 4.8"""
        succeeded(phone.scram(children=children))
        phone.send(phone.request("PLAIN", plain(phone.user, phone.password)))
        phone.stream_error("unsupported-stanza-type")

    def test_old_one_behind_the_new_one(self, phone):
        succeeded(phone.scram())
        phone.send(f"<auth xmlns='{ns.SASL}' mechanism='PLAIN'>eA==</auth>")
        phone.stream_error("unsupported-stanza-type")


class TestBind:
    def test_bound(self, phone):
        reply = succeeded(phone.scram(children=bind(tag="App")))
        assert reply.find(f"{{{ns.BIND2}}}bound") is not None
        assert phone.full.startswith(f"{phone.bare}/App/")
        assert phone.features.find(f"{{{ns.BIND}}}bind") is None
        phone.ping()

    def test_not_bound_twice(self, phone):
        succeeded(phone.scram(children=bind()))
        assert phone.bind("x").get("type") == "error"

    def test_same_client_same_resource(self, cast, phone):
        succeeded(phone.scram(children=bind(tag="App")))
        first = phone.full
        assert phone.id not in first
        succeeded(phone.again().scram(children=bind(tag="App")))
        assert phone.full == first
        other = phone_of(cast).start()
        succeeded(other.scram(children=bind(tag="App")))
        assert other.full != first

    def test_earlier_session_of_the_same_client_ends(self, cast, phone):
        succeeded(phone.scram(children=bind(tag="One")))
        again = phone_of(cast, id=phone.id.upper()).start()
        succeeded(again.scram(children=bind(tag="Two")))
        phone.stream_error("conflict")
        again.ping()

    @pytest.mark.parametrize("tag", ["x" * 2000, "", "   ", "&#x200B;", "\u0378"])
    def test_tag_that_is_none(self, phone, tag):
        """The client is in all the same; what cannot be part of a resource is left out."""
        succeeded(phone.scram(children=bind(tag=tag)))
        resource = phone.full.partition("/")[2]
        assert 0 < len(resource) < 100
        phone.ping()

    def test_too_many_sessions(self, cast, phone):
        """The oldest one gives way, as with a bind of RFC 6120."""
        succeeded(phone.scram(children=bind()))
        for _ in range(3):
            succeeded(phone_of(cast).start().scram(children=bind()))
        phone.stream_error("policy-violation")

    def test_unknown_requests_are_passed_over(self, phone):
        succeeded(phone.scram(children=bind("<enable xmlns='urn:example:x'/>") + "<x xmlns='urn:example:y'/>"
                                       "<resume xmlns='urn:example:z' previd='1'/>"))
        phone.ping()

    def test_features_of_modules(self, phone):
        offered = [each.get("var") for each in phone.inline(f"{{{ns.BIND2}}}bind").iter(f"{{{ns.BIND2}}}feature")]
        assert {CARBONS, CSI} <= set(offered)

    def test_carbons_from_the_start(self, cast, phone):
        other = cast.client("romeo", "desk").online()
        succeeded(phone.scram(children=bind(f"<enable xmlns='{CARBONS}'/><active xmlns='{CSI}'/>")))
        juliet = cast.online("juliet")
        juliet.message(other.full, "to the desk")
        copy = phone.take(lambda each: each.tag == f"{{{ns.CLIENT}}}message")
        assert copy[0].tag == f"{{{CARBONS}}}received"

    def test_stanzas_behind_the_log_in(self, phone):
        """They may be on their way before <success/> is."""
        phone.send(phone.request("PLAIN", plain(phone.user, phone.password), bind())
                   + f"<iq type='get' id='early'><ping xmlns='{ns.PING}'/></iq>")
        assert phone.outcome(phone.recv()).tag == f"{{{ns.SASL2}}}success"
        reply = phone.recv()
        assert (reply.get("id"), reply.get("type")) == ("early", "result")

    def test_stanzas_behind_a_log_in_that_fails(self, phone):
        phone.send(phone.request("PLAIN", plain(phone.user, "wrong"), bind())
                   + f"<iq type='get' id='early'><ping xmlns='{ns.PING}'/></iq>")
        assert condition(phone.recv()) == "not-authorized"
        phone.stream_error("not-authorized")

    def test_many_at_once(self, cast):
        """All on their way at the same time; each is moved to the worker of its user."""
        phones = [phone_of(cast, f"user{index}").start() for index in range(8)]
        for phone in phones:
            phone.send(phone.request("PLAIN", plain(phone.user, phone.password), bind()))
        for phone in phones:
            succeeded(phone.outcome(phone.recv()))
            phone.ping()


class TestUserAgent:
    def test_long_texts_are_cut(self, server, phone):
        phone.software, phone.device = "s" * 6000, "ü" * 2000
        succeeded(phone.scram(children=bind()))
        wait.until(lambda: server.ask_json("get_clients", phone.user, phone.host)[0]["software"], "it is noted")
        (row,) = server.ask_json("get_clients", phone.user, phone.host)
        assert row["software"] == "s" * 128 and row["device"] == "ü" * 64

    def test_huge_texts_end_the_stream(self, phone):
        phone.device = "x" * 20000
        phone.send(phone.request("PLAIN", plain(phone.user, phone.password)))
        phone.stream_error("policy-violation")

    def test_ids_are_told_apart_by_account(self, cast, phone):
        succeeded(phone.scram(children=bind()))
        other = phone_of(cast, "juliet", id=phone.id).start()
        succeeded(other.scram(children=bind()))
        phone.ping()
        assert other.full.partition("/")[2] != phone.full.partition("/")[2]


def test_resource_in_use(farm):
    """With closenew somebody else who has it keeps it; the client is in, and may bind another one."""
    server = farm.make(Settings(resource_conflict="closenew")).start()
    try:
        server.add_user("romeo")
        phone = Phone(server, "romeo").start()
        succeeded(phone.scram(children=bind(tag="App")))
        wanted = phone.full.partition("/")[2]
        succeeded(phone.again().scram(children=bind(tag="App")))
        assert phone.full.endswith(wanted), "of the same client the earlier one goes"
        phone.close()
        old = Client(server, "romeo", wanted)
        wait.until(lambda: server.ask("user_resources", "romeo", "localhost") == "", "it is gone")
        old.login()
        reply = succeeded(phone.start().scram(children=bind(tag="App")))
        failed = reply.find(f"{{{ns.BIND2}}}failed")
        assert failed[0].tag == f"{{{ns.STANZA_ERRORS}}}conflict" and phone.full is None
        assert phone.bind("another").get("type") == "result"
        old.close()
        phone.close()
    finally:
        server.stop()


def test_failures_ban_the_address(farm):
    server = farm.make(Settings(modules={"mod_fail2ban": {"c2s_max_auth_failures": 3}, "mod_auth_fast": {}})).start()
    try:
        server.add_user("romeo")
        phone = Phone(server, "romeo", password="wrong").start()
        assert condition(phone.scram()) == "not-authorized"
        assert condition(phone.fast(token="x")) == "not-authorized"
        assert condition(phone.plain()) == "not-authorized"
        phone.stream_error("policy-violation")
        again = Phone(server, "romeo").connect()
        again.send(again.header())
        again.read_header()
        again.stream_error("policy-violation")
        server.ask("unban_ip", "127.0.0.1")
    finally:
        server.stop()


def test_access_rule(farm):
    settings = Settings(modules={"mod_auth_fast": {}}, options={"access_rules": {
        "c2s": {"deny": "all"}, "register": {"allow": "all"}, "local": {"allow": "all"}}})
    server = farm.make(settings).start()
    try:
        server.add_user("romeo")
        phone = Phone(server, "romeo").start()
        assert condition(phone.scram(children=bind())) == "not-authorized"
        phone.drop()
    finally:
        server.stop()


class TestWithoutTls:
    """A proxy in front of the server does TLS."""

    def test_allowed(self, farm):
        server = farm.make(Settings(listen={"allow_unencrypted_sasl2": True})).start()
        try:
            server.add_user("romeo")
            phone = Phone(server, "romeo").connect().open()
            assert phone.mechanisms2() and "PLAIN" not in phone.mechanisms2()
            succeeded(phone.scram(children=bind()))
            phone.ping()
            phone.close()
        finally:
            server.stop()


def test_anonymous(farm):
    server = farm.make(Settings(hosts=("localhost", "guests.example"), anonymous_host="guests.example",
                                modules={"mod_auth_fast": {}, "mod_client_access": {}})).start()
    try:
        phone = Phone(server, None, host="guests.example").start()
        reply = succeeded(phone.ask("ANONYMOUS", b"", bind() + f"<request-token xmlns='{ns.FAST}' "
                                    "mechanism='HT-SHA-256-NONE'/>"))
        assert reply.find(f"{{{ns.FAST}}}token") is None and "/" in phone.full
        phone.ping()
        phone.close()
    finally:
        server.stop()


def test_uuid_of_any_case(phone):
    phone.id = str(uuid.uuid4()).upper()
    succeeded(phone.scram(children=bind()))
