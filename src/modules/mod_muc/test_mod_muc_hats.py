# SPDX-License-Identifier: Apache-2.0
"""mod_muc: hats of occupants (XEP-0317), and the commands (XEP-0050) that make and give them."""
import sqlite3

import pytest

from harness import match, ns, rooms
from harness.settings import Settings
from harness.stream import show

pytestmark = pytest.mark.only("stanzad")
SETTINGS = Settings(rooms=True, modules={"mod_muc_admin": {}})
HATS = "urn:xmpp:hats:0"
FORM = "urn:xmpp:hats:commands"
COMMANDS = "http://jabber.org/protocol/commands"
TEACHER, HOST = "http://x.example/hats#Teacher", "http://x.example/hats#Host"
X = f"{{{ns.DATA}}}"


@pytest.fixture
def people(cast):
    owner, guest = cast.online("owner", "guest")
    room = f"{owner.server.unique('room')}@{rooms.service(owner.server)}"
    cast.rooms.append(room)
    rooms.create(owner, room, "O", [("muc#roomconfig_persistentroom", ["1"])])
    rooms.join(guest, room, "G")
    cast.settle()
    return owner, guest, room


def command(client, room, name, attributes="", type="submit", form_type=FORM, **fields):
    fields = {"FORM_TYPE": form_type} | {f"hats#{var}": text for var, text in fields.items()} if fields else {}
    inside = "".join(f"<field var='{var}'><value>{match.escape(text)}</value></field>" for var, text in fields.items())
    x = f"<x xmlns='{ns.DATA}' type='{type}'>{inside}</x>" if inside else ""
    return client.iq("set", f"<command xmlns='{COMMANDS}' node='{FORM}:{name}' {attributes}>{x}</command>", to=room)


def done(answer, status="completed"):
    assert rooms.insist(answer)[0].get("status") == status, show(answer)
    return answer[0]


def make(client, room, uri=TEACHER, title="Teacher", **more):
    done(command(client, room, "create", uri=uri, title=title, **more))


def give(client, room, other, uri=TEACHER):
    done(command(client, room, "assign", jid=other.bare, uri=uri))


def refused(answer, kind, condition):
    error = answer.find(f"{{{ns.CLIENT}}}error")
    assert answer.get("type") == "error" and error.get("type") == kind, show(answer)
    assert error.find(f"{{{ns.STANZA_ERRORS}}}{condition}") is not None, show(answer)


def hats(presence):
    """URI, title, hue."""
    return [(each.get("uri"), each.get("title"), each.get("hue"))
            for each in presence.findall(f"{{{HATS}}}hats/{{{HATS}}}hat")]


def seen(client, room, nick):
    return hats(client.take(lambda each: rooms.is_named(each, "presence") and each.get("from") == f"{room}/{nick}"))


def rows(client, room, name):
    return [tuple(item.findtext(f"{X}field[@var='hats#{var}']/{X}value") for var in ("jid", "uri", "title", "hue"))
            for item in done(command(client, room, name)).iter(f"{X}item")]


def info(client, room, node=""):
    reply = client.iq("get", f"<query xmlns='{ns.DISCO_INFO}' {node}/>", to=room)
    hash = reply.find(f".//{X}field[@var='hats#hash']/{X}value")
    return [each.get("var") for each in reply.iter(f"{{{ns.DISCO_INFO}}}feature")], None if hash is None else hash.text


def test_given_and_taken(people):
    owner, guest, room = people
    make(owner, room, hue="327.255249")
    for client in (owner, guest):
        assert rooms.codes(client.take(lambda each: rooms.is_named(each, "message"))) == [104]
    make(owner, room, HOST, "Host & <more>")
    give(owner, room, guest)
    for client in (owner, guest):
        assert seen(client, room, "G") == [(TEACHER, "Teacher", "327.255249")]
    give(owner, room, guest, HOST)
    for client in (owner, guest):
        assert seen(client, room, "G") == [(TEACHER, "Teacher", "327.255249"), (HOST, "Host & <more>", None)]
    done(command(owner, room, "unassign", jid=guest.bare, uri=TEACHER))
    for client in (owner, guest):
        assert seen(client, room, "G") == [(HOST, "Host & <more>", None)]


def test_by_nick(people):
    owner, guest, room = people
    make(owner, room)
    done(command(owner, room, "assign", jid=f"{room}/G", uri=TEACHER))
    assert seen(owner, room, "G") == [(TEACHER, "Teacher", None)]
    refused(command(owner, room, "assign", jid=f"{room}/X", uri=TEACHER), "modify", "bad-request")


