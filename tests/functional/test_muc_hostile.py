# SPDX-License-Identifier: Apache-2.0
"""Guests who mean no good, and accidents: the room stays as it was, and the others notice what they must."""
import pytest

from harness import ns, rooms, wait
from harness.client import Client
from harness.rooms import ADMIN, FORM, MUC, OWNER, USER
from harness.settings import Settings

pytestmark = pytest.mark.only("stanzad")
SETTINGS = Settings(rooms=True, max_stanza_size=65536)


@pytest.fixture
def crone(cast):
    return cast.client("crone").online()


@pytest.fixture
def hag(cast):
    return cast.client("hag").online()


@pytest.fixture
def room(server, cast, crone):
    """An open room that crone owns, and is in as firstwitch."""
    address = f"{server.unique('coven')}@{rooms.service(server)}"
    cast.rooms.append(address)
    rooms.create(crone, address, "firstwitch", [("muc#roomconfig_roomname", ["A Dark Cave"])])
    cast.settle()
    return address


def is_alive(client, room, nick):
    """The room handles what the client says, after all that was sent before."""
    client.message(room, "alive", "groupchat")
    client.take(lambda each: each.get("from") == f"{room}/{nick}"
                and each.findtext(f"{{{ns.CLIENT}}}body") == "alive")


def condition(answer):
    assert answer.get("type") == "error", rooms.show(answer)
    return next(each.tag.partition("}")[2] for each in answer.find(f"{{{ns.CLIENT}}}error")
                if ns.STANZA_ERRORS in each.tag)


# -- floods ------------------------------------------------------------------------------------


class TestFloods:
    def test_entering_and_leaving(self, crone, hag, room):
        for _ in range(200):
            hag.send(f"<presence to='{room}/thirdwitch'><x xmlns='{MUC}'/></presence>"
                     f"<presence to='{room}/thirdwitch' type='unavailable'/>")
        rooms.fence(hag, room)
        is_alive(crone, room, "firstwitch")
        hag.settle()
        rooms.join(hag, room, "thirdwitch")

    def test_nicknames(self, crone, hag, room):
        """However many changes there were, the last name is the one, and it is one."""
        rooms.join(hag, room, "witch0")
        for number in range(1, 201):
            hag.send(f"<presence to='{room}/witch{number}'/>")
        rooms.fence(hag, room)
        hag.settle()
        items = crone.iq("get", f"<query xmlns='{ns.DISCO_ITEMS}'/>", to=room)
        names = [each.get("jid").partition("/")[2] for each in items.iter(f"{{{ns.DISCO_ITEMS}}}item")]
        assert len(names) == 2 and "firstwitch" in names, names

    def test_messages(self, crone, hag, room):
        """A thousand messages: all, and in order, or refused with an error; nothing is lost silently."""
        rooms.join(hag, room, "thirdwitch")
        hag.settle()
        crone.settle()
        for number in range(1000):
            hag.send(f"<message id='m{number}' to='{room}' type='groupchat'><body>{number}</body></message>")
        rooms.fence(hag, room)
        mine = [each for each in hag.settle() if rooms.is_named(each, "message")]
        assert sorted(int(each.get("id")[1:]) for each in mine) == list(range(1000))
        passed = [each.get("id") for each in mine if each.get("type") == "groupchat"]
        rooms.fence(crone, room)
        heard = [each.get("id") for each in crone.settle() if rooms.is_named(each, "message")]
        assert heard == passed and passed == sorted(passed, key=lambda id: int(id[1:]))

    def test_rooms(self, cast, server, hag):
        """Rooms that are made and left at once do not stay."""
        names = [f"{server.unique('heath')}@{rooms.service(server)}" for _ in range(100)]
        for name in names:
            hag.send(f"<presence to='{name}/thirdwitch'><x xmlns='{MUC}'/></presence>"
                     f"<presence to='{name}/thirdwitch' type='unavailable'/>")
        for name in (names[0], names[-1]):
            answer = rooms.fence(hag, name)
            assert condition(answer) == "item-not-found"

    def test_requests(self, crone, hag, room):
        """Requests to an occupant who never answers."""
        rooms.join(hag, room, "thirdwitch")
        for number in range(500):
            hag.send(f"<iq type='get' id='r{number}' to='{room}/firstwitch'><query xmlns='urn:example'/></iq>")
        rooms.fence(hag, room)
        is_alive(hag, room, "thirdwitch")


