# SPDX-License-Identifier: Apache-2.0
"""XEP-0484: tokens in place of passwords, and those who try to use somebody else's."""
import base64
import datetime
import sqlite3
import uuid

import pytest

from harness import ns, wait
from harness.phone import Phone, bind, condition, request_token
from harness.settings import Settings
from harness.stream import show

pytestmark = pytest.mark.only("stanzad")
DAY = 86400
SETTINGS = Settings(modules={"mod_auth_fast": {"token_lifetime": "10 days", "token_refresh_age": "1 day"}})
NONE, ENDP, EXPR = "HT-SHA-256-NONE", "HT-SHA-256-ENDP", "HT-SHA-256-EXPR"


@pytest.fixture
def phone(cast):
    return phone_of(cast).start()


def phone_of(cast, name="romeo", **options):
    phone = Phone(cast.server, cast.account(name), **options)
    phone.name = name
    cast.clients.append(phone)
    return phone


def succeeded(reply):
    assert reply.tag == f"{{{ns.SASL2}}}success", show(reply)
    return reply


def rows(server, phone):
    """The tokens in the database: (type, text), in order."""
    with sqlite3.connect(server.database, timeout=30) as db:
        return db.execute("SELECT type, token FROM auth_fast_tokens WHERE username = ? ORDER BY type",
                          (phone.user,)).fetchall()


def age(server, phone, seconds):
    """Makes the tokens older, as if they had been made that long ago; those who have them cannot tell."""
    with sqlite3.connect(server.database, timeout=30) as db:
        for kind, text in rows(server, phone):
            form, mechanism, created, expires, count, seed = text.split()
            text = " ".join((form, mechanism, str(int(created) - seconds), expires, count, seed))
            db.execute("UPDATE auth_fast_tokens SET token = ? WHERE username = ? AND type = ?",
                       (text, phone.user, kind))


class TestToken:
    def test_asked_for(self, phone):
        reply = succeeded(phone.scram(children=request_token()))
        token = reply.find(f"{{{ns.FAST}}}token")
        expiry = datetime.datetime.strptime(token.get("expiry"), "%Y-%m-%dT%H:%M:%SZ")
        left = expiry.replace(tzinfo=datetime.timezone.utc) - datetime.datetime.now(datetime.timezone.utc)
        assert 9 * DAY < left.total_seconds() <= 10 * DAY
        assert len(token.get("token")) > 40

    def test_not_asked_for(self, phone):
        assert succeeded(phone.scram()).find(f"{{{ns.FAST}}}token") is None

    def test_not_with_a_failure(self, server, phone):
        phone.password = "wrong"
        assert condition(phone.scram(children=request_token())) == "not-authorized"
        assert not rows(server, phone)

    @pytest.mark.parametrize("mechanism", ["HT-SHA-256-UNIQ", "SCRAM-SHA-1", "", "HT-SHA-1-NONE", "x" * 500])
    def test_for_a_mechanism_that_is_not_offered(self, phone, mechanism):
        """The log-in counts all the same."""
        assert succeeded(phone.scram(children=request_token(mechanism))).find(f"{{{ns.FAST}}}token") is None

    def test_without_a_client_id(self, server, phone):
        reply = succeeded(phone.scram(children=request_token(), agent=False))
        assert reply.find(f"{{{ns.FAST}}}token") is None and not rows(server, phone)

    @pytest.mark.parametrize("mechanism", [NONE, ENDP, EXPR, "HT-SHA-512-NONE", "HT-SHA-512-EXPR"])
    def test_used(self, phone, mechanism):
        phone.enrol(mechanism).again()
        reply = succeeded(phone.fast(mechanism, bind()))
        assert reply.find(f"{{{ns.FAST}}}token") is None
        phone.ping()

    def test_tls_unique_where_there_is_one(self, cast):
        phone = phone_of(cast).start(version="1.2")
        assert "HT-SHA-256-UNIQ" in phone.token_mechanisms()
        phone.enrol("HT-SHA-256-UNIQ").again(version="1.2")
        succeeded(phone.fast("HT-SHA-256-UNIQ", bind()))

    def test_many_times(self, phone):
        phone.enrol()
        for _ in range(4):
            succeeded(phone.again().fast())

    def test_initial_response_later(self, phone):
        phone.enrol().again()
        reply = phone.ask(NONE, None, f"<fast xmlns='{ns.FAST}'/>")
        assert reply.tag == f"{{{ns.SASL2}}}challenge"
        succeeded(phone.respond2(phone.token_response(NONE)))

    def test_not_on_the_old_protocol(self, phone):
        phone.enrol().again()
        reply = phone.auth(NONE, phone.token_response(NONE))
        assert reply.tag == f"{{{ns.SASL}}}failure" and reply[0].tag == f"{{{ns.SASL}}}invalid-mechanism"

    def test_after_a_restart(self, farm):
        server = farm.make(SETTINGS).start()
        try:
            server.add_user("romeo")
            phone = Phone(server, "romeo").start().enrol()
            phone.drop()
            server.restart()
            succeeded(phone.start().fast(NONE, bind()))
            phone.close()
        finally:
            server.stop()

    def test_not_in_the_database(self, server, phone):
        phone.enrol()
        secret = phone.token.rpartition("-")[2]
        ((_, text),) = rows(server, phone)
        assert secret not in text
        stolen = text.split()[-1]
        for guess in (text, stolen, base64.b64decode(stolen).hex()):
            assert condition(phone.again().fast(token=guess)) == "not-authorized"

    def test_not_in_the_log(self, server, phone):
        phone.enrol().again()
        succeeded(phone.fast())
        assert phone.token.rpartition("-")[2] not in server.log.read_text()


