# SPDX-License-Identifier: Apache-2.0
"""mod_muc: what the service itself answers, lists of rooms in pages, and registered nicks."""
import pytest

from harness import ns, rooms
from harness.settings import Settings
from harness.stream import show

pytestmark = pytest.mark.only("stanzad")
ADMIN = "boss"
SETTINGS = Settings(rooms=True, modules={"mod_muc": {
    "access_admin": [{"allow": {"user": ADMIN}}],
    "access": [{"deny": {"user": "outlaw"}}, {"allow": "all"}],
    "access_register": [{"deny": {"user": "nameless"}}, {"allow": "all"}],
    "max_rooms_discoitems": 4}})
FORM = f"{rooms.MUC}#register"


def refused(answer, kind, condition):
    error = answer.find(f"{{{ns.CLIENT}}}error")
    assert answer.get("type") == "error" and error.get("type") == kind, show(answer)
    assert error.find(f"{{{ns.STANZA_ERRORS}}}{condition}") is not None, show(answer)


def known(cast, user):
    """A client whose user name is the one in the settings."""
    if user not in cast.names:
        cast.names[user] = user
        if not cast.server.ctl("check_account", user, cast.server.host).returncode == 0:
            cast.server.add_user(user)
    return cast.client(user).online()


def fresh(cast, client, **options):
    room = f"{client.server.unique('room')}@{rooms.service(client.server)}"
    cast.rooms.append(room)
    rooms.create(client, room, "O", [(f"muc#roomconfig_{name}", [value]) for name, value in options.items()])
    cast.settle()
    return room


def features(answer):
    return {each.get("var") for each in answer.iter(f"{{{ns.DISCO_INFO}}}feature")}


def items(client, page="", node=None):
    node = f" node='{node}'" if node else ""
    return client.iq("get", f"<query xmlns='{ns.DISCO_ITEMS}'{node}>{page}</query>", to=rooms.service(client.server))


def names(answer):
    return [each.get("jid") for each in rooms.insist(answer).iter(f"{{{ns.DISCO_ITEMS}}}item")]


def page(**wishes):
    wishes = "".join(f"<{name}>{value}</{name}>" for name, value in wishes.items())
    return f"<set xmlns='{rooms.RSM}'>{wishes}</set>"


def all_items(client, node=None):
    """All items, a page at a time."""
    found, last = {}, None
    while True:
        answer = rooms.insist(items(client, page(max=3, **({"after": last} if last else {})), node))
        some = {each.get("jid"): each.get("name") for each in answer.iter(f"{{{ns.DISCO_ITEMS}}}item")}
        if not some:
            return found
        found |= some
        last = of_page(answer, "last")


def of_page(answer, name):
    found = answer.find(f".//{{{rooms.RSM}}}{name}")
    return None if found is None else found.text


# --- discovery ---------------------------------------------------------------------------------------------

def test_info(cast):
    romeo = cast.online("romeo")
    answer = romeo.iq("get", f"<query xmlns='{ns.DISCO_INFO}'/>", to=rooms.service(romeo.server))
    identity = answer.find(f".//{{{ns.DISCO_INFO}}}identity")
    assert (identity.get("category"), identity.get("type"), identity.get("name")) == ("conference", "text", "Chatrooms")
    assert features(answer) >= {rooms.MUC, f"{rooms.MUC}#unique", ns.REGISTER, rooms.RSM, ns.DISCO_ITEMS,
                                "vcard-temp", ns.PING}


def test_what_is_announced_is_answered(cast):
    romeo = cast.online("romeo")
    service = rooms.service(romeo.server)
    for payload in (f"<query xmlns='{ns.REGISTER}'/>", f"<unique xmlns='{rooms.MUC}#unique'/>",
                    "<vCard xmlns='vcard-temp'/>", f"<ping xmlns='{ns.PING}'/>"):
        rooms.insist(romeo.iq("get", payload, to=service))


@pytest.mark.parametrize("kind, payload, condition", [
    ("get", f"<query xmlns='{ns.DISCO_INFO}' node='x'/>", "cancel item-not-found"),
    ("get", f"<query xmlns='{ns.DISCO_ITEMS}' node='x'/>", "cancel item-not-found"),
    ("set", f"<query xmlns='{ns.DISCO_INFO}'/>", "cancel not-allowed"),
    ("set", f"<query xmlns='{ns.DISCO_ITEMS}'/>", "cancel not-allowed"),
    ("set", "<unique xmlns='http://jabber.org/protocol/muc#unique'/>", "cancel not-allowed"),
    ("get", "<a xmlns='urn:a'/>", "cancel service-unavailable"),
    ("get", "", "modify bad-request"),
])
def test_refused(cast, kind, payload, condition):
    romeo = cast.online("romeo")
    refused(romeo.iq(kind, payload, to=rooms.service(romeo.server)), *condition.split())


