# SPDX-License-Identifier: Apache-2.0
"""stanzad among other servers: Debian's Prosody and ejabberd, and another stanzad (harness/lab.py)."""
import asyncio
import os
import pathlib
import time
from collections import Counter

import pytest

from harness import ns, wait
from harness.actors import befriend
from harness.component import Component
from harness.federation import error_of
from harness.lab import COMPONENT, IDN, Lab, full_name
from harness.stream import show

pytestmark = pytest.mark.only("stanzad")

PAIRS = [(one, other) for one in "abpe" for other in "abpe" if one != other and {one, other} & {"a", "b"}]
PAIR_IDS = [f"{one}-{other}" for one, other in PAIRS]
STANZA = f"{{{ns.CLIENT}}}"


@pytest.fixture(scope="module")
def servers(farm, tmp_path_factory):
    with Lab(tmp_path_factory.mktemp("lab"), farm) as lab:
        yield lab


@pytest.fixture
def lab(servers, request):
    """The lab; the clients of the test end with it."""
    yield servers
    report = getattr(request.node, "failed_report", None)
    if report:
        for client in servers.clients:
            report.sections.append((client.name, "\n".join(client.transcript)[-6000:]))
        for server in servers.servers.values():
            report.sections.append((f"log of {server.name} at {server.address}", server.log_tail()))
    servers.end_clients()


def need(lab, *labels):
    """Skips, visibly, what needs a server that is not here."""
    if lab.missing and any(label.rpartition("-")[2] in ("p", "e") for label in labels):
        pytest.skip(lab.missing)


def talk(one, other, body="hi"):
    """A message there and one back."""
    one.message(other.full, body)
    got = other.recv()
    assert (got.tag, got.get("from"), got.findtext(f"{STANZA}body")) == (f"{STANZA}message", one.full, body), show(got)
    other.message(one.full, body + " yourself")
    got = one.recv()
    assert (got.get("from"), got.findtext(f"{STANZA}body")) == (other.full, body + " yourself"), show(got)


SITUATIONS = 15
TABLE_HEAD = """# Servers that stanzad is tried with

stanzad without `mod_s2s_bidi`, and another stanzad, Debian's Prosody and Debian's ejabberd; `s2s_use_starttls` is
`optional` unless another value is named. "out" and "in" say how each direction's stream was authenticated, as
`list_s2s` has it. A message went each way, or was returned with an error and did not arrive. Made by
`tests/functional/test_federation.py`, which tries more than stands here ([FEDERATION.md](FEDERATION.md)).

| ours | stanzad | Prosody | ejabberd |
|---|---|---|---|
"""


class TestBaseline:
    """The lab itself: without stanzad."""

    def test_messages(self, lab):
        need(lab, "p", "e")
        talk(lab.client("p"), lab.client("e"))

    def test_dialback(self, lab):
        need(lab, "p", "e")
        talk(lab.client("self-p"), lab.client("self-e"))

    def test_presence(self, lab):
        need(lab, "p", "e")
        befriend(*interested(lab.client("p"), lab.client("e")))


def tag_of(element):
    return element.tag.partition("}")[2]


def interested(*clients):
    """They asked for their rosters: RFC 6121 tells only those about subscriptions."""
    for client in clients:
        client.iq("get", f"<query xmlns='{ns.ROSTER}'/>")
    return clients


def wait_for(client, wanted):
    """The first stanza for which wanted() is true; what comes before it is dropped."""
    while True:
        element = client.recv()
        if wanted(element):
            return element


def is_presence(sender, kind=None):
    return lambda element: (element.tag, element.get("from"), element.get("type")) == \
        (f"{STANZA}presence", sender, kind)


@pytest.fixture
def pair(lab, request):
    """A client on each server of the pair, online."""
    need(lab, *request.param)
    return [lab.client(label) for label in request.param]


