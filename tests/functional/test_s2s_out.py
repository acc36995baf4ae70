# SPDX-License-Identifier: Apache-2.0
"""Streams to other servers: what is negotiated with whom, and what comes back to the senders when it fails."""
import base64
import threading

import pytest

from harness import certs, federation, ns, wait
from harness.federation import (BIDI, DIALBACK, DIALBACK_FEATURE, EXTERNAL, SM, SM_FEATURE, STARTTLS, World,
                                error_of, signed_by, one_for_each)
from harness.settings import Settings

pytestmark = pytest.mark.only("stanzad")
HERE = "near.example"
FAR = "far.example"
MODULES = {"mod_s2s_dialback": {}, "mod_s2s_bidi": {}}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    made = World(tmp_path_factory.mktemp("world"), [FAR, "direct.example"], direct=["direct.example"])
    made.start("away SRV 0 0 0 .\n_xmpp-server._tcp.away SRV 0 0 0 .\n")
    yield made
    made.stop()


def make(farm, world, modules=None, **options):
    server = farm.make(Settings(hosts=(HERE,), modules=MODULES if modules is None else modules,
                                options=world.options(**options)))
    server.certificates = [signed_by(server.folder, HERE, [HERE], world.authority)]
    return server.start()


@pytest.fixture(scope="module")
def servers(farm, world):
    """One server for each value of s2s_use_starttls, made when it is wanted."""
    yield from one_for_each(lambda starttls: make(farm, world, s2s_use_starttls=starttls))


class Stage:
    """Somebody here who writes to the other server, and the other server."""

    def __init__(self, world, servers, cast_for):
        self.world, self.servers, self.cast_for = world, servers, cast_for

    def begin(self, starttls="optional", domain=FAR):
        self.server = self.servers(starttls)
        self.domain, self.peer = domain, self.world[domain]
        self.alice = self.cast_for(self.server).client("alice").online()
        self.say("1")
        return self.peer.accept()

    def say(self, id, extra=""):
        self.alice.send(f"<message to='bob@{self.domain}' id='{id}' type='chat'><body>hi</body>{extra}</message>")

    def error(self, condition, words="", id="1"):
        stanza = self.alice.recv()
        assert stanza.get("type") == "error" and stanza.get("id") == id, federation.text_of(stanza)
        name, text = error_of(stanza)
        assert name == condition and words in text, f"{name}: {text}"

    def lists(self):
        return self.server.ask_json("list_s2s")

    def end(self):
        """Nothing of this is left, nor is remembered."""
        self.world.reset()
        for server in (self.server,) if hasattr(self, "server") else ():
            server.ask("s2s_close")
            wait.until(lambda: (self.world.reset(), not self.lists())[1], "all streams have ended")
            server.ask("s2s_close")


@pytest.fixture
def stage(world, servers, cast_for):
    made = Stage(world, servers, cast_for)
    yield made
    made.end()


