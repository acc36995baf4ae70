# SPDX-License-Identifier: Apache-2.0
"""How another domain's server is found and what its certificate is worth: with Knot as the DNS, DNSSEC included."""
import hashlib
import shutil
import socket
import ssl
import subprocess
import threading

import pytest

from harness import certs, dns, wait
from harness.stanzad import Stanzad

pytestmark = pytest.mark.only("stanzad")

HOSTS = {"plain": "127.0.0.31", "second": "127.0.0.32", "secure": "127.0.0.33", "hole": "127.0.0.34"}


class TlsHost:
    """Shakes hands with whoever comes to an address, and then closes; notes what it was asked for."""

    def __init__(self, address, port, certificate, authority):
        self.names, self.protocols, self.shown = [], [], []
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate.pem)
        self.context.set_alpn_protocols(["xmpp-server"])
        self.context.verify_mode = ssl.CERT_OPTIONAL
        self.context.load_verify_locations(authority.crt)
        self.context.sni_callback = lambda connection, name, context: self.names.append(name)
        self.socket = socket.create_server((address, port))
        self.ending = False
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            connection, _ = self.socket.accept()
            if self.ending:
                connection.close()
                return
            connection.settimeout(wait.DEADLINE)
            try:
                with self.context.wrap_socket(connection, server_side=True) as secure:
                    self.protocols.append(secure.selected_alpn_protocol())
                    self.shown.append(secure.getpeercert())
                    secure.recv(1)
            except OSError:
                pass

    def stop(self):
        self.ending = True
        socket.create_connection(self.socket.getsockname()).close()
        self.thread.join()
        self.socket.close()


class Hole:
    """An address where nobody answers: its queue is full."""

    def __init__(self, address, port):
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind((address, port))
        self.socket.listen(0)
        self.plugs = []
        for _ in range(8):
            plug = socket.socket()
            plug.setblocking(False)
            plug.connect_ex((address, port))
            self.plugs.append(plug)

    def stop(self):
        for each in [*self.plugs, self.socket]:
            each.close()


def signed_by(folder, name, names, signer):
    """A server certificate for DNS names."""
    cert = certs.Certificate(folder, name)
    extensions = cert.key.with_suffix(".ext")
    extensions.write_text("subjectAltName=" + ",".join(f"DNS:{each}" for each in names) + "\n")
    certs.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", cert.key,
                  "-out", cert.key.with_suffix(".csr"), "-subj", f"/CN={name}")
    certs.openssl("x509", "-req", "-in", cert.key.with_suffix(".csr"), "-CA", signer.crt, "-CAkey", signer.key,
                  "-CAcreateserial", "-days", "30", "-sha256", "-extfile", extensions, "-out", cert.crt)
    return cert.join()


def digest(certificate):
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate.crt.read_text())).hexdigest()


