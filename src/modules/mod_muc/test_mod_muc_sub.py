# SPDX-License-Identifier: Apache-2.0
"""mod_muc: subscriptions to rooms, ejabberd's MUC/Sub."""
import sqlite3

import pytest

from harness import match, ns, rooms, wait
from harness.push import PushService, enable
from harness.settings import Settings
from harness.stream import show

pytestmark = pytest.mark.only("stanzad")
SETTINGS = Settings(
    rooms=True, listeners={"component": {"module": "ejabberd_service", "password": "secret", "check_from": False}},
    modules={"mod_muc_admin": {}, "mod_push": {}, "mod_mam": {"default": "always"}})
SUB = "urn:xmpp:mucsub:0"
NODES = "urn:xmpp:mucsub:nodes:"
EVENT = "http://jabber.org/protocol/pubsub#event"
CLIENT = f"{{{ns.CLIENT}}}"
PERSISTENT = ("muc#roomconfig_persistentroom", ["1"])


class Stage:
    def __init__(self, cast):
        self.cast, self.server = cast, cast.server
        self.owner, self.romeo = cast.online("owner", "romeo")

    def open(self, *options):
        self.room = f"{self.server.unique('room')}@{rooms.service(self.server)}"
        self.cast.rooms.append(self.room)
        self.config = [("muc#roomconfig_allow_subscription", ["1"]), *options]
        rooms.create(self.owner, self.room, "O", self.config)
        self.cast.settle()
        return self

    def configure(self, *options):
        rooms.insist(self.owner.iq("set", rooms.form(options), to=self.room))

    def affiliate(self, client, affiliation):
        rooms.insist(self.owner.iq("set", f"<query xmlns='{rooms.ADMIN}'><item jid='{client.bare}' "
                                          f"affiliation='{affiliation}'/></query>", to=self.room))

    def subscribe(self, client, nick, *nodes, **attributes):
        events = "".join(f"<event node='{NODES}{node}'/>" for node in nodes)
        more = " ".join(f"{name}='{match.escape(value)}'" for name, value in attributes.items())
        nick = f"nick='{match.escape(nick)}'" if nick is not None else ""
        return client.iq("set", f"<subscribe xmlns='{SUB}' {nick} {more}>{events}</subscribe>", to=self.room)

    def follow(self, client, nick, *nodes, **attributes):
        answer = rooms.insist(self.subscribe(client, nick, *(nodes or ("messages",)), **attributes))
        self.cast.settle()
        return answer

    def unsubscribe(self, client, jid=None):
        jid = f"jid='{jid}'" if jid else ""
        return client.iq("set", f"<unsubscribe xmlns='{SUB}' {jid}/>", to=self.room)

    def listed(self, client, to=None):
        answer = rooms.insist(client.iq("get", f"<subscriptions xmlns='{SUB}'/>", to=to or self.room))
        return [(each.get("jid"), each.get("nick"), nodes(each)) for each in answer.iter(f"{{{SUB}}}subscription")]

    def say(self, client, text):
        client.message(self.room, text, "groupchat")
        self.cast.settle()


@pytest.fixture
def stage(cast):
    return Stage(cast)


def nodes(element):
    return [each.get("node").removeprefix(NODES) for each in element.findall(f"{{{SUB}}}event")]


def refused(answer, kind, condition):
    error = answer.find(f"{CLIENT}error")
    assert answer.get("type") == "error" and error.get("type") == kind, show(answer)
    assert error.find(f"{{{ns.STANZA_ERRORS}}}{condition}") is not None, show(answer)


def told(stage, client, node):
    """The next event: what is in its item."""
    message = client.recv()
    assert message.get("from") == stage.room and message.get("type") is None, show(message)
    items = message.find(f"{{{EVENT}}}event/{{{EVENT}}}items")
    assert items is not None and items.get("node") == NODES + node, show(message)
    item, = items
    assert item.get("id")
    content, = item
    if content.tag.startswith(CLIENT):
        assert content.get("to") == client.bare
    return content