class TestAuthentication:
    def test_certificates(self, stage, world):
        peer = stage.begin()
        peer.opened(STARTTLS)
        assert (peer.header["from"], peer.header["to"]) == (HERE, FAR)
        assert peer.header["version"] == "1.0"
        peer.starttls(world.certificates[FAR])
        assert peer.name == FAR and peer.shown["subjectAltName"] == (("DNS", HERE),)
        peer.opened(EXTERNAL, DIALBACK_FEATURE)
        assert base64.b64decode(peer.external()).decode() == HERE
        peer.opened()
        message = peer.message()
        assert message.get("from").startswith("alice") and f"@{HERE}/" in message.get("from")
        assert message.get("to") == f"bob@{FAR}"
        stage.say("2")
        assert peer.message().get("id") == "2"

    def test_direct_tls(self, stage, world):
        peer = stage.begin(domain="direct.example")
        peer.tls(world.certificates["direct.example"])
        peer.opened(EXTERNAL)
        peer.external()
        peer.opened()
        assert peer.message().get("id") == "1"

    def test_dialback_over_tls(self, stage, world):
        peer = stage.begin()
        peer.opened(STARTTLS).starttls(world.certificates[FAR])
        peer.opened(DIALBACK_FEATURE)
        request = peer.dialback()
        assert len(request.text) == 64 and request.get("from") == HERE and request.get("to") == FAR
        assert peer.message().get("id") == "1"

    def test_dialback_without_tls(self, stage):
        peer = stage.begin()
        peer.opened(DIALBACK_FEATURE)
        peer.dialback()
        assert peer.message().get("id") == "1"

    def test_dialback_with_a_server_of_old(self, stage):
        peer = stage.begin()
        peer.opened(version="")
        peer.dialback()
        assert peer.message().get("id") == "1"

    def test_refused_certificate_leaves_dialback(self, stage, world):
        peer = stage.begin()
        peer.opened(STARTTLS).starttls(world.certificates[FAR])
        peer.opened(EXTERNAL, DIALBACK_FEATURE)
        peer.expect("auth", ns.SASL)
        peer.send(f"<failure xmlns='{ns.SASL}'><not-authorized/></failure>")
        peer.dialback()
        assert peer.message().get("id") == "1"

    def test_refused_certificate_without_dialback(self, stage, world):
        peer = stage.begin()
        peer.opened(STARTTLS).starttls(world.certificates[FAR])
        peer.opened(EXTERNAL, dialback=False)
        peer.expect("auth", ns.SASL)
        peer.send(f"<failure xmlns='{ns.SASL}'><not-authorized/></failure>")
        stage.error("remote-server-timeout", "does not accept our certificate")

    def test_nothing_offered(self, stage, world):
        peer = stage.begin()
        peer.opened(STARTTLS).starttls(world.certificates[FAR])
        peer.opened(dialback=False)
        stage.error("remote-server-timeout", "offers no way to authenticate")

    @pytest.mark.parametrize("result,condition,words", [
        ("invalid", "internal-server-error", "dialback is invalid"),
        ("error", "remote-server-timeout", "could not check who we are"),
    ])
    def test_dialback_refused(self, stage, result, condition, words):
        peer = stage.begin()
        peer.opened(DIALBACK_FEATURE)
        peer.dialback(result)
        stage.error(condition, words)

    def test_answers_that_nobody_asked_for(self, stage):
        peer = stage.begin()
        peer.opened(DIALBACK_FEATURE)
        peer.expect("result", DIALBACK)
        peer.send(f"<db:result from='other.example' to='{HERE}' type='valid'/>"
                  f"<db:result from='{FAR}' to='other.example' type='valid'/>"
                  f"<db:verify from='{FAR}' to='{HERE}' id='x' type='valid'/>")
        peer.send(f"<db:result from='{FAR}' to='{HERE}' type='invalid'/>")
        stage.error("internal-server-error")