def test_before_entering(people, cast):
    owner, guest, room = people
    make(owner, room)
    other = cast.online("other")
    give(owner, room, other)
    assert hats(rooms.join(other, room, "X")) == [(TEACHER, "Teacher", None)]
    assert seen(guest, room, "X") == [(TEACHER, "Teacher", None)]


def test_updated_and_destroyed(people, cast):
    owner, guest, room = people
    other = cast.online("other")
    make(owner, room)
    give(owner, room, guest)
    give(owner, room, other)
    assert seen(guest, room, "G") == [(TEACHER, "Teacher", None)]
    make(owner, room, title="Prof", hue="12")
    assert seen(guest, room, "G") == [(TEACHER, "Prof", "12")]
    done(command(owner, room, "destroy", uri=TEACHER))
    assert seen(guest, room, "G") == []
    assert rows(owner, room, "list") == rows(owner, room, "list-assigned") == []
    refused(command(owner, room, "destroy", uri=TEACHER), "cancel", "item-not-found")


def test_lists(people):
    owner, guest, room = people
    make(owner, room, hue="1")
    make(owner, room, HOST, "Host")
    give(owner, room, guest, HOST)
    assert rows(guest, room, "list") == [(None, TEACHER, "Teacher", "1"), (None, HOST, "Host", None)]
    assert rows(owner, room, "list-assigned") == [(guest.bare, HOST, "Host", None)]


def test_forms(people):
    owner, guest, room = people
    make(owner, room)
    wanted = {"create": ["title", "uri", "hue"], "destroy": ["uri"], "assign": ["jid", "uri"],
              "unassign": ["jid", "uri"]}
    for name, fields in wanted.items():
        answer = done(command(owner, room, name, "action='execute'"), "executing")
        form = answer.find(f"{X}x")
        assert [each.get("var") for each in form.iter(f"{X}field")] == ["FORM_TYPE"] + [f"hats#{x}" for x in fields]
        assert form.findtext(f"{X}field/{X}value") == FORM and answer.get("sessionid")
        if name != "create":
            assert [each.findtext(f"{X}value") for each in form.iter(f"{X}option")] == [TEACHER]
    answer = done(command(owner, room, "create", "sessionid='s1' action='complete'", uri=HOST, title="Host"))
    assert answer.get("sessionid") == "s1"
    done(command(owner, room, "create", "sessionid='s1' action='cancel'"), "canceled")
    done(command(owner, room, "create", type="cancel", uri="x", title="x"), "canceled")


@pytest.mark.parametrize("name, fields, kind, condition", [
    ("create", {"uri": TEACHER}, "modify", "bad-request"),
    ("create", {"title": "x"}, "modify", "bad-request"),
    ("create", {"uri": "x" * 1024, "title": "x"}, "modify", "not-acceptable"),
    ("create", {"uri": "x", "title": "x" * 257}, "modify", "not-acceptable"),
    ("create", {"uri": "x", "title": "x", "hue": "361"}, "modify", "not-acceptable"),
    ("create", {"uri": "x", "title": "x", "hue": "1.2.3"}, "modify", "not-acceptable"),
    ("create", {"uri": "x", "title": "x", "hue": "nan"}, "modify", "not-acceptable"),
    ("create", {"uri": "x", "title": "x", "form_type": "other"}, "modify", "bad-request"),
    ("create", {"uri": "x", "title": "x", "type": "form"}, "modify", "bad-request"),
    ("create", {"uri": "x", "title": "x", "attributes": "action='prev'"}, "modify", "bad-request"),
    ("destroy", {"uri": "x"}, "cancel", "item-not-found"),
    ("assign", {"uri": "x", "jid": "a@b"}, "cancel", "item-not-found"),
    ("assign", {"uri": TEACHER, "jid": "@@"}, "modify", "bad-request"),
    ("assign", {"uri": TEACHER}, "modify", "bad-request"),
    ("unassign", {"uri": TEACHER, "jid": "a@b"}, "cancel", "item-not-found"),
    ("don", {"uri": "x"}, "cancel", "item-not-found"),
])
def test_refused(people, name, fields, kind, condition):
    owner, guest, room = people
    make(owner, room)
    refused(command(owner, room, name, **fields), kind, condition)


def test_who_may(people, cast):
    owner, guest, room = people
    make(owner, room)
    stranger = cast.online("stranger")
    refused(command(stranger, room, "list"), "auth", "forbidden")
    for name in ("list-assigned", "create", "destroy", "assign", "unassign"):
        refused(command(guest, room, name, uri="x", title="x", jid="a@b"), "auth", "forbidden")
    item = f"<item jid='{guest.bare}' affiliation='admin'/>"
    rooms.insist(owner.iq("set", f"<query xmlns='{rooms.ADMIN}'>{item}</query>", to=room))
    make(guest, room, HOST, "Host")


