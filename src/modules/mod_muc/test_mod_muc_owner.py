# SPDX-License-Identifier: Apache-2.0
"""mod_muc: muc#owner beyond the scenarios: order, forms that are none, the end of a room."""
import pytest

from harness import ns, rooms, wait
from harness.settings import Settings
from harness.stream import show

pytestmark = pytest.mark.only("stanzad")
SETTINGS = Settings(rooms=True)
DATA = f"xmlns='{ns.DATA}'"


@pytest.fixture
def people(cast):
    owner, guest = cast.online("owner", "guest")
    room = f"{owner.server.unique('room')}@{rooms.service(owner.server)}"
    cast.rooms.append(room)
    rooms.create(owner, room, "O")
    rooms.join(guest, room, "G")
    cast.settle()
    return owner, guest, room


def ask(client, room, content, kind="set"):
    return client.iq(kind, f"<query xmlns='{rooms.OWNER}'>{content}</query>", to=room)


def refused(answer, kind, condition):
    error = answer.find(f"{{{ns.CLIENT}}}error")
    assert answer.get("type") == "error" and error.get("type") == kind, show(answer)
    assert error.find(f"{{{ns.STANZA_ERRORS}}}{condition}") is not None, show(answer)


def options(*pairs):
    return rooms.form([(f"muc#roomconfig_{name}", [value]) for name, value in pairs])


@pytest.mark.parametrize("content, condition", [
    ("", "bad-request"),
    ("<a xmlns='urn:a'/>", "bad-request"),
    (f"<x {DATA} type='form'/>", "bad-request"),
    (f"<x {DATA} type='result'/>", "bad-request"),
    (f"<x {DATA}/>", "bad-request"),
    (f"<x {DATA} type='submit'/><destroy/>", "bad-request"),
    ("<destroy/><destroy/>", "bad-request"),
    ("<destroy jid='@'/>", "jid-malformed"),
    ("<destroy><reason>%s</reason></destroy>" % ("r" * 4097), "policy-violation"),
    ("<destroy><password>%s</password></destroy>" % ("p" * 4097), "policy-violation"),
], ids=["empty", "other", "form", "result", "untyped", "both", "two", "jid", "reason", "password"])
def test_bad_set(people, content, condition):
    owner, guest, room = people
    refused(ask(owner, room, content), "modify", condition)
    guest.nothing(owner)


def test_bad_get(people):
    owner, guest, room = people
    refused(ask(owner, room, "<item affiliation='owner'/>", "get"), "modify", "bad-request")


def test_result_before_the_status(people):
    owner, guest, room = people
    form = options(("roomname", "New"))
    owner.send(f"<iq type='set' id='c' to='{room}'>{form}</iq>")
    first, second = owner.recv(), owner.recv()
    assert (first.get("id"), first.get("type"), len(first)) == ("c", "result", 0)
    assert rooms.codes(second) == [104] and rooms.codes(guest.recv()) == [104]


def test_several_codes(people):
    owner, guest, room = people
    rooms.insist(owner.iq("set", options(("roomname", "New"), ("whois", "anyone")), to=room))
    assert rooms.codes(guest.recv()) == [104, 172]


def test_members_only_keeps_members(people, cast):
    owner, guest, room = people
    member = cast.online("member")
    rooms.insist(owner.iq("set", f"<query xmlns='{rooms.ADMIN}'><item jid='{member.bare}' affiliation='member'/>"
                                 "</query>", to=room))
    rooms.join(member, room, "M")
    cast.settle()
    rooms.insist(owner.iq("set", options(("membersonly", "1")), to=room))
    assert rooms.codes(guest.recv()) == [104]
    gone = guest.recv()
    assert rooms.codes(gone) == [110, 322]
    assert gone.find(f"{{{rooms.USER}}}x/{{{rooms.USER}}}item/{{{rooms.USER}}}actor").get("nick") == "O"
    member.settle(owner)
    member.message(room, "still here", "groupchat")
    assert owner.take(lambda each: each.find(f"{{{ns.CLIENT}}}body") is not None)


def test_temporary_again(people, cast):
    """A persistent room that nobody is in ends when it is made a temporary one."""
    owner, guest, room = people
    rooms.insist(owner.iq("set", options(("persistentroom", "1")), to=room))
    for client, nick in ((owner, "O"), (guest, "G")):
        client.presence(f"to='{room}/{nick}' type='unavailable'")
    cast.settle()
    rooms.insist(ask(owner, room, "", "get"))
    rooms.insist(owner.iq("set", options(("persistentroom", "0")), to=room))
    wait.until(lambda: ask(owner, room, "", "get").get("type") == "error", "the room has ended")


