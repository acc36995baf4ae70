# SPDX-License-Identifier: Apache-2.0
"""mod_client_access: who may come in, and how to put an end to it (XEP-0494)."""
import sqlite3

import pytest

from harness import ns, wait
from harness.phone import Phone, bind, condition
from harness.settings import Settings
from harness.stream import show

pytestmark = pytest.mark.only("stanzad")
SETTINGS = Settings(max_user_sessions=20, modules={"mod_auth_fast": {}, "mod_client_access": {}})
CAM = f"{{{ns.CLIENT_ACCESS}}}"
LIST = f"<list xmlns='{ns.CLIENT_ACCESS}'/>"


def phone_of(cast, name="romeo", **options):
    phone = Phone(cast.server, cast.account(name), **options)
    phone.name = name
    cast.clients.append(phone)
    return phone


@pytest.fixture
def phone(cast, server):
    """Logged in with the password, with a token, and noted."""
    phone = phone_of(cast).start().enrol()
    return bound(phone.again())


def bound(phone):
    assert phone.fast(children=bind()).tag == f"{{{ns.SASL2}}}success"
    wait.until(lambda: any(each.get("connected") == "true" and each.find(f"{CAM}user-agent") is not None
                           for each in clients(phone)), "the log-in is noted")
    return phone


def clients(phone):
    reply = phone.iq("get", LIST)
    assert reply.get("type") == "result", show(reply)
    return reply.findall(f"{CAM}clients/{CAM}client")


def proofs(client):
    return [each.tag.removeprefix(CAM) for each in client.find(f"{CAM}auth")]


def forget_password(server, phone):
    """As if the client had never shown it."""
    with sqlite3.connect(server.database, timeout=30) as db:
        db.execute("UPDATE mod_client_access SET proofs = 0 WHERE username = ?", (phone.user,))


def revoke(phone, id):
    return phone.iq("set", f"<revoke xmlns='{ns.CLIENT_ACCESS}' id='{id}'/>")


class TestList:
    def test_one(self, phone):
        (client,) = clients(phone)
        assert (client.get("connected"), client.get("type")) == ("true", "session")
        assert client.get("id") and phone.id not in show(client)
        assert proofs(client) == ["password", "fast"]
        assert client.find(f"{CAM}permission").get("status") == "unrestricted"
        assert client.find(f"{CAM}user-agent/{CAM}software").text == "Phone App"
        assert client.find(f"{CAM}user-agent/{CAM}device").text == "a phone"
        first, last = (client.find(CAM + name).text for name in ("first-seen", "last-seen"))
        assert first <= last and first.endswith("Z")

    def test_away(self, cast, phone):
        other = phone_of(cast).start().enrol()
        other.close()
        wait.until(lambda: len(clients(phone)) == 2, "both are noted")
        states = {each.get("connected"): each for each in clients(phone)}
        assert proofs(states["false"]) == ["password", "fast"]

    def test_client_of_old(self, cast, phone):
        """It does not say who it is, and is listed as long as it is there."""
        old = cast.client("romeo", "old").online()
        assert len(clients(phone)) == 2
        old.close()
        wait.until(lambda: len(clients(phone)) == 1, "it is gone")

    def test_same_id_every_time(self, phone):
        (before,) = clients(phone)
        phone.again()
        (after,) = clients(bound(phone))
        assert before.get("id") == after.get("id")

    def test_announced(self, phone):
        reply = phone.iq("get", f"<query xmlns='{ns.DISCO_INFO}'/>", to=phone.bare)
        assert ns.CLIENT_ACCESS in [each.get("var") for each in reply.iter(f"{{{ns.DISCO_INFO}}}feature")]

    @pytest.mark.parametrize("type,payload", [("set", LIST), ("get", f"<revoke xmlns='{ns.CLIENT_ACCESS}' id='x'/>"),
                                              ("get", f"<x xmlns='{ns.CLIENT_ACCESS}'/>"),
                                              ("set", f"<revoke xmlns='{ns.CLIENT_ACCESS}'/>")])
    def test_malformed(self, phone, type, payload):
        assert phone.iq(type, payload).find(f".//{{{ns.STANZA_ERRORS}}}bad-request") is not None

    def test_of_somebody_else(self, cast, phone):
        tybalt = cast.client("tybalt").online()
        for type, payload in (("get", LIST), ("set", f"<revoke xmlns='{ns.CLIENT_ACCESS}' id='x'/>")):
            reply = tybalt.iq(type, payload, to=phone.bare)
            assert reply.find(f".//{{{ns.STANZA_ERRORS}}}forbidden") is not None, show(reply)


