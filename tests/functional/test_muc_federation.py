# SPDX-License-Identifier: Apache-2.0
"""Chat rooms of stanzad with guests from other servers, and those of other servers with guests from stanzad."""
import pytest

from harness import ns, rooms
from harness.federation import error_of
from harness.lab import Lab, full_name
from harness.sm import SM, Managed
from harness.stream import show

pytestmark = pytest.mark.only("stanzad")

# Whose room, and where the guest is from. "a" and "b" are stanzad, "a" with streams for both directions.
PAIRS = [("a", "b"), ("a", "p"), ("a", "e"), ("b", "p"), ("b", "e"), ("p", "a"), ("p", "b"), ("e", "a"), ("e", "b")]
IDS = [f"{host}-{guest}" for host, guest in PAIRS]
STANZA, X = f"{{{ns.CLIENT}}}", f"{{{rooms.USER}}}x"
ITEM = f"{X}/{{{rooms.USER}}}item"


@pytest.fixture(scope="module")
def servers(farm, tmp_path_factory):
    with Lab(tmp_path_factory.mktemp("lab"), farm, rooms=True) as lab:
        yield lab


@pytest.fixture
def lab(servers, request):
    yield servers
    report = getattr(request.node, "failed_report", None)
    if report:
        for client in servers.clients:
            report.sections.append((client.name, "\n".join(client.transcript)[-6000:]))
        for server in servers.servers.values():
            report.sections.append((f"log of {server.name} at {server.address}", server.log_tail()))
    servers.end_clients()


def need(lab, *labels):
    if lab.missing and set(labels) & {"p", "e"}:
        pytest.skip(lab.missing)


class Hall:
    """A room of an owner at one server, and a guest from another, who is in it."""

    def __init__(self, lab, host, guest, enters=True, **options):
        need(lab, host, guest)
        self.lab, self.host, self.away = lab, host, guest
        self.owner = lab.client(host, "owner")
        self.room = f"{self.owner.server.unique('hall')}@conference.{full_name(host)}"
        rooms.create(self.owner, self.room, "Owner", [(f"muc#roomconfig_{name}", [value])
                                                      for name, value in options.items()])
        self.guest = lab.client(guest, "guest")
        if enters:
            rooms.join(self.guest, self.room, "Guest")
            self.settle()

    def settle(self, *others):
        """What was sent so far is handled, and dropped."""
        clients = self.owner, self.guest, *others
        for _ in range(2):
            for client in clients:
                rooms.fence(client, self.room)
        for client in clients:
            client.settle()

    def change(self, item, by=None):
        rooms.insist((by or self.owner).iq("set", f"<query xmlns='{rooms.ADMIN}'>{item}</query>", to=self.room))

    def says(self, client, body):
        client.message(self.room, body, "groupchat")

    def hears(self, client, body, nick):
        got = client.take(lambda each: each.findtext(f"{STANZA}body") == body)
        assert got.get("from") == f"{self.room}/{nick}" and got.get("type") == "groupchat", show(got)
        return got

    def sees(self, client, nick, kind=None):
        return client.take(lambda each: rooms.is_named(each, "presence") and each.get("type") == kind
                           and each.get("from") == f"{self.room}/{nick}")


@pytest.fixture
def hall(lab, request):
    return Hall(lab, *request.param)