class TestTls:
    def test_required_and_not_offered(self, stage):
        stage.begin("required").opened(DIALBACK_FEATURE)
        stage.error("remote-server-timeout", "offers no TLS")

    def test_required_and_a_server_of_old(self, stage):
        stage.begin("required").opened(version="")
        stage.error("remote-server-timeout", "offers no TLS")

    def test_forbidden(self, stage):
        peer = stage.begin("false")
        peer.opened(STARTTLS, DIALBACK_FEATURE)
        peer.dialback()
        assert peer.message().get("id") == "1"

    def test_forbidden_and_insisted_on(self, stage):
        stage.begin("false").opened(f"<starttls xmlns='{ns.TLS}'><required/></starttls>", DIALBACK_FEATURE)
        stage.error("remote-server-timeout", "insists on TLS")

    def test_forbidden_and_nothing_else(self, stage, world):
        stage.server = stage.servers("false")
        alice = stage.cast_for(stage.server).client("alice").online()
        alice.message("bob@direct.example")
        assert "forbids" in error_of(alice.recv())[1]

    @pytest.mark.parametrize("kind", ["self-signed", "other name", "expired"])
    @pytest.mark.parametrize("starttls,accepted", [("optional", True), ("required", True),
                                                   ("required_trusted", False)])
    def test_bad_certificate(self, stage, world, tmp_path, kind, starttls, accepted):
        if kind == "self-signed":
            certificate = certs.self_signed(tmp_path, FAR)
        elif kind == "other name":
            certificate = signed_by(tmp_path, "other", ["other.example"], world.authority)
        else:
            certificate = signed_by(tmp_path, "expired", [FAR], world.authority, "-days", "-1")
        peer = stage.begin(starttls)
        peer.opened(STARTTLS).starttls(certificate)
        if accepted:
            peer.opened(DIALBACK_FEATURE)
            peer.dialback()
            assert peer.message().get("id") == "1"
        else:
            stage.error("remote-server-timeout", "certificate is not accepted")

    def test_trusted(self, stage, world):
        peer = stage.begin("required_trusted").trusted(world.certificates[FAR])
        assert peer.message().get("id") == "1"

    def test_handshake_fails(self, stage):
        peer = stage.begin()
        peer.opened(STARTTLS).expect("starttls", ns.TLS)
        peer.send(f"<proceed xmlns='{ns.TLS}'/>")
        peer.send("this is no TLS")
        stage.error("remote-server-timeout")

    def test_offer_taken_back(self, stage):
        peer = stage.begin()
        peer.opened(STARTTLS).expect("starttls", ns.TLS)
        peer.send(f"<failure xmlns='{ns.TLS}'/>")
        stage.error("remote-server-timeout", "refuses TLS")

    def test_bytes_in_the_clear_behind_proceed(self, stage, world):
        """RFC 6120 5.4.3.3: what was put behind <proceed/> is no part of the encrypted stream."""
        peer = stage.begin("required")
        peer.opened(STARTTLS).expect("starttls", ns.TLS)
        peer.send(f"<proceed xmlns='{ns.TLS}'/><stream:features>{DIALBACK_FEATURE}</stream:features>")
        try:
            peer.tls(world.certificates[FAR])
        except OSError:
            return
        peer.opened(DIALBACK_FEATURE)
        peer.dialback()
        assert peer.message().get("id") == "1"


class TestHostile:
    def test_nothing_but_garbage(self, stage):
        stage.begin().send("HTTP/1.1 400 Bad Request\r\n\r\n")
        stage.error("remote-server-timeout")

    def test_closes_at_once(self, stage):
        stage.begin().close()
        stage.error("remote-server-timeout")

    def test_stream_of_clients(self, stage):
        peer = stage.begin()
        peer.read_header()
        peer.send(f"<stream:stream xmlns='{ns.CLIENT}' xmlns:stream='{ns.STREAM}' id='x' version='1.0'>")
        stage.error("remote-server-timeout", "does not speak XMPP with servers")

    def test_huge_features(self, stage):
        peer = stage.begin()
        peer.opened(*["<x xmlns='urn:example:x'>" + "y" * 900 + "</x>"] * 100)
        stage.error("remote-server-timeout")

    def test_slow(self, stage):
        peer = stage.begin()
        peer.read_header()
        header = (f"<stream:stream xmlns='jabber:server' xmlns:stream='{ns.STREAM}' xmlns:db='{DIALBACK}' "
                  f"id='x' version='1.0'><stream:features>{DIALBACK_FEATURE}</stream:features>")
        for each in header:
            peer.send(each)
        peer.dialback()
        assert peer.message().get("id") == "1"

    @pytest.mark.parametrize("condition,expected", [
        ("host-unknown", "remote-server-not-found"), ("policy-violation", "remote-server-timeout"),
        ("see-other-host", "remote-server-timeout"),
    ])
    def test_stream_error(self, stage, condition, expected):
        peer = stage.begin()
        peer.read_header()
        peer.answer()
        peer.send(f"<stream:error><{condition} xmlns='{ns.STREAM_ERRORS}'/><text xmlns='{ns.STREAM_ERRORS}'>"
                  "go away</text></stream:error></stream:stream>")
        stage.error(expected, "elsewhere" if condition == "see-other-host" else "go away")

    def test_stanza_where_none_may_come(self, stage):
        peer = stage.begin()
        peer.opened(DIALBACK_FEATURE)
        peer.dialback()
        peer.message()
        peer.send(f"<message from='bob@{FAR}' to='{stage.alice.bare}'><body>no</body></message>")
        errors = peer.wait_closed()
        assert any("not-authorized" in federation.text_of(each) for each in errors)
        stage.alice.nothing()


