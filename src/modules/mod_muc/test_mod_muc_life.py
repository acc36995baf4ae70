# SPDX-License-Identifier: Apache-2.0
"""mod_muc: rooms when the module comes and goes, and when accounts are gone."""
import pytest

from harness import rooms, wait
from harness.settings import Settings

pytestmark = pytest.mark.only("stanzad")
SETTINGS = Settings(rooms=True, modules={"mod_muc": {"cleanup_affiliations_on_start": True},
                                       "mod_muc_admin": {}})
OPTIONS = [("muc#roomconfig_persistentroom", ["1"])]


BESIDE = ("mod_muc_admin", "mod_muc_log")      # need mod_muc


def away_and_back(server, meanwhile=lambda: None):
    """mod_muc leaves the host, and comes again; and with it what needs it."""
    for name in (*BESIDE, "mod_muc"):
        server.ask("module_unload", server.host, name)
    try:
        meanwhile()
    finally:
        for name in ("mod_muc", *BESIDE):
            server.ask("module_load", server.host, name)


def fresh(client, options=()):
    room = f"{client.server.unique('room')}@{rooms.service(client.server)}"
    rooms.create(client, room, "O", options)
    return room


def test_the_module_leaves(cast):
    """Whoever is in a room hears of it; a persistent room is there again afterwards, and empty."""
    owner = cast.client("owner").online()
    lasting, passing = fresh(owner, OPTIONS), fresh(owner)

    def hears():
        for _ in (lasting, passing):
            gone = owner.take(lambda each: rooms.is_named(each, "presence") and each.get("type") == "unavailable")
            assert gone.get("from") in (f"{lasting}/O", f"{passing}/O")
            assert rooms.codes(gone) == [110, 332]

    away_and_back(cast.server, hears)
    assert 201 not in rooms.codes(rooms.join(owner, lasting, "O"))
    assert cast.server.ask("get_room_occupants_number", *lasting.split("@")).strip() == "1"
    assert 201 in rooms.codes(rooms.join(owner, passing, "O"))


def test_what_is_under_way_when_the_module_leaves(cast):
    """Rooms are being made, saved and loaded while the module goes away and comes back."""
    owner = cast.client("owner").online()
    names = [f"{owner.server.unique('room')}@{rooms.service(owner.server)}" for _ in range(30)]
    for round_ in range(3):
        for name in names:
            owner.presence(f"to='{name}/O'", f"<x xmlns='{rooms.MUC}'/>")
            owner.send(f"<iq type='set' id='c{round_}' to='{name}'>{rooms.form(OPTIONS)}</iq>")
        away_and_back(cast.server)
    owner.drop()
    again = cast.client("owner", "again").online()
    room = fresh(again)
    assert cast.server.ask("get_room_occupants_number", *room.split("@")).strip() == "1"


def test_people_without_an_account(cast):
    """They are forgotten when the room is loaded; others stay."""
    owner = cast.client("owner").online()
    room = fresh(owner, OPTIONS)
    name, service = room.split("@")
    cast.server.add_user("passer")
    for jid in (f"passer@{cast.server.host}", "stranger@elsewhere.example"):
        cast.server.ask("set_room_affiliation", name, service, *jid.split("@"), "member")
    cast.server.ask("unregister", "passer", cast.server.host)
    cast.server.restart()
    wait.until(lambda: "passer" not in cast.server.ask("get_room_affiliations", name, service),
               "who has no account is forgotten")
    left = cast.server.ask("get_room_affiliations", name, service)
    assert "stranger" in left and owner.name.split("@")[0] in left
