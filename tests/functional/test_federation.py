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
