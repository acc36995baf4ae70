# SPDX-License-Identifier: Apache-2.0
"""XEP-0480: keys of a stronger hash, added on the way in."""
import base64
import hashlib
import sqlite3

import pytest

from harness import ns
from harness.phone import Phone, bind, condition, request_token
from harness.sasl import Scram, b64
from harness.settings import Settings
from harness.stream import show

pytestmark = pytest.mark.only("stanzad")
SETTINGS = Settings(password_format="scram", modules={
    "mod_auth_fast": {}, "mod_scram_upgrade": {"offered_upgrades": ["sha256", "sha512"]}})
SHA256, SHA512 = "UPGR-SCRAM-SHA-256", "UPGR-SCRAM-SHA-512"


def phone_of(cast, name="romeo", **options):
    phone = Phone(cast.server, cast.account(name), **options)
    phone.name = name
    cast.clients.append(phone)
    return phone


@pytest.fixture
def phone(cast):
    return phone_of(cast).start(named=True)


def succeeded(reply):
    assert reply.tag == f"{{{ns.SASL2}}}success", show(reply)
    return reply


def ask_for(*tasks):
    return "".join(f"<upgrade xmlns='{ns.UPGRADE}'>{task}</upgrade>" for task in tasks)


def task_of(reply):
    assert reply.tag == f"{{{ns.SASL2}}}continue", show(reply)
    (task,) = reply.findall(f"{{{ns.SASL2}}}tasks/{{{ns.SASL2}}}task")
    return task.text


def salt_of(phone, task):
    """Begins the task: (salt, iterations)."""
    phone.send(f"<next xmlns='{ns.SASL2}' task='{task}'/>")
    reply = phone.recv()
    assert reply.tag == f"{{{ns.SASL2}}}task-data", show(reply)
    salt = reply.find(f"{{{ns.SCRAM_UPGRADE}}}salt")
    return base64.b64decode(salt.text), int(salt.get("iterations"))


def send_hash(phone, text):
    phone.send(f"<task-data xmlns='{ns.SASL2}'><hash xmlns='{ns.SCRAM_UPGRADE}'>{text}</hash></task-data>")
    return phone.outcome(phone.recv())


def perform(phone, task):
    salt, iterations = salt_of(phone, task)
    hash = "sha512" if task.endswith("512") else "sha256"
    return send_hash(phone, b64(hashlib.pbkdf2_hmac(hash, phone.password.encode(), salt, iterations)))


def stored(server, phone):
    with sqlite3.connect(server.database, timeout=30) as db:
        return [row[0] for row in db.execute("SELECT type FROM users WHERE username = ? ORDER BY type",
                                             (phone.user,))]


class TestOffer:
    def test_what_the_user_lacks(self, phone):
        assert phone.upgrades() == [SHA256, SHA512]
        assert [name for name in phone.mechanisms2() if "512" in name or "256" in name] == []

    def test_nothing_for_nobody(self, cast):
        """Somebody who is not there looks like a new account, and is offered what the host has."""
        nobody = Phone(cast.server, cast.server.unique("nobody")).start(named=True)
        cast.clients.append(nobody)
        assert nobody.mechanisms2() and not nobody.upgrades()

    def test_nothing_without_a_name(self, cast):
        assert not phone_of(cast).start().upgrades()

    def test_less_afterwards(self, phone):
        phone.scram(children=ask_for(SHA256))
        succeeded(perform(phone, SHA256))
        phone.again(named=True)
        assert phone.upgrades() == [SHA512] and "SCRAM-SHA-256" in phone.mechanisms2()


class TestTask:
    @pytest.mark.parametrize("task", [SHA256, SHA512])
    def test_one(self, server, phone, task):
        reply = phone.scram(children=ask_for(task) + bind())
        assert task_of(reply) == task
        reply = succeeded(perform(phone, task))
        assert phone.data(reply) is None and phone.full, "what was asked for comes behind the task"
        phone.ping()
        phone.again(named=True)
        succeeded(phone.scram(task.removeprefix("UPGR-")))
        assert stored(server, phone) == [2, 3 if task == SHA256 else 4]

    def test_two(self, server, phone):
        assert task_of(phone.scram(children=ask_for(SHA512, SHA256))) == SHA256
        reply = perform(phone, SHA256)
        assert task_of(reply) == SHA512 and phone.data(reply) is None
        succeeded(perform(phone, SHA512))
        assert stored(server, phone) == [2, 3, 4]
        for mechanism in ("SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512"):
            succeeded(phone.again(named=True).scram(mechanism))

    def test_password_still_counts(self, phone):
        phone.scram(children=ask_for(SHA256))
        succeeded(perform(phone, SHA256))
        succeeded(phone.again().plain())

    def test_not_asked_for(self, phone):
        succeeded(phone.scram())

    @pytest.mark.parametrize("task", ["UPGR-SCRAM-SHA-1", "UPGR-NONSENSE", "", "x" * 1000])
    def test_that_is_not_offered(self, phone, task):
        succeeded(phone.scram(children=ask_for(task)))

    def test_that_is_done(self, phone):
        phone.scram(children=ask_for(SHA256))
        succeeded(perform(phone, SHA256))
        succeeded(phone.again(named=True).scram(children=ask_for(SHA256)))

    def test_token_comes_behind_it(self, server, phone):
        reply = phone.scram(children=ask_for(SHA256) + request_token())
        assert reply.find(f"{{{ns.FAST}}}token") is None
        succeeded(perform(phone, SHA256))
        assert phone.token