def body(message):
    return message.findtext(f"{CLIENT}body")


def features(client, to):
    answer = rooms.insist(client.iq("get", f"<query xmlns='{ns.DISCO_INFO}'/>", to=to))
    return {each.get("var") for each in answer.iter(f"{{{ns.DISCO_INFO}}}feature")}


# --- requests ----------------------------------------------------------------------------------------------

def test_announced(stage):
    stage.open()
    assert SUB in features(stage.romeo, stage.room)
    assert SUB in features(stage.romeo, rooms.service(stage.server))
    stage.configure(("muc#roomconfig_allow_subscription", ["0"]))
    assert SUB not in features(stage.romeo, stage.room)
    refused(stage.subscribe(stage.romeo, "R", "messages"), "cancel", "not-allowed")
    refused(stage.unsubscribe(stage.romeo), "cancel", "not-allowed")
    refused(stage.romeo.iq("get", f"<subscriptions xmlns='{SUB}'/>", to=stage.room), "cancel", "not-allowed")


def test_subscribe_change_and_end(stage):
    stage.open(PERSISTENT)
    answer = stage.follow(stage.romeo, "R", "messages", "config", "nonsense")
    assert nodes(answer.find(f"{{{SUB}}}subscribe")) == ["messages", "config"]
    service = rooms.service(stage.server)
    assert stage.listed(stage.owner) == [(stage.romeo.bare, "R", ["messages", "config"])]
    assert stage.listed(stage.romeo, service) == [(stage.room, "R", ["messages", "config"])]
    stage.follow(stage.romeo, "Romeo", "subject")
    assert stage.listed(stage.romeo, service) == [(stage.room, "Romeo", ["subject"])]
    rooms.insist(stage.unsubscribe(stage.romeo))
    rooms.insist(stage.unsubscribe(stage.romeo))
    assert stage.listed(stage.owner) == [] and stage.listed(stage.romeo, service) == []


def test_who_may_ask(stage, cast):
    stage.open()
    juliet, = [cast.client("juliet").online()]
    refused(stage.unsubscribe(juliet, stage.romeo.bare), "auth", "forbidden")
    refused(stage.subscribe(juliet, "R", "messages", jid=stage.romeo.bare), "auth", "forbidden")
    refused(juliet.iq("get", f"<subscriptions xmlns='{SUB}'/>", to=stage.room), "auth", "forbidden")
    stage.follow(stage.owner, "R", jid=stage.romeo.bare)
    stage.follow(juliet, "J")
    assert stage.listed(juliet) == [(None, "R", ["messages"]), (None, "J", ["messages"])]
    rooms.insist(stage.unsubscribe(stage.owner, stage.romeo.bare))
    assert stage.listed(stage.owner) == [(juliet.bare, "J", ["messages"])]


@pytest.mark.parametrize("attributes", [{"jid": "@"}, {"jid": ""}])
def test_malformed(stage, attributes):
    stage.open()
    refused(stage.subscribe(stage.owner, "R", "messages", **attributes), "modify", "bad-request")


@pytest.mark.parametrize("nick, condition", [(None, "bad-request"), ("", "bad-request"), ("\u0007", "jid-malformed")])
def test_no_nick(stage, nick, condition):
    stage.open()
    if nick == "\u0007":
        nick = "x" * 1100
    refused(stage.subscribe(stage.romeo, nick, "messages"), "modify", condition)