@pytest.mark.parametrize("hall", PAIRS, ids=IDS, indirect=True)
class TestTogether:
    def test_talk(self, hall):
        for speaker, nick in ((hall.owner, "Owner"), (hall.guest, "Guest")):
            for body in ("hello", "größer 𝔁", "x" * 20000):
                hall.says(speaker, body)
                for listener in hall.owner, hall.guest:
                    hall.hears(listener, body, nick)

    def test_order(self, hall):
        for number in range(100):
            hall.says(hall.guest, f"g{number}")
            hall.says(hall.owner, f"o{number}")
        for client in hall.owner, hall.guest:
            heard = [client.take(lambda each: each.find(f"{STANZA}body") is not None).findtext(f"{STANZA}body")
                     for _ in range(200)]
            for letter in "go":
                assert [each for each in heard if each[0] == letter] == [f"{letter}{i}" for i in range(100)]

    def test_private_messages(self, hall):
        hall.owner.message(f"{hall.room}/Guest", "psst")
        got = hall.guest.take(lambda each: each.findtext(f"{STANZA}body") == "psst")
        assert got.get("from") == f"{hall.room}/Owner" and got.find(X) is not None, show(got)
        hall.guest.message(f"{hall.room}/Owner", "yes?")
        got = hall.owner.take(lambda each: each.findtext(f"{STANZA}body") == "yes?")
        assert got.get("from") == f"{hall.room}/Guest", show(got)

    def test_presence(self, hall):
        hall.guest.presence(f"to='{hall.room}/Guest'", "<show>away</show>")
        assert hall.sees(hall.owner, "Guest").findtext(f"{STANZA}show") == "away"
        hall.owner.presence(f"to='{hall.room}/Owner'", "<status>busy</status>")
        assert hall.sees(hall.guest, "Owner").findtext(f"{STANZA}status") == "busy"

    def test_another_nick(self, hall):
        hall.guest.presence(f"to='{hall.room}/Visitor'")
        for client in hall.owner, hall.guest:
            gone = hall.sees(client, "Guest", "unavailable")
            assert 303 in rooms.codes(gone) and gone.find(ITEM).get("nick") == "Visitor", show(gone)
            hall.sees(client, "Visitor")
        hall.guest.presence(f"to='{hall.room}/Owner'")
        refused = hall.guest.take(lambda each: each.get("type") == "error")
        assert error_of(refused)[0] == "conflict", show(refused)

    def test_kicked(self, hall):
        hall.change("<item nick='Guest' role='none'><reason>Out</reason></item>")
        for client in hall.owner, hall.guest:
            gone = hall.sees(client, "Guest", "unavailable")
            assert 307 in rooms.codes(gone), show(gone)
            assert gone.findtext(f"{ITEM}/{{{rooms.USER}}}reason") == "Out", show(gone)
        hall.says(hall.guest, "I am still here")
        refused = hall.guest.take(lambda each: each.get("type") == "error")
        assert error_of(refused)[0] == "not-acceptable", show(refused)
        rooms.join(hall.guest, hall.room, "Guest")

    def test_banned(self, hall):
        hall.change(f"<item jid='{hall.guest.bare}' affiliation='outcast'/>")
        assert 301 in rooms.codes(hall.sees(hall.guest, "Guest", "unavailable"))
        hall.guest.presence(f"to='{hall.room}/Guest'", f"<x xmlns='{rooms.MUC}'/>")
        refused = hall.guest.take(lambda each: each.get("type") == "error")
        assert error_of(refused)[0] == "forbidden", show(refused)

    def test_moderated_from_afar(self, hall):
        """The guest becomes an administrator, and kicks and bans somebody of the room's own server."""
        hall.change(f"<item jid='{hall.guest.bare}' affiliation='admin'/>")
        assert hall.sees(hall.guest, "Guest").find(ITEM).get("role") == "moderator"
        other = hall.lab.client(hall.host, "other")
        rooms.join(other, hall.room, "Other")
        assert hall.sees(hall.guest, "Other").find(ITEM).get("jid") == other.full
        hall.change("<item nick='Other' role='none'/>", by=hall.guest)
        assert 307 in rooms.codes(hall.sees(other, "Other", "unavailable"))
        hall.change(f"<item jid='{other.bare}' affiliation='outcast'/>", by=hall.guest)
        answer = rooms.insist(hall.guest.iq(
            "get", f"<query xmlns='{rooms.ADMIN}'><item affiliation='outcast'/></query>", to=hall.room))
        assert [each.get("jid") for each in answer.iter(f"{{{rooms.ADMIN}}}item")] == [other.bare], show(answer)

    def test_subject(self, hall):
        hall.guest.send(f"<message to='{hall.room}' type='groupchat'><subject>Ours</subject></message>")
        for client in hall.owner, hall.guest:
            got = client.take(rooms.is_subject)
            assert (got.get("from"), got.findtext(f"{STANZA}subject")) == (f"{hall.room}/Guest", "Ours"), show(got)

    def test_requests(self, hall):
        """To one another through the room, answered, and refused."""
        asked = "<query xmlns='jabber:iq:version'/>"
        for asker, other, nick in ((hall.owner, hall.guest, "Guest"), (hall.guest, hall.owner, "Owner")):
            own = "Guest" if nick == "Owner" else "Owner"
            asker.send(f"<iq type='get' id='v1' to='{hall.room}/{nick}'>{asked}</iq>")
            request = other.take(lambda each: each.get("type") == "get")
            assert request.get("from") == f"{hall.room}/{own}", show(request)
            other.send(f"<iq type='result' id='{request.get('id')}' to='{request.get('from')}'>"
                       "<query xmlns='jabber:iq:version'><name>hand</name></query></iq>")
            answer = asker.take(lambda each: each.get("id") == "v1")
            assert (answer.get("type"), answer.get("from")) == ("result", f"{hall.room}/{nick}"), show(answer)
            assert answer.findtext(".//{jabber:iq:version}name") == "hand", show(answer)
            answer = asker.iq("get", "<vCard xmlns='vcard-temp'/>", to=f"{hall.room}/{nick}")
            assert answer.get("from") == f"{hall.room}/{nick}", show(answer)

    def test_they_leave(self, hall):
        hall.guest.presence(f"to='{hall.room}/Guest' type='unavailable'")
        hall.sees(hall.owner, "Guest", "unavailable")
        assert 110 in rooms.codes(hall.sees(hall.guest, "Guest", "unavailable"))
        rooms.join(hall.guest, hall.room, "Guest")
        hall.sees(hall.owner, "Guest")
        hall.guest.close()
        hall.sees(hall.owner, "Guest", "unavailable")

    def test_destroyed(self, hall):
        destroy = "<destroy jid='elsewhere@example.org'><reason>Over</reason></destroy>"
        rooms.insist(hall.owner.iq("set", f"<query xmlns='{rooms.OWNER}'>{destroy}</query>", to=hall.room))
        end = hall.sees(hall.guest, "Guest", "unavailable").find(f"{X}/{{{rooms.USER}}}destroy")
        assert end.get("jid") == "elsewhere@example.org" and end.findtext(f"{{{rooms.USER}}}reason") == "Over"