# -- forged ------------------------------------------------------------------------------------


class TestForged:
    def test_sender_is_an_occupant(self, crone, hag, room):
        """Nobody speaks with the address of an occupant: the stream does not carry foreign senders."""
        hag.send(f"<message from='{room}/firstwitch' to='{room}' type='groupchat'><body>I am she</body></message>")
        hag.stream_error("invalid-from")
        rooms.fence(crone, room)
        assert not [each for each in crone.settle() if rooms.is_named(each, "message")]

    def test_sender_is_the_room(self, cast, crone, room):
        """A user of the same server is not told that the room is another one."""
        hag, wicca = cast.client("forger").online(), cast.client("wicca").online()
        hag.send(f"<message from='{room}' to='{wicca.full}'><x xmlns='{USER}'><status code='104'/></x></message>")
        hag.stream_error("invalid-from")
        wicca.nothing()

    def test_item_in_presence(self, crone, hag, room):
        rooms.join(hag, room, "thirdwitch")
        crone.settle(hag)
        hag.presence(f"to='{room}/thirdwitch'", f"<x xmlns='{USER}'>"
                     f"<item affiliation='owner' role='moderator' jid='{crone.full}'/><status code='201'/></x>")
        crone.expect(f"<presence from='{room}/thirdwitch'>{{more}}<x xmlns='{USER}'>"
                     f"<item affiliation='none' role='participant' jid='{hag.full}'/></x></presence>")

    def test_decline_of_nobody(self, crone, hag, room):
        """A decline goes where an invitation could have come from, and to nobody else on the server."""
        hag.send(f"<message to='{room}'><x xmlns='{USER}'><decline to='{rooms.service(hag.server)}'/></x></message>")
        rooms.fence(hag, room)
        is_alive(crone, room, "firstwitch")

    def test_voice_for_somebody_else(self, crone, hag, room, cast):
        """Only moderators approve, whatever the form says."""
        wicca = cast.client("wicca").online()
        rooms.insist(crone.iq("set", rooms.form([("muc#roomconfig_moderatedroom", ["1"])]), to=room))
        rooms.join(hag, room, "thirdwitch")
        rooms.join(wicca, room, "secondwitch")
        for nick in ("thirdwitch", "secondwitch"):
            rooms.insist(crone.iq("set", f"<query xmlns='{ADMIN}'><item nick='{nick}' role='visitor'/></query>",
                                  to=room))
        hag.send(f"<message to='{room}'><x xmlns='{ns.DATA}' type='submit'>"
                 "<field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#request</value></field>"
                 f"<field var='muc#role'><value>participant</value></field>"
                 f"<field var='muc#jid'><value>{wicca.full}</value></field>"
                 "<field var='muc#roomnick'><value>secondwitch</value></field>"
                 "<field var='muc#request_allow'><value>1</value></field></x></message>")
        rooms.fence(hag, room)
        wicca.settle(hag, crone)
        wicca.message(room, "may I", "groupchat")
        assert condition(wicca.recv()) == "forbidden"


# -- forms -------------------------------------------------------------------------------------

LONG = "x" * 30000
FIELD = "muc#roomconfig_"


def field(name, *values):
    name = name if "#" in name or name == "FORM_TYPE" else FIELD + name
    return f"<field var='{name}'>" + "".join(f"<value>{each}</value>" for each in values) + "</field>"


