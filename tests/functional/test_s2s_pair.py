# SPDX-License-Identifier: Apache-2.0
"""Two servers of ours that never heard of each other: messages and presence, by every way to authenticate."""
import pytest

from harness import certs, dns, ns, wait, yaml
from harness.client import StreamEnd
from harness.federation import error_of, signed_by
from harness.network import Cut
from harness.settings import Settings
from harness.sm import SM, Managed

pytestmark = pytest.mark.only("stanzad")
LEFT, RIGHT = "left.example", "right.example"
DIALBACK, BIDI = {"mod_s2s_dialback": {}}, {"mod_s2s_bidi": {}}


class Pair:
    """Both servers and the DNS that leads them to each other."""

    def __init__(self, farm, folder):
        self.farm, self.folder = farm, folder
        self.authority = certs.authority(folder)
        self.ports = dict(zip((LEFT, RIGHT), wait.free_ports(2)))
        self.knot = dns.Knot(folder / "knot")
        self.knot.add("example", "host A 127.0.0.1\n" + "".join(
            f"_xmpp-server._tcp.{name.removesuffix('.example')} SRV 1 0 {port} host\n"
            for name, port in self.ports.items()))
        self.knot.start()
        self.servers, self.relays = [], []

    def make(self, host, modules, certificate, starttls):
        server = self.farm.make(Settings(hosts=(host,), modules=modules, max_offline=1000, options={
            "s2s_dns_servers": [f"127.0.0.1@{self.knot.port}"], "s2s_dns_hosts_file": "/dev/null",
            "s2s_dnssec": False, "ca_file": str(self.authority.crt), "outgoing_s2s_families": ["ipv4"],
            "s2s_max_retry_delay": "1 s", "s2s_use_starttls": starttls}))
        if certificate == "good":
            server.certificates = [signed_by(server.folder, host, [host], self.authority)]
        config = server.configuration()
        config["listen"].append({"port": self.ports[host], "ip": "127.0.0.1", "module": "ejabberd_s2s_in"})
        server.config_text = yaml.dump(config) + "\n"
        self.servers.append(server)
        return server

    def start(self, modules=None, certificate="good", starttls="optional", through_relay=False):
        modules = DIALBACK if modules is None else modules
        if through_relay:
            targets, self.ports = dict(self.ports), dict(zip((LEFT, RIGHT), wait.free_ports(2)))
            self.relays = [Cut("127.0.0.1", "127.0.0.1", targets[name], self.ports[name]) for name in targets]
        return [self.make(host, modules, certificate, starttls).start() for host in (LEFT, RIGHT)]

    def stop(self):
        try:
            for server in self.servers:
                server.stop()
        finally:
            for server in self.servers:
                if server.process:
                    server.process.kill()
            self.knot.stop()
            for relay in self.relays:
                relay.stop()


@pytest.fixture
def pair(farm, tmp_path):
    made = Pair(farm, tmp_path)
    yield made
    made.stop()


def talk(cast_for, left, right):
    romeo, juliet = cast_for(left).client("romeo").online(), cast_for(right).client("juliet").online()
    romeo.message(juliet.full, "there")
    juliet.expect(f"<message from='{romeo.full}' type='chat'><body>there</body></message>")
    juliet.message(romeo.full, "back")
    romeo.expect(f"<message from='{juliet.full}' type='chat'><body>back</body></message>")
    assert romeo.iq("get", "<ping xmlns='urn:xmpp:ping'/>", to=RIGHT).get("type") == "result"
    assert juliet.iq("get", "<query xmlns='jabber:iq:version'/>", to=LEFT).get("type") == "result"
    return romeo, juliet


def rows(server):
    return sorted((each["direction"], each["authentication"], each["tls"] != "none")
                  for each in server.ask_json("list_s2s"))


@pytest.mark.parametrize("starttls", ["optional", "required", "required_trusted"])
def test_by_certificate(pair, cast_for, starttls):
    left, right = pair.start(starttls=starttls)
    talk(cast_for, left, right)
    for server in (left, right):
        assert rows(server) == [("in", "certificate", True), ("out", "certificate", True)]