@pytest.mark.parametrize("pair", PAIRS, ids=PAIR_IDS, indirect=True)
class TestPairs:
    def test_messages(self, pair):
        talk(*pair)
        talk(*pair, body="größer 𝔁")

    def test_presence(self, lab, pair):
        """Subscriptions; a change; the end of one session; its return, which is told who is there."""
        one, other = interested(*pair)
        befriend(one, other)
        one.presence(children="<show>away</show>")
        assert wait_for(other, is_presence(one.full)).findtext(f"{STANZA}show") == "away"
        one.close()
        wait_for(other, is_presence(one.full, "unavailable"))
        again = lab.login(one.server, one.user, one.host, "again", online=False).login()
        interested(again)[0].presence()
        wait_for(again, is_presence(other.full))
        wait_for(other, is_presence(again.full))
        again.presence(f"to='{other.bare}' type='unsubscribe'")
        wait_for(other, is_presence(again.bare, "unsubscribe"))
        if other.server.name != "prosody":      # it leaves that out: RFC 6121 3.3.3
            wait_for(again, is_presence(other.full, "unavailable"))

    def test_requests(self, pair):
        one, other = pair
        reply = one.iq("get", f"<query xmlns='{ns.DISCO_INFO}'/>", to=other.host)
        assert reply.get("type") == "result" and reply.get("from") == other.host, show(reply)
        assert reply.findall(f".//{{{ns.DISCO_INFO}}}identity"), show(reply)
        assert one.iq("get", f"<ping xmlns='{ns.PING}'/>", to=other.host).get("type") == "result"
        one.send(f"<iq type='get' id='c1' to='{other.full}'><query xmlns='urn:example:ask'/></iq>")
        request = wait_for(other, lambda each: tag_of(each) == "iq")
        assert (request.get("id"), request.get("from")) == ("c1", one.full)
        other.send(f"<iq type='result' id='c1' to='{one.full}'><query xmlns='urn:example:ask'/></iq>")
        reply = wait_for(one, lambda each: tag_of(each) == "iq")
        assert (reply.get("type"), reply.get("from")) == ("result", other.full)

    def test_errors(self, pair):
        """No such user, no such resource: it comes back once, and nothing else does."""
        one, other = pair
        for to in (f"nobody@{other.host}/x", f"{other.bare}/nowhere"):
            reply = one.iq("get", "<query xmlns='urn:example:ask'/>", to=to)
            assert reply.get("type") == "error" and reply.get("from") == to, show(reply)
            assert error_of(reply)[0] == "service-unavailable", show(reply)
        one.message(f"nobody@{other.host}", extra="id='m1'")
        error = one.recv()
        assert (error.get("id"), error.get("type")) == ("m1", "error"), show(error)
        assert error_of(error)[0] in ("service-unavailable", "item-not-found"), show(error)
        one.nothing(other)

    def test_large(self, pair):
        talk(*pair, body="0123456789" * 4500)

    def test_order(self, pair):
        """1,000 messages each way at once: all of them, in order, once."""
        for sender, recipient in (pair, pair[::-1]):
            for start in range(0, 1000, 50):
                sender.send("".join(f"<message to='{recipient.full}' type='chat' id='n{i}'><body>{i}</body></message>"
                                    for i in range(start, start + 50)))
        for recipient in pair:
            got = [recipient.recv().get("id") for _ in range(1000)]
            assert got == [f"n{i}" for i in range(1000)]
        pair[0].nothing(pair[1])

    def test_names(self, lab, request, pair):
        """Users, resources and domains that are not ASCII."""
        labels = request.node.callspec.params["pair"]
        one, other = (lab.client(f"{IDN}-{label}", "jürgen", "Büro ☎") for label in labels)
        talk(one, other)
        talk(one, pair[1])
        assert one.iq("get", f"<ping xmlns='{ns.PING}'/>", to=other.host).get("type") == "result"

    def test_without_srv(self, lab, request, pair):
        """The domain's own address is good when there are no SRV records."""
        talk(pair[0], lab.client(f"bare-{request.node.callspec.params['pair'][1]}"))


@pytest.mark.parametrize("pair", PAIRS, ids=PAIR_IDS)
def test_slixmpp(lab, pair):
    """A library that people write bots with: a chat, a subscription by its own logic, requests."""
    pytest.importorskip("slixmpp")
    from harness.bots import Bot, play
    need(lab, *pair)
    accounts = [lab.account(label, "bot") for label in pair]
    jids = [f"{user}@{domain}" for _, user, domain in accounts]

    async def scene(one, other):
        await one.ready.wait()
        await other.ready.wait()
        one.send_message(mto=jids[1], mbody="hello", mtype="chat")
        assert (await other.inbox.get())["body"] == "hello"
        other.send_message(mto=jids[0], mbody="hello yourself", mtype="chat")
        assert (await one.inbox.get())["body"] == "hello yourself"
        one.send_presence_subscription(pto=jids[1])
        while (one.client_roster[jids[1]]["subscription"] != "both"
               or other.client_roster[jids[0]]["subscription"] != "both"
               or not one.client_roster.presence(jids[1]) or not other.client_roster.presence(jids[0])):
            await asyncio.sleep(0.02)
        await one["xep_0199"].send_ping(full_name(pair[1]))
        await one["xep_0199"].send_ping(other.boundjid.full)
        assert "urn:xmpp:ping" in (await one["xep_0030"].get_info(jid=full_name(pair[1])))["disco_info"]["features"]
        assert (await other["xep_0092"].get_version(one.boundjid.full))["software_version"]["name"]
    play(scene, *(lambda server=server, jid=jid: Bot(jid, server, lab.authority.crt)
                  for (server, _, _), jid in zip(accounts, jids)))