def test_destroyed_from_outside(people, cast):
    owner, guest, room = people
    owner.presence(f"to='{room}/O' type='unavailable'")
    cast.settle()
    rooms.insist(ask(owner, room, f"<destroy jid='next@{rooms.service(owner.server)}'>"
                                  "<reason>Over</reason><password>p</password></destroy>"))
    destroy = guest.recv().find(f"{{{rooms.USER}}}x/{{{rooms.USER}}}destroy")
    assert destroy.get("jid").startswith("next@")
    assert destroy.findtext(f"{{{rooms.USER}}}reason") == "Over"
    assert destroy.findtext(f"{{{rooms.USER}}}password") == "p"
    guest.nothing(owner)
    refused(ask(owner, room, "", "get"), "cancel", "item-not-found")


# -- the lists of admins and owners: 10.2 --------------------------------------------------------------------

def lists(client, room):
    found = []
    for affiliation in ("owner", "admin", "member"):
        answer = client.iq("get", f"<query xmlns='{rooms.ADMIN}'><item affiliation='{affiliation}'/></query>", to=room)
        found.append({each.get("jid") for each in rooms.insist(answer)[0]})
    return found


def submit(client, room, **people):
    return client.iq("set", rooms.form([(f"muc#roomconfig_room{name}", each) for name, each in people.items()]),
                     to=room)


def test_lists_name_all(people, cast):
    owner, guest, room = people
    rooms.insist(submit(owner, room, admins=[guest.full, "a@x.example"]))
    cast.settle()
    assert lists(owner, room) == [{owner.bare}, {guest.bare, "a@x.example"}, set()]
    rooms.insist(submit(owner, room, admins=["a@x.example", "b@x.example"], owners=[owner.bare, "a@x.example"]))
    mine = guest.take(lambda each: rooms.is_named(each, "presence"))
    item = mine.find(f"{{{rooms.USER}}}x/{{{rooms.USER}}}item")
    assert (item.get("affiliation"), item.get("role")) == ("none", "participant")
    assert lists(owner, room) == [{owner.bare, "a@x.example"}, {"b@x.example"}, set()]
    rooms.insist(submit(owner, room, owners=[owner.bare]))
    assert lists(owner, room) == [{owner.bare}, {"a@x.example", "b@x.example"}, set()]


def test_no_owner_is_lost_by_the_list_of_admins(people):
    owner, guest, room = people
    rooms.insist(submit(owner, room, admins=[owner.bare, guest.bare]))
    assert lists(owner, room) == [{owner.bare}, {guest.bare}, set()]


def test_an_admin_who_was_stays_inside(people, cast):
    owner, guest, room = people
    rooms.insist(submit(owner, room, admins=[guest.bare]))
    rooms.insist(owner.iq("set", options(("membersonly", "1")), to=room))
    cast.settle()
    rooms.insist(submit(owner, room, admins=[]))
    item = guest.recv().find(f"{{{rooms.USER}}}x/{{{rooms.USER}}}item")
    assert (item.get("affiliation"), item.get("role")) == ("member", "participant")
    assert lists(owner, room) == [{owner.bare}, set(), {guest.bare}]


def test_admins_may_enter_what_is_for_members_now(people, cast):
    """Both in one form: who becomes an admin is not sent away."""
    owner, guest, room = people
    form = rooms.form([("muc#roomconfig_roomadmins", [guest.bare]), ("muc#roomconfig_membersonly", ["1"])])
    rooms.insist(owner.iq("set", form, to=room))
    first, second = guest.recv(), guest.recv()
    assert first.find(f"{{{rooms.USER}}}x/{{{rooms.USER}}}item").get("affiliation") == "admin"
    assert rooms.codes(second) == [104]
    guest.nothing(owner)


@pytest.mark.parametrize("people_, kind, condition", [
    (dict(owners=[]), "cancel", "conflict"),
    (dict(admins=["@"]), "modify", "bad-request"),
    (dict(owners=["x.example"]), "modify", "not-acceptable"),
    (dict(admins=["x.example"]), "modify", "not-acceptable"),
])
def test_bad_lists(people, people_, kind, condition):
    owner, guest, room = people
    refused(submit(owner, room, **people_), kind, condition)
    assert lists(owner, room) == [{owner.bare}, set(), set()]