class TestRotation:
    def test_old_ones_are_replaced(self, server, phone):
        first = phone.enrol().token
        succeeded(phone.again().fast())
        age(server, phone, 2 * DAY)
        reply = succeeded(phone.again().fast())
        assert reply.find(f"{{{ns.FAST}}}token") is not None and phone.token != first
        assert [kind for kind, _ in rows(server, phone)] == ["c", "n"]

    def test_both_count_until_the_new_one_is_used(self, server, phone):
        first = phone.enrol().token
        succeeded(phone.again().fast())
        age(server, phone, 2 * DAY)
        succeeded(phone.again().fast())
        second = phone.token
        succeeded(phone.again().fast(token=first))
        third = phone.token
        assert third not in (first, second), "one that nobody used is replaced"
        assert condition(phone.again().fast(token=second)) == "not-authorized"
        succeeded(phone.again().fast(token=third))
        assert condition(phone.again().fast(token=first)) == "not-authorized"
        assert [kind for kind, _ in rows(server, phone)] == ["c"]

    def test_replaced_with_the_same_mechanism(self, server, phone):
        phone.enrol(ENDP)
        succeeded(phone.again().fast(ENDP))
        age(server, phone, 2 * DAY)
        succeeded(phone.again().fast(ENDP))
        succeeded(phone.again().fast(ENDP))

    def test_asked_for_anew(self, phone):
        first = phone.enrol().token
        succeeded(phone.again().fast(NONE, request_token(ENDP)))
        assert phone.token != first
        succeeded(phone.again().fast(ENDP))