def test_nobody_there(cast):
    romeo = cast.online("romeo")
    refused(romeo.iq("get", f"<ping xmlns='{ns.PING}'/>", to=f"{rooms.service(romeo.server)}/a"),
            "cancel", "service-unavailable")


def test_unique_name(cast):
    """XEP-0307"""
    romeo = cast.online("romeo")
    one, other = (romeo.iq("get", f"<unique xmlns='{rooms.MUC}#unique'/>", to=rooms.service(romeo.server))[0].text
                  for _ in range(2))
    assert one and other and one != other
    rooms.create(romeo, f"{one}@{rooms.service(romeo.server)}", "R")


def test_outlaw(cast):
    outlaw = known(cast, "outlaw")
    refused(outlaw.iq("get", f"<query xmlns='{ns.DISCO_INFO}'/>", to=rooms.service(outlaw.server)),
            "auth", "forbidden")


def test_presence(cast):
    romeo = cast.online("romeo")
    service = rooms.service(romeo.server)
    for presence in (f"<presence to='{service}'><x xmlns='{rooms.MUC}'/></presence>",
                     f"<presence to='{service}'/>", f"<presence to='{service}' type='unavailable'/>"):
        romeo.send(presence)
        refused(romeo.recv(), "cancel", "service-unavailable")
    romeo.send(f"<presence to='{service}' type='subscribe'/>")
    assert romeo.recv().get("type") == "unsubscribed"
    romeo.send(f"<presence to='{service}' type='error'/>")
    romeo.iq("get", f"<ping xmlns='{ns.PING}'/>", to=service)
    cast.nothing(romeo)


# --- lists -------------------------------------------------------------------------------------------------

def test_pages(cast):
    romeo = cast.online("romeo")
    made = sorted(fresh(cast, romeo) for _ in range(3))
    whole = list(all_items(romeo))
    assert [each for each in whole if each in made] == made and whole == sorted(whole)
    first = items(romeo, page(max=1))
    assert names(first) == whole[:1] and of_page(first, "count") == str(len(whole))
    assert first.find(f".//{{{rooms.RSM}}}first").get("index") == "0"
    assert names(items(romeo, page(max=1, after=made[0]))) == [whole[whole.index(made[0]) + 1]]
    assert names(items(romeo, page(max=1, before=""))) == whole[-1:]
    assert names(items(romeo, page(max=1, before=made[2]))) == [whole[whole.index(made[2]) - 1]]
    assert names(items(romeo, page(max=2, index=1))) == whole[1:3]
    count = items(romeo, page(max=0))
    assert names(count) == [] and of_page(count, "count") == str(len(whole))


def test_page_behind_a_room_that_is_gone(cast):
    """XEP-0059 2.4: the ids have an order"""
    romeo = cast.online("romeo")
    room = fresh(cast, romeo)
    whole = list(all_items(romeo))
    rooms.insist(romeo.iq("set", f"<query xmlns='{rooms.OWNER}'><destroy/></query>", to=room))
    cast.rooms.remove(room)
    behind = whole[whole.index(room) + 1:]
    assert names(items(romeo, page(max=4, after=room))) == behind[:4]


@pytest.mark.parametrize("wishes, kind, condition", [
    ({"after": "a@elsewhere"}, "cancel", "item-not-found"),
    ({"before": "a"}, "cancel", "item-not-found"),
    ({"max": "x"}, "modify", "bad-request"),
    ({"index": 1, "after": "a"}, "modify", "bad-request"),
])
def test_bad_page(cast, wishes, kind, condition):
    romeo = cast.online("romeo")
    refused(items(romeo, page(**wishes)), kind, condition)


def test_names_and_numbers(cast):
    romeo, juliet = cast.online("romeo", "juliet")
    titled, hidden_number = fresh(cast, romeo, roomname="Den"), fresh(cast, romeo)
    rooms.join(juliet, titled, "J")
    rooms.insist(romeo.iq("set", rooms.form([("public_list", ["0"])]), to=hidden_number))
    found = all_items(juliet)
    assert found[titled] == "Den (2)"
    assert found[hidden_number] == hidden_number.partition("@")[0]


