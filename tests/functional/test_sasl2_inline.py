# SPDX-License-Identifier: Apache-2.0
"""XEP-0198 inside of XEP-0388 and XEP-0386: a session is resumed, or a new one managed from the start."""
import pytest

from harness import ns, wait
from harness.phone import Phone, bind, condition, request_token
from harness.settings import Settings
from harness.stream import show

pytestmark = pytest.mark.only("stanzad")
SETTINGS = Settings(modules={"mod_auth_fast": {}, "mod_client_access": {}})
SM = "urn:xmpp:sm:3"
NONE = "HT-SHA-256-NONE"
ENABLE = f"<enable xmlns='{SM}' resume='true'/>"


def phone_of(cast, name="romeo", **options):
    phone = Phone(cast.server, cast.account(name), **options)
    phone.name = name
    cast.clients.append(phone)
    return phone


def succeeded(reply):
    assert reply.tag == f"{{{ns.SASL2}}}success", show(reply)
    return reply


def resume(id, h=0):
    return f"<resume xmlns='{SM}' previd='{id}' h='{h}'/>"


@pytest.fixture
def phone(cast):
    """With a managed session; phone.session is its id."""
    phone = phone_of(cast).start()
    reply = succeeded(phone.scram(children=bind(ENABLE, tag="App") + request_token()))
    phone.session = reply.find(f"{{{ns.BIND2}}}bound/{{{SM}}}enabled").get("id")
    assert phone.session
    return phone


def away(phone):
    """The connection is lost, and the server has noticed."""
    phone.drop()
    wait.until(lambda: "event=mgmt.away session=" + phone.full in phone.server.log.read_text(), "it is away")


def handled(phone):
    """How many stanzas the server counted, by <r/>."""
    phone.send(f"<r xmlns='{SM}'/>")
    return int(phone.take(lambda each: each.tag == f"{{{SM}}}a").get("h"))


def test_offer(cast):
    phone = phone_of(cast).start()
    assert phone.inline(f"{{{SM}}}sm") is not None
    features = phone.inline(f"{{{ns.BIND2}}}bind").iter(f"{{{ns.BIND2}}}feature")
    assert SM in [each.get("var") for each in features]


def test_enabled_with_the_bind(phone):
    phone.ping()
    assert handled(phone) == 1


def test_resumed(cast, phone):
    juliet = cast.online("juliet")
    full, before = phone.full, handled(phone)
    away(phone)
    juliet.message(full, "meanwhile")
    juliet.ping()
    reply = succeeded(phone.start().fast(NONE, resume(phone.session) + bind()))
    assert reply.find(f"{{{SM}}}resumed").get("previd") == phone.session
    assert reply.find(f"{{{ns.BIND2}}}bound") is None and phone.full == full
    message = phone.take(lambda each: each.tag == f"{{{ns.CLIENT}}}message")
    assert message[0].text == "meanwhile"
    phone.ping()
    assert handled(phone) == before + 1


def test_resumed_without_a_bind(phone):
    full = phone.full
    away(phone)
    succeeded(phone.start().scram(children=resume(phone.session)))
    assert phone.full == full
    phone.ping()


@pytest.mark.parametrize("request_", [resume("nothing"), f"<resume xmlns='{SM}'/>",
                                      f"<resume xmlns='{SM}' previd='' h='x'/>"])
def test_not_resumed_but_bound(cast, request_):
    phone = phone_of(cast).start()
    reply = succeeded(phone.scram(children=request_ + bind(ENABLE)))
    assert reply.find(f"{{{SM}}}failed") is not None and reply.find(f"{{{SM}}}resumed") is None
    assert reply.find(f"{{{ns.BIND2}}}bound/{{{SM}}}enabled") is not None
    phone.ping()


def test_not_resumed_and_not_bound(cast):
    phone = phone_of(cast).start()
    assert succeeded(phone.scram(children=resume("nothing"))).find(f"{{{SM}}}failed") is not None
    assert phone.full is None and phone.bind("x").get("type") == "result"


def test_session_of_another_user(cast, phone):
    away(phone)
    thief = phone_of(cast, "tybalt").start()
    reply = succeeded(thief.scram(children=resume(phone.session)))
    assert reply.find(f"{{{SM}}}failed") is not None and thief.full is None
    succeeded(phone.start().fast(NONE, resume(phone.session)))
    phone.ping()


def test_not_with_a_wrong_password(phone):
    away(phone)
    good, phone.password = phone.password, "wrong"
    assert condition(phone.start().scram(children=resume(phone.session))) == "not-authorized"
    phone.password = good
    assert succeeded(phone.scram(children=resume(phone.session))).find(f"{{{SM}}}resumed") is not None


def test_too_high(phone):
    away(phone)
    phone.start()
    phone.send(phone.request(NONE, phone.token_response(NONE),
                             f"<fast xmlns='{ns.FAST}'/>" + resume(phone.session, 77)))
    phone.stream_error("undefined-condition")


def test_new_bind_ends_the_session_that_waits(server, phone):
    """XEP-0386 3.2: of the same client, whatever its tag says now."""
    away(phone)
    succeeded(phone.start().fast(NONE, bind(tag="Other")))
    reply = phone.iq("get", f"<query xmlns='{ns.DISCO_INFO}'/>")
    assert reply.get("type") == "result"
    assert [each for each in server.ask_json("user_resources", phone.user, phone.host)] == [
        phone.full.partition("/")[2]]


def test_revoked_while_away(server, phone):
    away(phone)
    (row,) = server.ask_json("get_clients", phone.user, phone.host)
    assert row["connected"] == "yes" and "token" in row["auth"]
    server.ask("revoke_client", phone.user, phone.host, row["id"])
    assert server.ask_json("user_resources", phone.user, phone.host) == []
    assert condition(phone.start().fast()) == "not-authorized"


def test_who_it_was_is_known_after_a_restart(farm):
    server = farm.make(SETTINGS).start()
    try:
        server.add_user("romeo")
        phone = Phone(server, "romeo").start()
        reply = succeeded(phone.scram(children=bind(ENABLE) + request_token()))
        phone.session = reply.find(f".//{{{SM}}}enabled").get("id")
        full = phone.full
        server.restart()
        (row,) = server.ask_json("get_clients", "romeo", "localhost")
        assert row["connected"] == "yes"
        succeeded(phone.start().fast(NONE, resume(phone.session)))
        assert phone.full == full
        phone.close()
    finally:
        server.stop()