@pytest.mark.parametrize("starttls", ["optional", "required"])
def test_by_dialback_over_tls(pair, cast_for, starttls):
    left, right = pair.start(certificate="own", starttls=starttls)
    talk(cast_for, left, right)
    for server in (left, right):
        assert rows(server) == [("in", "dialback", True), ("out", "dialback", True)]


def test_by_dialback_alone(pair, cast_for):
    left, right = pair.start(certificate="own", starttls=False)
    talk(cast_for, left, right)
    for server in (left, right):
        assert rows(server) == [("in", "dialback", False), ("out", "dialback", False)]


@pytest.mark.parametrize("certificate", ["good", "own"])
def test_one_stream_for_both_directions(pair, cast_for, certificate):
    left, right = pair.start(modules={**DIALBACK, **BIDI}, certificate=certificate)
    talk(cast_for, left, right)
    kinds = {"good": "certificate", "own": "dialback"}
    for server in (left, right):
        assert rows(server) == [("both", kinds[certificate], True)]


def test_own_certificates_where_good_ones_are_demanded(pair, cast_for):
    left, right = pair.start(certificate="own", starttls="required_trusted")
    romeo = cast_for(left).client("romeo").online()
    romeo.message(f"juliet@{RIGHT}")
    condition, text = error_of(romeo.recv())
    assert condition == "remote-server-timeout" and "certificate is not accepted" in text


def test_own_certificates_without_dialback(pair, cast_for):
    left, right = pair.start(certificate="own", modules={})
    romeo = cast_for(left).client("romeo").online()
    romeo.message(f"juliet@{RIGHT}")
    assert "certificate is not accepted" in error_of(romeo.recv())[1]


def test_subscription(pair, cast_for):
    left, right = pair.start()
    romeo, juliet = cast_for(left).client("romeo").online(), cast_for(right).client("juliet").online()
    romeo.presence(f"to='{juliet.bare}' type='subscribe'")
    request = juliet.take(lambda each: each.get("type") == "subscribe")
    assert request.get("from") == romeo.bare
    juliet.presence(f"to='{romeo.bare}' type='subscribed'")
    romeo.take(lambda each: each.get("type") == "subscribed")
    romeo.take(lambda each: each.tag.endswith("}presence") and each.get("from") == juliet.full)


def arrived_everything(left, juliet):
    juliet.ping()
    rows = left.ask_json("list_s2s")
    managed = any(each["managed"] for each in rows)
    return managed and not any(each["queue"] for each in rows) and len(juliet.events) > 150


def test_the_other_one_is_killed(pair, cast_for):
    """In mid-traffic: each message arrives or comes back. What is not acknowledged yet may do both; here all is."""
    left, right = pair.start()
    romeo, cast = cast_for(left).client("romeo").online(), cast_for(right)
    juliet = cast.client("juliet").online()
    wanted = {f"n{number}" for number in range(300)}
    for number in range(300):
        romeo.send(f"<message to='{juliet.bare}' id='n{number}' type='chat'><body>{number}</body></message>")
        if number == 150:
            wait.until(lambda: arrived_everything(left, juliet), "everything is acknowledged")
            right.kill()
            juliet.drop()
    right.start()
    ping = "<ping xmlns='urn:xmpp:ping'/>"
    wait.until(lambda: romeo.iq("get", ping, to=RIGHT).get("type") == "result", "they talk again")
    bounced = [each.get("id") for each in romeo.settle() if each.get("type") == "error"]
    before = [each.get("id") for kind, each in juliet.events if kind == "stanza"]
    again = cast.client("juliet", "again").online()
    romeo.send(f"<message to='{again.bare}' id='last' type='chat'><body>last</body></message>")
    again.take(lambda each: each.get("id") == "last")
    arrived = {*before, *(each.get("id") for each in again.settle())}
    assert len(bounced) == len(set(bounced)), "each comes back once"
    assert bounced, "while it was away"
    assert wanted == arrived | set(bounced), "none is lost without a word"
    assert not arrived & set(bounced), "none does both"


MESSAGE = f"{{{ns.CLIENT}}}message"


