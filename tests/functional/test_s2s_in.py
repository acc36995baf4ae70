# SPDX-License-Identifier: Apache-2.0
"""Streams that other servers open: how they prove who they are, and what becomes of those who cannot."""
import hashlib
import ssl

import pytest

from harness import certs, dns, ns, wait, yaml
from harness.caller import Caller
from harness.federation import DIALBACK, DIALBACK_FEATURE, SM, World, signed_by, text_of, one_for_each
from harness.settings import Settings

pytestmark = pytest.mark.only("stanzad")
HERE, FAR, OTHER = "near.example", "far.example", "other.example"
MANY = [f"d{number}.example" for number in range(6)]
MODULES = {"mod_s2s_dialback": {}, "mod_s2s_bidi": {}}


class Certificates:
    """What callers may show; made once."""

    def __init__(self, world, folder):
        self.good = world.certificates[FAR]
        self.both = signed_by(folder, "both", [FAR, OTHER], world.authority)
        self.foreign = world.certificates[OTHER]
        self.unknown = certs.self_signed(folder, FAR)
        self.expired = self.make_expired(folder, world.authority)

    @staticmethod
    def make_expired(folder, authority):
        cert = certs.Certificate(folder, "expired")
        (folder / "index.txt").write_text("")
        (folder / "serial").write_text("1000\n")
        (folder / "ca.cnf").write_text(
            f"[ca]\ndefault_ca=one\n[one]\nnew_certs_dir={folder}\ndatabase={folder}/index.txt\n"
            f"serial={folder}/serial\ndefault_md=sha256\npolicy=any\nx509_extensions=names\n"
            f"[any]\ncommonName=supplied\n[names]\nsubjectAltName=DNS:{FAR}\n")
        certs.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", cert.key,
                      "-out", cert.key.with_suffix(".csr"), "-subj", f"/CN={FAR}")
        certs.openssl("ca", "-batch", "-config", folder / "ca.cnf", "-cert", authority.crt, "-keyfile",
                      authority.key, "-in", cert.key.with_suffix(".csr"), "-out", cert.crt, "-notext",
                      "-startdate", "200101000000Z", "-enddate", "200201000000Z")
        return cert.join()


def vouching(certificate):
    """Records that name a host, and one certificate for it."""
    der = ssl.PEM_cert_to_DER_cert(certificate.crt.read_text())
    return ("host A 127.0.0.1\n_xmpp-server._tcp SRV 1 0 5269 host\n"
            f"_5269._tcp.host TLSA 3 0 1 {hashlib.sha256(der).hexdigest()}\n")


def add_signed(world, zone):
    """A signed zone; returns its trust anchor."""
    world.knot.add(zone, vouching(world.alone if zone == "signed.example" else world.certificates[FAR]))
    return world.knot.sign(zone)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("callers")
    made = World(folder, [FAR, OTHER, *MANY])
    made.mirror, made.mirror_tls = wait.free_ports(2)
    made.alone = certs.self_signed(folder, "whoever.example")
    made.anchors = folder / "anchors"
    made.anchors.write_text("".join(add_signed(made, zone) + "\n" for zone in ("signed.example", "wrong.example")))
    made.knot.add("unsigned.example", vouching(made.alone))
    # Domains whose DNS leads back to the server under test.
    made.start(f"_xmpp-server._tcp.mirror SRV 0 0 {made.mirror} host\n")
    made.shown = Certificates(made, tmp_path_factory.mktemp("shown"))
    yield made
    made.stop()


def make(farm, world, starttls, **options):
    server = farm.make(Settings(hosts=(HERE, "second.example"), modules=MODULES, options=world.options(
        s2s_use_starttls=starttls, workers=3, outgoing_s2s_timeout="5 s", **options)))
    server.certificates = [signed_by(server.folder, host, [host], world.authority)
                           for host in (HERE, "second.example")]
    server.ports["s2s"], server.ports["s2s_tls"] = (
        (world.mirror, world.mirror_tls) if starttls == "optional" else wait.free_ports(2))
    conf = server.configuration()
    listener = {"ip": "127.0.0.1", "module": "ejabberd_s2s_in", "max_stanza_size": 65536}
    conf["listen"] += [{"port": server.ports["s2s"], **listener},
                       {"port": server.ports["s2s_tls"], **listener, "tls": True}]
    server.config_text = yaml.dump(conf) + "\n"
    return server.start()


@pytest.fixture(scope="module")
def servers(farm, world):
    """One server for each value of s2s_use_starttls, made when it is wanted."""
    yield from one_for_each(lambda starttls: make(farm, world, starttls))