class TestRevoke:
    def test_another_client(self, cast, server, phone):
        other = bound(phone_of(cast).start().enrol().again())
        forget_password(server, phone)
        (theirs,) = [each for each in clients(phone) if each.get("id") not in
                     {row["id"] for row in server.ask_json("get_clients", phone.user, phone.host)
                      if row["resource"] == phone.full.partition("/")[2]}]
        assert revoke(phone, theirs.get("id")).get("type") == "result"
        other.stream_error("policy-violation")
        assert condition(other.start().fast()) == "not-authorized"
        assert [each.get("connected") for each in clients(phone)] == ["true"]

    def test_itself(self, server, phone):
        (own,) = clients(phone)
        forget_password(server, phone)
        phone.send(f"<iq type='set' id='bye'><revoke xmlns='{ns.CLIENT_ACCESS}' id='{own.get('id')}'/></iq>")
        reply = phone.recv()
        assert (reply.get("id"), reply.get("type")) == ("bye", "result")
        phone.stream_error("policy-violation")
        assert condition(phone.start().fast()) == "not-authorized"

    def test_one_that_knows_the_password(self, cast, phone):
        """XEP-0494 3.2: it can come back, and the answer says so; what can be taken from it is gone."""
        other = phone_of(cast).start().enrol()
        other.close()
        wait.until(lambda: len(clients(phone)) == 2, "both are noted")
        (theirs,) = [each.get("id") for each in clients(phone) if each.get("connected") == "false"]
        reply = revoke(phone, theirs)
        assert reply.find(f".//{{{ns.STANZA_ERRORS}}}service-unavailable") is not None
        assert reply.find(f".//{CAM}password-reset-required") is not None
        assert condition(other.start().fast()) == "not-authorized"
        (client,) = [each for each in clients(phone) if each.get("id") == theirs]
        assert proofs(client) == ["password"]

    def test_nobody(self, phone):
        for id in ("x", "0" * 16, "x" * 5000):
            assert revoke(phone, id).find(f".//{{{ns.STANZA_ERRORS}}}item-not-found") is not None

    def test_client_of_old(self, cast, phone):
        old = cast.client("romeo", "old").online()
        (theirs,) = [each.get("id") for each in clients(phone) if each.find(f"{CAM}user-agent") is None]
        assert revoke(phone, theirs).find(f".//{CAM}password-reset-required") is not None
        old.stream_error("policy-violation")
        phone.ping()


class TestForgotten:
    def test_by_a_new_password(self, cast, server, phone):
        other = phone_of(cast).start().enrol()
        other.close()
        wait.until(lambda: len(clients(phone)) == 2, "both are noted")
        server.ask("change_password", phone.user, phone.host, "other")
        (client,) = clients(phone)
        assert client.get("connected") == "true" and proofs(client) == []

    def test_with_the_account(self, server, phone):
        server.ask("unregister", phone.user, phone.host)
        with sqlite3.connect(server.database, timeout=30) as db:
            assert not db.execute("SELECT 1 FROM mod_client_access WHERE username = ?", (phone.user,)).fetchall()

    def test_more_than_are_remembered(self, server, phone):
        with sqlite3.connect(server.database, timeout=30) as db:
            db.executemany("INSERT INTO mod_client_access (server_host, username, client, software, device, "
                           "first_seen, last_seen, proofs) VALUES (?, ?, ?, '', '', 1, ?, 1)",
                           [(phone.host, phone.user, f"old-{index}", index) for index in range(1, 100)])
        assert len(clients(phone)) == 100
        phone.id = "00000000-0000-4000-8000-000000000000"
        phone.again()
        assert phone.scram(children=bind()).tag == f"{{{ns.SASL2}}}success"
        wait.until(lambda: sorted(row["last_seen"] for row in server.ask_json(
            "get_clients", phone.user, phone.host))[0] != "1970-01-01T00:00:01Z", "the oldest gave way")
        assert len(clients(phone)) <= 101


class TestCommands:
    def test_list_and_revoke(self, server, phone):
        (row,) = server.ask_json("get_clients", phone.user, phone.host)
        assert (row["connected"], row["auth"], row["software"]) == ("yes", "password token", "Phone App")
        assert phone.full.endswith("/" + row["resource"])
        said = server.ask("revoke_client", phone.user, phone.host, row["id"])
        assert "knows the password" in said
        phone.stream_error("policy-violation")
        assert condition(phone.start().fast()) == "not-authorized"

    def test_of_nobody(self, server, phone):
        assert server.ctl("get_clients", "no-such-user", phone.host).returncode == 3
        assert server.ctl("revoke_client", phone.user, phone.host, "x").returncode == 3


def test_names_need_not_be_kept(farm):
    server = farm.make(Settings(modules={"mod_client_access": {"keep_names": False}})).start()
    try:
        server.add_user("romeo")
        phone = Phone(server, "romeo").start()
        assert phone.scram(children=bind()).tag == f"{{{ns.SASL2}}}success"
        wait.until(lambda: server.ask_json("get_clients", "romeo", "localhost")[0]["auth"], "it is noted")
        (row,) = server.ask_json("get_clients", "romeo", "localhost")
        assert row["software"] == row["device"] == ""
        phone.close()
    finally:
        server.stop()