class TestBothDirections:
    def open(self, stage, world):
        peer = stage.begin()
        peer.opened(STARTTLS, BIDI).starttls(world.certificates[FAR])
        peer.opened(EXTERNAL, BIDI)
        peer.expect("bidi", "urn:xmpp:bidi")
        peer.external()
        peer.opened()
        assert peer.message().get("id") == "1"
        return peer

    def test_stanzas_come_back(self, stage, world):
        peer = self.open(stage, world)
        peer.send(f"<message from='bob@{FAR}' to='{stage.alice.full}' type='chat'><body>yes</body></message>")
        stage.alice.expect(f"<message from='bob@{FAR}' type='chat'><body>yes</body></message>")

    @pytest.mark.parametrize("sender,recipient,condition", [
        ("bob@other.example", f"alice@{HERE}", "invalid-from"),
        (f"bob@{HERE}", f"alice@{HERE}", "invalid-from"),
        (f"bob@{FAR}", "alice@other.example", "host-unknown"),
    ])
    def test_only_between_these_two(self, stage, world, sender, recipient, condition):
        peer = self.open(stage, world)
        peer.send(f"<message from='{sender}' to='{recipient}' type='chat'><body>yes</body></message>")
        assert any(condition in federation.text_of(each) for each in peer.wait_closed())
        stage.alice.nothing()

    def test_another_pair_is_not_for_this_stream(self, stage, world):
        peer = self.open(stage, world)
        peer.send(f"<db:result from='chat.{FAR}' to='{HERE}'>{'0' * 64}</db:result>")
        assert peer.expect("result", DIALBACK, type="error", to=f"chat.{FAR}", from_=HERE) is not None

    def test_keys_are_answered(self, stage, world):
        peer = self.open(stage, world)
        peer.send(f"<db:verify from='{FAR}' to='{HERE}' id='x'>{'0' * 64}</db:verify>")
        peer.expect("verify", DIALBACK, type="invalid", id="x", from_=HERE, to=FAR)


class TestCommands:
    def test_list(self, stage, world):
        peer = stage.begin()
        wait.until(lambda: stage.lists(), "it is being opened")
        assert stage.server.ask("outgoing_s2s_number").strip() == "0"
        peer.trusted(world.certificates[FAR], SM_FEATURE)
        peer.answer_sm()
        peer.message()
        row = wait.until(lambda: [each for each in stage.lists() if each["managed"]], "it is managed")[0]
        assert row["direction"] == "out" and (row["local"], row["remote"]) == (HERE, FAR)
        assert row["authentication"] == "certificate" and row["tls"].startswith("TLSv1.")
        assert (row["ip"], row["port"], row["queue"]) == ("127.0.0.1", stage.peer.port, 1)
        assert stage.server.ask("outgoing_s2s_number").strip() == "1"
        assert stage.server.ask("incoming_s2s_number").strip() == "0"
        assert FAR in stage.server.ask("list_s2s")

    def test_close(self, stage, world):
        peer = stage.begin().trusted(world.certificates[FAR])
        peer.message()
        assert stage.server.ask("s2s_close", "other.example").strip().startswith("0 streams")
        assert stage.server.ask("s2s_close", FAR).strip().startswith("1 stream")
        assert any("reset" in federation.text_of(each) for each in peer.wait_closed())

    def check(self, stage, act, domain=FAR):
        """What check_domain says while act plays the other server."""
        stage.server, stage.peer = stage.servers(), stage.world[FAR]
        done = []
        thread = threading.Thread(target=lambda: done.append(stage.server.ctl("check_domain", domain)))
        thread.start()
        act(stage.peer)
        thread.join()
        return done[0]

    def test_check_domain(self, stage, world):
        def act(peer):
            stream = peer.accept().trusted(world.certificates[FAR], SM_FEATURE)
            assert stream.wait_closed() == []
        done = self.check(stage, act)
        assert done.returncode == 0, done.stdout + done.stderr
        places = [done.stdout.index(text) for text in (
            "s2s_use_starttls: optional", "_xmpp-server._tcp.far.example", "trying host.example port",
            "connected to 127.0.0.1", "STARTTLS is offered", "TLS: TLSv1.", "certificate is good for far.example",
            "SASL EXTERNAL", "authenticated by certificate", "works: stanzas")]
        assert places == sorted(places), done.stdout

    def test_check_domain_that_fails(self, stage):
        def act(peer):
            stream = peer.accept()
            stream.opened(DIALBACK_FEATURE)
            stream.dialback("invalid")
        done = self.check(stage, act)
        assert done.returncode == 1
        assert "dialback is invalid" in done.stdout + done.stderr
        assert "internal-server-error" in done.stdout + done.stderr

    def test_check_domain_that_is_none(self, stage):
        done = self.check(stage, lambda peer: None, "none.example")
        assert done.returncode == 1 and "remote-server-not-found" in done.stdout + done.stderr