def test_many_rooms(cast):
    """Beyond max_rooms_discoitems only rooms with people in them are told, and the rest in pages."""
    romeo, juliet = cast.online("romeo", "juliet")
    empty = [fresh(cast, romeo, persistentroom="1") for _ in range(5)]
    for room in empty:
        romeo.presence(f"to='{room}/O' type='unavailable'")
    cast.settle()
    lived_in = fresh(cast, romeo)
    found = names(items(juliet))
    assert len(found) <= 4 and not set(found) & set(empty)
    nonempty = set(all_items(juliet, "nonemptyrooms"))
    assert lived_in in nonempty and not nonempty & set(empty)
    assert set(empty) <= set(all_items(juliet, "emptyrooms")) and lived_in not in all_items(juliet, "emptyrooms")
    for room in empty:
        rooms.insist(romeo.iq("set", f"<query xmlns='{rooms.OWNER}'><destroy/></query>", to=room))
        cast.rooms.remove(room)


def test_hidden_rooms(cast):
    romeo, juliet, nurse = cast.online("romeo", "juliet", "nurse")
    room = fresh(cast, romeo, publicroom="0")
    rooms.join(juliet, room, "J")

    def finds(client):
        return all_items(client).get(room)

    assert finds(romeo) == finds(juliet) == room.partition("@")[0] + " (private, 2)"
    assert finds(nurse) is None
    assert finds(known(cast, ADMIN)) is not None


# --- messages ----------------------------------------------------------------------------------------------

def test_announcement(cast):
    romeo, juliet = cast.online("romeo", "juliet")
    one, other = fresh(cast, romeo), fresh(cast, juliet)
    boss = known(cast, ADMIN)
    boss.send(f"<message to='{rooms.service(boss.server)}' type='headline'><body>Tea</body><a xmlns='urn:a'/>"
              "</message>")
    for client, room in ((romeo, one), (juliet, other)):
        heard = client.take(lambda each: rooms.is_named(each, "message"))
        assert (heard.get("from"), heard.get("type")) == (room, "groupchat")
        assert heard.findtext(f"{{{ns.CLIENT}}}body") == "Tea"
        assert heard.find("{urn:a}a") is None


def test_announcement_by_others(cast):
    romeo = cast.online("romeo")
    fresh(cast, romeo)
    romeo.send(f"<message id='m' to='{rooms.service(romeo.server)}'><body>Tea</body></message>")
    refused(romeo.recv(), "auth", "forbidden")
    romeo.send(f"<message type='error' to='{rooms.service(romeo.server)}'><body>Tea</body></message>")
    cast.nothing(romeo)


# --- nicks -------------------------------------------------------------------------------------------------

def register(client, where, nick, kind="submit", form=FORM):
    field = f"<field var='muc#register_roomnick'><value>{nick}</value></field>" if nick is not None else ""
    return client.iq("set", f"<query xmlns='{ns.REGISTER}'><x xmlns='{ns.DATA}' type='{kind}'>"
                     f"<field var='FORM_TYPE'><value>{form}</value></field>{field}</x></query>", to=where)


def unregister(client, where):
    return client.iq("set", f"<query xmlns='{ns.REGISTER}'><remove/></query>", to=where)


def reserved(client, where):
    answer = client.iq("get", f"<query xmlns='{ns.DISCO_INFO}' node='x-roomuser-item'/>", to=where)
    return [each.get("name") for each in rooms.insist(answer).iter(f"{{{ns.DISCO_INFO}}}identity")]


def requirements(client, where):
    return rooms.insist(client.iq("get", f"<query xmlns='{ns.REGISTER}'/>", to=where))[0]


def test_nick_of_the_service(cast):
    romeo, juliet = cast.online("romeo", "juliet")
    service, room = rooms.service(romeo.server), fresh(cast, juliet)
    nick = romeo.server.unique("Nick")
    form = requirements(romeo, service)
    assert form.find(f"{{{ns.REGISTER}}}registered") is None
    assert form.find(f".//{{{ns.DATA}}}field[@var='muc#register_roomnick']") is not None
    rooms.insist(register(romeo, service, nick))
    assert requirements(romeo, service).findtext(f"{{{ns.REGISTER}}}nick") == nick
    assert reserved(romeo, room) == [nick] and reserved(juliet, room) == []
    refused(register(juliet, service, nick), "cancel", "conflict")
    refused(register(juliet, room, nick), "cancel", "conflict")
    rooms.join(romeo, room, nick)
    rooms.insist(unregister(romeo, service))
    assert reserved(romeo, room) == []
    romeo.presence(f"to='{room}/{nick}' type='unavailable'")
    cast.settle()
    rooms.insist(register(juliet, service, nick))
    rooms.insist(unregister(juliet, service))