class Stage:
    """Somebody here who is written to, and those who call."""

    def __init__(self, world, servers, cast_for):
        self.world, self.servers, self.cast_for = world, servers, cast_for
        self.callers = []

    def begin(self, starttls="optional"):
        self.server = self.servers(starttls)
        self.alice = self.cast_for(self.server).client("alice").online()
        return self.call()

    def call(self, domain=FAR, to=HERE, port="s2s"):
        self.callers.append(Caller(self.server.ports[port], domain, to))
        return self.callers[-1]

    def delivers(self, caller, sender=f"bob@{FAR}", id="1"):
        caller.message(sender, self.alice.bare, id)
        self.alice.expect(f"<message from='{sender}' id='{id}' type='chat'><body>hi</body></message>")

    def refuses(self, caller, condition, sender=f"bob@{FAR}", to=None):
        caller.message(sender, to or self.alice.bare, "no")
        caller.stream_error(condition)
        self.alice.nothing()

    def verifies(self, domain=FAR, result="valid"):
        """The authoritative server of the domain is asked, and says so."""
        stream = self.world[domain].accept()
        stream.opened(DIALBACK_FEATURE)
        question = stream.expect("verify", DIALBACK)
        stream.send(f"<db:verify from='{question.get('to')}' to='{question.get('from')}' "
                    f"id='{question.get('id')}' type='{result}'/>")
        return question


@pytest.fixture
def stage(world, servers, cast_for):
    made = Stage(world, servers, cast_for)
    yield made
    for caller in made.callers:
        caller.close()
    if hasattr(made, "server"):
        made.server.ctl("s2s_close")
    world.reset()


class TestCertificates:
    def test_external(self, stage, world):
        caller = stage.begin().open()
        assert caller.header["from"] == HERE and caller.header["to"] == FAR and len(caller.header["id"]) > 20
        assert "starttls" in caller.offered and "EXTERNAL" not in caller.offered
        caller.starttls(world.shown.good).open()
        assert {"EXTERNAL", "dialback", "bidi", "sm", "limits"} <= caller.offered
        assert "starttls" not in caller.offered
        caller.external()
        assert "EXTERNAL" not in caller.offered
        stage.delivers(caller)

    def test_direct_tls(self, stage, world):
        stage.begin().close()
        caller = stage.call(port="s2s_tls").tls(world.shown.good, alpn="xmpp-server").open()
        assert caller.socket.selected_alpn_protocol() == "xmpp-server"
        caller.external(FAR)
        stage.delivers(caller)

    def test_identity(self, stage, world):
        caller = stage.begin().secure(world.shown.both)
        caller.auth(OTHER)
        caller.sasl_refused("invalid-authzid")
        caller.send(f"<auth xmlns='{ns.SASL}' mechanism='EXTERNAL'>?</auth>")
        caller.sasl_refused("incorrect-encoding")
        caller.send(f"<auth xmlns='{ns.SASL}' mechanism='EXTERNAL'/>")
        caller.expect("challenge", ns.SASL)
        caller.send(f"<response xmlns='{ns.SASL}'/>")
        caller.expect("success", ns.SASL)
        stage.delivers(caller.open())

    @pytest.mark.parametrize("kind", ["foreign", "unknown", "expired", None])
    def test_bad_certificate(self, stage, world, kind):
        caller = stage.begin("required").secure(getattr(world.shown, kind) if kind else None)
        assert "EXTERNAL" not in caller.offered and "dialback" in caller.offered
        caller.auth(FAR)
        caller.sasl_refused("not-authorized")
        stage.refuses(caller, "not-authorized")

    @pytest.mark.parametrize("kind", ["foreign", "unknown", "expired", None])
    def test_bad_certificate_where_it_must_be_good(self, stage, world, kind):
        caller = stage.begin("required_trusted").secure(getattr(world.shown, kind) if kind else None)
        assert "EXTERNAL" not in caller.offered and "dialback" not in caller.offered
        caller.claim()
        caller.claimed("error", "not-authorized")
        assert world[FAR].nobody()
        stage.refuses(caller, "not-authorized")

    def test_good_certificate_where_it_must_be_good(self, stage, world):
        stage.delivers(stage.begin("required_trusted").trusted(world.shown.good))

    def test_nobody_says_who_it_is(self, stage, world):
        caller = stage.begin().open(domain="").starttls(world.shown.good).open(domain="")
        assert "EXTERNAL" not in caller.offered

    def test_domain_changes(self, stage, world):
        caller = stage.begin().secure(world.shown.both)
        caller.auth()
        caller.expect("success", ns.SASL)
        caller.say_header(domain=OTHER)
        caller.read_header()
        caller.stream_error("invalid-from")

    def test_what_was_sent_behind_starttls_does_not_count(self, stage, world):
        caller = stage.begin().open()
        caller.starttls(world.shown.foreign, behind=f"<db:result from='{FAR}' to='{HERE}'>00</db:result>")
        caller.open()
        stage.refuses(caller, "not-authorized")
        assert world[FAR].nobody()

    def test_tls_first(self, stage, world):
        caller = stage.begin("required").open()
        assert caller.offered == {"starttls", "limits"}
        caller.claim()
        caller.claimed("error", "policy-violation")
        assert world[FAR].nobody()
        stage.refuses(caller, "not-authorized")