def ways(lab, name, one, other):
    """{(direction, authentication, "TLS" or "none")} of the streams between two labels, as server name lists them."""
    return {(row["direction"], row["authentication"], row["tls"].split("v")[0].replace("none", "no TLS"))
            for row in lab.streams(name, one, other)}


def refused(one, other, condition="remote-server-timeout"):
    """A message comes back, and only that happens."""
    one.message(other.full, extra="id='m1'")
    error = one.recv()
    assert (error.get("id"), error.get("type")) == ("m1", "error"), show(error)
    assert not condition or error_of(error)[0] == condition, show(error)
    one.nothing()
    other.nothing()
    return error_of(error)[1]


BAD = {"self": "self-signed", "old": "expired", "foreign": "of an unknown authority", "wrong": "for another name"}


def outcome(lab, situation, peer, one=None, other=None):
    """A cell of the table in docs/PEERS.md: how the streams that server b lists are authenticated."""
    found = sorted(ways(lab, "b", one, other)) if one else []
    tls = {way[2] for way in found}
    lab.outcomes[situation, peer] = ", ".join(f"{way[0]}: {way[1]}" for way in reversed(found)) + \
        "".join(f"; {each}" for each in sorted(tls)) if found else "refused, errors both ways"


@pytest.mark.parametrize("peer", "ape")
class TestAuthentication:
    """Without streams for both directions: each direction is authenticated by itself."""

    def test_certificates(self, lab, peer):
        need(lab, peer)
        talk(lab.client("b"), lab.client(peer))
        assert {way[1:] for way in ways(lab, "b", "b", peer)} == {("certificate", "TLS")}
        outcome(lab, "all is well", peer, "b", peer)

    @pytest.mark.parametrize("kind", BAD)
    def test_our_certificate_is_bad(self, lab, peer, kind):
        """The other side asks back for us; we trust its certificate."""
        need(lab, peer)
        talk(lab.client(f"{kind}-b"), lab.client(peer))
        assert ("out", "dialback", "TLS") in ways(lab, "b", f"{kind}-b", peer)
        outcome(lab, f"our certificate is {BAD[kind]}", peer, f"{kind}-b", peer)

    @pytest.mark.parametrize("kind", BAD)
    def test_their_certificate_is_bad(self, lab, peer, kind):
        need(lab, peer)
        talk(lab.client("required-b"), lab.client(f"{kind}-{peer}"))
        found = ways(lab, "b", "required-b", f"{kind}-{peer}")
        assert ("in", "dialback", "TLS") in found and not {"no TLS"} & {way[2] for way in found}, found
        outcome(lab, f"`required`; theirs is {BAD[kind]}", peer, "required-b", f"{kind}-{peer}")

    def test_strict(self, lab, peer):
        need(lab, peer)
        talk(lab.client("strict-b"), lab.client(peer))
        assert {way[1:] for way in ways(lab, "b", "strict-b", peer)} == {("certificate", "TLS")}
        outcome(lab, "`required_trusted`", peer, "strict-b", peer)

    @pytest.mark.parametrize("kind", BAD)
    def test_strict_and_their_certificate_is_bad(self, lab, peer, kind):
        need(lab, peer)
        ours, theirs = lab.client("strict-b"), lab.client(f"{kind}-{peer}")
        assert "certificate is not accepted" in refused(ours, theirs)
        refused(theirs, ours, None)
        assert not ways(lab, "b", "strict-b", f"{kind}-{peer}")
        outcome(lab, f"`required_trusted`; theirs is {BAD[kind]}", peer)

    def test_without_tls(self, lab, peer):
        need(lab, peer)
        talk(lab.client("plain-b"), lab.client(peer))
        found = ways(lab, "b", "plain-b", peer)
        assert {way[1:] for way in found} == {("dialback", "no TLS")}, found
        outcome(lab, "`false`", peer, "plain-b", peer)


