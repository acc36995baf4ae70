# SPDX-License-Identifier: Apache-2.0
"""mod_register: its options, and that errors do not repeat passwords."""
import pytest

from harness import ns
from harness.settings import Settings
from harness.stream import show

pytestmark = pytest.mark.only("stanzad")
BODY = f"{{{ns.CLIENT}}}body"


def condition(reply):
    assert reply.get("type") == "error", show(reply)
    return reply.find(f"{{{ns.CLIENT}}}error")[0].tag.partition("}")[2]


def ask(client, type, content="", to="localhost"):
    return client.iq(type, f"<query xmlns='{ns.REGISTER}'>{content}</query>", to=to)


def account(user, password="secret"):
    return f"<username>{user}</username><password>{password}</password>"


@pytest.fixture
def play(own_server, cast_for):
    """A server with these options of mod_register, and clients for it."""
    def make(options=None, **register):
        changes = {"modules": {"mod_register": {"ip_access": "all", **register}}, "options": options or {}}
        return cast_for(own_server(Settings(**changes)).start())
    return make


def stranger(cast):
    return cast.nobody().connect().open()


def register(client):
    return ask(client, "set", account(client.user))


def test_rate(play):
    cast = play({"registration_timeout": "10 minutes"})
    taken = cast.account("romeo")
    assert condition(ask(stranger(cast), "set", account(taken))) == "conflict"
    assert register(stranger(cast)).get("type") == "result", "a failed attempt does not count"
    again = stranger(cast)
    reply = register(again)
    assert condition(reply) == "resource-constraint"
    assert reply.find(f"{{{ns.CLIENT}}}error").get("type") == "wait"
    assert again.authenticate().tag == f"{{{ns.SASL}}}failure"


def test_welcome_and_watchers(play):
    cast = play(registration_watchers=["watcher@localhost"],
                welcome_message={"subject": "Welcome!", "body": "Hello & good day"})
    cast.server.add_user("watcher")
    watcher = cast.nobody()
    watcher.user = "watcher"
    watcher.online()
    fresh = stranger(cast)
    assert register(fresh).get("type") == "result"
    told = watcher.recv()
    assert told.get("from") == "localhost" and f"{fresh.user}@localhost" in told.findtext(BODY)
    assert "127.0.0.1" in told.findtext(BODY)
    fresh.close()
    fresh.login()
    fresh.presence()
    welcome = fresh.take(lambda each: each.tag.endswith("}message"))
    assert welcome.findtext(BODY) == "Hello & good day" and welcome.get("from") == "localhost"
    assert welcome.findtext(f"{{{ns.CLIENT}}}subject") == "Welcome!"


def test_strength(play):
    cast = play(password_strength=40)
    client = stranger(cast)
    assert condition(ask(client, "set", account(client.user, "aaaa1"))) == "not-acceptable"
    assert ask(client, "set", account(client.user, "Tr0ub4dor.3")).get("type") == "result"
    client.password = "Tr0ub4dor.3"
    client.close()
    client.resource = "r"
    client.login()
    assert condition(ask(client, "set", account(client.user, "weak"))) == "not-acceptable"
    assert ask(client, "set", account(client.user, "c0rrectHorse!")).get("type") == "result"


def test_redirect(play):
    cast = play(redirect_url="https://example.com/register")
    client = stranger(cast)
    query = ask(client, "get")[0]
    assert query.findtext("{jabber:x:oob}x/{jabber:x:oob}url") == "https://example.com/register"
    assert query.find(f"{{{ns.REGISTER}}}username") is None
    assert condition(register(client)) == "not-allowed"


@pytest.mark.parametrize("options", [{"access": "none"}, {"allow_modules": ["mod_register_web"]}])
def test_off(play, options):
    client = stranger(play(**options))
    assert client.features.find(f"{{{ns.REGISTER_FEATURE}}}register") is None
    assert condition(ask(client, "get")) == "service-unavailable"
    assert condition(register(client)) == "service-unavailable"


def test_address(play):
    client = stranger(play(ip_access="none"))
    assert client.features.find(f"{{{ns.REGISTER_FEATURE}}}register") is None
    assert condition(register(client)) == "forbidden"


def test_names(play):
    cast = play({"acl": {"short": {"user_regexp": "^.?.?.?$"}},
                 "access_rules": {"register": [{"deny": "short"}, {"allow": "all"}], "c2s": {"allow": "all"}}},
                access="register")
    client = stranger(cast)
    assert condition(ask(client, "set", account("abc"))) == "forbidden"
    assert ask(client, "set", account("abcd")).get("type") == "result"


def test_from_a_session(play):
    romeo = play().client("romeo").login()
    assert condition(ask(romeo, "set", account("another"))) == "forbidden"


def test_from_a_session_when_allowed(play):
    cast = play(access_from="all")
    romeo = cast.client("romeo").login()
    assert ask(romeo, "set", account("another")).get("type") == "result"
    other = cast.nobody()
    other.user = "another"
    other.login()


def test_removal_forbidden(play):
    cast = play(access_remove="none")
    romeo = cast.client("romeo").login()
    assert condition(ask(romeo, "set", "<remove/>")) == "forbidden"
    cast.client("romeo", "other").login()


def test_password_is_not_repeated(play):
    cast = play()
    taken = cast.account("romeo")
    one, two = ask(stranger(cast), "set", account(taken, "m1cro$oft")), None
    romeo = cast.client("romeo").login()
    two = ask(romeo, "set", account("juliet", "m1cro$oft"))
    for reply in (one, two):
        assert reply.get("type") == "error" and "m1cro" not in show(reply)


def test_two_at_once(play):
    cast = play()
    clients = [stranger(cast) for _ in range(4)]
    for client in clients:
        client.send(f"<iq type='set' id='r'><query xmlns='{ns.REGISTER}'>{account('same')}</query></iq>")
    assert sorted(client.recv().get("type") for client in clients) == ["error"] * 3 + ["result"]


def test_vanishes_while_it_is_made(play):
    cast = play()
    client = stranger(cast)
    client.send(f"<iq type='set' id='r'><query xmlns='{ns.REGISTER}'>{account(client.user)}</query></iq>")
    client.drop()
    stranger(cast)


@pytest.mark.parametrize("content", ["<x xmlns='jabber:x:data' type='cancel'/>"])
def test_cancel(play, content):
    assert ask(stranger(play()), "set", content).get("type") == "result"


def test_remove_before_authentication(play):
    assert condition(ask(stranger(play()), "set", "<remove/>")) == "unexpected-request"
