# SPDX-License-Identifier: Apache-2.0
"""mod_muc: the vCard of a room (XEP-0054) and its avatar (XEP-0153, XEP-0486)."""
import base64
import hashlib

import pytest

from harness import ns, rooms
from harness.settings import Settings
from harness.stream import show

pytestmark = pytest.mark.only("stanzad")
SETTINGS = Settings(rooms=True, max_stanza_size=524288, modules={"mod_muc_admin": {}})
VCARD = "vcard-temp"
PHOTO = b"a picture"
HASH = hashlib.sha1(PHOTO).hexdigest()


@pytest.fixture
def people(cast):
    owner, guest = cast.online("owner", "guest")
    room = f"{owner.server.unique('room')}@{rooms.service(owner.server)}"
    cast.rooms.append(room)
    rooms.create(owner, room, "O", [("muc#roomconfig_persistentroom", ["1"])])
    cast.settle()
    return owner, guest, room


def vcard(photo=PHOTO, more=""):
    text = base64.b64encode(photo).decode()
    return (f"<vCard xmlns='{VCARD}'>{more}<PHOTO><TYPE>image/png</TYPE><BINVAL>{text[:5]}\n {text[5:]}\n</BINVAL>"
            "</PHOTO></vCard>")


def publish(client, room, payload):
    return client.iq("set", payload, to=room)


def ask(client, room):
    return client.iq("get", f"<vCard xmlns='{VCARD}'/>", to=room)


def refused(stanza, kind, condition):
    error = stanza.find(f"{{{ns.CLIENT}}}error")
    assert stanza.get("type") == "error" and error.get("type") == kind, show(stanza)
    assert error.find(f"{{{ns.STANZA_ERRORS}}}{condition}") is not None, show(stanza)


def update(client, room):
    """The hash that the room tells next."""
    stanza = client.take(lambda each: rooms.is_named(each, "presence") and each.get("from") == room)
    return stanza.findtext(f"{{{VCARD}:x:update}}x/{{{VCARD}:x:update}}photo")


def info(client, room):
    reply = client.iq("get", f"<query xmlns='{ns.DISCO_INFO}'/>", to=room)
    features = [each.get("var") for each in reply.iter(f"{{{ns.DISCO_INFO}}}feature")]
    field = reply.find(f".//{{{ns.DATA}}}field[@var='muc#roominfo_avatarhash']")
    return features, None if field is None else field[0].text


def configured(client):
    message = client.take(lambda each: rooms.is_named(each, "message"))
    assert rooms.codes(message) == [104], show(message)


def test_published(people, cast):
    owner, guest, room = people
    rooms.join(guest, room, "G")
    refused(ask(guest, room), "cancel", "item-not-found")
    assert VCARD in info(guest, room)[0] and info(guest, room)[1] is None
    cast.settle()
    rooms.insist(publish(owner, room, vcard(more="<FN>A &lt;room&gt;</FN>")))
    for client in people[:2]:
        configured(client)
        assert update(client, room) == HASH
    card = rooms.insist(ask(guest, room))[0]
    assert card.findtext(f"{{{VCARD}}}FN") == "A <room>" and card.find(f"{{{VCARD}}}PHOTO") is not None
    assert info(guest, room)[1] == HASH


def test_on_entering(people, cast):
    owner, guest, room = people
    rooms.insist(publish(owner, room, vcard()))
    rooms.join(guest, room, "G")
    assert update(guest, room) == HASH


def test_changed_and_removed(people, cast):
    owner, guest, room = people
    rooms.insist(publish(owner, room, vcard()))
    assert update(owner, room) == HASH
    rooms.insist(publish(owner, room, vcard(b"another")))
    assert update(owner, room) == hashlib.sha1(b"another").hexdigest()
    rooms.insist(publish(owner, room, f"<vCard xmlns='{VCARD}'/>"))
    assert update(owner, room) in (None, "")
    refused(ask(guest, room), "cancel", "item-not-found")
    assert info(guest, room)[1] is None


def test_without_a_photo(people, cast):
    owner, guest, room = people
    cast.settle()
    rooms.insist(publish(owner, room, f"<vCard xmlns='{VCARD}'><FN>x</FN></vCard>"))
    configured(owner)
    cast.nothing(owner)
    assert rooms.insist(ask(guest, room))[0].findtext(f"{{{VCARD}}}FN") == "x"


def test_for_owners_only(people):
    owner, guest, room = people
    refused(publish(guest, room, vcard()), "auth", "forbidden")
    item = f"<item jid='{guest.bare}' affiliation='admin'/>"
    rooms.insist(owner.iq("set", f"<query xmlns='{rooms.ADMIN}'>{item}</query>", to=room))
    refused(publish(guest, room, vcard()), "auth", "forbidden")


def test_malformed_and_too_large(people):
    owner, guest, room = people
    refused(publish(owner, room, f"<vCard xmlns='{VCARD}'><PHOTO><BINVAL>=a</BINVAL></PHOTO></vCard>"),
            "modify", "bad-request")
    refused(publish(owner, room, vcard(b"x" * 131072)), "modify", "not-acceptable")
    rooms.insist(publish(owner, room, vcard(b"x" * 90000)))


def test_locked_room(cast):
    owner, guest = cast.online("owner", "guest")
    room = f"{owner.server.unique('room')}@{rooms.service(owner.server)}"
    assert 201 in rooms.codes(rooms.join(owner, room, "O"))
    rooms.insist(publish(owner, room, vcard()))
    guest.presence(f"to='{room}/G'", f"<x xmlns='{rooms.MUC}'/>")
    refused(guest.take(lambda each: rooms.is_named(each, "presence")), "cancel", "item-not-found")
    rooms.insist(owner.iq("set", rooms.form([]), to=room))
    rooms.join(guest, room, "G")


def test_by_a_command(people, server):
    owner, guest, room = people
    local, _, domain = room.partition("@")
    server.ask("change_room_option", local, domain, "vcard", vcard())
    assert update(owner, room) == HASH and info(owner, room)[1] == HASH
    server.ask("change_room_option", local, domain, "vcard", "<broken")
    refused(ask(owner, room), "cancel", "item-not-found")
    assert info(owner, room)[1] is None


def test_over_a_restart(people, server):
    owner, guest, room = people
    rooms.insist(publish(owner, room, vcard(more="<FN>It's</FN>")))
    server.restart()
    guest.login()
    assert rooms.insist(ask(guest, room))[0].findtext(f"{{{VCARD}}}FN") == "It's"
    assert info(guest, room)[1] == HASH
    rooms.join(guest, room, "G")
    assert update(guest, room) == HASH