def test_table(lab):
    """docs/PEERS.md says what came out; STANZAD_WRITE_PEERS=1 writes it."""
    situations = list(dict.fromkeys(situation for situation, _ in lab.outcomes))
    if len(lab.outcomes) != 3 * SITUATIONS:
        pytest.skip("not everything of the table was tried, or worked")
    rows = [[situation] + [lab.outcomes[situation, peer] for peer in "ape"] for situation in situations]
    text = TABLE_HEAD + "".join("| " + " | ".join(row) + " |\n" for row in rows)
    path = pathlib.Path(__file__).parents[2] / "docs" / "PEERS.md"
    if os.environ.get("STANZAD_WRITE_PEERS"):
        path.write_text(text)
    assert path.read_text() == text, "docs/PEERS.md is not what came out: STANZAD_WRITE_PEERS=1 writes it"


class TestRefusals:
    def test_one_stream_for_both_directions(self, lab):
        need(lab, "p")
        talk(lab.client("a"), lab.client("p"))
        assert ways(lab, "a", "a", "p") == {("both", "certificate", "TLS")}

    def test_tls_is_demanded_here_and_refused_there(self, lab):
        plain, required = lab.client("plain-a"), lab.client("required-b")
        assert "TLS" in refused(plain, required)
        assert "TLS" in refused(required, plain)

    def test_our_certificate_is_not_accepted(self, lab):
        need(lab, "p")
        ours, theirs = lab.client("spurned-b"), lab.client("p")
        assert "certificate" in refused(ours, theirs)
        refused(theirs, ours, None)

    def test_direct_tls(self, lab):
        talk(lab.client("a"), lab.client("direct-b"))
        assert {row["port"] for row in lab.streams("a", "a", "direct-b") if row["direction"] != "in"} == {5270}
        talk(lab.client("a"), lab.client("b"))
        assert {row["port"] for row in lab.streams("a", "a", "b") if row["direction"] != "in"} == {5270}

    def test_direct_tls_from_prosody(self, lab):
        need(lab, "p")
        talk(lab.client("p"), lab.client("direct-b"))

    def test_dane(self, lab):
        """A self-signed certificate that a signed zone vouches for, where only good ones are accepted."""
        ours, theirs = lab.client("strict-a"), lab.client("dane.signed.test")
        ours.message(theirs.full)
        assert theirs.recv().get("from") == ours.full
        assert ("out", "certificate (DANE)", "TLS") in {
            way for way in ways(lab, "a", "strict-a", "dane.signed.test")}


@pytest.mark.parametrize("domain,condition", [
    ("nobody", "remote-server-not-found"),      # no such name
    ("off", "remote-server-not-found"),         # SRV says that there is no server
    ("unserved-b", "remote-server-not-found"),  # the server there knows nothing of the domain
    ("unserved-p", "remote-server-not-found"),
    ("unserved-e", "remote-server-not-found"),
    ("gone", "remote-server-timeout"),          # nobody listens
    ("hole", "remote-server-timeout"),          # nobody says a word
])
def test_unreachable(lab, domain, condition):
    """Whatever is sent there comes back, once and in order."""
    need(lab, domain)
    client, domain = lab.client("a"), full_name(domain)
    for i in range(5):
        client.message(f"user@{domain}/x", extra=f"id='m{i}'")
    for i in range(5):
        error = client.recv()
        assert (error.get("id"), error.get("from"), error_of(error)[0]) == (f"m{i}", f"user@{domain}/x", condition), \
            show(error)
    assert error_of(client.iq("get", f"<ping xmlns='{ns.PING}'/>", to=domain))[0] == condition
    client.nothing()


@pytest.mark.parametrize("peer", "bpe")
def test_domain_that_we_do_not_serve(lab, peer):
    need(lab, peer)
    client = lab.client(peer)
    client.message(f"user@{full_name('unserved-a')}/x", extra="id='m1'")
    error = client.recv()
    assert (error.get("id"), error.get("type")) == ("m1", "error"), show(error)
    client.nothing()


