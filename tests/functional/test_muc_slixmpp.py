# SPDX-License-Identifier: Apache-2.0
"""Chat rooms with a library's own idea of them: slixmpp's plugin for XEP-0045."""
import asyncio
import itertools

import pytest

from harness.rooms import USER, service
from harness.settings import Settings

slixmpp = pytest.importorskip("slixmpp")

from slixmpp.exceptions import IqError, PresenceError  # noqa: E402

from harness import bots  # noqa: E402

SETTINGS = Settings(starttls="required", rooms=True)
NUMBERS = itertools.count(1)


class Guest(bots.Bot):
    """Keeps, in order, what rooms send."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.register_plugin("xep_0004")
        self.register_plugin("xep_0045")
        self.muc = self["xep_0045"]
        self.heard, self.seen, self.invited = asyncio.Queue(), asyncio.Queue(), asyncio.Queue()
        self.add_event_handler("groupchat_message", self.heard.put_nowait)
        self.add_event_handler("groupchat_presence", self.seen.put_nowait)
        self.add_event_handler("groupchat_invite", self.invited.put_nowait)

    async def sees(self, wanted):
        """The first presence for which wanted() is true."""
        while True:
            presence = await self.seen.get()
            if wanted(presence):
                return presence


@pytest.fixture
def room(server):
    return slixmpp.JID(f"room{next(NUMBERS)}@{service(server)}")


@pytest.fixture
def play(server, cast):
    """play(scene): the coroutine scene(romeo, juliet), both logged in; play(scene, "romeo") for one alone."""
    def play(scene, *names):
        authority = server.certificates[0].crt
        names = names or ("romeo", "juliet")
        jids = [f"{cast.account(name)}@localhost/bot" for name in names]

        async def ready(*made):
            for bot in made:
                await bot.ready.wait()
            await scene(*made)
        bots.play(ready, *(lambda jid=jid: Guest(jid, server, authority) for jid in jids))
    return play


async def meet(romeo, juliet, room):
    """Romeo owns a room that Juliet is in, too."""
    await create(romeo, room)
    await juliet.muc.join_muc_wait(room, "juliet")
    await romeo.sees(lambda each: each["from"] == f"{room}/juliet")


async def create(romeo, room, **options):
    await romeo.muc.join_muc_wait(room, "romeo")
    await configure(romeo, room, **options)


async def configure(owner, room, **options):
    """As people do it: the whole form comes and, with some changes, goes back."""
    form = await owner.muc.get_room_config(room)
    values = form.get_values()
    for name, value in options.items():
        assert f"muc#roomconfig_{name}" in values, values
        values[f"muc#roomconfig_{name}"] = value
    answer = owner["xep_0004"].make_form(ftype="submit")
    for name, value in values.items():
        answer.add_field(var=name, value=str(int(value)) if isinstance(value, bool) else value)
    await owner.muc.set_room_config(room, answer)


def new_nick(presence):
    """The plugin itself says the nickname of the address."""
    return presence.xml.find(f".//{{{USER}}}item").get("nick")


def codes(presence):
    return presence["muc"]["status_codes"]


def test_entering_and_talking(play, room):
    async def scene(romeo, juliet):
        await create(romeo, room)
        mine, subject, others, history = await juliet.muc.join_muc_wait(room, "juliet")
        assert 110 in codes(mine) and mine["muc"]["role"] == "participant"
        assert "romeo" in [each["from"].resource for each in others]
        assert subject["subject"] == "" and history == []
        assert sorted(juliet.muc.get_roster(room)) == ["juliet", "romeo"]

        juliet.send_message(mto=room, mbody="O Romeo, Romeo", mtype="groupchat")
        heard = await romeo.heard.get()
        assert (heard["from"], heard["body"]) == (f"{room}/juliet", "O Romeo, Romeo")
        assert (await juliet.heard.get())["body"] == "O Romeo, Romeo"
        romeo.send_message(mto=room, mbody="Shall I hear more", mtype="groupchat")
        assert (await juliet.heard.get())["from"] == f"{room}/romeo"
    play(scene)


def test_history(play, room):
    async def scene(romeo, juliet):
        await create(romeo, room)
        for body in ("one", "two", "three"):
            romeo.send_message(mto=room, mbody=body, mtype="groupchat")
            await romeo.heard.get()
        _, _, _, history = await juliet.muc.join_muc_wait(room, "juliet", maxstanzas=2)
        assert [each["body"] for each in history] == ["two", "three"]
    play(scene)


def test_subject(play, room):
    async def scene(romeo, juliet):
        await create(romeo, room)
        romeo.muc.set_subject(room, "Verona")
        await romeo["xep_0030"].get_info(jid=room)
        _, subject, _, _ = await juliet.muc.join_muc_wait(room, "juliet")
        assert subject["subject"] == "Verona"
    play(scene)


def test_refused(play, room):
    async def scene(romeo, juliet):
        await create(romeo, room)
        with pytest.raises(PresenceError) as refused:
            await juliet.muc.join_muc_wait(room, "romeo")
        assert refused.value.condition == "conflict"
    play(scene)


def test_password(play, room):
    async def scene(romeo, juliet):
        await create(romeo, room, passwordprotectedroom=True, roomsecret="mantua")
        with pytest.raises(PresenceError) as refused:
            await juliet.muc.join_muc_wait(room, "juliet")
        assert refused.value.condition == "not-authorized"
        await juliet.muc.join_muc_wait(room, "juliet", password="mantua")
    play(scene)


def test_new_nickname(play, room):
    async def scene(romeo, juliet):
        await meet(romeo, juliet, room)
        juliet.send_presence(pto=f"{room}/capulet")
        gone = await romeo.sees(lambda each: each["type"] == "unavailable")
        assert gone["from"] == f"{room}/juliet" and 303 in codes(gone) and new_nick(gone) == "capulet"
        await romeo.sees(lambda each: each["from"] == f"{room}/capulet")
        await juliet.sees(lambda each: each["from"] == f"{room}/capulet" and 110 in codes(each))
        juliet.send_message(mto=room, mbody="deny thy name", mtype="groupchat")
        assert (await romeo.heard.get())["from"] == f"{room}/capulet"
    play(scene)


def test_kick(play, room):
    async def scene(romeo, juliet):
        await meet(romeo, juliet, room)
        with pytest.raises(IqError) as refused:
            await juliet.muc.set_role(room, "romeo", "none")
        assert refused.value.condition in ("forbidden", "not-allowed")
        await romeo.muc.set_role(room, "juliet", "none", reason="begone")
        gone = await juliet.sees(lambda each: each["type"] == "unavailable")
        assert 307 in codes(gone) and gone["muc"]["role"] == "none"
        await romeo.sees(lambda each: each["from"] == f"{room}/juliet" and 307 in codes(each))
        await juliet.muc.join_muc_wait(room, "juliet")
    play(scene)


def test_ban(play, room):
    async def scene(romeo, juliet):
        await meet(romeo, juliet, room)
        await romeo.muc.set_affiliation(room, "outcast", jid=juliet.boundjid.bare, reason="banishment")
        gone = await juliet.sees(lambda each: each["type"] == "unavailable")
        assert 301 in codes(gone)
        assert await romeo.muc.get_affiliation_list(room, "outcast") == [juliet.boundjid.bare]
        with pytest.raises(PresenceError) as refused:
            await juliet.muc.join_muc_wait(room, "juliet")
        assert refused.value.condition == "forbidden"
        await romeo.muc.set_affiliation(room, "none", jid=juliet.boundjid.bare)
        await juliet.muc.join_muc_wait(room, "juliet")
    play(scene)


def test_roles_and_affiliations(play, room):
    async def scene(romeo, juliet):
        await meet(romeo, juliet, room)
        await romeo.muc.set_affiliation(room, "admin", jid=juliet.boundjid.bare)
        now = await juliet.sees(lambda each: each["from"] == f"{room}/juliet"
                                and each["muc"]["affiliation"] == "admin")
        assert now["muc"]["role"] == "moderator"
        assert sorted(await romeo.muc.get_roles_list(room, "moderator")) == ["juliet", "romeo"]
        assert await romeo.muc.get_affiliation_list(room, "admin") == [juliet.boundjid.bare]
    play(scene)


def test_invitation(play, room):
    async def scene(romeo, juliet):
        await create(romeo, room, membersonly=True)
        romeo.muc.invite(room, juliet.boundjid.bare, reason="feast")
        invitation = await juliet.invited.get()
        assert invitation["from"] == room and invitation["muc"]["invite"]["reason"] == "feast"
        await juliet.muc.join_muc_wait(room, "juliet")
    play(scene)


def test_leaving(play, room):
    async def scene(romeo, juliet):
        await meet(romeo, juliet, room)
        juliet.muc.leave_muc(room, "juliet", msg="Farewell")
        gone = await romeo.sees(lambda each: each["type"] == "unavailable")
        assert gone["from"] == f"{room}/juliet" and gone["status"] == "Farewell"
        assert romeo.muc.get_roster(room) == ["romeo"]
    play(scene)


def test_end_of_a_room(play, room):
    async def scene(romeo, juliet):
        await meet(romeo, juliet, room)
        await romeo.muc.destroy(room, reason="plague")
        gone = await juliet.sees(lambda each: each["type"] == "unavailable")
        assert gone["muc"]["destroy"]["reason"] == "plague"
    play(scene)


def test_discovery(play, room):
    async def scene(romeo):
        await create(romeo, room, roomname="Verona", persistentroom=True)
        items = await romeo["xep_0030"].get_items(jid=room.domain)
        assert room in [each[0] for each in items["disco_items"]["items"]]
        info = (await romeo["xep_0030"].get_info(jid=room))["disco_info"]
        assert ("conference", "text", None, "Verona") in info["identities"]
        assert {"http://jabber.org/protocol/muc", "muc_persistent"} <= set(info["features"])
        await romeo.muc.destroy(room)
    play(scene, "romeo")


def test_ten_in_a_room(play, room):
    """Everybody says one thing and hears all in the same order."""
    async def scene(romeo, *others):
        everybody = [romeo, *others]
        await create(romeo, room)
        for number, bot in enumerate(others):
            await bot.muc.join_muc_wait(room, f"bot{number}", maxstanzas=0)
        for bot in everybody:
            bot.send_message(mto=room, mbody=f"this is {bot.boundjid.user}", mtype="groupchat")
        heard = [[(await bot.heard.get())["body"] for _ in everybody] for bot in everybody]
        assert len(set(heard[0])) == 10 and all(each == heard[0] for each in heard)
    play(scene, *(f"bot{number}" for number in range(10)))
