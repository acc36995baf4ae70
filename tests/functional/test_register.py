# SPDX-License-Identifier: Apache-2.0
"""XEP-0077: accounts are made, changed and removed by their owners."""
import pytest

from harness import ns
from harness.settings import Settings
from harness.stream import show

SETTINGS = Settings(starttls="optional")
QUERY = f"{{{ns.REGISTER}}}query"


def condition(reply):
    assert reply.get("type") == "error", show(reply)
    return {child.tag.partition("}")[2] for child in reply.find(f"{{{ns.CLIENT}}}error")}


def ok(reply):
    assert reply.get("type") == "result", show(reply)
    return reply


def ask(client, type, content="", to="localhost"):
    return client.iq(type, f"<query xmlns='{ns.REGISTER}'>{content}</query>", to=to)


def account(user, password="secret"):
    return f"<username>{user}</username><password>{password}</password>"


@pytest.fixture
def stranger(cast):
    """A stream within TLS before authentication, and a user name that is free."""
    return cast.nobody().connect().open().starttls()


def can_log_in(cast, user, password):
    client = cast.nobody(password=password)
    client.user = user
    client.connect().open()
    return client.authenticate().tag == f"{{{ns.SASL}}}success"


class TestNewAccount:
    def test_feature(self, stranger):
        assert stranger.features.find(f"{{{ns.REGISTER_FEATURE}}}register") is not None

    def test_fields(self, stranger):
        query = ok(ask(stranger, "get")).find(QUERY)
        assert query.find(f"{{{ns.REGISTER}}}username") is not None
        assert query.find(f"{{{ns.REGISTER}}}password") is not None

    def test_made(self, cast, stranger):
        ok(ask(stranger, "set", account(stranger.user)))
        assert can_log_in(cast, stranger.user, "secret")

    def test_and_log_in_on_the_same_stream(self, stranger):
        ok(ask(stranger, "set", account(stranger.user)))
        assert stranger.authenticate().tag == f"{{{ns.SASL}}}success"

    def test_without_address(self, cast, stranger):
        ok(ask(stranger, "set", account(stranger.user), to=None))
        assert can_log_in(cast, stranger.user, "secret")

    def test_by_form(self, cast, stranger):
        """XEP-0004 form, when the server offers one."""
        query = ok(ask(stranger, "get")).find(QUERY)
        if query.find(f"{{{ns.DATA}}}x") is None:
            pytest.skip("no form is offered")
        ok(ask(stranger, "set", f"<x xmlns='{ns.DATA}' type='submit'>"
               f"<field var='FORM_TYPE'><value>{ns.REGISTER}</value></field>"
               f"<field var='username'><value>{stranger.user}</value></field>"
               "<field var='password'><value>secret</value></field></x>"))
        assert can_log_in(cast, stranger.user, "secret")

    def test_taken_name(self, cast, stranger):
        taken = cast.account("romeo")
        assert "conflict" in condition(ask(stranger, "set", account(taken, "new")))
        assert can_log_in(cast, taken, "secret")

    @pytest.mark.parametrize("content", [
        "", "<username>only-a-name</username>", "<password>only-a-password</password>",
        account("", "x"), account("somebody-new", ""), account("two words"), account("a@b"),
        account("a/b"), account("x" * 1100), account("a&quot;b"), account("a&amp;b"),
    ], ids=["nothing", "no password", "no name", "empty name", "empty password", "space", "at",
            "slash", "long", "quote", "ampersand"])
    def test_refused(self, stranger, content):
        assert condition(ask(stranger, "set", content)) & {"not-acceptable", "bad-request",
                                                          "jid-malformed", "not-allowed"}

    def test_name_is_normalised(self, cast, stranger):
        ok(ask(stranger, "set", account(stranger.user.upper())))
        assert can_log_in(cast, stranger.user.lower(), "secret")

    def test_closed(self, own_server, cast_for):
        cast = cast_for(own_server(registration=False).start())
        client = cast.nobody().connect().open()
        try:
            reply = ask(client, "set", account(client.user))
            assert condition(reply) & {"forbidden", "not-allowed", "service-unavailable",
                                       "registration-required"}
        except AssertionError as problem:
            assert "closed the stream" in str(problem)
        assert not can_log_in(cast, client.user, "secret")


