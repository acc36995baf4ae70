# SPDX-License-Identifier: Apache-2.0
"""mod_muc: rooms where strangers pass a CAPTCHA before they get in (XEP-0045 7.2, XEP-0158)."""
import pytest

from harness import ns, rooms
from harness.settings import Settings
from harness.stream import show

pytestmark = pytest.mark.only("stanzad")
CAPTCHA = "urn:xmpp:captcha"
FORM = f"{{{ns.DATA}}}x"


@pytest.fixture
def program(tmp_path):
    """Makes a picture of any kind, and notes what it should have drawn."""
    notes, script = tmp_path / "notes", tmp_path / "captcha.sh"
    script.write_text(f"#!/bin/sh\necho \"$1\" >>'{notes}'\nprintf 'GIF89a......'\n")
    script.chmod(0o755)
    return script


@pytest.fixture
def cast(own_server, cast_for, program):
    settings = Settings(rooms=True, max_user_sessions=20, options={"captcha_cmd": str(program)})
    return cast_for(own_server(settings).start())


@pytest.fixture
def right(program):
    return lambda: (program.parent / "notes").read_text().split()[-1]


@pytest.fixture
def people(cast):
    owner, guest = cast.online("owner", "guest")
    room = f"{owner.server.unique('room')}@{rooms.service(owner.server)}"
    rooms.create(owner, room, "O", [("muc#roomconfig_captcha_protected", ["1"]),
                                    ("muc#roomconfig_captcha_whitelist", ["friend@elsewhere.example"])])
    cast.settle()
    return owner, guest, room


def knock(client, room, nick="G", id="k1"):
    client.presence(f"to='{room}/{nick}' id='{id}'", f"<x xmlns='{rooms.MUC}'/>")


def value(form, var):
    return form.findtext(f"{{{ns.DATA}}}field[@var='{var}']/{{{ns.DATA}}}value")


def challenge(client, room):
    message = client.take(lambda each: rooms.is_named(each, "message"))
    form = message.find(f"{{{CAPTCHA}}}captcha/{FORM}")
    assert form is not None and message.get("from") == room, show(message)
    return form


def answer(client, room, form, ocr):
    known = {var: value(form, var) for var in ("from", "challenge", "sid")} | {"FORM_TYPE": CAPTCHA, "ocr": ocr}
    fields = "".join(f"<field var='{var}'><value>{text}</value></field>" for var, text in known.items())
    return client.iq("set", f"<captcha xmlns='{CAPTCHA}'><x xmlns='{ns.DATA}' type='submit'>{fields}</x></captcha>",
                     to=room)


def refused(stanza, kind, condition, id="k1"):
    error = stanza.find(f"{{{ns.CLIENT}}}error")
    assert stanza.get("type") == "error" and stanza.get("id") == id, show(stanza)
    assert error.get("type") == kind and error.find(f"{{{ns.STANZA_ERRORS}}}{condition}") is not None, show(stanza)


def affiliate(owner, room, other, affiliation):
    item = f"<item jid='{other.bare}' affiliation='{affiliation}'/>"
    rooms.insist(owner.iq("set", f"<query xmlns='{rooms.ADMIN}'>{item}</query>", to=room))


def presence(client):
    return client.take(lambda each: rooms.is_named(each, "presence") and "@conference." in each.get("from"))


def own_presence(client):
    return client.take(lambda each: rooms.is_named(each, "presence") and 110 in rooms.codes(each))


def test_passed(people, right, cast):
    owner, guest, room = people
    knock(guest, room)
    form = challenge(guest, room)
    assert value(form, "from") == f"{room}/G" and value(form, "sid") == "k1"
    cast.nothing(owner)
    rooms.insist(answer(guest, room, form, right()))
    assert own_presence(guest).get("id") == "k1"
    assert presence(owner).get("from") == f"{room}/G"
    guest.take(rooms.is_subject)
    guest.presence(f"to='{room}/G' type='unavailable'")
    own_presence(guest)
    knock(guest, room)
    challenge(guest, room)


def test_failed(people, right, cast):
    owner, guest, room = people
    knock(guest, room)
    form = challenge(guest, room)
    assert answer(guest, room, form, "x" + right()).get("type") == "error"
    stanza = presence(guest)
    assert stanza.get("from") == f"{room}/G"
    refused(stanza, "auth", "not-authorized")
    cast.nothing(owner)


def test_message_came_back(people):
    owner, guest, room = people
    knock(guest, room)
    id = value(challenge(guest, room), "challenge")
    error = f"<error type='cancel'><service-unavailable xmlns='{ns.STANZA_ERRORS}'/></error>"
    guest.send(f"<message to='{room}' type='error' id='{id}'>{error}</message>")
    refused(presence(guest), "auth", "not-authorized")