class TestDane:
    """A certificate that nobody known made out, and TLSA records."""

    @pytest.fixture(scope="class")
    def server(self, farm, world):
        made = make(farm, world, "required_trusted", s2s_dnssec="optional", s2s_dns_trust_anchor=str(world.anchors))
        yield made
        made.stop()

    def test_vouched_for(self, server, world):
        caller = Caller(server.ports["s2s"], "signed.example", HERE).secure(world.alone)
        assert "EXTERNAL" in caller.offered
        caller.external()
        row, = server.ask_json("list_s2s")
        assert row["authentication"] == "certificate (DANE)"
        caller.close()

    @pytest.mark.parametrize("domain", ["wrong.example", "unsigned.example", "none.example"])
    def test_not_vouched_for(self, server, world, domain):
        caller = Caller(server.ports["s2s"], domain, HERE).secure(world.alone)
        assert "EXTERNAL" not in caller.offered
        caller.claim(domain)
        caller.claimed("error", "not-authorized", domain)
        caller.close()


class TestPatience:
    """Those who are slow, and those who go away in the middle."""

    def test_slow_callers(self, farm, world, cast_for):
        server = make(farm, world, "required", negotiation_timeout=2)
        callers = [Caller(server.ports["s2s"], FAR, HERE) for _ in range(3)]
        direct = Caller(server.ports["s2s_tls"], FAR, HERE)
        callers[1].open()
        callers[2].open()
        callers[2].send(f"<starttls xmlns='{ns.TLS}'/>")
        callers[2].expect("proceed", ns.TLS)
        good = Caller(server.ports["s2s"], FAR, HERE).trusted(world.shown.good)
        callers[0].send("<?xml version='1.0'?><stream:stream ")
        callers[1].stream_error("connection-timeout")
        for each in (callers[0], callers[2], direct):
            while each.socket.recv(65536):
                pass
        good.send(f"<enable xmlns='{SM}'/>")
        good.expect("enabled", SM)
        good.close()
        server.stop()

    def test_gone_while_the_dns_is_silent(self, farm, world):
        silent = dns.Relay(world.knot.port, silent=True)
        server = make(farm, world, "required", s2s_dnssec="optional", s2s_dns_trust_anchor=str(world.anchors),
                      s2s_dns_servers=[f"127.0.0.1@{silent.port}"])
        caller = Caller(server.ports["s2s"], "signed.example", HERE).open().starttls(world.alone)
        caller.say_header()
        wait.until(lambda: silent.dropped, "the DNS is asked")
        caller.close()
        waits = Caller(server.ports["s2s"], "wrong.example", HERE).open().starttls(world.alone)
        waits.say_header()
        asking = Caller(server.ports["s2s"], FAR, HERE).secure()
        asking.claim()
        server.stop()
        waits.close()
        asking.close()
        silent.stop()