class World:
    """The DNS, the hosts and the probe."""

    def __init__(self, folder):
        self.folder = folder
        self.port = wait.free_ports(1)[0]
        self.authority = certs.authority(folder)
        self.own = signed_by(folder, "probe", ["probe.example"], self.authority)
        self.good = signed_by(folder, "good", ["plain.example", "signed.example"], self.authority)
        self.alone = certs.self_signed(folder, "whoever.example")
        self.hosts = {"plain": TlsHost(HOSTS["plain"], self.port, self.good, self.authority),
                      "second": TlsHost(HOSTS["second"], self.port, self.good, self.authority),
                      "secure": TlsHost(HOSTS["secure"], self.port, self.alone, self.authority)}
        self.hole = Hole(HOSTS["hole"], self.port)
        self.knot = dns.Knot(folder / "knot")
        self.anchors = [self.make_zones()]

    def srv(self, host, priority=1, service="xmpp-server", domain=None):
        name = f"_{service}._tcp" + (f".{domain}" if domain else "")
        return f"{name} SRV {priority} 0 {self.port} {host}\n"

    def make_zones(self):
        addresses = "".join(f"{name} A {address}\n" for name, address in HOSTS.items())
        tlsa = f"_{self.port}._tcp.secure TLSA 3 0 1 {digest(self.alone)}\n"
        wrong = f"_{self.port}._tcp.secure TLSA 3 0 1 {'ab' * 32}\n"
        away = "_xmpp-server._tcp.off SRV 0 0 0 .\n"
        self.knot.add("plain.example", addresses + tlsa + away + self.srv("gone", 1) + self.srv("refuses", 2) +
                      self.srv("plain", 3, "xmpps-server") + self.srv("second", 4) + "refuses A 127.0.0.99\n" +
                      self.srv("raced", domain="race") + "raced A " + HOSTS["hole"] + "\nraced AAAA ::1\n" +
                      "raced A " + HOSTS["second"] + "\n" + self.srv("alias", domain="named") + "alias CNAME plain\n")
        signed = addresses + tlsa + self.srv("secure", 1, "xmpps-server") + "alias CNAME secure\n" + \
            self.srv("alias", domain="named") + self.srv("plain", domain="bare") + \
            self.srv("secure.wrong.example.", domain="other") + away
        self.knot.add("signed.example", signed)
        self.knot.add("wrong.example", addresses + wrong + self.srv("secure"))
        self.knot.add("bogus.example", addresses + self.srv("secure") + self.srv("secure", service="xmpps-server"))
        self.knot.add("bogustlsa.example", addresses + tlsa + self.srv("secure"))
        anchors = [self.knot.sign(zone) for zone in self.knot.zones[1:]]
        self.knot.bend("bogus.example", r"(_xmpp-server\S*\s+\d+\s+SRV\s+)1 ", r"\g<1>2 ")
        self.knot.bend("bogus.example", r"(_xmpps-server\S*\s+\d+\s+SRV\s+)1 ", r"\g<1>2 ")
        self.knot.bend("bogustlsa.example", digest(self.alone)[:8] + "|" + digest(self.alone)[:8].upper(), "00000000")
        self.knot.add("stripped.example", addresses + tlsa + self.srv("secure"))
        anchors.append("stripped.example. IN DS 12345 13 2 " + "cd" * 32)
        return "\n".join(anchors) + "\n"

    def start(self):
        self.knot.start()

    def stop(self):
        self.knot.stop()
        self.hole.stop()
        for host in self.hosts.values():
            host.stop()

    def probe(self, domain, *arguments, servers=None, options=""):
        """What the probe says: its lines, each a (kind, text)."""
        anchors, path = self.folder / "anchors", self.folder / "probe.yml"
        anchors.write_text(self.anchors[0])
        path.write_text(
            f"hosts: [probe.example]\ncertfiles: [{self.own.pem}]\nca_file: {self.authority.crt}\n"
            f"outgoing_s2s_port: {self.port}\ns2s_dns_hosts_file: /dev/null\ns2s_dns_trust_anchor: {anchors}\n"
            f"s2s_dns_servers: [{', '.join(f'127.0.0.1@{each}' for each in servers or [self.knot.port])}]\n" + options)
        done = subprocess.run([str(part) for part in (Stanzad.build / "tests/tools/outgoing_probe", *arguments,
                                                      path, self.folder, domain)],
                              capture_output=True, text=True, timeout=6 * wait.DEADLINE, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return Said(done.stdout)


class Said:
    def __init__(self, text):
        self.text = text
        self.lines = [tuple(line.partition(" ")[::2]) for line in text.splitlines()]

    def all(self, kind):
        return [text for each, text in self.lines if each == kind]

    def one(self, kind):
        found = self.all(kind)
        assert len(found) == 1, f"{kind} is there {len(found)} times:\n{self.text}"
        return found[0]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    if not (Stanzad.build / "tests/tools/outgoing_probe").exists():
        pytest.skip("built without tests")
    if not shutil.which("knotd") or not shutil.which("kzonesign"):
        pytest.fail("Knot is not there: tools/dependencies check")
    made = World(tmp_path_factory.mktemp("world"))
    try:
        made.start()
        yield made
    finally:
        made.stop()


class TestHosts:
    def test_in_order_until_one_answers(self, world):
        said = world.probe("plain.example")
        assert said.one("connected") == f"plain.plain.example {world.port} direct {HOSTS['plain']}"
        assert "trying gone.plain.example" in said.text and "gone.plain.example A: no such name" in said.text
        assert f"127.0.0.99 port {world.port}: Connection refused" in said.text

    def test_next_one_when_the_first_is_of_no_use(self, world):
        said = world.probe("plain.example", "--reject", 1)
        assert said.all("connected")[1] == f"second.plain.example {world.port} starttls {HOSTS['second']}"

    def test_none_left(self, world):
        said = world.probe("plain.example", "--reject", 2)
        assert said.one("failed").startswith("unreachable second.plain.example")

    def test_no_records(self, world):
        assert world.probe("second.plain.example").one("connected") == \
            f"second.plain.example {world.port} starttls {HOSTS['second']}"

    def test_alias(self, world):
        assert world.probe("named.plain.example").one("connected").endswith(HOSTS["plain"])

    def test_no_such_domain(self, world):
        assert world.probe("nobody.plain.example").one("failed") == "not-found nobody.plain.example: no address"

    def test_no_server(self, world):
        assert world.probe("off.plain.example").one("failed").startswith("refused off.plain.example")

    def test_dns_server_that_refuses(self, world):
        assert world.probe("elsewhere.example").one("failed").startswith("dns elsewhere.example")

    def test_address(self, world):
        assert world.probe("127.0.0.32").one("failed") == "not-found 127.0.0.32: an address is no domain"
        said = world.probe("127.0.0.32", options="s2s_allow_literal_addresses: true\n")
        assert said.one("connected").endswith(HOSTS["second"])

    def test_silent_address_is_overtaken(self, world):
        said = world.probe("race.plain.example")
        assert said.one("connected").endswith(HOSTS["second"])
        assert f"::1 port {world.port}: Connection refused" in said.text


class TestDnsServers:
    def test_losing_questions(self, world):
        relay = dns.Relay(world.knot.port)
        try:
            said = world.probe("plain.example", servers=[relay.port], options="s2s_dnssec: false\n")
        finally:
            relay.stop()
        assert said.one("connected").endswith(HOSTS["plain"])
        assert relay.dropped

    def test_first_one_silent(self, world):
        relay = dns.Relay(world.knot.port, silent=True)
        try:
            said = world.probe("plain.example", servers=[relay.port, world.knot.port])
        finally:
            relay.stop()
        assert said.one("connected").endswith(HOSTS["plain"])

    def test_all_silent(self, world):
        relay = dns.Relay(world.knot.port, silent=True)
        try:
            said = world.probe("plain.example", servers=[relay.port],
                               options="s2s_dns_timeout: 1 s\ns2s_dns_retries: 2\n")
        finally:
            relay.stop()
        assert said.one("failed").startswith("dns plain.example")
        assert relay.dropped


class TestDnssec:
    def test_signed(self, world):
        said = world.probe("signed.example")
        assert said.one("connected").endswith(HOSTS["secure"])
        assert said.text.count("(signed)") >= 3
        assert "TLSA: 3 0 1 (32 bytes) (signed)" in said.text

    def test_unsigned_records_are_not_asked_for(self, world):
        assert "TLSA" not in world.probe("plain.example").text

    def test_signed_that_there_is_none(self, world):
        assert world.probe("off.signed.example").one("failed").startswith("refused")
        assert world.probe("nobody.signed.example").one("failed").startswith("not-found")

    def test_bogus(self, world):
        said = world.probe("bogus.example")
        assert said.one("failed") == "dns bogus.example: the DNSSEC signature is wrong"
        assert not said.all("connected")

    def test_bogus_without_validation(self, world):
        said = world.probe("bogus.example", options="s2s_dnssec: false\n")
        assert said.one("connected").endswith(HOSTS["secure"])
        assert "signed" not in said.text

    def test_bogus_tlsa(self, world):
        said = world.probe("bogustlsa.example")
        assert said.one("failed").startswith("dns _")
        assert not said.all("connected")

    def test_stripped(self, world):
        said = world.probe("stripped.example", "--tls")
        assert said.one("dane") == "none"
        assert "(signed)" not in said.text
        said = world.probe("stripped.example", options="s2s_dnssec: required\n")
        assert said.one("failed").startswith("dns stripped.example")


class TestCertificates:
    def test_trusted(self, world):
        said = world.probe("plain.example", "--tls")
        assert (said.one("tls"), said.one("chain"), said.one("names"), said.one("dane")) == \
            ("TLSv1.3", "ok", "ok", "none")
        host = world.hosts["plain"]
        wait.until(lambda: host.shown, "the host saw it")
        assert host.names[-1] == "plain.example"
        assert host.protocols[-1] == "xmpp-server"
        assert ("DNS", "probe.example") in host.shown[-1]["subjectAltName"]

    def test_starttls_names_no_protocol(self, world):
        world.probe("second.plain.example", "--tls")
        host = world.hosts["second"]
        wait.until(lambda: host.protocols, "the host saw it")
        assert host.protocols[-1] is None

    def test_other_name(self, world):
        said = world.probe("second.plain.example", "--tls")
        assert (said.one("chain"), said.one("names")) == ("ok", "the certificate is not for second.plain.example"
                                                          " but for plain.example, signed.example")

    def test_vouched_for_by_dane(self, world):
        said = world.probe("signed.example", "--tls")
        assert (said.one("chain"), said.one("dane")) == ("self-signed certificate", "ok")
        assert said.one("names") == "the certificate is not for signed.example but for whoever.example"

    def test_dane_behind_an_alias(self, world):
        assert world.probe("named.signed.example", "--tls").one("dane") == "ok"

    def test_no_records_for_that_host(self, world):
        assert world.probe("bare.signed.example", "--tls").one("dane") == "none"

    def test_dane_contradicts(self, world):
        assert world.probe("wrong.example", "--tls").one("dane") == "no matching DANE TLSA records"
        assert world.probe("other.signed.example", "--tls").one("dane") == "no matching DANE TLSA records"
