# SPDX-License-Identifier: Apache-2.0
"""Rooms that ejabberd keeps: stanzad takes its rows of muc_room, and ejabberd takes them back."""
import glob
import pathlib
import sqlite3

import pytest
from harness import rooms, wait
from harness.ejabberd import Ejabberd
from harness.settings import Settings

pytestmark = [pytest.mark.only("stanzad"),
              pytest.mark.skipif(bool(Ejabberd.missing()), reason=str(Ejabberd.missing()))]

SERVICE = "conference.localhost"
SETTINGS = Settings(modules={"mod_muc": {"default_room_options": {"persistent": True}}, "mod_mam": {}})
DATA = "{jabber:x:data}"

OPTIONS = {
    "title": 'Ti"t\\le é', "description": "日本語", "lang": "de", "pubsub": "xmpp:x", "max_users": "12",
    "password": "sec", "password_protected": "true", "members_only": "true", "anonymous": "false",
    "allow_private_messages": "false", "allow_private_messages_from_visitors": "nobody",
    "voice_request_min_interval": "7", "vcard": "<vCard xmlns='vcard-temp'><FN>é</FN></vCard>",
    "vcard_xupdate": "external", "allow_subscription": "true", "public": "false", "mam": "true", "moderated": "false",
}
AFFILIATIONS = {"b@x.example": "outcast", "c@x.example": "admin", "d@x.example": "member", "x.example": "member"}
FIELDS = {
    "muc#roomconfig_roomname": 'Ti"t\\le é', "muc#roomconfig_roomdesc": "日本語", "muc#roomconfig_lang": "de",
    "muc#roomconfig_pubsub": "xmpp:x", "muc#roomconfig_maxusers": "12", "muc#roomconfig_roomsecret": "sec",
    "muc#roomconfig_passwordprotectedroom": "1", "muc#roomconfig_membersonly": "1", "muc#roomconfig_whois": "anyone",
    "muc#roomconfig_allowpm": "none", "allow_private_messages_from_visitors": "nobody",
    "muc#roomconfig_publicroom": "0", "muc#roomconfig_moderatedroom": "0", "muc#roomconfig_persistentroom": "1",
}


class Other:
    """ejabberd with a database of its own."""

    def __init__(self, folder, shared):
        folder.mkdir()
        self.database = folder / "ejabberd.db"
        schema = pathlib.Path(glob.glob("/usr/lib/*/ejabberd-*/priv/sql/lite.sql")[0])
        with sqlite3.connect(self.database) as database:
            database.executescript(schema.read_text())
        modules = {"mod_muc": {"default_room_options": {"persistent": True}}, "mod_muc_admin": {}, "mod_mam": {}}
        options = {"sql_type": "sqlite", "sql_database": str(self.database), "default_db": "sql"}
        self.server = Ejabberd(Settings(modules=modules, options=options), folder, shared)

    def call(self, command, **arguments):
        return self.server.call(command, service=SERVICE, **arguments)

    def make(self, room, owner):
        self.call("create_room", name=room, host="localhost")
        for option, value in OPTIONS.items():
            self.call("change_room_option", name=room, option=option, value=value)
        for jid, affiliation in {**AFFILIATIONS, owner: "owner"}.items():
            self.call("set_room_affiliation", name=room, jid=jid, affiliation=affiliation)

    def options(self, room):
        return self.call("get_room_options", name=room)

    def affiliations(self, room):
        return sorted(map(str, self.call("get_room_affiliations", name=room)))


@pytest.fixture
def other(tmp_path, farm):
    other = Other(tmp_path / "ejabberd", farm.shared)
    yield other
    if other.server.process:
        other.server.process.kill()


def row(database, room):
    with sqlite3.connect(database, timeout=wait.DEADLINE) as connection:
        found = connection.execute("SELECT opts FROM muc_room WHERE name = ?", (room,)).fetchone()
    return found and found[0]


def put_row(database, room, opts):
    """Instead of what is there."""
    with sqlite3.connect(database, timeout=wait.DEADLINE) as connection:
        connection.execute("DELETE FROM muc_room WHERE name = ?", (room,))
        columns = [each[1] for each in connection.execute("PRAGMA table_info(muc_room)")]
        values = {"name": room, "host": SERVICE, "opts": opts}
        if "server_host" in columns:
            values["server_host"] = "localhost"
        connection.execute(f"INSERT INTO muc_room ({', '.join(values)}) VALUES ({', '.join('?' * len(values))})",
                           tuple(values.values()))


def test_there_and_back(own_server, cast_for, other):
    server = own_server(SETTINGS)
    server.start()
    al = cast_for(server).client("al")
    other.server.start()
    other.make("odd", al.bare)
    options, affiliations = other.options("odd"), other.affiliations("odd")
    wait.until(lambda: "x.example" in (row(other.database, "odd") or ""), "ejabberd has written the room")
    other.server.stop()
    server.stop()
    put_row(server.database, "odd", row(other.database, "odd"))
    server.start()
    al.online()
    room = f"odd@{SERVICE}"
    rooms.join(al, room, "Al", "sec")
    fields = rooms.insist(al.iq("get", f"<query xmlns='{rooms.OWNER}'/>", to=room)).findall(f".//{DATA}field")
    values = {each.get("var"): each.findtext(f"{DATA}value") for each in fields}
    assert {name: values.get(name) for name in FIELDS} == FIELDS
    before = row(server.database, "odd")
    description = 'new\n"é"'
    rooms.insist(al.iq("set", rooms.form([("muc#roomconfig_roomdesc", [description])]), to=room))
    wait.until(lambda: row(server.database, "odd") != before, "stanzad has written the room")
    server.stop()
    put_row(other.database, "odd", row(server.database, "odd"))
    other.server.start()
    assert other.options("odd") == {**options, "description": description}
    assert other.affiliations("odd") == affiliations