class TestInvalidate:
    @pytest.mark.parametrize("value", ["true", "1"])
    def test_at_once(self, server, phone, value):
        phone.enrol().again()
        age(server, phone, 2 * DAY)
        reply = succeeded(phone.fast(attributes=f"invalidate='{value}'"))
        assert reply.find(f"{{{ns.FAST}}}token") is None, "none in its place, however old it was"
        assert not rows(server, phone)
        assert condition(phone.again().fast()) == "not-authorized"

    def test_with_a_new_one(self, server, phone):
        first = phone.enrol().token
        succeeded(phone.again().fast(NONE, request_token(), "invalidate='true'"))
        assert condition(phone.again().fast(token=first)) == "not-authorized"
        succeeded(phone.again().fast())

    def test_by_a_new_password(self, server, phone):
        phone.enrol()
        server.ask("change_password", phone.user, phone.host, "other")
        assert condition(phone.again().fast()) == "not-authorized"
        phone.password = "other"
        succeeded(phone.scram())

    def test_by_removal_of_the_account(self, server, phone):
        phone.enrol()
        phone.drop()
        server.ask("unregister", phone.user, phone.host)
        assert not rows(server, phone)
        server.add_user(phone.user)
        assert condition(phone.start().fast()) == "not-authorized"

    def test_by_command(self, server, phone):
        phone.enrol()
        (row,) = server.ask_json("get_fast_tokens", phone.user, phone.host)
        assert (row["client"], row["mechanism"]) == (phone.id, NONE)
        assert server.ask("revoke_fast_tokens", phone.user, phone.host, str(uuid.uuid4())).strip() == "0"
        assert server.ask("revoke_fast_tokens", phone.user, phone.host).strip() == "1"
        assert condition(phone.again().fast()) == "not-authorized"


class TestCount:
    def test_up(self, phone):
        phone.enrol()
        for count in (1, 2, 7, 2 ** 40):
            succeeded(phone.again().fast(attributes=f"count='{count}'"))

    @pytest.mark.parametrize("count", [5, 4, 0])
    def test_replay(self, phone, count):
        phone.enrol()
        succeeded(phone.again().fast(attributes="count='5'"))
        assert condition(phone.again().fast(attributes=f"count='{count}'")) == "not-authorized"
        succeeded(phone.fast(attributes="count='6'"))

    @pytest.mark.parametrize("count", ["-1", "x", "", "99999999999999999999", "1.5"])
    def test_that_is_none(self, phone, count):
        phone.enrol().again()
        assert condition(phone.fast(attributes=f"count='{count}'")) == "malformed-request"

    def test_two_at_once(self, cast, phone):
        """The same request on two connections: one of them is a replay."""
        phone.enrol().again()
        twin = phone_of(cast, id=phone.id).start()
        twin.token = phone.token
        fast = f"<fast xmlns='{ns.FAST}' count='1'/>"
        for each in (phone, twin):
            each.send(each.request(NONE, each.token_response(NONE), fast))
        replies = sorted(each.outcome(each.recv()).tag.partition("}")[2] for each in (phone, twin))
        assert replies == ["failure", "success"]


class TestStolen:
    def test_by_another_client(self, cast, phone):
        phone.enrol()
        thief = phone_of(cast).start()
        assert thief.id != phone.id
        assert condition(thief.fast(token=phone.token)) == "not-authorized"

    def test_by_another_account(self, cast, phone):
        phone.enrol()
        thief = phone_of(cast, "tybalt", id=phone.id).start()
        assert condition(thief.fast(token=phone.token)) == "not-authorized"

    def test_without_client_id(self, phone):
        phone.enrol().again()
        phone.id = ""
        assert condition(phone.fast()) == "malformed-request"

    @pytest.mark.parametrize("made,used", [(ENDP, NONE), (NONE, ENDP), (EXPR, ENDP), (NONE, "HT-SHA-512-NONE")])
    def test_with_another_mechanism(self, phone, made, used):
        phone.enrol(made).again()
        assert condition(phone.fast(used)) == "not-authorized"
        succeeded(phone.fast(made))

    def test_on_another_channel(self, phone):
        """What was heard on one connection is worth nothing on the next."""
        phone.enrol(EXPR).again()
        heard = phone.token_response(EXPR)
        phone.again()
        assert condition(phone.ask(EXPR, heard, f"<fast xmlns='{ns.FAST}'/>")) == "not-authorized"

    def test_for_upgrades_is_no_use(self, phone):
        """Whoever has a token cannot set what counts as the password."""
        phone.enrol().again()
        reply = phone.fast(NONE, f"<upgrade xmlns='{ns.UPGRADE}'>UPGR-SCRAM-SHA-256</upgrade>")
        succeeded(reply)

    def test_nobody_looks_the_same(self, cast, phone):
        nobody = Phone(cast.server, cast.server.unique("nobody")).start()
        cast.clients.append(nobody)
        assert show(phone.fast(token="x")) == show(nobody.fast(token="x"))


