# SPDX-License-Identifier: Apache-2.0
"""mod_muc: muc#admin beyond the scenarios: bounds, order, domains, who is not in the room, what lasts."""
import pytest

from harness import ns, rooms
from harness.settings import Settings
from harness.stream import show

pytestmark = pytest.mark.only("stanzad")
SETTINGS = Settings(rooms=True, max_stanza_size=524288,
                    options={"acl": {"local": {"user_regexp": ""}, "loopback": {"ip": ["127.0.0.0/8", "::1/128"]},
                                     "boss": {"user": ["boss@localhost"]}},
                             "access_rules": {"local": {"allow": "local"}, "c2s": {"allow": "all"},
                                              "register": {"allow": "all"}, "bosses": {"allow": "boss"}}},
                    modules={"mod_muc": {"access_admin": "bosses"}})


@pytest.fixture
def people(cast):
    owner, guest = cast.online("owner", "guest")
    room = f"{owner.server.unique('room')}@{rooms.service(owner.server)}"
    cast.rooms.append(room)
    rooms.create(owner, room, "O")
    rooms.join(guest, room, "G")
    cast.settle()
    return owner, guest, room


def admin(client, room, items, kind="set"):
    return client.iq(kind, f"<query xmlns='{rooms.ADMIN}'>{items}</query>", to=room)


def refused(answer, kind, condition):
    error = answer.find(f"{{{ns.CLIENT}}}error")
    assert answer.get("type") == "error" and error.get("type") == kind, show(answer)
    assert error.find(f"{{{ns.STANZA_ERRORS}}}{condition}") is not None, show(answer)


def listed(client, room, attribute, kind="affiliation"):
    answer = rooms.insist(admin(client, room, f"<item {kind}='{attribute}'/>", "get"))
    return {each.get("jid"): each for each in answer[0]}


def item_of(stanza):
    return stanza.find(f"{{{rooms.USER}}}x/{{{rooms.USER}}}item")


# -- requests ----------------------------------------------------------------------------------------------

def test_presence_comes_before_the_result(people):
    owner, guest, room = people
    owner.send(f"<iq type='set' id='k' to='{room}'><query xmlns='{rooms.ADMIN}'>"
               "<item nick='G' role='none'/></query></iq>")
    assert owner.recv().get("type") == "unavailable"
    assert owner.recv().get("id") == "k"


@pytest.mark.parametrize("items, kind, condition", [
    ("<item jid='a@x.example' affiliation='outcast'/>" * 2, "modify", "bad-request"),
    ("<item nick='G' role='visitor'/><item nick='G' role='none'/>", "modify", "bad-request"),
    ("<item jid='a@x.example' affiliation='outcast'/><item jid='@' affiliation='outcast'/>", "modify",
     "jid-malformed"),
    ("<item affiliation='outcast'/>", "modify", "bad-request"),
    ("<item role='visitor'/>", "modify", "bad-request"),
    ("<item jid='nobody@x.example' role='visitor'/>", "cancel", "item-not-found"),
    ("<item nick='Nobody' affiliation='member'/>", "cancel", "item-not-found"),
    ("<item jid='x.example' affiliation='owner'/>", "modify", "not-acceptable"),
    ("<item jid='x.example' affiliation='admin'/>", "modify", "not-acceptable"),
    ("<item jid='a@x.example' affiliation='outcast'><reason>%s</reason></item>" % ("r" * 4097), "modify",
     "policy-violation"),
    ("".join(f"<item jid='a{i}@x.example' affiliation='outcast'/>" for i in range(1001)), "modify",
     "policy-violation"),
], ids=["twice", "twice-nick", "malformed", "no-jid", "no-nick", "not-there", "no-such-nick", "domain-owner",
        "domain-admin", "long-reason", "many"])
def test_refused_and_nothing_done(people, items, kind, condition):
    owner, guest, room = people
    refused(admin(owner, room, items), kind, condition)
    guest.nothing(owner)
    assert not listed(owner, room, "outcast")