class TestOwnAccount:
    @pytest.fixture
    def romeo(self, cast):
        return cast.client("romeo").login()

    def test_status(self, romeo):
        query = ok(ask(romeo, "get")).find(QUERY)
        assert query.find(f"{{{ns.REGISTER}}}registered") is not None
        assert query.findtext(f"{{{ns.REGISTER}}}username") == romeo.user

    def test_change_password(self, cast, romeo):
        ok(ask(romeo, "set", account(romeo.user, "other")))
        assert can_log_in(cast, romeo.user, "other")
        assert not can_log_in(cast, romeo.user, "secret")
        romeo.ping()

    @pytest.mark.parametrize("content", [
        "<username>{user}</username>", "<username>{user}</username><password/>",
    ], ids=["no password", "empty password"])
    def test_bad_change(self, cast, romeo, content):
        reply = ask(romeo, "set", content.format(user=romeo.user))
        assert condition(reply) & {"bad-request", "not-acceptable", "not-allowed"}
        assert can_log_in(cast, romeo.user, "secret")

    def test_password_of_somebody_else(self, cast, romeo):
        other = cast.account("juliet")
        reply = ask(romeo, "set", account(other, "stolen"))
        assert reply.get("type") == "error", show(reply)
        assert can_log_in(cast, other, "secret")

    def test_remove(self, cast, romeo):
        cast_user = romeo.user
        romeo.send(f"<iq type='set' id='r' to='localhost'><query xmlns='{ns.REGISTER}'><remove/>"
                   "</query></iq>")
        first = romeo.recv()
        if first.tag == f"{{{ns.CLIENT}}}iq":
            ok(first)
            romeo.stream_error("not-authorized|conflict|reset|policy-violation")
        assert not can_log_in(cast, cast_user, "secret")

    def test_remove_ends_all_sessions(self, cast, romeo):
        other = cast.client("romeo", "other").online()
        romeo.send(f"<iq type='set' id='r' to='localhost'><query xmlns='{ns.REGISTER}'><remove/>"
                   "</query></iq>")
        other.wait_closed()
        romeo.wait_closed()

    def test_remove_takes_everything_along(self, cast, romeo, server):
        """A new account of the same name finds no old roster and no old messages."""
        romeo.iq("set", f"<query xmlns='{ns.ROSTER}'><item jid='a@example.com'/></query>")
        juliet = cast.client("juliet").online()
        juliet.message(romeo.bare, "old")
        juliet.ping()
        romeo.send(f"<iq type='set' id='r' to='localhost'><query xmlns='{ns.REGISTER}'><remove/>"
                   "</query></iq>")
        romeo.wait_closed()
        server.add_user(romeo.user)
        again = cast.client("romeo").login()
        reply = again.iq("get", f"<query xmlns='{ns.ROSTER}'/>")
        assert not list(reply.iter(f"{{{ns.ROSTER}}}item"))
        again.presence()
        assert not [each for each in again.settle(juliet) if each.tag.endswith("}message")]

    def test_remove_tells_friends(self, cast):
        """XEP-0077 3.2: subscriptions are cancelled."""
        cast.friends("romeo", "juliet")
        romeo, juliet = cast.client("romeo").online(), cast.client("juliet").online()
        cast.settle()
        romeo.send(f"<iq type='set' id='r' to='localhost'><query xmlns='{ns.REGISTER}'><remove/>"
                   "</query></iq>")
        romeo.wait_closed()
        types = set()
        while not {"unsubscribe", "unsubscribed"} <= types:
            types.add(juliet.recv().get("type"))

    @pytest.mark.parametrize("more", [
        "<username>{user}</username>", "<password>secret</password>", "<remove/>", "<x xmlns='urn:x'/>",
        "<username>{user}</username><password/>", "<username/><password>secret</password>",
    ])
    def test_remove_with_more(self, cast, romeo, more):
        """3.2: remove stands alone, else it is a bad request."""
        reply = ask(romeo, "set", f"<remove/>{more.format(user=romeo.user)}")
        assert condition(reply) & {"bad-request", "not-allowed"}
        assert can_log_in(cast, romeo.user, "secret")

    def test_remove_with_password(self, cast, romeo):
        """Removal by name and password is for the own name and the right password."""
        other = cast.account("juliet")
        assert condition(ask(romeo, "set", f"<remove/>{account(romeo.user, 'x')}")) >= {"not-authorized"}
        assert condition(ask(romeo, "set", f"<remove/>{account(other, 'secret')}")) >= {"not-allowed"}
        assert can_log_in(cast, romeo.user, "secret") and can_log_in(cast, other, "secret")
        ok(ask(romeo, "set", f"<remove/>{account(romeo.user, 'secret')}"))
        romeo.wait_closed()
        assert not can_log_in(cast, romeo.user, "secret")