def test_rules_of_entering(stage):
    stage.open(("muc#roomconfig_passwordprotectedroom", ["1"]), ("muc#roomconfig_roomsecret", ["s3"]))
    refused(stage.subscribe(stage.romeo, "R"), "auth", "not-authorized")
    refused(stage.subscribe(stage.romeo, "R", password="s4"), "auth", "not-authorized")
    stage.follow(stage.romeo, "R", password="s3")
    stage.follow(stage.romeo, "R2")
    stage.configure(("muc#roomconfig_membersonly", ["1"]))
    assert stage.listed(stage.owner) == []
    refused(stage.subscribe(stage.romeo, "R", password="s3"), "auth", "registration-required")
    stage.affiliate(stage.romeo, "outcast")
    refused(stage.subscribe(stage.romeo, "R", password="s3"), "auth", "forbidden")


def test_banned_subscriber(stage):
    stage.open()
    stage.follow(stage.romeo, "R")
    stage.affiliate(stage.romeo, "outcast")
    assert stage.listed(stage.owner) == []
    stage.cast.settle()
    stage.say(stage.owner, "hello")
    stage.cast.nothing(stage.romeo)


def test_nick_is_reserved(stage, cast):
    stage.open()
    juliet = cast.client("juliet").online()
    refused(stage.subscribe(stage.romeo, "O"), "cancel", "conflict")
    stage.follow(stage.romeo, "R")
    refused(stage.subscribe(juliet, "R"), "cancel", "conflict")
    juliet.presence(f"to='{stage.room}/R'", f"<x xmlns='{rooms.MUC}'/>")
    refused(juliet.recv(), "cancel", "conflict")
    stage.follow(juliet, "J")
    refused(stage.subscribe(juliet, "R"), "cancel", "conflict")
    answer = rooms.insist(stage.romeo.iq("get", f"<query xmlns='{ns.DISCO_INFO}' node='x-roomuser-item'/>",
                                         to=stage.room))
    assert answer.find(f".//{{{ns.DISCO_INFO}}}identity").get("name") == "R"
    form = (f"<x xmlns='{ns.DATA}' type='submit'><field var='FORM_TYPE'><value>{rooms.MUC}#register</value></field>"
            "<field var='muc#register_roomnick'><value>R</value></field></x>")
    refused(juliet.iq("set", f"<query xmlns='{ns.REGISTER}'>{form}</query>", to=stage.room), "cancel", "conflict")
    rooms.join(stage.romeo, stage.room, "R")


# --- events ------------------------------------------------------------------------------------------------

def test_messages(stage):
    stage.open(("muc#roomconfig_mam", ["1"]))
    stage.follow(stage.romeo, "R")
    stage.owner.send(f"<message to='{stage.room}' type='groupchat'><body>hi</body><a xmlns='urn:x'><b/></a></message>")
    said = told(stage, stage.romeo, "messages")
    assert said.get("from") == f"{stage.room}/O" and said.get("type") == "groupchat" and body(said) == "hi"
    assert said.find("{urn:x}a/{urn:x}b") is not None
    assert said.find("{urn:xmpp:sid:0}stanza-id").get("by") == stage.room


def test_only_what_was_asked_for(stage):
    stage.open()
    stage.follow(stage.romeo, "R", "subject")
    stage.say(stage.owner, "hi")
    stage.owner.send(f"<message to='{stage.room}' type='groupchat'><subject>s</subject></message>")
    assert told(stage, stage.romeo, "subject").findtext(f"{CLIENT}subject") == "s"


def test_inside_it_is_as_for_others(stage):
    stage.open()
    stage.say(stage.owner, "before")
    stage.follow(stage.romeo, "R", "messages", "presence")
    stage.romeo.presence(f"to='{stage.room}/R'", f"<x xmlns='{rooms.MUC}'/>")
    seen = [stage.romeo.recv() for _ in range(3)]
    assert [each.tag for each in seen] == [f"{CLIENT}presence", f"{CLIENT}presence", f"{CLIENT}message"]
    assert rooms.is_subject(seen[2])
    stage.cast.settle()
    stage.owner.message(stage.room, "hi", "groupchat")
    stage.romeo.expect(f"<message from='{stage.room}/O' type='groupchat'>{{more}}<body>hi</body></message>")
    stage.romeo.presence(f"to='{stage.room}/R' type='unavailable'")
    stage.cast.settle()
    stage.owner.message(stage.room, "again", "groupchat")
    assert body(told(stage, stage.romeo, "messages")) == "again"