def test_nick_is_kept_from_others(cast):
    romeo, juliet = cast.online("romeo", "juliet")
    service, room = rooms.service(romeo.server), fresh(cast, juliet)
    nick = romeo.server.unique("Nick")
    rooms.insist(register(romeo, room, nick))
    refused(register(juliet, service, nick), "cancel", "conflict")
    nurse = cast.online("nurse")
    nurse.presence(f"to='{room}/{nick}'", f"<x xmlns='{rooms.MUC}'/>")
    refused(nurse.recv(), "cancel", "conflict")


def test_nameless(cast):
    romeo, nameless = cast.online("romeo"), known(cast, "nameless")
    room = fresh(cast, romeo)
    refused(register(nameless, rooms.service(romeo.server), "N"), "auth", "forbidden")
    refused(register(nameless, room, "N"), "cancel", "not-allowed")
    info = f"<query xmlns='{ns.DISCO_INFO}'/>"
    for where in (room, rooms.service(romeo.server)):
        assert ns.REGISTER not in features(nameless.iq("get", info, to=where))
        assert ns.REGISTER in features(romeo.iq("get", info, to=where))


@pytest.mark.parametrize("nick, kind, form, condition", [
    (None, "submit", FORM, "bad-request"),
    ("", "submit", FORM, "bad-request"),
    ("  ", "submit", FORM, "bad-request"),
    ("a", "form", FORM, "bad-request"),
    ("a", "submit", "urn:a", "bad-request"),
    ("&#x202e;a", "submit", FORM, "not-acceptable"),
    ("x" * 1024, "submit", FORM, "not-acceptable"),
])
def test_bad_form(cast, nick, kind, form, condition):
    romeo = cast.online("romeo")
    for where in (rooms.service(romeo.server), fresh(cast, romeo)):
        refused(register(romeo, where, nick, kind, form), "modify", condition)


def test_cancelled(cast):
    romeo = cast.online("romeo")
    room = fresh(cast, romeo)
    rooms.insist(register(romeo, room, None, "cancel"))
    assert reserved(romeo, room) == []


def test_membership_comes_and_goes(cast):
    romeo, juliet = cast.online("romeo", "juliet")
    room = fresh(cast, romeo)
    rooms.join(juliet, room, "J")
    cast.settle()

    def affiliation():
        presence = romeo.take(lambda each: each.get("from") == f"{room}/J")
        return presence.find(f".//{{{rooms.USER}}}item").get("affiliation")

    rooms.insist(register(juliet, room, "J"))
    assert affiliation() == "member"
    rooms.insist(register(juliet, room, "Jule"))
    cast.nothing(romeo)
    assert reserved(juliet, room) == ["Jule"]
    rooms.insist(unregister(juliet, room))
    assert affiliation() == "none"
    assert reserved(juliet, room) == []


def test_membership_of_another_kind_stays(cast):
    romeo, juliet = cast.online("romeo", "juliet")
    room = fresh(cast, romeo)
    rooms.insist(romeo.iq("set", f"<query xmlns='{rooms.ADMIN}'><item jid='{juliet.bare}' affiliation='member'/>"
                          "</query>", to=room))
    rooms.insist(register(juliet, room, "J"))
    rooms.insist(unregister(juliet, room))
    listed = romeo.iq("get", f"<query xmlns='{rooms.ADMIN}'><item affiliation='member'/></query>", to=room)
    assert [each.get("jid") for each in listed.iter(f"{{{rooms.ADMIN}}}item")] == [juliet.bare]


@pytest.mark.parametrize("options", [
    {"membersonly": "1"},
    {"passwordprotectedroom": "1", "roomsecret": "x"},
    {"moderatedroom": "1", "members_by_default": "0"},
])
def test_closed_rooms_are_not_opened_by_registering(cast, options):
    romeo, juliet = cast.online("romeo", "juliet")
    room = fresh(cast, romeo)
    form = [(name if name == "members_by_default" else f"muc#roomconfig_{name}", [value])
            for name, value in options.items()]
    rooms.insist(romeo.iq("set", rooms.form(form), to=room))
    refused(juliet.iq("get", f"<query xmlns='{ns.REGISTER}'/>", to=room), "cancel", "not-allowed")
    refused(register(juliet, room, "J"), "cancel", "not-allowed")