TYPE = field("FORM_TYPE", FORM)
BAD_FORMS = {
    "unknown field": TYPE + field("roomname", "Changed") + field("cauldron", "1"),
    "boolean is no boolean": TYPE + field("roomname", "Changed") + field("membersonly", "perhaps"),
    "two values for one": TYPE + field("roomname", "Changed") + field("membersonly", "1", "0"),
    "a field twice": TYPE + field("roomname", "Changed") + field("membersonly", "1") + field("membersonly", "0"),
    "number is a word": TYPE + field("roomname", "Changed") + field("maxusers", "many"),
    "number is negative": TYPE + field("roomname", "Changed") + field("maxusers", "-1"),
    "number is too large": TYPE + field("roomname", "Changed") + field("maxusers", "99999999999999999999"),
    "unknown word": TYPE + field("roomname", "Changed") + field("whois", "everything"),
    "unknown role": TYPE + field("roomname", "Changed") + field("presencebroadcast", "king"),
    "password wanted, none given": TYPE + field("roomname", "Changed") + field("passwordprotectedroom", "1"),
    "password wanted, empty": TYPE + field("roomname", "Changed") + field("passwordprotectedroom", "1")
    + field("roomsecret", ""),
    "another form": field("FORM_TYPE", "urn:example:form") + field("roomname", "Changed"),
}


class TestForms:
    @pytest.mark.parametrize("fields", BAD_FORMS.values(), ids=BAD_FORMS.keys())
    def test_refused_as_a_whole(self, crone, hag, room, fields):
        before = self.form(crone, room)
        answer = crone.iq("set", f"<query xmlns='{OWNER}'><x xmlns='{ns.DATA}' type='submit'>{fields}</x></query>",
                          to=room)
        assert condition(answer) in ("bad-request", "not-acceptable")
        assert self.form(crone, room) == before
        rooms.join(hag, room, "thirdwitch")

    def form(self, client, room):
        answer = rooms.insist(client.iq("get", f"<query xmlns='{OWNER}'/>", to=room))
        return {each.get("var"): [value.text for value in each.findall(f"{{{ns.DATA}}}value")]
                for each in answer.iter(f"{{{ns.DATA}}}field") if each.get("var")}

    @pytest.mark.parametrize("payload", ["", "<x/>", f"<x xmlns='{ns.DATA}'/>", f"<x xmlns='{ns.DATA}' type='form'/>",
                                         f"<x xmlns='{ns.DATA}' type='spell'/>", "<destroy xmlns='urn:example'/>"])
    def test_no_form(self, crone, room, payload):
        before = self.form(crone, room)
        answer = crone.iq("set", f"<query xmlns='{OWNER}'>{payload}</query>", to=room)
        assert condition(answer) in ("bad-request", "not-acceptable")
        assert self.form(crone, room) == before

    def test_fields_without_names(self, crone, room):
        answer = crone.iq("set", f"<query xmlns='{OWNER}'><x xmlns='{ns.DATA}' type='submit'>{TYPE}"
                          "<field><value>1</value></field></x></query>", to=room)
        assert answer.get("type") == "result" or condition(answer) in ("bad-request", "not-acceptable")
        is_alive(crone, room, "firstwitch")

    def test_thousand_fields(self, crone, room):
        before = self.form(crone, room)
        many = "".join(field(f"x{number}", "1") for number in range(500))
        answer = crone.iq("set", f"<query xmlns='{OWNER}'><x xmlns='{ns.DATA}' type='submit'>{TYPE}{many}</x></query>",
                          to=room)
        assert condition(answer) in ("bad-request", "not-acceptable")
        assert self.form(crone, room) == before


# -- history, lists, names ---------------------------------------------------------------------