class TestDialback:
    def test_asks_the_domain(self, stage, world):
        caller = stage.begin().secure()
        caller.claim(key="abcdef")
        question = stage.verifies()
        assert (question.get("from"), question.get("to")) == (HERE, FAR)
        assert question.text == "abcdef" and question.get("id") == caller.header["id"]
        caller.claimed("valid")
        stage.delivers(caller)

    def test_server_of_old(self, stage):
        """Without a version there are no features; dialback is announced by its namespace."""
        caller = stage.begin()
        caller.say_header(version="")
        assert caller.read_header().get("version") is None
        caller.claim()
        stage.verifies()
        caller.claimed("valid")
        stage.delivers(caller)

    def test_server_of_old_where_tls_is_required(self, stage):
        caller = stage.begin("required")
        caller.say_header(version="")
        caller.read_header()
        caller.stream_error("unsupported-version")

    def test_spoofed(self, stage):
        caller = stage.begin().open()
        caller.claim()
        stage.verifies(result="invalid")
        caller.claimed("invalid")
        assert caller.wait_closed() == []
        assert "s2s_in.refused" in stage.server.log.read_text()

    def test_several_domains(self, stage):
        caller = stage.begin().open()
        caller.claim()
        stage.verifies()
        caller.claimed("valid")
        caller.claim(OTHER)
        stage.verifies(OTHER, "invalid")
        caller.claimed("error", "forbidden", OTHER)
        stage.delivers(caller)
        stage.refuses(caller, "invalid-from", f"bob@{OTHER}")

    def test_certificate_for_several_domains(self, stage, world):
        """XEP-0344: what the certificate proves is not asked."""
        caller = stage.begin().trusted(world.shown.both)
        caller.claim(OTHER)
        caller.claimed("valid", domain=OTHER)
        assert world[OTHER].nobody()
        stage.delivers(caller, f"bob@{OTHER}")

    def test_another_domain_of_ours(self, stage, world):
        caller = stage.begin().trusted(world.shown.good)
        caller.claim(to="second.example")
        result = caller.expect("result", DIALBACK, type="valid", from_="second.example")
        assert result.get("to") == FAR

    def test_no_such_domain(self, stage):
        caller = stage.begin().open(domain="none.example")
        caller.claim("none.example")
        caller.claimed("error", "remote-server-not-found", "none.example")

    def test_leads_back_to_us(self, stage, world):
        """The DNS of the claimed domain names this very server."""
        caller = stage.begin().open(domain="mirror.example")
        caller.claim("mirror.example")
        result = caller.expect("result", DIALBACK, type="error", to="mirror.example")
        assert "remote-server" in text_of(result)
        assert wait.until(lambda: len(stage.server.ask_json("list_s2s")) == 1, "nothing else is open")

    def test_address_instead_of_domain(self, stage, world):
        caller = stage.begin().open(domain="127.0.0.1")
        caller.claim("127.0.0.1")
        caller.claimed("error", "remote-server-not-found", "127.0.0.1")
        assert world[FAR].nobody()

    def test_our_own_domain(self, stage):
        caller = stage.begin().open()
        caller.claim(HERE)
        caller.claimed("error", "forbidden", HERE)
        caller.claim("second.example")
        caller.claimed("error", "forbidden", "second.example")

    def test_our_keys(self, stage):
        """What we send to others is what we call ours, and nothing else is."""
        stage.begin().close()
        stage.alice.send(f"<message to='bob@{FAR}' type='chat'><body>hi</body></message>")
        stream = stage.world[FAR].accept()
        stream.opened(DIALBACK_FEATURE, id="that-one")
        key = stream.expect("result", DIALBACK).text
        caller = stage.call().open()
        for id, text, result in (("that-one", key, "valid"), ("another", key, "invalid"),
                                 ("that-one", "0" * 64, "invalid")):
            caller.send(f"<db:verify from='{FAR}' to='{HERE}' id='{id}'>{text}</db:verify>")
            caller.expect("verify", DIALBACK, type=result, id=id, from_=HERE, to=FAR)

    def test_nobody_answers(self, stage, world):
        caller = stage.begin().open()
        caller.claim()
        world[FAR].accept().close()
        assert "remote-server-timeout" in text_of(caller.expect("result", DIALBACK, type="error"))


class TestStanzas:
    @pytest.mark.parametrize("sender,recipient,condition", [
        (f"bob@{OTHER}", f"alice@{HERE}", "invalid-from"),
        (f"root@{HERE}", f"alice@{HERE}", "invalid-from"),
        (f"bob@{FAR}", "alice@second.example", "invalid-from"),
        (f"bob@{FAR}", f"carol@{OTHER}", "host-unknown"),
    ])
    def test_only_what_was_proven(self, stage, world, sender, recipient, condition):
        caller = stage.begin().trusted(world.shown.good)
        stage.refuses(caller, condition, sender, recipient)
        assert world[OTHER].nobody()

    def test_one_bad_caller_and_a_good_one(self, stage, world):
        good = stage.begin().trusted(world.shown.good)
        bad = stage.call().trusted(world.shown.good)
        stage.refuses(bad, "invalid-from", f"bob@{OTHER}")
        stage.delivers(good)

    def test_presence_and_iq(self, stage, world):
        caller = stage.begin().trusted(world.shown.good)
        caller.send(f"<presence from='bob@{FAR}' to='{stage.alice.bare}' type='subscribe'/>")
        stage.alice.expect(f"<presence from='bob@{FAR}' type='subscribe'/>")
        caller.send(f"<iq from='bob@{FAR}' to='{HERE}' id='p' type='get'><ping xmlns='urn:xmpp:ping'/></iq>")
        # The answer goes over a stream of ours.
        stream = stage.world[FAR].accept()
        stream.opened(DIALBACK_FEATURE)
        stream.dialback()
        stream.expect("iq", id="p", type="result", from_=HERE)

    def test_counted(self, stage, world):
        caller = stage.begin().trusted(world.shown.good)
        caller.send(f"<enable xmlns='{SM}'/>")
        caller.expect("enabled", SM)
        stage.delivers(caller)
        caller.send(f"<r xmlns='{SM}'/>")
        caller.expect("a", SM, h="1")

    def test_too_large(self, stage, world):
        caller = stage.begin().trusted(world.shown.good)
        caller.message(f"bob@{FAR}", stage.alice.bare, "1", "x" * 70000)
        caller.stream_error("policy-violation")