@pytest.mark.parametrize("host, away", PAIRS, ids=IDS)
class TestEntering:
    def test_who_is_there(self, lab, host, away):
        hall = Hall(lab, host, away, enters=False)
        hall.guest.presence(f"to='{hall.room}/Guest'", f"<x xmlns='{rooms.MUC}'/>")
        assert hall.sees(hall.guest, "Owner").find(ITEM).get("affiliation") == "owner"
        own = hall.sees(hall.guest, "Guest")
        assert 110 in rooms.codes(own) and own.find(ITEM).get("role") == "participant", show(own)
        assert hall.sees(hall.owner, "Guest").find(ITEM).get("jid") == hall.guest.full

    def test_history(self, lab, host, away):
        hall = Hall(lab, host, away, enters=False)
        for number in range(3):
            hall.says(hall.owner, f"line {number}")
            hall.hears(hall.owner, f"line {number}", "Owner")
        hall.guest.presence(f"to='{hall.room}/Guest'", f"<x xmlns='{rooms.MUC}'/>")
        for number in range(3):
            got = hall.hears(hall.guest, f"line {number}", "Owner")
            assert got.find(f"{{{ns.DELAY}}}delay") is not None, show(got)
        hall.guest.take(rooms.is_subject)

    def test_invited(self, lab, host, away):
        """By the room, to a room for members; declined, and then accepted."""
        hall = Hall(lab, host, away, enters=False, membersonly="1")
        hall.guest.presence(f"to='{hall.room}/Guest'", f"<x xmlns='{rooms.MUC}'/>")
        refused = hall.guest.take(lambda each: each.get("type") == "error")
        assert error_of(refused)[0] == "registration-required", show(refused)
        hall.owner.send(f"<message to='{hall.room}'><x xmlns='{rooms.USER}'><invite to='{hall.guest.bare}'>"
                        "<reason>Come</reason></invite></x></message>")
        got = hall.guest.take(lambda each: each.find(f"{X}/{{{rooms.USER}}}invite") is not None)
        invite = got.find(f"{X}/{{{rooms.USER}}}invite")
        assert got.get("from") == hall.room and invite.findtext(f"{{{rooms.USER}}}reason") == "Come", show(got)
        hall.guest.send(f"<message to='{hall.room}'><x xmlns='{rooms.USER}'><decline to='{hall.owner.bare}'>"
                        "<reason>Later</reason></decline></x></message>")
        got = hall.owner.take(lambda each: each.find(f"{X}/{{{rooms.USER}}}decline") is not None)
        assert got.find(f"{X}/{{{rooms.USER}}}decline").get("from").startswith(hall.guest.bare), show(got)
        rooms.join(hall.guest, hall.room, "Guest")
        assert hall.sees(hall.owner, "Guest").find(ITEM).get("affiliation") == "member"

    def test_disco(self, lab, host, away):
        hall = Hall(lab, host, away, roomname="The Hall", publicroom="1")
        service = hall.room.partition("@")[2]
        info = rooms.insist(hall.guest.iq("get", f"<query xmlns='{ns.DISCO_INFO}'/>", to=hall.room))
        assert rooms.MUC in [each.get("var") for each in info.iter(f"{{{ns.DISCO_INFO}}}feature")], show(info)
        items = rooms.insist(hall.guest.iq("get", f"<query xmlns='{ns.DISCO_ITEMS}'/>", to=service))
        assert hall.room in [each.get("jid") for each in items.iter(f"{{{ns.DISCO_ITEMS}}}item")], show(items)