class TestWrong:
    @pytest.fixture
    def begun(self, phone):
        assert task_of(phone.scram(children=ask_for(SHA256) + bind() + request_token())) == SHA256
        return phone

    @pytest.mark.parametrize("text", ["", "!!!", b64(b"x" * 31), b64(b"x" * 33), b64(b"x" * 64), "x" * 9000])
    def test_hash(self, server, begun, text):
        salt_of(begun, SHA256)
        assert condition(send_hash(begun, text)) == "malformed-request"
        assert stored(server, begun) == [2] and not begun.token
        succeeded(begun.scram())

    @pytest.mark.parametrize("data", ["", "<x xmlns='urn:example:x'/>", "<hash xmlns='urn:example:x'>eA==</hash>"])
    def test_data(self, begun, data):
        salt_of(begun, SHA256)
        begun.send(f"<task-data xmlns='{ns.SASL2}'>{data}</task-data>")
        assert condition(begun.recv()) == "malformed-request"

    @pytest.mark.parametrize("task", [SHA512, "", "SCRAM-SHA-256"])
    def test_task(self, begun, task):
        begun.send(f"<next xmlns='{ns.SASL2}' task='{task}'/>")
        assert condition(begun.recv()) == "malformed-request"

    def test_abort(self, begun):
        begun.send(f"<abort xmlns='{ns.SASL2}'/>")
        assert condition(begun.recv()) == "aborted"
        succeeded(begun.scram())

    @pytest.mark.parametrize("text", [
        f"<response xmlns='{ns.SASL2}'/>", f"<task-data xmlns='{ns.SASL2}'/>",
        f"<authenticate xmlns='{ns.SASL2}' mechanism='PLAIN'/>", "<presence/>",
        f"<iq type='set' id='1'><bind xmlns='{ns.BIND}'/></iq>"])
    def test_not_in_yet(self, begun, text):
        """Behind <continue/> the client is nobody until the task is done."""
        begun.send(text)
        begun.stream_error("unsupported-stanza-type|not-authorized")

    def test_password_changed_meanwhile(self, server, begun):
        """The old password must not come back in by the side door."""
        server.ask("change_password", begun.user, begun.host, "other")
        assert condition(perform(begun, SHA256)) == "not-authorized"
        assert stored(server, begun) == [2] and not begun.token
        begun.password = "other"
        succeeded(begun.scram())

    def test_account_removed_meanwhile(self, server, begun):
        server.ask("unregister", begun.user, begun.host)
        assert condition(perform(begun, SHA256)) == "not-authorized"
        assert stored(server, begun) == []

    def test_not_with_a_token(self, server, phone):
        phone.enrol().again()
        succeeded(phone.fast(children=ask_for(SHA256)))
        assert stored(server, phone) == [2]


class TestHiddenTypes:
    """auth_password_types_hidden_in_sasl1: who has the keys may use them, but only where that can be told."""
    SETTINGS = Settings(options={"auth_stored_password_types": ["scram_sha1", "scram_sha256"],
                                 "auth_password_types_hidden_in_sasl1": ["scram_sha256"]})

    @pytest.fixture(scope="class")
    def hidden(self, farm):
        server = farm.make(self.SETTINGS).start()
        yield server
        server.stop()

    def test_new_account(self, hidden):
        hidden.add_user("new")
        phone = Phone(hidden, "new").start(named=True)
        assert "SCRAM-SHA-256" not in phone.mechanisms() and "SCRAM-SHA-256" in phone.mechanisms2()
        succeeded(phone.scram("SCRAM-SHA-256"))
        assert phone.again().mechanisms2() == phone.mechanisms()
        phone.drop()

    def test_old_account(self, hidden):
        hidden.add_user("old")
        with sqlite3.connect(hidden.database, timeout=30) as db:
            db.execute("DELETE FROM users WHERE username = 'old' AND type = 3")
        phone = Phone(hidden, "old").start(named=True)
        assert "SCRAM-SHA-256" not in phone.mechanisms2() and phone.upgrades() == [SHA256]
        phone.scram(children=ask_for(SHA256))
        succeeded(perform(phone, SHA256))
        succeeded(phone.again(named=True).scram("SCRAM-SHA-256"))
        phone.drop()

    def test_downgrade_hash(self, hidden):
        """XEP-0474 is about the list of the protocol that is used."""
        hidden.add_user("hash")
        phone = Phone(hidden, "hash").start(named=True)
        types = [each.get("type") for each in phone.features.iter(f"{{{ns.CHANNEL_BINDING}}}channel-binding")]
        offered = "\x1e".join(sorted(phone.mechanisms2())) + "\x1f" + "\x1e".join(sorted(types))
        reply = phone.ask("SCRAM-SHA-1", Scram("SCRAM-SHA-1", phone.user, "x").first())
        assert Scram.fields(base64.b64decode(reply.text))["h"] == b64(hashlib.sha1(offered.encode()).digest())
        phone.drop()