class TestCommands:
    @pytest.mark.parametrize("peer,words", [
        ("b", "certificate"), ("p", "certificate"), ("e", "certificate"),
        ("self-b", "dialback"), ("self-e", "dialback")])
    def test_list(self, lab, peer, words):
        need(lab, peer)
        one, other = lab.client("a"), lab.client(peer)
        talk(one, other)
        rows = lab.streams("a", "a", peer)
        assert {row["direction"] for row in rows} in ({"in", "out"}, {"both"}), rows
        for row in rows:
            assert row["tls"].startswith("TLSv1.") and row["cipher"], row
            # Prosody has no option for the address that it calls from.
            assert row["ip"] == other.server.address or other.server.name == "prosody", row
            assert row["port"] > 0 and row["age"] >= 0 and row["queue"] >= 0, row
        assert {words} == {row["authentication"] for row in rows if row["direction"] != "out"}, rows
        assert int(lab.servers["a"].ask("incoming_s2s_number")) >= 1
        assert int(lab.servers["a"].ask("outgoing_s2s_number")) >= 1

    @pytest.mark.parametrize("peer,steps", [
        ("b", ["_xmpps-server._tcp.b", "port 5270", "certificate is good for b.lab.test",
               "authenticated by certificate"]),
        ("p", ["_xmpp-server._tcp.p", "port 5269", "STARTTLS is offered", "certificate is good for p.lab.test",
               "authenticated by certificate"]),
        ("e", ["_xmpp-server._tcp.e", "port 5269", "STARTTLS is offered", "certificate is good for e.lab.test",
               "authenticated by certificate"]),
        ("self-p", ["STARTTLS is offered", "certificate does not prove"]),
        ("bare-e", ["certificate is good for bare-e.lab.test"]),
    ])
    def test_check_domain(self, lab, peer, steps):
        need(lab, peer)
        said = lab.servers["a"].ask("check_domain", full_name(peer), "a.lab.test")
        places = [said.find(step) for step in steps]
        assert -1 not in places and places == sorted(places), said

    @pytest.mark.parametrize("peer,words", [
        ("nobody", "remote-server-not-found"), ("gone", "refused"), ("unserved-b", "remote-server-not-found")])
    def test_check_domain_that_fails(self, lab, peer, words):
        done = lab.servers["a"].ctl("check_domain", full_name(peer), "a.lab.test")
        assert done.returncode == 1 and words in done.stdout + done.stderr, done.stdout + done.stderr

    @pytest.mark.parametrize("peer", "bpe")
    def test_close(self, lab, peer):
        """What comes next opens the streams again."""
        need(lab, peer)
        one, other = lab.client("a"), lab.client(peer)
        talk(one, other)
        lab.servers["a"].ask("s2s_close", other.host)
        talk(one, other)
        talk(other, one)


@pytest.mark.parametrize("peer", "bpe")
def test_component(lab, peer):
    """A component behind one server talks with a user of another."""
    need(lab, peer)
    component = Component(lab.servers["a"], full_name(COMPONENT)).attach()
    lab.clients.append(component)
    user = lab.client(peer)
    component.say(user.full, "from the gate", user="bot")
    got = user.recv()
    assert (got.get("from"), got.findtext(f"{STANZA}body")) == (f"bot@{component.host}", "from the gate"), show(got)
    user.message(f"bot@{component.host}", "to the gate")
    got = component.recv()
    assert (got.get("from"), got.findtext(f"{STANZA}body")) == (user.full, "to the gate"), show(got)
    component.drop()
    wait.until(lambda: not lab.servers["a"].ask_json("list_components"), "the component is gone")
    user.message(f"bot@{component.host}", extra="id='m1'")
    error = user.recv()
    assert (error.get("id"), error.get("type")) == ("m1", "error"), show(error)


class Numbered:
    """Messages with numbers from one to another, and what became of each."""

    def __init__(self, sender, to):
        self.sender, self.to, self.sent, self.delivered, self.bounced = sender, to, 0, [], []

    def send(self, count):
        self.sender.send("".join(
            f"<message to='{self.to}' type='chat' id='n{i}'><body>{i}</body></message>"
            for i in range(self.sent, self.sent + count)))
        self.sent += count

    def note(self, elements):
        for element in elements:
            if element.tag == f"{STANZA}message" and (element.get("id") or "").startswith("n"):
                (self.bounced if element.get("type") == "error" else self.delivered).append(int(element.get("id")[1:]))

    def check(self, doubtful=(), again=False):
        """Each was delivered or came back, once and in order.

        What became of doubtful ones nobody can know. again: what was not acknowledged may come again, and if no
        stream could be opened then, it may have come and still be returned.
        """
        delivered = list(dict.fromkeys(self.delivered))
        lost = set(range(self.sent)) - set(delivered) - set(self.bounced) - set(doubtful)
        both = set() if again else set(delivered) & set(self.bounced) - set(doubtful)
        assert not lost and not both, f"lost {sorted(lost)}, both {sorted(both)}"
        twice = {number for number, count in Counter(self.delivered).items() if count > 1} - set(doubtful)
        assert again or not twice, f"twice: {sorted(twice)}"
        assert delivered == sorted(delivered) and self.bounced == sorted(set(self.bounced))