def test_presence_and_affiliations(stage, cast):
    stage.open()
    juliet = cast.client("juliet").online()
    stage.follow(stage.romeo, "R", "presence", "affiliations")
    rooms.join(juliet, stage.room, "J")
    came = told(stage, stage.romeo, "presence")
    assert came.tag == f"{CLIENT}presence" and came.get("from") == f"{stage.room}/J"
    assert came.find(f".//{{{rooms.USER}}}item").get("jid") is None
    stage.affiliate(juliet, "member")
    assert told(stage, stage.romeo, "affiliations").find(f".//{{{rooms.USER}}}item").get("affiliation") == "member"
    juliet.presence(f"to='{stage.room}/J' type='unavailable'")
    assert told(stage, stage.romeo, "presence").get("type") == "unavailable"
    stage.affiliate(juliet, "admin")
    stage.affiliate(stage.romeo, "owner")
    stage.affiliate(juliet, "none")
    item = [told(stage, stage.romeo, "affiliations") for _ in range(2)][-1].find(f".//{{{rooms.USER}}}item")
    assert (item.get("jid"), item.get("affiliation")) == (juliet.bare, "none")


def test_config(stage):
    stage.open()
    stage.follow(stage.romeo, "R", "config")
    stage.configure(("muc#roomconfig_roomname", ["Den"]))
    status = told(stage, stage.romeo, "config").find(f"{{{rooms.USER}}}x/{{{rooms.USER}}}status")
    assert status.get("code") == "104"


@pytest.mark.parametrize("whois", ["anyone", "moderators"])
def test_subscribers(stage, cast, whois):
    stage.open(("muc#roomconfig_whois", [whois]))
    juliet = cast.client("juliet").online()
    stage.follow(stage.romeo, "R", "subscribers")
    jid = juliet.bare if whois == "anyone" else None
    rooms.insist(stage.subscribe(juliet, "J"))
    came = told(stage, stage.romeo, "subscribers")
    assert (came.tag, came.get("jid"), came.get("nick")) == (f"{{{SUB}}}subscribe", jid, "J")
    rooms.insist(stage.unsubscribe(juliet))
    went = told(stage, stage.romeo, "subscribers")
    assert (went.tag, went.get("jid"), went.get("nick")) == (f"{{{SUB}}}unsubscribe", jid, "J")


@pytest.mark.parametrize("node", ["system", "config"])
def test_end_of_the_room(stage, node):
    stage.open()
    stage.follow(stage.romeo, "R", node)
    rooms.insist(stage.owner.iq("set", f"<query xmlns='{rooms.OWNER}'><destroy/></query>", to=stage.room))
    gone = told(stage, stage.romeo, node)
    assert gone.get("type") == "unavailable" and gone.find(f".//{{{rooms.USER}}}destroy") is not None


# --- speaking ----------------------------------------------------------------------------------------------

def test_says(stage):
    stage.open()
    stage.follow(stage.romeo, "R")
    stage.romeo.message(stage.room, "hi", "groupchat")
    stage.owner.expect(f"<message from='{stage.room}/R' type='groupchat'>{{more}}<body>hi</body></message>")
    assert body(told(stage, stage.romeo, "messages")) == "hi"


def test_has_no_voice(stage):
    stage.open(("members_by_default", ["0"]), ("muc#roomconfig_moderatedroom", ["1"]))
    stage.follow(stage.romeo, "R")
    stage.romeo.message(stage.room, "hi", "groupchat")
    refused(stage.romeo.recv(), "auth", "forbidden")


def test_no_subscriber(stage):
    stage.open()
    stage.romeo.message(stage.room, "hi", "groupchat")
    refused(stage.romeo.recv(), "modify", "not-acceptable")