def test_a_thousand_at_once(people):
    owner, guest, room = people
    items = "".join(f"<item jid='a{i}@x.example' affiliation='outcast'/>" for i in range(1000))
    rooms.insist(admin(owner, room, items))
    assert len(listed(owner, room, "outcast")) == 1000


@pytest.mark.parametrize("items", ["<item affiliation='member'/><item affiliation='admin'/>",
                                   "<item role='none'/>", "<item role='visitor' affiliation='none'/>"])
def test_bad_get(people, items):
    owner, guest, room = people
    refused(admin(owner, room, items, "get"), "modify", "bad-request")


def test_last_owner_by_two_items(people):
    """Two owners may not both go in one request, and one may when another one comes."""
    owner, guest, room = people
    rooms.insist(admin(owner, room, f"<item jid='{guest.bare}' affiliation='owner'/>"))
    both = "".join(f"<item jid='{each.bare}' affiliation='none'/>" for each in (owner, guest))
    refused(admin(owner, room, both), "cancel", "conflict")
    rooms.insist(admin(owner, room, both + "<item jid='next@x.example' affiliation='owner'/>"))
    refused(admin(owner, room, "<item affiliation='owner'/>", "get"), "auth", "forbidden")


def test_role_by_jid(people):
    owner, guest, room = people
    rooms.insist(admin(owner, room, f"<item jid='{guest.full}' role='visitor'/>"))
    assert item_of(guest.recv()).get("role") == "visitor"
    rooms.insist(admin(owner, room, f"<item jid='{guest.bare}' role='participant'/>"))
    assert item_of(guest.recv()).get("role") == "participant"


def test_kicking_oneself(people):
    owner, guest, room = people
    rooms.insist(admin(owner, room, "<item nick='O' role='none'/>"))
    assert 307 in rooms.codes(guest.recv())


def test_the_last_one_kicked_ends_a_temporary_room(people, cast):
    owner, guest, room = people
    owner.presence(f"to='{room}/O' type='unavailable'")
    cast.settle()
    rooms.insist(admin(owner, room, "<item nick='G' role='none'/>"))
    assert 307 in rooms.codes(guest.recv())
    refused(admin(owner, room, "<item affiliation='owner'/>", "get"), "cancel", "item-not-found")


# -- affiliations ------------------------------------------------------------------------------------------

def test_domain(people):
    """Everybody of the domain goes but for those who are something by themselves, and nobody else comes."""
    owner, guest, room = people
    rooms.insist(admin(owner, room, "<item jid='localhost' affiliation='outcast'><reason>All</reason></item>"))
    gone = guest.recv()
    assert rooms.codes(gone) == [110, 301] and item_of(gone).get("affiliation") == "outcast"
    guest.presence(f"to='{room}/G'", f"<x xmlns='{rooms.MUC}'/>")
    refused(guest.recv(), "auth", "forbidden")
    rooms.insist(admin(owner, room, f"<item jid='{guest.bare}' affiliation='member'/>"))
    rooms.join(guest, room, "G")
    assert listed(owner, room, "outcast")["localhost"][0].text == "All"


def test_change_of_who_is_not_there(people):
    """A message to those who may know the address, and to nobody else."""
    owner, guest, room = people
    rooms.insist(admin(owner, room, "<item jid='a@x.example' affiliation='admin'><reason>Why</reason></item>"))
    told = owner.recv()
    item = item_of(told)
    assert (told.tag, told.get("from"), told.get("type")) == (f"{{{ns.CLIENT}}}message", room, None)
    assert (item.get("jid"), item.get("affiliation"), item.get("role")) == ("a@x.example", "admin", "none")
    assert item[0].text == "Why"
    guest.nothing(owner)
    rooms.insist(admin(owner, room, "<item jid='a@x.example' affiliation='admin'/>"))
    owner.nothing()