class TestDelivery:
    def open(self, stage, *features):
        peer = stage.begin()
        peer.opened(DIALBACK_FEATURE, *features)
        peer.dialback()
        return peer

    def test_namespaces(self, stage):
        """What belongs to the stanza is in jabber:server; what is quoted stays in jabber:client."""
        peer = self.open(stage)
        peer.message()
        stage.say("2", f"<subject xmlns='{ns.CLIENT}'>a &amp; b</subject><forwarded xmlns='urn:xmpp:forward:0'>"
                       f"<message xmlns='{ns.CLIENT}' id='x'><body>old</body></message></forwarded>")
        message = peer.message()
        assert [each.tag for each in message] == [
            "{jabber:server}body", "{jabber:server}subject", "{urn:xmpp:forward:0}forwarded"]
        assert message[1].text == "a & b" and message[2][0].tag == "{jabber:client}message"

    def test_broken_stream_is_opened_again(self, stage):
        peer = self.open(stage)
        peer.message()
        peer.close()
        wait.until(lambda: not stage.lists(), "the end is noticed")
        stage.say("2")
        again = stage.peer.accept()
        again.opened(DIALBACK_FEATURE)
        again.dialback()
        assert again.message().get("id") == "2"

    def test_acknowledged_once(self, stage):
        peer = self.open(stage, SM_FEATURE)
        peer.answer_sm()
        peer.message()
        peer.expect("r", SM)
        peer.send(f"<a xmlns='{SM}' h='1'/>")
        stage.say("2")
        assert peer.message().get("id") == "2"
        peer.expect("r", SM)
        stage.say("3")
        assert peer.message().get("id") == "3"
        peer.send(f"<a xmlns='{SM}' h='2'/>")
        peer.expect("r", SM)
        peer.close()
        # The second has arrived, the third has not.
        again = stage.peer.accept()
        again.opened(DIALBACK_FEATURE)
        again.dialback()
        assert again.message().get("id") == "3"

    def test_too_much_acknowledged(self, stage):
        peer = self.open(stage, SM_FEATURE)
        peer.answer_sm()
        peer.message()
        peer.send(f"<a xmlns='{SM}' h='7'/>")
        assert any("undefined-condition" in federation.text_of(each) for each in peer.wait_closed())

    def test_no_such_server(self, stage):
        stage.server = stage.servers()
        alice = stage.cast_for(stage.server).client("alice").online()
        for domain, condition in (("none.example", "remote-server-not-found"),
                                  ("away.example", "remote-server-not-found")):
            alice.message(f"bob@{domain}")
            assert error_of(alice.recv())[0] == condition

    def test_idle(self, farm, world, cast_for, request):
        server = make(farm, world, s2s_use_starttls="optional", s2s_timeout="1 s")
        try:
            alice = cast_for(server).client("alice").online()
            alice.message(f"bob@{FAR}")
            peer = world[FAR].accept()
            peer.opened(DIALBACK_FEATURE)
            peer.dialback()
            peer.message()
            assert peer.wait_closed() == []
            alice.nothing()
            server.stop()
        finally:
            if server.process:
                server.process.kill()
            world.reset()

    def test_shutdown(self, farm, world, cast_for):
        server = make(farm, world, s2s_use_starttls="optional")
        try:
            alice = cast_for(server).client("alice").online()
            alice.message(f"bob@{FAR}")
            peer = world[FAR].accept()
            peer.opened(DIALBACK_FEATURE)
            peer.dialback()
            peer.message()
            server.ctl("stop")
            assert any("system-shutdown" in federation.text_of(each) for each in peer.wait_closed())
            server.process.wait()
            server.stop()
        finally:
            if server.process:
                server.process.kill()
            world.reset()