def test_members_and_those_on_the_list(people, cast):
    owner, guest, room = people
    affiliate(owner, room, guest, "member")
    rooms.join(guest, room, "G")
    listed = ["x.example", "listed@localhost", "localhost/phone"]
    rooms.insist(owner.iq("set", rooms.form([("muc#roomconfig_captcha_whitelist", listed)]), to=room))
    other = cast.online("other")
    knock(other, room, "X")
    challenge(other, room)
    for entry in (other.bare, other.full, "localhost"):
        rooms.insist(owner.iq("set", rooms.form([("muc#roomconfig_captcha_whitelist", [entry])]), to=room))
        rooms.join(other, room, "X")
        other.presence(f"to='{room}/X' type='unavailable'")
        own_presence(other)


def test_nick_taken_meanwhile(people, right, cast):
    """Whoever has passed may come in under another nick without a second challenge."""
    owner, guest, room = people
    knock(guest, room)
    form = challenge(guest, room)
    owner.presence(f"to='{room}/G'")
    cast.settle()
    rooms.insist(answer(guest, room, form, right()))
    refused(presence(guest), "cancel", "conflict")
    rooms.join(guest, room, "H")


def test_banned_meanwhile(people, right, cast):
    owner, guest, room = people
    knock(guest, room)
    form = challenge(guest, room)
    affiliate(owner, room, guest, "outcast")
    rooms.insist(answer(guest, room, form, right()))
    refused(presence(guest), "auth", "forbidden")


def test_knocking_again(people, right):
    """The latest challenge counts."""
    owner, guest, room = people
    knock(guest, room)
    old = challenge(guest, room)
    knock(guest, room, id="k2")
    new = challenge(guest, room)
    assert answer(guest, room, old, "x").get("type") == "error"
    rooms.insist(answer(guest, room, new, right()))
    assert own_presence(guest).get("id") == "k2"


def test_room_destroyed(people, right):
    owner, guest, room = people
    knock(guest, room)
    form = challenge(guest, room)
    rooms.insist(owner.iq("set", f"<query xmlns='{rooms.OWNER}'><destroy/></query>", to=room))
    refused(presence(guest), "cancel", "item-not-found")
    assert answer(guest, room, form, right()).get("type") == "error"


def test_client_leaves(people, right, cast):
    owner, guest, room = people
    knock(guest, room)
    form = challenge(guest, room)
    guest.presence(f"to='{room}/G' type='unavailable'")
    rooms.fence(guest, room)
    assert answer(guest, room, form, right()).get("type") == "error"
    cast.nothing(owner)


def test_owner_leaves_and_the_room_stays(people, right):
    """A temporary room lasts as long as somebody is at its door."""
    owner, guest, room = people
    knock(guest, room)
    form = challenge(guest, room)
    owner.presence(f"to='{room}/O' type='unavailable'")
    own_presence(owner)
    rooms.insist(answer(guest, room, form, right()))
    assert 201 not in rooms.codes(own_presence(guest))


def test_too_many(people):
    owner, guest, room = people
    clients = [guest]
    for i in range(11):
        client = clients[-1]
        knock(client, room, f"N{i}", f"n{i}")
        if i < 10:
            challenge(client, room)
            clients.append(type(guest)(guest.server, guest.user, f"r{i}", guest.password).online())
    refused(presence(client), "wait", "resource-constraint", "n10")


def test_announced(people, program):
    owner, guest, room = people
    reply = guest.iq("get", f"<query xmlns='{ns.DISCO_INFO}'/>", to=room)
    assert CAPTCHA in [each.get("var") for each in reply.iter(f"{{{ns.DISCO_INFO}}}feature")]


def test_no_picture(people, program):
    owner, guest, room = people
    program.unlink()
    knock(guest, room)
    refused(presence(guest), "cancel", "internal-server-error")


def test_module_unloaded(people, cast, right):
    owner, guest, room = people
    knock(guest, room)
    form = challenge(guest, room)
    for name in ("mod_muc_log", "mod_muc"):
        cast.server.ask("module_unload", "localhost", name)
    gone = presence(guest)      # what ends first, the challenge or the temporary room, says it
    assert gone.find(f"{{{ns.CLIENT}}}error").get("type") in ("auth", "cancel") and gone.get("id") == "k1", show(gone)
    assert answer(guest, room, form, right()).get("type") == "error"


def test_stopped_meanwhile(people, cast):
    owner, guest, room = people
    knock(guest, room)
    challenge(guest, room)
    cast.server.restart()
    guest.login()
    knock(guest, room)
    assert 201 in rooms.codes(own_presence(guest)), "a temporary room ended with the server"