def test_member_keeps_a_higher_role(people):
    owner, guest, room = people
    rooms.insist(admin(owner, room, "<item nick='G' role='moderator'/>"))
    for affiliation, role in (("member", "moderator"), ("none", "moderator"), ("admin", "moderator"),
                              ("member", "participant"), ("owner", "moderator"), ("admin", "moderator")):
        owner.settle()
        rooms.insist(admin(owner, room, f"<item jid='{guest.bare}' affiliation='{affiliation}'/>"))
        item = item_of(owner.recv())
        assert (item.get("affiliation"), item.get("role")) == (affiliation, role)


def test_list_names_occupants(people):
    owner, guest, room = people
    rooms.insist(admin(owner, room, f"<item jid='{guest.bare}' affiliation='member'/>"
                                    "<item jid='a@x.example' affiliation='member'/>"))
    members = listed(owner, room, "member")
    assert members[guest.bare].get("nick") == "G" and members[guest.bare].get("role") == "participant"
    assert members["a@x.example"].get("nick") is None and members["a@x.example"].get("role") is None


def test_reserved_nick(people, cast):
    """9.3: a nick that comes with membership is the member's, until a ban."""
    owner, guest, room = people
    other, = [cast.online("other")]
    item = f"<item jid='{guest.bare}' affiliation='member' nick='Mine'/>"
    rooms.insist(admin(owner, room, item))
    cast.settle()
    other.presence(f"to='{room}/Mine'", f"<x xmlns='{rooms.MUC}'/>")
    refused(other.recv(), "cancel", "conflict")
    refused(admin(owner, room, f"<item jid='{other.bare}' affiliation='member' nick='Mine'/>"), "cancel", "conflict")
    refused(admin(owner, room, f"<item jid='{other.bare}' affiliation='member' nick='O'/>"), "cancel", "conflict")
    rooms.insist(admin(owner, room, f"<item jid='{guest.bare}' affiliation='outcast'/>"))
    cast.settle()
    rooms.join(other, room, "Mine")


def test_over_a_restart(people, server, cast):
    owner, guest, room = people
    rooms.insist(owner.iq("set", rooms.form([("muc#roomconfig_persistentroom", ["1"])]), to=room))
    rooms.insist(admin(owner, room, "<item jid='a@x.example' affiliation='outcast'><reason>It's &lt;b></reason></item>"
                                    "<item jid='b.example' affiliation='outcast'/>"
                                    "<item jid='c@x.example' affiliation='admin'/>"))
    server.restart()
    owner.login()
    outcasts = listed(owner, room, "outcast")
    assert set(outcasts) == {"a@x.example", "b.example"} and outcasts["a@x.example"][0].text == "It's <b>"
    assert set(listed(owner, room, "admin")) == {"c@x.example"}
    rooms.insist(owner.iq("set", f"<query xmlns='{rooms.OWNER}'><destroy/></query>", to=room))


# -- administrators of the service -------------------------------------------------------------------------

@pytest.fixture
def boss(server, cast):
    if "boss" not in cast.names:
        cast.names["boss"] = "boss"
        if server.ctl("check_account", "boss", "localhost").returncode:
            server.add_user("boss")
    return cast.online("boss")


def test_administrator(people, boss, cast):
    """Counts as an owner, in the room and outside, whatever the room says."""
    owner, guest, room = people
    rooms.insist(owner.iq("set", rooms.form([("muc#roomconfig_membersonly", ["1"])]), to=room))
    rooms.insist(admin(boss, room, "<item jid='a@x.example' affiliation='admin'/>"))
    rooms.insist(boss.iq("get", f"<query xmlns='{rooms.OWNER}'/>", to=room))
    mine = rooms.join(boss, room, "B")
    assert item_of(mine).get("affiliation") == "owner" and item_of(mine).get("role") == "moderator"
    refused(admin(owner, room, f"<item jid='{boss.bare}' affiliation='outcast'/>"), "cancel", "not-allowed")
    assert boss.bare not in listed(owner, room, "owner")
    rooms.insist(admin(boss, room, f"<item jid='next@x.example' affiliation='owner'/>"
                                   f"<item jid='{owner.bare}' affiliation='none'/>"))
    cast.settle()
    refused(admin(owner, room, "<item affiliation='owner'/>", "get"), "auth", "forbidden")