class Books:
    """Numbered messages of one client to others, and what became of each."""

    def __init__(self, sender, *recipients):
        self.sender, self.recipients = sender, recipients
        self.sent, self.arrived, self.bounced = 0, [], []

    def send(self, count):
        for number in range(self.sent, self.sent + count):
            to = self.recipients[number % len(self.recipients)]
            self.sender.send(f"<message to='{to}' id='n{number}' type='chat'><body>{number}</body></message>")
        self.sent += count

    def note(self, elements):
        for each in elements:
            if each.tag == MESSAGE and (each.get("id") or "").startswith("n"):
                (self.bounced if each.get("type") == "error" else self.arrived).append(int(each.get("id")[1:]))

    def told(self):
        """Whether each has arrived or come back."""
        return set(range(self.sent)) <= {*self.arrived, *self.bounced}

    def check(self, acknowledged, once):
        """The first acknowledged ones arrived, once; of the others each arrived or came back."""
        assert self.told(), f"lost: {sorted(set(range(self.sent)) - set(self.arrived) - set(self.bounced))}"
        assert not set(self.bounced) & set(range(acknowledged)), "acknowledged and returned"
        twice = {each for each in self.arrived if self.arrived.count(each) > 1}
        assert not twice & set(range(acknowledged)), f"acknowledged and repeated: {sorted(twice)}"
        assert not once or not twice and not set(self.bounced) & set(self.arrived), f"twice: {sorted(twice)}"


def rest_of(client):
    """What comes until the connection ends."""
    got = []
    try:
        while True:
            got.append(client.recv())
    except (StreamEnd, ConnectionError):
        client.drop()
    return got


@pytest.mark.parametrize("modules", [DIALBACK, {**DIALBACK, **BIDI}], ids=["two streams", "one stream"])
@pytest.mark.parametrize("way", ["kill", "stop"])
def test_ended_under_load(pair, cast_for, modules, way):
    """kill -9 in the middle of messages to somebody online and somebody offline: what was acknowledged is there."""
    left, right = pair.start(modules)
    romeo, cast = cast_for(left).client("romeo", kind=Managed).online(), cast_for(right)
    juliet, nurse = cast.client("juliet", kind=Managed).online(), cast.client("nurse")
    romeo.manage()
    juliet.manage()
    books = Books(romeo, juliet.full, nurse.bare)
    books.send(200)
    acknowledged = wait.until(romeo.handled, "something is acknowledged")
    books.send(200)
    getattr(right, way)()
    books.note(rest_of(juliet))
    right.start()
    again = juliet.resume()
    assert again.tag == f"{{{SM}}}resumed"
    books.send(20)
    wait.until(lambda: romeo.handled() == romeo.sent, "everything is acknowledged", 60)
    nurse.login().presence()
    for client in romeo, juliet, nurse:
        books.note(client.settle())
    books.check(acknowledged, once=way == "stop")


@pytest.mark.parametrize("modules", [DIALBACK, {**DIALBACK, **BIDI}], ids=["two streams", "one stream"])
def test_broken_again_and_again(pair, cast_for, modules):
    """Connections that break in the middle of traffic: each arrives, once and in order, or comes back.

    What came back is what waited for a first stream, while its connection broke."""
    left, right = pair.start(modules, through_relay=True)
    romeo, juliet = talk(cast_for, left, right)
    there, back = Books(romeo, juliet.full), Books(juliet, romeo.full)

    def note():
        for client, incoming, outgoing in (romeo, back, there), (juliet, there, back):
            for each in client.settle():
                (outgoing if each.get("type") == "error" else incoming).note([each])

    for turn in range(8):
        there.send(40)
        back.send(40)
        if turn % 2:
            note()
        for relay in pair.relays:
            relay.break_all()

    def talks(books):
        books.send(1)
        note()
        return books.arrived[-1:] >= [320]

    for books in there, back:
        wait.until(lambda: talks(books), "they talk again", step=0.2)  # noqa: B023
    wait.until(lambda: note() or all(each.told() for each in (there, back)), "all is told")
    for books in there, back:
        books.check(0, once=True)
        assert books.arrived == sorted(books.arrived)
    assert "s2s.resumed" in left.log.read_text() + right.log.read_text()


def test_check_domain(pair):
    left, right = pair.start()
    said = left.ask("check_domain", RIGHT)
    assert "certificate is good for right.example" in said and "works: stanzas from left.example" in said
    assert left.ask_json("list_s2s") is not None