class TestMalformed:
    @pytest.mark.parametrize("data", [b"", b"\0", b"romeo", b"romeo\0", b"romeo\0short", b"\0" + b"x" * 32,
                                      b"romeo\0" + b"x" * 33, b"\xff\0" + b"x" * 32, b"a" * 9000 + b"\0" + b"x" * 32],
                             ids=range(9))
    def test_response(self, phone, data):
        assert condition(phone.ask(NONE, data, f"<fast xmlns='{ns.FAST}'/>")) in (
            "malformed-request", "not-authorized")

    def test_guessing_ends(self, phone):
        for _ in range(5):
            assert condition(phone.fast(token="guess")) == "not-authorized"
        phone.stream_error("policy-violation")


def refused(reply):
    return None if reply.tag == f"{{{ns.SASL2}}}success" else reply


def test_expired(farm):
    """token_lifetime is what it was when the token was made."""
    server = farm.make(Settings(modules={"mod_auth_fast": {"token_lifetime": "1 s"}})).start()
    try:
        server.add_user("romeo")
        phone = Phone(server, "romeo").start().enrol()
        failure = wait.until(lambda: refused(phone.again().fast()), "the token expires")
        assert condition(failure) == "credentials-expired"
        assert condition(phone.again().fast(token="x")) == "not-authorized"
        phone.drop()
    finally:
        server.stop()


def test_clients_of_one_user_are_bounded(server, cast):
    first = phone_of(cast).start().enrol()
    first.drop()
    for _ in range(50):
        each = Phone(server, first.user)
        each.start().enrol()
        each.drop()
    assert len({row["client"] for row in server.ask_json("get_fast_tokens", first.user, first.host)}) == 50


def test_without_the_module(farm):
    server = farm.make(Settings()).start()
    try:
        server.add_user("romeo")
        phone = Phone(server, "romeo").start()
        assert phone.offer is not None and not phone.token_mechanisms()
        assert succeeded(phone.scram(children=request_token())).find(f"{{{ns.FAST}}}token") is None
        assert condition(phone.again().fast(token="x")) == "invalid-mechanism"
        phone.drop()
    finally:
        server.stop()


class TestRoundTrips:
    """A returning phone is in sync in two round trips behind TLS, and the test counts them."""

    def turn(self, phone, text):
        phone.send(text)
        self.turns += 1

    def test_back_in_two(self, cast, phone):
        juliet = cast.online("juliet")
        phone.enrol().again()
        succeeded(phone.fast(NONE, bind(tag="App")))
        version = phone.iq("get", f"<query xmlns='{ns.ROSTER}' ver=''/>")[0].get("ver")
        phone.iq("set", f"<query xmlns='{ns.ROSTER}'><item jid='{juliet.bare}'/></query>")
        version = phone.iq("get", f"<query xmlns='{ns.ROSTER}' ver=''/>")[0].get("ver")
        phone.drop()

        phone.connect().open().secure()
        self.turns = 0
        phone.parser = type(phone.parser)()
        self.turn(phone, phone.header(extra=f"from='{phone.bare}'")
                  + phone.request(NONE, phone.token_response(NONE), f"<fast xmlns='{ns.FAST}'/>" + bind(tag="App")))
        phone.read_header()
        assert phone.recv().tag == f"{{{ns.STREAM}}}features"
        succeeded(phone.outcome(phone.recv()))
        self.turn(phone, f"<iq type='get' id='roster'><query xmlns='{ns.ROSTER}' ver='{version}'/></iq><presence/>")
        answer = phone.recv()
        assert (answer.get("id"), answer.get("type"), len(answer)) == ("roster", "result", 0), "nothing is new"
        own = phone.recv()
        assert own.tag == f"{{{ns.CLIENT}}}presence" and own.get("from") == phone.full
        assert self.turns == 2
        juliet.message(phone.bare, "welcome back")
        assert phone.recv()[0].text == "welcome back"