def test_limits(people):
    owner, guest, room = people
    for i in range(100):
        make(owner, room, f"u{i}", "t")
    refused(command(owner, room, "create", uri="u100", title="t"), "wait", "resource-constraint")
    make(owner, room, "u99", "another")
    for i in range(20):
        give(owner, room, guest, f"u{i}")
    refused(command(owner, room, "assign", jid=guest.bare, uri="u20"), "wait", "resource-constraint")
    give(owner, room, guest, "u19")


def test_not_by_oneself(people, cast):
    """What a client says of its hats is not told."""
    owner, guest, room = people
    claim = f"<hats xmlns='{HATS}'><hat uri='{TEACHER}' title='Teacher'/></hats>"
    guest.presence(f"to='{room}/G'", f"{claim}<status>x</status>")
    assert seen(owner, room, "G") == []
    other = cast.online("other")
    other.presence(f"to='{room}/X'", f"<x xmlns='{rooms.MUC}'/>{claim}")
    assert seen(owner, room, "X") == []


def test_announced(people):
    owner, guest, room = people
    features, hash = info(guest, room)
    assert HATS in features and COMMANDS in features and hash is None
    make(owner, room)
    first = info(guest, room)[1]
    make(owner, room, HOST, "Host")
    assert first and info(guest, room)[1] not in (None, first)
    for client, count in ((owner, 6), (guest, 1)):
        reply = client.iq("get", f"<query xmlns='{ns.DISCO_ITEMS}' node='{COMMANDS}'/>", to=room)
        nodes = [each.get("node") for each in reply.iter(f"{{{ns.DISCO_ITEMS}}}item")]
        assert len(nodes) == count and f"{FORM}:list" in nodes
    assert COMMANDS in info(owner, room, f"node='{FORM}:create'")[0]
    refused(guest.iq("get", f"<query xmlns='{ns.DISCO_INFO}' node='{FORM}:create'/>", to=room),
            "cancel", "item-not-found")


def test_switched_off(people):
    owner, guest, room = people
    make(owner, room)
    give(owner, room, guest)
    assert seen(guest, room, "G")
    rooms.insist(owner.iq("set", rooms.form([("muc#roomconfig_enable_hats", ["0"])]), to=room))
    assert seen(guest, room, "G") == []
    assert not {HATS, COMMANDS} & set(info(guest, room)[0])
    refused(command(owner, room, "list"), "cancel", "item-not-found")
    rooms.insist(owner.iq("set", rooms.form([("muc#roomconfig_enable_hats", ["1"])]), to=room))
    assert seen(guest, room, "G") == [(TEACHER, "Teacher", None)]


def test_over_a_restart(people, server):
    owner, guest, room = people
    title = "Lehrerin für \"Ä\" <1> 日本"
    make(owner, room, title=title, hue="1.5")
    make(owner, room, HOST, "Host")
    give(owner, room, guest, HOST)
    give(owner, room, guest)
    server.restart()
    owner.login()
    assert rows(owner, room, "list") == [(None, TEACHER, title, "1.5"), (None, HOST, "Host", None)]
    assert rows(owner, room, "list-assigned") == [(guest.bare, HOST, "Host", None), (guest.bare, TEACHER, title, "1.5")]


@pytest.mark.parametrize("stored, listed", [
    ("{hats_defs,[{<<\"u\">>,{<<\"t\">>,<<\"7\">>}},{<<\"v\">>,{<<\"w\">>,undefined}}]},"
     "{hats_users,[{{<<\"a\">>,<<\"b\">>,<<>>},[<<\"u\">>,<<\"gone\">>]}]}", [("a@b", "u", "t", "7")]),
    ("{hats_users,[{{<<\"a\">>,<<\"b\">>,<<>>},[{<<\"u\">>,<<\"t\">>}]}]}", [("a@b", "u", "t", None)]),
    ("{hats_defs,[x,{y},{<<>>,{<<>>,<<>>}}]},{hats_users,[{z,1},{{1,2,3},[]},5]}", []),
    ("{hats_defs,none},{hats_users,{}}", []),
])
def test_of_another_server(people, server, stored, listed):
    owner, guest, room = people
    server.stop()
    local = room.partition("@")[0]
    with sqlite3.connect(server.database) as db:
        (opts,), = db.execute("SELECT opts FROM muc_room WHERE name = ?", (local,))
        db.execute("UPDATE muc_room SET opts = ? WHERE name = ?", (opts[:-1] + "," + stored + "]", local))
    db.close()
    server.start()
    owner.login()
    assert rows(owner, room, "list-assigned") == listed