def test_private_messages(stage, cast):
    stage.open()
    juliet = cast.client("juliet").online()
    stage.follow(stage.romeo, "R")
    stage.follow(juliet, "J")
    stage.romeo.message(f"{stage.room}/O", "to O")
    stage.owner.expect(f"<message from='{stage.room}/R' type='chat'>{{more}}<body>to O</body></message>")
    stage.owner.message(f"{stage.room}/R", "to R")
    stage.romeo.expect(f"<message from='{stage.room}/O' type='chat'>{{more}}<body>to R</body></message>")
    stage.romeo.message(f"{stage.room}/J", "to J")
    juliet.expect(f"<message from='{stage.room}/R' type='chat'>{{more}}<body>to J</body></message>")
    stage.romeo.message(f"{stage.room}/X", "to X")
    refused(stage.romeo.recv(), "cancel", "item-not-found")


# --- what stays --------------------------------------------------------------------------------------------

def rows(stage):
    with sqlite3.connect(stage.server.database, timeout=20) as db:
        return db.execute("SELECT jid, nick, nodes FROM muc_room_subscribers WHERE room || '@' || host = ?",
                          (stage.room,)).fetchall()


def test_rows(stage):
    stage.open()
    stage.follow(stage.romeo, "R", "messages", "subject")
    assert rows(stage) == []
    stage.configure(PERSISTENT)
    row = (stage.romeo.bare, "R", f'[<<"{NODES}messages">>,<<"{NODES}subject">>]')
    wait.until(lambda: rows(stage) == [row], "the room became persistent")
    rooms.insist(stage.owner.iq("set", f"<query xmlns='{rooms.OWNER}'><destroy/></query>", to=stage.room))
    wait.until(lambda: rows(stage) == [], "the room is gone")


def test_temporary_room_stays_for_them(stage):
    stage.open()
    stage.follow(stage.romeo, "R")
    stage.owner.presence(f"to='{stage.room}/O' type='unavailable'")
    stage.cast.settle()
    assert stage.listed(stage.romeo) == [(None, "R", ["messages"])]
    rooms.insist(stage.unsubscribe(stage.romeo))
    wait.until(lambda: stage.room not in stage.server.ask_json("muc_online_rooms", "global"), "the room ends")


def test_over_a_restart(cast):
    stage = Stage(cast).open(PERSISTENT)
    stage.follow(stage.romeo, "R", "messages", "presence")
    stage.server.restart()
    romeo, owner = cast.client("romeo", "again").online(), cast.client("owner", "again").online()
    assert stage.listed(owner) == [(romeo.bare, "R", ["presence", "messages"])]
    rooms.join(owner, stage.room, "Owner")
    assert told(stage, romeo, "presence").get("from") == f"{stage.room}/Owner"
    owner.message(stage.room, "hi", "groupchat")
    assert body(told(stage, romeo, "messages")) == "hi"


def test_account_removed(stage, cast):
    stage.open(PERSISTENT)
    juliet = cast.client("juliet").online()
    stage.follow(juliet, "J")
    stage.server.ask("unregister", juliet.user, juliet.host)
    wait.until(lambda: stage.listed(stage.owner) == [], "the room forgets them")
    assert rows(stage) == []


