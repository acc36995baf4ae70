# SPDX-License-Identifier: Apache-2.0
"""stanzad among other servers: Debian's Prosody and ejabberd, and another stanzad (harness/lab.py)."""
import pytest

from harness import ns, wait
from harness.actors import befriend
from harness.federation import error_of, text_of
from harness.lab import IDN, Lab, full_name, names_of
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
        befriend(lab.client("p"), lab.client("e"))


def tag_of(element):
    return element.tag.partition("}")[2]


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
        talk(*pair, body="größer 𝔁 & <more>".replace("&", "&amp;").replace("<", "&lt;").replace("&lt;more>", "m"))

    def test_presence(self, lab, pair):
        """Subscriptions; a change; the end of one session; its return, which is told who is there."""
        one, other = pair
        befriend(one, other)
        one.presence(children="<show>away</show>")
        assert wait_for(other, is_presence(one.full)).findtext(f"{STANZA}show") == "away"
        one.close()
        wait_for(other, is_presence(one.full, "unavailable"))
        again = lab.login(one.server, one.user, one.host, "again", online=False).login()
        again.presence()
        wait_for(again, is_presence(other.full))
        wait_for(other, is_presence(again.full))
        again.presence(f"to='{other.bare}' type='unsubscribe'")
        wait_for(other, is_presence(again.bare, "unsubscribe"))
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
