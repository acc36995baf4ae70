# SPDX-License-Identifier: Apache-2.0
"""mod_muc_admin: its commands, for rooms in memory and rooms that sleep."""
import pytest

from harness import ns, rooms, wait
from harness.settings import Settings

pytestmark = pytest.mark.only("stanzad")
SETTINGS = Settings(rooms=True, modules={"mod_muc_admin": {}, "mod_mam": {}})


@pytest.fixture
def service(server):
    return rooms.service(server)


@pytest.fixture
def room(server, service):
    """The name of a room that there is not, and none afterwards."""
    name = server.unique("room")
    yield name
    server.ctl("destroy_room", name, service)


def make(server, room, **options):
    service = rooms.service(server)
    server.ask("create_room_with_opts", room, service, server.host,
               ",".join(f"{name}:{value}" for name, value in options.items()))
    return f"{room}@{service}"


def options(server, room):
    return {each["name"]: each["value"] for each in server.ask_json(
        "get_room_options", room, rooms.service(server))}


def fails(server, *words, says):
    answer = server.ctl(*words)
    assert answer.returncode != 0
    assert says in answer.stdout + answer.stderr


# --- making and ending -------------------------------------------------------------------------------------

def test_create(server, service, room):
    server.ask("create_room", room, service, server.host)
    assert f"{room}@{service}" in server.ask_json("muc_online_rooms", service)
    fails(server, "create_room", room, service, server.host, says="already")
    server.ask("destroy_room", room, service)
    assert f"{room}@{service}" not in server.ask_json("muc_online_rooms", service)
    fails(server, "destroy_room", room, service, says="there is no room")


def test_temporary_room_waits_for_its_first_guest(server, cast, service, room):
    server.ask("create_room", room, service, server.host)
    romeo = cast.online("romeo")
    romeo.iq("get", f"<query xmlns='{ns.DISCO_INFO}'/>", to=f"{room}@{service}")
    server.ask_json("get_user_rooms", romeo.user, romeo.host)
    rooms.join(romeo, f"{room}@{service}", "R")
    romeo.presence(f"to='{room}@{service}/R' type='unavailable'")
    wait.until(lambda: f"{room}@{service}" not in server.ask_json("muc_online_rooms", service), "the room ends")


def test_create_with_options(server, cast, service, room):
    owner, member = cast.account("owner"), cast.account("member")
    server.ask("create_room_with_opts", room, service, server.host,
               f"persistent:true,title:A: b,affiliations:owner={owner}@{server.host};member={member}@{server.host},"
               "max_users:7,anonymous:false")
    now = options(server, room)
    assert (now["persistent"], now["title"], now["max_users"], now["anonymous"]) == ("true", "A: b", "7", "false")
    listed = {each["jid"]: each["affiliation"] for each in server.ask_json("get_room_affiliations", room, service)}
    assert listed == {f"{owner}@{server.host}": "owner", f"{member}@{server.host}": "member"}


@pytest.mark.parametrize("given, says", [
    ("nonsense:1", "nonsense"),
    ("max_users:many", "max_users"),
    ("affiliations:boss=a@b", "boss"),
    ("affiliations:owner=@", "affiliations"),
])
def test_create_with_bad_options(server, service, room, given, says):
    fails(server, "create_room_with_opts", room, service, server.host, given, says=says)
    wait.until(lambda: f"{room}@{service}" not in server.ask_json("muc_online_rooms", service), "there is no room")


@pytest.mark.parametrize("command", [("create_room", "localhost"), ("destroy_room",), ("get_room_options",)])
def test_no_such_service(server, command):
    fails(server, command[0], "a", "muc.example.org", *command[1:], says="no service of rooms")


def test_file(server, service, room, tmp_path):
    path = tmp_path / "rooms.txt"
    path.write_text(f"{room}@{service}\n\n  {room}2@{service}\n@\n{room}@elsewhere\n")
    fails(server, "create_rooms_file", str(path), says="line 4")
    assert {f"{room}@{service}", f"{room}2@{service}"} <= set(server.ask_json("muc_online_rooms", "global"))
    assert options(server, f"{room}2")["persistent"] == "true"
    path.write_text(f"{room}@{service}\n{room}2@{service}\n")
    server.ask("destroy_rooms_file", str(path))
    assert not {f"{room}@{service}", f"{room}2@{service}"} & set(server.ask_json("muc_online_rooms", "global"))
    fails(server, "destroy_rooms_file", str(path), says="line 1")
    fails(server, "create_rooms_file", str(tmp_path / "none"), says="No such file")


# --- lists -------------------------------------------------------------------------------------------------

def test_lists(server, service, room):
    make(server, room, public="false")
    assert server.ask_json("muc_online_rooms_by_regex", service, f"^{room}$") == [
        {"jid": f"{room}@{service}", "public": "false", "participants": 0}]
    assert server.ask_json("muc_online_rooms_by_regex", service, "^no-such-room$") == []
    assert server.ask_json("muc_online_rooms_count", service) == len(server.ask_json("muc_online_rooms", service))
    assert server.ask_json("muc_online_rooms_count", "global") >= 1
    fails(server, "muc_online_rooms_by_regex", service, "(", says="regex")