def test_offline(stage, cast):
    """It is kept, archived, and a push service hears of it; presence is not kept."""
    push = PushService(stage.server, f"{stage.server.unique('push')}.localhost").attach()
    stage.open()
    juliet = cast.client("juliet").login()
    rooms.insist(enable(juliet, push.host, "node"))
    rooms.insist(stage.subscribe(juliet, "J", "messages", "presence"))
    juliet.close()
    rooms.join(stage.romeo, stage.room, "R")
    stage.owner.message(stage.room, "hi", "groupchat")
    notification = push.take_one()
    assert notification.user == juliet.bare and notification.summary["last-message-body"] == "New message"
    back = cast.client("juliet", "back").login()
    back.presence()
    assert back.recv().get("from") == back.full
    kept = back.take(lambda each: each.find(f"{{{EVENT}}}event") is not None)
    assert kept.find(f"{{{EVENT}}}event/{{{EVENT}}}items").get("node") == f"{NODES}messages", show(kept)
    assert kept.find(f"{{{ns.DELAY}}}delay") is not None
    stage.cast.nothing(back)
    back.send("<iq type='set' id='mam'><query xmlns='urn:xmpp:mam:2'/></iq>")
    result = back.recv().find("{urn:xmpp:mam:2}result")
    found = [body(each) for each in result.iter(f"{CLIENT}message") if body(each) is not None]
    assert found == ["hi"] and back.recv().get("id") == "mam"
    push.drop()


# --- commands ----------------------------------------------------------------------------------------------

def names(*wanted):
    return [NODES + each for each in wanted]


def test_commands(stage, cast):
    stage.open(PERSISTENT, ("muc#roomconfig_passwordprotectedroom", ["1"]), ("muc#roomconfig_roomsecret", ["s"]))
    server, romeo, juliet = stage.server, stage.romeo, cast.client("juliet").online()
    where = stage.room.split("@")
    assert server.ask_json("subscribe_room", romeo.user, romeo.host, "R", *where,
                           ",".join(names("presence", "messages"))) == names("presence", "messages")
    assert server.ask_json("get_user_subscriptions", romeo.user, romeo.host) == [
        {"roomjid": stage.room, "usernick": "R", "nodes": names("presence", "messages")}]
    server.ask("subscribe_room_many", f"{romeo.user}:{romeo.host}:Ro,{juliet.user}:{juliet.host}:J", *where, "messages")
    assert server.ask_json("get_subscribers", *where) == [romeo.bare, juliet.bare]
    assert stage.listed(juliet, rooms.service(server)) == [(stage.room, "J", ["messages"])]
    server.ask("unsubscribe_room", romeo.user, romeo.host, *where)
    assert server.ask_json("get_subscribers", *where) == [juliet.bare]
    assert server.ask_json("get_user_subscriptions", romeo.user, romeo.host) == []


@pytest.mark.parametrize("nick, nodes, says", [
    ("R", "nonsense", "nodes"), ("R", "", "nodes"), ("", "messages", "nick"), ("O", "messages", "nick")])
def test_bad_commands(stage, nick, nodes, says):
    stage.open()
    answer = stage.server.ctl("subscribe_room", stage.romeo.user, stage.romeo.host, nick, *stage.room.split("@"), nodes)
    assert answer.returncode != 0 and says in answer.stdout + answer.stderr


def test_too_many(stage):
    stage.open()
    users = ",".join(f"u{i}:localhost:n{i}" for i in range(51))
    answer = stage.server.ctl("subscribe_room_many", users, *stage.room.split("@"), "messages")
    assert answer.returncode != 0 and "more than 50" in answer.stdout + answer.stderr
    assert stage.listed(stage.owner) == []


def test_create_with_subscribers(stage, cast):
    server, where = stage.server, [stage.server.unique("room"), rooms.service(stage.server)]
    stage.room = "@".join(where)
    server.ask("create_room_with_opts", *where, server.host,
               f"persistent:true,subscribers:{stage.romeo.bare}=R=messages=subject;u@x.example=U=config")
    assert server.ask_json("get_subscribers", *where) == [stage.romeo.bare, "u@x.example"]
    assert stage.listed(stage.romeo) == [(None, "R", ["messages", "subject"]), (None, "U", ["config"])]
    answer = server.ctl("create_room_with_opts", where[0] + "2", where[1], server.host, "subscribers:@=R")
    assert answer.returncode != 0 and "subscribers" in answer.stdout + answer.stderr
    server.ask("destroy_room", *where)