def test_nick_of_somebody_inside(cast):
    romeo, juliet = cast.online("romeo", "juliet")
    room = fresh(cast, romeo)
    refused(register(juliet, room, "O"), "cancel", "conflict")
    assert reserved(juliet, room) == []


def test_forgotten_with_the_room(cast):
    romeo, juliet = cast.online("romeo", "juliet")
    room = fresh(cast, romeo)
    rooms.insist(register(juliet, room, "J"))
    rooms.insist(romeo.iq("set", f"<query xmlns='{rooms.OWNER}'><destroy/></query>", to=room))
    cast.settle()
    rooms.create(romeo, room, "O")
    assert reserved(juliet, room) == []
    rooms.join(romeo, room, "O")


def test_over_a_restart(cast):
    romeo = cast.online("romeo")
    room = fresh(cast, romeo, persistentroom="1")
    rooms.insist(register(romeo, room, "Rom"))
    rooms.insist(register(romeo, rooms.service(romeo.server), "Montague"))
    romeo.server.restart()
    cast.rooms.clear()
    romeo = cast.client("romeo", "again").online()
    assert reserved(romeo, room) == ["Rom"]
    assert requirements(romeo, rooms.service(romeo.server)).findtext(f"{{{ns.REGISTER}}}nick") == "Montague"
    rooms.insist(unregister(romeo, rooms.service(romeo.server)))
    rooms.insist(romeo.iq("set", f"<query xmlns='{rooms.OWNER}'><destroy/></query>", to=room))


# --- rooms -------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("payload, condition", [
    (f"<query xmlns='{ns.DISCO_INFO}' node='urn:a'/>", "item-not-found"),
    (f"<query xmlns='{ns.DISCO_ITEMS}' node='urn:a'/>", "item-not-found"),
    (f"<query xmlns='{ns.DISCO_INFO}' node='{rooms.MUC}#traffic'/>", "service-unavailable"),
])
def test_nodes(cast, payload, condition):
    romeo = cast.online("romeo")
    refused(romeo.iq("get", payload, to=fresh(cast, romeo)), "cancel", condition)


def info_fields(client, room):
    answer = client.iq("get", f"<query xmlns='{ns.DISCO_INFO}'/>", to=room)
    return {each.get("var"): [value.text for value in each] for each in answer.iter(f"{{{ns.DATA}}}field")}


def test_roominfo_is_not_for_everybody(cast):
    romeo, juliet = cast.online("romeo", "juliet")
    room = fresh(cast, romeo)
    romeo.send(f"<message to='{room}' type='groupchat'><subject>Larks</subject></message>")
    cast.settle()
    open_to_all = info_fields(juliet, room)
    assert open_to_all["muc#roominfo_subject"] == ["Larks"]
    assert open_to_all["muc#roominfo_contactjid"] == [romeo.bare]
    assert open_to_all["muc#maxhistoryfetch"] == ["20"]
    rooms.insist(romeo.iq("set", rooms.form([("muc#roomconfig_membersonly", ["1"])]), to=room))
    closed = info_fields(juliet, room)
    assert "muc#roominfo_subject" not in closed and "muc#roominfo_contactjid" not in closed
    assert info_fields(romeo, room)["muc#roominfo_subject"] == ["Larks"]


def test_private_list_of_occupants(cast):
    """XEP-0045 6.5"""
    romeo, juliet = cast.online("romeo", "juliet")
    room = fresh(cast, romeo)
    rooms.insist(romeo.iq("set", rooms.form([("public_list", ["0"])]), to=room))

    def listed(client, wish=""):
        return names(client.iq("get", f"<query xmlns='{ns.DISCO_ITEMS}'>{wish}</query>", to=room))

    assert listed(juliet) == []
    rooms.join(juliet, room, "J")
    assert listed(juliet) == listed(romeo) == [f"{room}/O", f"{room}/J"]
    assert listed(juliet, page(max=1)) == [f"{room}/O"]
    assert listed(juliet, page(max=1, after=f"{room}/O")) == [f"{room}/J"]
    refused(juliet.iq("get", f"<query xmlns='{ns.DISCO_ITEMS}'>{page(after='x')}</query>", to=room),
            "cancel", "item-not-found")
