# SPDX-License-Identifier: Apache-2.0
"""mod_muc: invitations beyond the scenarios: bounds, all or nothing, whom the room carries declines to."""
import pytest

from harness import ns, rooms
from harness.settings import Settings
from harness.stream import show

pytestmark = pytest.mark.only("stanzad")
SETTINGS = Settings(rooms=True)


@pytest.fixture
def people(cast):
    owner, guest, other = cast.online("owner", "guest", "other")
    room = f"{owner.server.unique('room')}@{rooms.service(owner.server)}"
    cast.rooms.append(room)
    rooms.create(owner, room, "O")
    rooms.join(guest, room, "G")
    cast.settle()
    return owner, guest, other, room


def send(client, room, content, id="m1"):
    client.send(f"<message id='{id}' to='{room}'><x xmlns='{rooms.USER}'>{content}</x></message>")


def refused(answer, kind, condition):
    error = answer.find(f"{{{ns.CLIENT}}}error")
    assert answer.get("type") == "error" and error.get("type") == kind, show(answer)
    assert error.find(f"{{{ns.STANZA_ERRORS}}}{condition}") is not None, show(answer)


def configure(client, room, *pairs):
    """What the room tells of it is there as well."""
    rooms.insist(client.iq("set", rooms.form([(f"muc#roomconfig_{name}", [value]) for name, value in pairs]), to=room))
    rooms.fence(client, room)


def change(client, room, item):
    rooms.insist(client.iq("set", f"<query xmlns='{rooms.ADMIN}'>{item}</query>", to=room))


def test_what_comes(people):
    owner, guest, other, room = people
    send(owner, room, f"<invite to='{other.bare}'><reason>Why</reason></invite>", "id7")
    message = other.recv()
    invite = message.find(f"{{{rooms.USER}}}x/{{{rooms.USER}}}invite")
    direct = message.find("{jabber:x:conference}x")
    assert message.get("id") == "id7" and invite.get("from") == owner.full and invite.get("to") is None
    assert direct.get("jid") == room and direct.get("reason") == "Why" and direct.get("password") is None


@pytest.mark.parametrize("content, condition", [
    ("<invite to='a@x.example'/><invite/>", "bad-request"),
    ("<invite to='a@x.example'/><invite to='@x'/>", "jid-malformed"),
    ("<invite to='a@x.example'><reason>%s</reason></invite>" % ("r" * 4097), "policy-violation"),
    ("<invite to='a@x.example'/>" * 101, "policy-violation"),
], ids=["no-jid", "malformed", "long", "many"])
def test_all_or_nothing(people, content, condition):
    owner, guest, other, room = people
    configure(owner, room, ("membersonly", "1"))
    owner.settle()
    send(owner, room, f"<invite to='{other.bare}'/>" + content)
    refused(owner.recv(), "modify", condition)
    other.nothing(owner)
    answer = owner.iq("get", f"<query xmlns='{rooms.ADMIN}'><item affiliation='member'/></query>", to=room)
    assert not len(rooms.insist(answer)[0])


def test_who_may(people):
    """An open room: moderators, and everybody when the room allows it."""
    owner, guest, other, room = people
    send(guest, room, f"<invite to='{other.bare}'/>")
    refused(guest.recv(), "auth", "forbidden")
    change(owner, room, "<item nick='G' role='moderator'/>")
    guest.settle(owner)
    send(guest, room, f"<invite to='{other.bare}'/>")
    assert other.recv().get("from") == room
    change(owner, room, "<item nick='G' role='participant'/>")
    configure(owner, room, ("allowinvites", "1"))
    guest.settle(owner)
    send(guest, room, f"<invite to='{other.bare}'/>")
    assert other.recv().get("from") == room


def test_admin_from_outside(people, cast):
    owner, guest, other, room = people
    owner.presence(f"to='{room}/O' type='unavailable'")
    cast.settle()
    send(owner, room, f"<invite to='{other.bare}'/>")
    assert other.recv().get("from") == room


def test_no_ban_is_lifted_by_members(people, cast):
    owner, guest, other, room = people
    change(owner, room, f"<item jid='{guest.bare}' affiliation='member'/>"
                        f"<item jid='{other.bare}' affiliation='outcast'/>")
    configure(owner, room, ("membersonly", "1"), ("allowinvites", "1"))
    cast.settle()
    send(guest, room, f"<invite to='{other.bare}'/>")
    refused(guest.recv(), "cancel", "not-allowed")
    send(owner, room, f"<invite to='{other.bare}'/>")
    assert other.recv().get("from") == room
    rooms.join(other, room, "Other")


def test_declined_by_nick_and_from_far(people):
    """To somebody in the room by either address, and to those who belong to it: nobody else hears of it."""
    owner, guest, other, room = people
    for to, hears in ((guest.bare, guest), (guest.full, guest), (f"{room}/G", guest), (owner.bare, owner),
                      (f"{owner.bare}/gone", owner)):
        send(other, room, f"<decline to='{to}'><reason>No</reason></decline>")
        decline = hears.recv().find(f"{{{rooms.USER}}}x/{{{rooms.USER}}}decline")
        assert decline.get("from") == other.bare and decline[0].text == "No"
    for to in ("a@x.example", f"{room}/Nobody", other.bare):
        send(other, room, f"<decline to='{to}'/>")
        refused(other.recv(), "cancel", "item-not-found")


def test_bad_declines(people, cast):
    owner, guest, other, room = people
    send(other, room, "<decline/>")
    refused(other.recv(), "modify", "bad-request")
    send(other, room, "<decline to='@'/>")
    refused(other.recv(), "modify", "jid-malformed")
    send(other, room, f"<decline to='{owner.bare}'><reason>{'r' * 4097}</reason></decline>")
    refused(other.recv(), "modify", "policy-violation")
    change(owner, room, f"<item jid='{other.bare}' affiliation='outcast'/>")
    cast.settle()
    send(other, room, f"<decline to='{owner.bare}'/>")
    refused(other.recv(), "auth", "forbidden")
    owner.nothing(other)


@pytest.mark.parametrize("type", ["chat", "normal"])
def test_other_messages(people, type):
    owner, guest, other, room = people
    guest.message(room, "hi", type)
    refused(guest.recv(), "modify", "not-acceptable")
    owner.nothing(guest)


def test_invited_nobody(people):
    """The invitation comes back, and whoever sent it hears of it, once; nobody makes the room say so."""
    owner, guest, other, room = people
    nobody = f"{owner.server.unique('nobody')}@localhost"
    send(owner, room, f"<invite to='{nobody}'/>", "id9")
    error = owner.recv()
    refused(error, "cancel", "item-not-found")
    assert error.get("id") == "id9" and error.get("from") == room
    other.send(f"<message type='error' to='{room}'><x xmlns='{rooms.USER}'><invite from='{owner.full}'/></x>"
               f"<error type='cancel'><item-not-found xmlns='{ns.STANZA_ERRORS}'/></error></message>")
    owner.nothing(other)