def reached(client, domain):
    """The domain's server answers again; errors that came in the meantime are returned."""
    came = []

    def answers():
        ids = f"r{len(came)}-{time.monotonic()}"
        client.send(f"<iq type='get' id='{ids}' to='{domain}'><ping xmlns='{ns.PING}'/></iq>")
        while True:
            element = client.recv()
            if element.get("id") == ids:
                return element.get("type") == "result"
            came.append(element)
    wait.until(answers, f"{domain} answers", 60, step=0.2)
    return came


class TestTrouble:
    def test_idle(self, lab):
        one, other = lab.client("idle-a"), lab.client("b")
        talk(one, other)
        wait.until(lambda: not [row for row in lab.streams("a", "idle-a", "b") if row["direction"] != "in"],
                   "the idle stream is closed")
        talk(one, other)

    def test_nothing_passes_for_a_while(self, lab):
        one, other = lab.client("a"), lab.client("cut-b")
        talk(one, other)
        messages = Numbered(one, other.full)
        lab.cut.hold()
        try:
            messages.send(300)
            one.ping()
        finally:
            lab.cut.hold(False)
        messages.note(other.recv() for _ in range(300))
        messages.check()
        one.nothing(other)

    def test_broken_connections(self, lab):
        """Breaks in the middle of traffic: streams are resumed, nothing is lost and nothing comes twice."""
        one, other = lab.client("a"), lab.client("cut-b")
        talk(one, other)
        messages = Numbered(one, other.full)
        for turn in range(10):
            messages.send(50)
            if turn % 2:
                messages.note([other.recv()])
            else:
                one.ping()
            lab.cut.break_all()
        messages.note(reached(one, other.host))
        messages.send(1)
        while 500 not in messages.delivered:
            messages.note([other.recv()])
        messages.note(one.settle(other))
        messages.note(other.settle(one))
        messages.check()

    @pytest.mark.parametrize("peer", "bpe")
    def test_restarted_peer(self, lab, peer):
        need(lab, peer)
        one = lab.client("a")
        talk(one, lab.client(peer))
        lab.restart(peer)
        other = lab.client(peer)
        reached(one, other.host)
        talk(one, other)
        talk(other, one)

    @pytest.mark.parametrize("peer", "bpe")
    def test_killed_peer(self, lab, peer):
        """The end of the peer in the middle of messages to somebody offline: each is there in the end, or came back.

        kill -9, but ejabberd ends in order: its database does not outlive a kill. Doubtful is what the peer had at
        that moment: taken and not yet stored, or stored and not yet acknowledged, so that it comes again.
        """
        need(lab, peer)
        one, account = lab.client("a"), lab.account(peer)
        host = account[2]
        messages = Numbered(one, f"{account[1]}@{host}")
        reached(one, host)
        messages.send(20)
        lab.until_stored(account, 20)
        wait.until(lambda: all(row["queue"] == 0 for row in lab.streams("a", "a", peer)), "all is acknowledged")
        messages.send(20)
        lab.down(peer, kill=peer != "e")
        messages.send(20)
        one.ping()
        lab.up(peer)
        messages.note(reached(one, host))
        messages.send(10)
        messages.note(reached(one, host))
        messages.note(one.settle())
        other = lab.login(*account, online=False).login()
        other.presence()
        while 69 not in messages.delivered:
            messages.note([other.recv()])
        messages.note(other.settle())
        messages.check(doubtful=range(20, 40))

    def test_restarted_here(self, lab):
        need(lab, "p", "e")
        lab.restart("a")
        for peer in "bpe":
            one, other = lab.client("a"), lab.client(peer)
            reached(other, one.host)
            talk(other, one)
            talk(one, other)