class TestAbsurd:
    @pytest.mark.parametrize("history", [
        "maxstanzas='-1'", "maxstanzas='99999999999999999999'", "maxstanzas='all'", "maxchars='-5'", "maxchars=''",
        "maxchars='1e9'", "seconds='-1'", "seconds='99999999999999999999'", "since='yesterday'",
        "since='9999-99-99T99:99:99Z'", "since='-1970-01-01T00:00:00Z'", "since=''",
        "maxstanzas='2' seconds='x' since='x' maxchars='x'"])
    def test_history(self, crone, hag, room, history):
        """Entered, with some history or none, or refused: in any case an answer."""
        is_alive(crone, room, "firstwitch")
        hag.presence(f"to='{room}/thirdwitch'", f"<x xmlns='{MUC}'><history {history}/></x>")
        answer = hag.take(lambda each: each.get("from") == f"{room}/thirdwitch"
                          and rooms.is_named(each, "presence"))
        assert answer.get("type") is None or condition(answer) in ("bad-request", "not-acceptable")
        is_alive(crone, room, "firstwitch")

    @pytest.mark.parametrize("nick", ["x" * 1024, " ", "\u00a0", "\u202e" + "nimda", "\u200b", "\ufdd0", "a\u0301",
                                      "&lt;b/&gt;&amp;&quot;&apos;"], ids=ascii)
    def test_nickname(self, crone, hag, room, nick):
        hag.send(f"<presence id='n' to='{room}/{nick}'><x xmlns='{MUC}'/></presence>")
        hag.take(lambda each: rooms.is_named(each, "presence")
                 and (each.get("type") == "error" or 110 in rooms.codes(each)))
        is_alive(crone, room, "firstwitch")

    def test_long_list(self, crone, room):
        """Five hundred bans in one request, and the list that they make."""
        items = "".join(f"<item affiliation='outcast' jid='witch{number}@localhost'/>" for number in range(500))
        answer = crone.iq("set", f"<query xmlns='{ADMIN}'>{items}</query>", to=room)
        banned = crone.iq("get", f"<query xmlns='{ADMIN}'><item affiliation='outcast'/></query>", to=room)
        found = len(banned.findall(f".//{{{ADMIN}}}item"))
        assert found == (500 if answer.get("type") == "result" else 0)

    @pytest.mark.parametrize("items", [
        "<item affiliation='member' jid=''/>", "<item affiliation='member' jid='@'/>",
        "<item affiliation='member' jid='a b@localhost'/>", "<item affiliation='member'/>",
        "<item role='visitor'/>", "<item role='visitor' nick=''/>", "<item affiliation='' jid='hag@localhost'/>",
        "<item xmlns='urn:example' affiliation='member' jid='hag@localhost'/>"])
    def test_item(self, crone, room, items):
        answer = crone.iq("set", f"<query xmlns='{ADMIN}'>{items}</query>", to=room)
        assert condition(answer) in ("bad-request", "jid-malformed", "item-not-found", "not-acceptable")
        members = crone.iq("get", f"<query xmlns='{ADMIN}'><item affiliation='member'/></query>", to=room)
        assert not members.findall(f".//{{{ADMIN}}}item")

    def test_many_invitations(self, crone, room):
        many = "".join(f"<invite to='witch{number}@localhost'/>" for number in range(300))
        crone.send(f"<message to='{room}'><x xmlns='{USER}'>{many}</x></message>")
        is_alive(crone, room, "firstwitch")

    def test_long_subject(self, crone, hag, room):
        """Everybody has it, or the sender an error."""
        crone.send(f"<message id='s' to='{room}' type='groupchat'><subject>{LONG}</subject></message>")
        answer = crone.take(lambda each: each.get("id") == "s" or rooms.is_subject(each))
        if answer.get("type") == "error":
            assert condition(answer) in ("not-acceptable", "policy-violation", "resource-constraint")
        rooms.join(hag, room, "thirdwitch")


# -- ends --------------------------------------------------------------------------------------


