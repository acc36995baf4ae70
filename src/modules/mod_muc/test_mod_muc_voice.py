# SPDX-License-Identifier: Apache-2.0
"""mod_muc: requests for voice beyond the scenarios: how often, of whom, what forms there can be."""
import pytest

from harness import ns, rooms
from harness.settings import Settings
from harness.stream import show

pytestmark = pytest.mark.only("stanzad")
SETTINGS = Settings(rooms=True)
KIND = "<field var='FORM_TYPE' type='hidden'><value>http://jabber.org/protocol/muc#request</value></field>"


@pytest.fixture
def people(cast):
    owner, visitor, other = cast.online("owner", "visitor", "other")
    room = f"{owner.server.unique('room')}@{rooms.service(owner.server)}"
    cast.rooms.append(room)
    rooms.create(owner, room, "O", [("muc#roomconfig_moderatedroom", ["1"])])
    rooms.join(visitor, room, "V")
    rooms.join(other, room, "Other")
    change(owner, room, "<item nick='V' role='visitor'/>")
    cast.settle()
    return owner, visitor, other, room


def change(client, room, item):
    rooms.insist(client.iq("set", f"<query xmlns='{rooms.ADMIN}'>{item}</query>", to=room))


def submit(client, room, type="submit", kind=KIND, **fields):
    fields = "".join(f"<field var='muc#{name}'><value>{value}</value></field>" for name, value in fields.items())
    client.send(f"<message to='{room}'><x xmlns='{ns.DATA}' type='{type}'>{kind}{fields}</x></message>")


def refused(answer, kind, condition):
    error = answer.find(f"{{{ns.CLIENT}}}error")
    assert answer.get("type") == "error" and error.get("type") == kind, show(answer)
    assert error.find(f"{{{ns.STANZA_ERRORS}}}{condition}") is not None, show(answer)


def test_only_moderators_are_asked(people):
    owner, visitor, other, room = people
    submit(visitor, room, role="participant")
    assert owner.recv().find(f"{{{ns.DATA}}}x") is not None
    other.nothing(visitor, owner)


def test_too_soon(people, cast):
    owner, visitor, other, room = people
    submit(visitor, room, role="participant")
    owner.recv()
    submit(visitor, room, role="participant")
    refused(visitor.recv(), "wait", "resource-constraint")
    rooms.insist(owner.iq("set", rooms.form([("muc#roomconfig_voicerequestmininterval", ["0"])]), to=room))
    cast.settle()
    submit(visitor, room, role="participant")
    assert owner.recv().find(f"{{{ns.DATA}}}x") is not None


def test_switched_off(people, cast):
    owner, visitor, other, room = people
    rooms.insist(owner.iq("set", rooms.form([("muc#roomconfig_allowvoicerequests", ["0"])]), to=room))
    cast.settle()
    submit(visitor, room, role="participant")
    refused(visitor.recv(), "auth", "forbidden")


def test_no_moderator(people, cast):
    owner, visitor, other, room = people
    owner.presence(f"to='{room}/O' type='unavailable'")
    cast.settle()
    submit(visitor, room, role="participant")
    refused(visitor.recv(), "wait", "recipient-unavailable")


def test_who_has_voice(people):
    owner, visitor, other, room = people
    submit(other, room, role="participant")
    refused(other.recv(), "modify", "not-acceptable")


def test_from_outside(people, cast):
    owner, visitor, other, room = people
    nobody = cast.online("nobody")
    submit(nobody, room, role="participant")
    refused(nobody.recv(), "modify", "not-acceptable")


@pytest.mark.parametrize("role", ["moderator", "visitor", "none", "king", ""])
def test_other_roles(people, role):
    owner, visitor, other, room = people
    submit(visitor, room, role=role)
    refused(visitor.recv(), "modify", "not-acceptable")
    owner.nothing(visitor)


@pytest.mark.parametrize("answer, kind, condition", [
    (dict(role="participant", roomnick="Nobody", request_allow="1"), "cancel", "item-not-found"),
    (dict(role="participant", roomnick="V", jid="a@x.example", request_allow="1"), "cancel", "item-not-found"),
    (dict(role="participant", roomnick="V", request_allow="maybe"), "modify", "bad-request"),
    (dict(role="moderator", roomnick="V", request_allow="1"), "modify", "not-acceptable"),
    (dict(role="participant", request_allow="1"), "cancel", "item-not-found"),
])
def test_bad_answers(people, answer, kind, condition):
    owner, visitor, other, room = people
    submit(owner, room, **answer)
    refused(owner.recv(), kind, condition)
    visitor.nothing(owner)


def test_cancelled(people):
    """Both the form and one that says no more than that it is cancelled."""
    owner, visitor, other, room = people
    submit(owner, room, "cancel")
    submit(owner, room, "cancel", kind="")
    owner.nothing()
    submit(owner, room, "form", role="participant", request_allow="1")
    refused(owner.recv(), "modify", "bad-request")


def test_granted_from_outside(people, cast):
    """By an owner who is not in the room."""
    owner, visitor, other, room = people
    owner.presence(f"to='{room}/O' type='unavailable'")
    cast.settle()
    submit(owner, room, role="participant", roomnick="V", request_allow="1")
    assert visitor.recv().find(f"{{{rooms.USER}}}x/{{{rooms.USER}}}item").get("role") == "participant"