class TestBothDirections:
    @pytest.mark.parametrize("domain", MANY)
    def test_answers_come_back(self, stage, world, domain):
        """Whatever worker a stream begins on: it goes to where the stanzas for that domain are."""
        stage.begin().close()
        caller = stage.call(domain).secure(world.certificates[domain])
        caller.send("<bidi xmlns='urn:xmpp:bidi'/>")
        caller.external()
        caller.send(f"<iq from='bob@{domain}' to='{HERE}' id='p' type='get'><ping xmlns='urn:xmpp:ping'/></iq>")
        caller.expect("iq", id="p", type="result", from_=HERE)
        stage.alice.send(f"<message to='bob@{domain}' id='1' type='chat'><body>hi</body></message>")
        caller.expect("message", id="1", from_=stage.alice.full)
        assert world[domain].nobody()
        rows = [each for each in stage.server.ask_json("list_s2s") if each["remote"] == domain]
        assert [each["direction"] for each in rows] == ["both"]

    @pytest.mark.parametrize("domain", MANY[:3])
    def test_with_dialback(self, stage, world, domain):
        stage.begin().close()
        caller = stage.call(domain).open()
        caller.send("<bidi xmlns='urn:xmpp:bidi'/>")
        caller.claim()
        stage.verifies(domain)
        caller.claimed("valid", domain=domain)
        stage.alice.send(f"<message to='bob@{domain}' id='1' type='chat'><body>hi</body></message>")
        caller.expect("message", id="1", from_=stage.alice.full)
        stage.delivers(caller, f"bob@{domain}")


class TestEnds:
    def test_shutdown(self, farm, world, cast_for):
        server = make(farm, world, "required")
        caller = Caller(server.ports["s2s"], FAR, HERE).trusted(world.shown.good)
        waiting = Caller(server.ports["s2s"], OTHER, HERE).open()
        server.stop()
        caller.stream_error("system-shutdown")
        waiting.stream_error("system-shutdown")

    def test_host_goes(self, farm, world):
        server = make(farm, world, "required")
        kept = Caller(server.ports["s2s"], FAR, HERE).trusted(world.shown.good)
        gone = Caller(server.ports["s2s"], FAR, "second.example").trusted(world.shown.good)
        server.write_config(server.config_text.replace('- "second.example"', ""))
        assert server.ctl("reload_config").returncode == 0
        gone.stream_error("host-gone")
        kept.send(f"<enable xmlns='{SM}'/>")
        kept.expect("enabled", SM)
        text = server.config_text.replace('- "second.example"', "")
        server.write_config(text + f"s2s_access: {{deny: {{server: {FAR}}}}}\n")
        assert server.ctl("reload_config").returncode == 0
        kept.stream_error("policy-violation")
        server.stop()

    def test_listed(self, stage, world):
        caller = stage.begin().trusted(world.shown.good)
        row, = stage.server.ask_json("list_s2s")
        assert (row["direction"], row["local"], row["remote"]) == ("in", HERE, FAR)
        assert row["authentication"] == "certificate" and row["tls"].startswith("TLSv1.")
        assert stage.server.ask("incoming_s2s_number").strip() == "1"
        stage.server.ask("s2s_close", FAR)
        caller.stream_error("reset")


def test_check_accepts_the_listener(stage):
    stage.begin().close()
    done = stage.server.check(stage.server.config_text)
    assert done.returncode == 0 and "ejabberd_s2s_in" not in done.stdout, done.stdout