def test_people(server, cast, service, room):
    romeo, juliet = cast.online("romeo", "juliet")
    where = make(server, room)
    rooms.join(romeo, where, "R")
    rooms.join(juliet, where, "J")
    listed = sorted(server.ask_json("get_room_occupants", room, service), key=lambda each: each["nick"])
    assert listed == [{"jid": juliet.full, "nick": "J", "role": "participant"},
                      {"jid": romeo.full, "nick": "R", "role": "participant"}]
    assert server.ask_json("get_room_occupants_number", room, service) == 2
    assert server.ask_json("get_user_rooms", romeo.user, romeo.host) == [where]
    server.ask("set_room_affiliation", room, service, romeo.user, romeo.host, "admin")
    assert server.ask_json("get_room_affiliation", room, service, romeo.bare) == "admin"
    seen = juliet.take(lambda each: each.get("from") == f"{where}/R"
                       and each.find(f".//{{{rooms.USER}}}item").get("affiliation") == "admin")
    assert seen.find(f".//{{{rooms.USER}}}item").get("role") == "moderator"
    server.ask("set_room_affiliation", room, service, romeo.user, romeo.host, "none")
    assert server.ask_json("get_room_affiliation", room, service, romeo.bare) == "none"
    fails(server, "set_room_affiliation", room, service, romeo.user, romeo.host, "king", says="affiliation")


def test_options(server, cast, service, room):
    romeo = cast.online("romeo")
    where = make(server, room)
    rooms.join(romeo, where, "R")
    server.ask("change_room_option", room, service, "title", "Den")
    assert rooms.codes(romeo.take(lambda each: rooms.is_named(each, "message"))) == [104]
    assert options(server, room)["title"] == "Den"
    fails(server, "change_room_option", room, service, "nonsense", "x", says="nonsense")
    fails(server, "change_room_option", room, service, "public", "perhaps", says="public")


def test_history(server, cast, service, room):
    romeo = cast.online("romeo")
    where = make(server, room)
    rooms.join(romeo, where, "R")
    romeo.send(f"<message to='{where}' type='groupchat'><body>larks</body></message>")
    romeo.take(lambda each: rooms.is_named(each, "message"))
    [said] = server.ask_json("get_room_history", room, service)
    assert "larks" in said["message"] and f"{where}/R" in said["message"] and said["timestamp"].endswith("Z")


def test_invitation(server, cast, service, room):
    romeo, juliet, nurse = cast.online("romeo", "juliet", "nurse")
    where = make(server, room)
    rooms.join(nurse, where, "N")
    cast.settle()
    server.ask("send_direct_invitation", room, service, "none", "Come", f"{romeo.bare},{juliet.bare},{nurse.bare}")
    for client in (romeo, juliet):
        invitation = client.recv()
        x = invitation.find("{jabber:x:conference}x")
        assert (invitation.get("from"), x.get("jid"), x.get("reason"), x.get("password")) == (
            where, where, "Come", None)
    cast.nothing(nurse)
    fails(server, "send_direct_invitation", room, service, "none", "none", "@", says="users")


# --- rooms that sleep --------------------------------------------------------------------------------------

def test_after_a_restart(server, cast, service, room):
    owner = cast.account("owner")
    where = make(server, room, persistent="true", title="Den", affiliations=f"owner={owner}@{server.host}")
    server.restart()
    wait.until(lambda: where in server.ask_json("muc_online_rooms", service), "the rooms are listed")
    assert server.ask_json("get_room_affiliation", room, service, f"{owner}@{server.host}") == "owner"
    assert options(server, room)["title"] == "Den"
    fails(server, "create_room", room, service, server.host, says="already")


def test_unused(server, cast, service, room):
    where = make(server, room, persistent="true")
    assert where in server.ask_json("rooms_unused_list", service, 0)
    assert where not in server.ask_json("rooms_unused_list", service, 1)
    romeo = cast.online("romeo")
    rooms.join(romeo, where, "R")
    assert where not in server.ask_json("rooms_unused_list", service, 0)
    assert where not in server.ask_json("rooms_unused_destroy", service, 1)
    romeo.presence(f"to='{where}/R' type='unavailable'")
    romeo.take(lambda each: each.get("type") == "unavailable")
    assert where in server.ask_json("rooms_unused_destroy", service, 0)
    assert where not in server.ask_json("muc_online_rooms", service)
    fails(server, "rooms_unused_list", service, -1, says="days")


def test_empty(server, cast, service, room):
    where = make(server, room, persistent="true", mam="true")
    assert where in server.ask_json("rooms_empty_list", service)
    romeo = cast.online("romeo")
    rooms.join(romeo, where, "R")
    romeo.send(f"<message to='{where}' type='groupchat'><body>larks</body></message>")
    romeo.presence(f"to='{where}/R' type='unavailable'")
    romeo.take(lambda each: each.get("type") == "unavailable")
    wait.until(lambda: where not in server.ask_json("rooms_empty_list", service), "the message is archived")
    make(server, f"{room}2", persistent="true")
    assert server.ask_json("rooms_empty_destroy", service).startswith("Destroyed rooms: ")
    left = server.ask_json("muc_online_rooms", service)
    assert where in left and f"{room}2@{service}" not in left


# --- nicks -------------------------------------------------------------------------------------------------

def test_nicks(server, cast, service):
    romeo, juliet = cast.account("romeo"), cast.account("juliet")
    nick, host = server.unique("Nick"), server.host
    fails(server, "muc_get_registered_nick", romeo, host, service, says="no nick")
    server.ask("muc_register_nick", nick, romeo, host, service)
    assert server.ask_json("muc_get_registered_nick", romeo, host, service) == nick
    assert {"user": romeo, "host": host, "nick": nick} in server.ask_json("muc_get_registered_nicks", service)
    fails(server, "muc_register_nick", nick, juliet, host, service, says="somebody else")
    client = cast.online("romeo")
    form = client.iq("get", f"<query xmlns='{ns.REGISTER}'/>", to=service)
    assert form[0].findtext(f"{{{ns.REGISTER}}}nick") == nick
    server.ask("muc_unregister_nick", romeo, host, service)
    fails(server, "muc_unregister_nick", romeo, host, service, says="no nick")
    server.ask("muc_register_nick", nick, juliet, host, service)