class TestEnds:
    def test_destroyed_while_people_enter(self, cast, server, crone, room):
        """Each is let in and put out, or refused, or comes first into a new room of that name."""
        guests = [cast.client(f"guest{number}").online() for number in range(8)]
        for guest in guests[:4]:
            guest.presence(f"to='{room}/{guest.user}'", f"<x xmlns='{MUC}'/>")
        crone.send(f"<iq type='set' id='end' to='{room}'><query xmlns='{OWNER}'><destroy/></query></iq>")
        for guest in guests[4:]:
            guest.presence(f"to='{room}/{guest.user}'", f"<x xmlns='{MUC}'/>")
        rooms.insist(crone.take(lambda each: each.get("id") == "end"))
        inside = []
        for guest in guests:
            rooms.fence(guest, room)
            mine = [each for each in guest.settle() if each.get("from") == f"{room}/{guest.user}"]
            assert mine, f"{guest.user} was not answered"
            if mine[-1].get("type") is None:
                inside.append(guest)
        if inside:
            items = inside[0].iq("get", f"<query xmlns='{ns.DISCO_ITEMS}'/>", to=room)
            names = {each.get("jid").partition("/")[2] for each in items.iter(f"{{{ns.DISCO_ITEMS}}}item")}
            assert names == {each.user for each in inside}

    def test_ghost(self, cast, crone, hag, room):
        """A socket dies: the others see it, and the nickname is free."""
        rooms.join(hag, room, "thirdwitch")
        crone.settle(hag)
        hag.drop()
        gone = crone.take(lambda each: each.get("from") == f"{room}/thirdwitch")
        assert gone.get("type") == "unavailable"
        wicca = cast.client("wicca").online()
        rooms.join(wicca, room, "thirdwitch")

    def test_many_ghosts(self, cast, crone, room):
        guests = [cast.client(f"guest{number}").online() for number in range(10)]
        for guest in guests:
            rooms.join(guest, room, guest.user)
        crone.settle(*guests)
        for guest in guests:
            guest.drop()
        left = {crone.take(lambda each: each.get("type") == "unavailable").get("from") for _ in guests}
        assert left == {f"{room}/{guest.user}" for guest in guests}

    def test_replaced_session(self, server, crone, hag, room):
        """Another connection takes the resource over: who was in the room is not there any more."""
        rooms.join(hag, room, "thirdwitch")
        crone.settle(hag)
        other = Client(server, hag.user, hag.resource).online()
        gone = crone.take(lambda each: each.get("from") == f"{room}/thirdwitch")
        assert gone.get("type") == "unavailable"
        other.message(room, "still me?", "groupchat")
        assert condition(other.recv()) == "not-acceptable"
        other.close()

    def test_owner_vanishes_before_the_configuration(self, server, cast, crone, hag):
        """A locked room does not outlive its maker."""
        heath = f"{server.unique('heath')}@{rooms.service(server)}"
        rooms.join(crone, heath, "firstwitch")
        crone.drop()
        wait.until(lambda: 201 in self.try_to_create(hag, heath), "the room has ended")

    def try_to_create(self, client, room):
        client.presence(f"to='{room}/thirdwitch'", f"<x xmlns='{MUC}'/>")
        answer = client.take(lambda each: each.get("from") == f"{room}/thirdwitch"
                             and rooms.is_named(each, "presence"))
        return rooms.codes(answer)

    def test_everybody_leaves_at_once(self, cast, crone, room):
        guests = [cast.client(f"guest{number}").online() for number in range(5)]
        for guest in guests:
            rooms.join(guest, room, guest.user)
        for guest in guests:
            guest.send(f"<presence type='unavailable' to='{room}/{guest.user}'/>")
        crone.send(f"<presence type='unavailable' to='{room}/firstwitch'/>")
        for guest in guests:
            guest.take(lambda each, guest=guest: each.get("from") == f"{room}/{guest.user}"
                       and each.get("type") == "unavailable")
        crone.take(lambda each: each.get("from") == f"{room}/firstwitch" and each.get("type") == "unavailable")
        assert condition(rooms.fence(crone, room)) == "item-not-found"
