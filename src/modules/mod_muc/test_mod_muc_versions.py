# SPDX-License-Identifier: Apache-2.0
"""mod_muc: versions of affiliations, XEP-0463."""
import pytest

from harness import match, ns, rooms
from harness.settings import Settings

pytestmark = pytest.mark.only("stanzad")
SETTINGS = Settings(rooms=True, max_stanza_size=524288)
MAV = "urn:xmpp:muc:affiliations:1"
X = f"{{{rooms.USER}}}x"


@pytest.fixture
def people(cast):
    owner, member = cast.online("owner", "member")
    room = f"{owner.server.unique('room')}@{rooms.service(owner.server)}"
    cast.rooms.append(room)
    rooms.create(owner, room, "O", [("muc#roomconfig_whois", ["anyone"])])
    change(owner, room, f"<item jid='{member.bare}' affiliation='member'/>")
    cast.settle()
    return owner, member, room


def change(client, room, items):
    rooms.insist(client.iq("set", f"<query xmlns='{rooms.ADMIN}'>{items}</query>", to=room))


def ask(client, room, nick, since=None):
    since = f"since='{match.escape(since)}'" if since is not None else ""
    client.presence(f"to='{room}/{nick}'", f"<x xmlns='{rooms.MUC}'><mav xmlns='{MAV}' {since}/></x>")


def enter(client, room, nick, since=None):
    """What came before the first presence; the version of one's own presence."""
    ask(client, room, nick, since)
    messages, own = [], None
    while own is None:
        stanza = client.recv()
        if stanza.tag == f"{{{ns.CLIENT}}}message":
            messages.append(stanza)
        elif 110 in rooms.codes(stanza):
            own = stanza
    client.take(rooms.is_subject)
    return messages, own.find(f"{X}/{{{MAV}}}mav").get("until")


def leave(cast, client, room, nick):
    client.presence(f"to='{room}/{nick}' type='unavailable'")
    cast.settle()


def items(message):
    return {each.get("jid"): each.get("affiliation") for each in message.iter(f"{{{rooms.USER}}}item")}


def mav(stanza):
    found = stanza.find(f"{X}/{{{MAV}}}mav")
    return found.get("since"), found.get("until")


def test_announced(people):
    owner, member, room = people
    answer = owner.iq("get", f"<query xmlns='{ns.DISCO_INFO}'/>", to=room)
    assert MAV in [each.get("var") for each in answer.iter(f"{{{ns.DISCO_INFO}}}feature")]


def test_everything(people):
    owner, member, room = people
    (message,), until = enter(member, room, "M")
    assert mav(message) == (None, until)
    assert items(message) == {owner.bare: "owner", member.bare: "member"}


def test_nothing_new(people, cast):
    owner, member, room = people
    _, version = enter(member, room, "M")
    leave(cast, member, room, "M")
    assert enter(member, room, "M", version) == ([], version)


def test_what_changed(people, cast):
    """Once each, as it is now; also who is nothing any more."""
    owner, member, room = people
    change(owner, room, "<item jid='a@x.example' affiliation='member'/><item jid='b@x.example' affiliation='admin'/>")
    _, before = enter(member, room, "M")
    leave(cast, member, room, "M")
    change(owner, room, "<item jid='a@x.example' affiliation='admin'/>")
    change(owner, room, "<item jid='a@x.example' affiliation='none'/><item jid='c@x.example' affiliation='member'/>")
    cast.settle()
    (message,), until = enter(member, room, "M", before)
    assert mav(message) == (before, until)
    assert items(message) == {"a@x.example": "none", "c@x.example": "member"}


@pytest.mark.parametrize("since", ["", "x", "1", "{v}x", "{v}.1", "00{v}", "-"])
def test_unknown_version(people, cast, since):
    owner, member, room = people
    _, version = enter(member, room, "M")
    leave(cast, member, room, "M")
    (message,), until = enter(member, room, "M", since.replace("{v}", version))
    assert mav(message) == (None, until) and len(items(message)) == 2


def test_too_long_ago(people, cast):
    owner, member, room = people
    _, version = enter(member, room, "M")
    leave(cast, member, room, "M")
    change(owner, room, "".join(f"<item jid='a{i}@x.example' affiliation='outcast'/>" for i in range(257)))
    cast.settle()
    (message,), until = enter(member, room, "M", version)
    assert mav(message) == (None, until) and len(items(message)) == 2


def test_several_messages(people, cast):
    owner, member, room = people
    change(owner, room, "".join(f"<item jid='a{i}@x.example' affiliation='member'/>" for i in range(999)))
    cast.settle()
    messages, until = enter(member, room, "M")
    assert len(messages) == 3 and sum(len(items(each)) for each in messages) == 1001
    ends = [mav(each) for each in messages]
    assert ends[0][0] is None and ends[-1][1] == until
    assert [each[1] for each in ends[:-1]] == [each[0] for each in ends[1:]]


def test_told_with_changes(people):
    """In presence of who is there, and in a message about who is not."""
    owner, member, room = people
    _, version = enter(member, room, "M")
    owner.settle(member)
    change(owner, room, f"<item jid='{member.bare}' affiliation='admin'/>")
    for client in (owner, member):
        since, until = mav(client.recv())
        assert since == version and until != version
    change(owner, room, "<item jid='a@x.example' affiliation='outcast'/>")
    assert mav(member.recv())[0] == until


def test_not_for_everybody(people, cast):
    owner, member, room = people
    stranger = cast.online("stranger")
    ask(stranger, room, "S")
    error = stranger.recv()
    assert (error.tag, error.get("type"), error.get("from")) == (f"{{{ns.CLIENT}}}message", "error", room)
    assert error.find(f".//{{{ns.STANZA_ERRORS}}}forbidden") is not None
    own = stranger.take(lambda each: rooms.is_named(each, "presence") and 110 in rooms.codes(each))
    assert own.find(f"{X}/{{{MAV}}}mav") is None


def test_others_do_not_see_it(people, cast):
    owner, member, room = people
    ask(member, room, "M")
    seen = owner.recv()
    assert seen.get("from") == f"{room}/M" and not list(seen.iter(f"{{{MAV}}}mav"))
    assert seen.find(f"{{{rooms.MUC}}}x") is None