def until_gone(hall):
    """The owner talks, and the room finds out that the guest cannot be reached; the presence that says so."""
    hall.says(hall.owner, "are you there?")
    return hall.sees(hall.owner, "Guest", "unavailable")


class TestServersThatEnd:
    @pytest.mark.parametrize("host, away", [("a", "b"), ("a", "p"), ("b", "p"), ("p", "b")])
    def test_killed(self, lab, host, away):
        hall = Hall(lab, host, away)
        lab.down(away, kill=True)
        try:
            gone = until_gone(hall)
            assert gone.find(ITEM).get("role") == "none", show(gone)
            assert host not in "ab" or 333 in rooms.codes(gone), show(gone)
            hall.says(hall.owner, "alone")
            hall.hears(hall.owner, "alone", "Owner")
        finally:
            lab.up(away)
        guest = lab.client(away, "guest")
        rooms.join(guest, hall.room, "Guest")
        hall.says(guest, "back")
        hall.hears(hall.owner, "back", "Guest")

    @pytest.mark.parametrize("host", "p")
    @pytest.mark.parametrize("kill", [False, True], ids=["stop", "kill"])
    def test_resumed_after_a_restart(self, lab, host, kill):
        """Who resumes is still in the room of the other server, can be heard, and leaves it with the session."""
        need(lab, host)
        hall = Hall(lab, host, "b", enters=False)
        guest = lab.login(*lab.account("b", "managed"), kind=Managed)
        guest.manage()
        rooms.join(guest, hall.room, "Guest")
        hall.sees(hall.owner, "Guest")
        guest.ping()
        guest.all_handled()
        lab.restart("b", kill)
        guest.drop()
        assert guest.resume().tag == f"{{{SM}}}resumed"
        hall.says(guest, "still here")
        hall.hears(guest, "still here", "Guest")
        hall.hears(hall.owner, "still here", "Guest")
        guest.close()
        hall.sees(hall.owner, "Guest", "unavailable")

    def test_its_own_end(self, lab):
        """A temporary room ends with its server, and guests from elsewhere hear of it."""
        need(lab, "p", "e")
        hall = Hall(lab, "b", "p")
        other = lab.client("e", "other")
        rooms.join(other, hall.room, "Other")
        lab.down("b")
        try:
            for client, nick in ((hall.guest, "Guest"), (other, "Other")):
                end = hall.sees(client, nick, "unavailable")
                assert {110, 332} <= set(rooms.codes(end)), show(end)
        finally:
            lab.up("b")
