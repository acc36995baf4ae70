# SPDX-License-Identifier: Apache-2.0
"""mod_push: registrations, what is told to a push service, and services that refuse, are silent or are not there."""
import dataclasses
import sqlite3

import pytest

from harness import ns, wait, yaml
from harness.push import PUSH, PushService, disable, enable, sent
from harness.settings import Settings

pytestmark = pytest.mark.only("stanzad")


def settings(**options):
    return Settings(
        listeners={"component": {"module": "ejabberd_service", "password": "secret", "check_from": False}},
        modules={"mod_push": options})


def settings_with_archive():
    plain = settings()
    return dataclasses.replace(plain, modules={**plain.modules, "mod_mam": {"default": "always"}})


SETTINGS = settings()
LIMIT = 16


@pytest.fixture
def services():
    made = []
    yield made
    for each in made:
        each.drop()


@pytest.fixture
def push(server, services):
    """The push service."""
    return attach(server, services)


def attach(server, services, domain=None):
    services.append(PushService(server, domain or f"{server.unique('push')}.localhost"))
    return services[-1].attach()


@pytest.fixture
def romeo(cast):
    return cast.client("romeo").online()


@pytest.fixture
def juliet(cast, push):
    """Registered, and not there."""
    client = cast.client("juliet").login()
    assert enable(client, push.host, "node").get("type") == "result"
    client.close()
    return client


def rows(server, client):
    with sqlite3.connect(server.database, timeout=20) as db:
        return db.execute("SELECT service, node, xml FROM push_session WHERE username = ? ORDER BY timestamp",
                          (client.user,)).fetchall()


def condition(reply):
    assert reply.get("type") == "error"
    names = [each.tag.partition("}") for each in reply.find(f"{{{ns.CLIENT}}}error")]
    return next(name for namespace, _, name in names if ns.STANZA_ERRORS in namespace)


class TestRegistration:
    def test_feature_of_the_account(self, cast):
        client = cast.client("juliet").login()
        info = client.iq("get", f"<query xmlns='{ns.DISCO_INFO}'/>", to=client.bare)
        assert PUSH in [each.get("var") for each in info.iter(f"{{{ns.DISCO_INFO}}}feature")]

    def test_row(self, server, cast):
        client = cast.client("juliet").login()
        enable(client, "push.example", "n1", {"secret": "<s3>"})
        enable(client, "push.example", "n2")
        (first, second) = rows(server, client)
        assert first[:2] == ("push.example", "n1") and second == ("push.example", "n2", "")
        assert first[2].startswith("<x ") and "&lt;s3&gt;" in first[2]

    def test_again_with_other_options(self, server, cast):
        client = cast.client("juliet").login()
        for secret in ("old", "new"):
            enable(client, "push.example", "n", {"secret": secret})
        (row,) = rows(server, client)
        assert "new" in row[2]

    def test_disable_one(self, server, cast):
        client = cast.client("juliet").login()
        for node in ("n1", "n2"):
            enable(client, "push.example", node)
        assert disable(client, "push.example", "n1").get("type") == "result"
        assert [row[1] for row in rows(server, client)] == ["n2"]

    def test_disable_all_of_a_service(self, server, cast):
        client = cast.client("juliet").login()
        for service, node in (("push.example", "n1"), ("push.example", "n2"), ("other.example", "n1")):
            enable(client, service, node)
        assert disable(client, "push.example").get("type") == "result"
        assert [row[0] for row in rows(server, client)] == ["other.example"]

    def test_disable_what_is_not_enabled(self, cast):
        client = cast.client("juliet").login()
        assert condition(disable(client, "push.example")) == "item-not-found"
        enable(client, "push.example", "n1")
        assert condition(disable(client, "push.example", "n2")) == "item-not-found"

    def test_without_node(self, server, cast):
        client = cast.client("juliet").login()
        assert enable(client, "push.example").get("type") == "result"
        assert [row[:2] for row in rows(server, client)] == [("push.example", "")]

    @pytest.mark.parametrize("payload, wanted", [
        ("<enable xmlns='urn:xmpp:push:0' node='n'/>", "bad-request"),
        ("<enable xmlns='urn:xmpp:push:0' jid='a b' node='n'/>", "jid-malformed"),
        ("<able xmlns='urn:xmpp:push:0' jid='push.example' node='n'/>", "bad-request"),
        ("<disable xmlns='urn:xmpp:push:0'/>", "bad-request"),
        ("<enable xmlns='urn:xmpp:push:0' jid='push.example' node='" + "n" * 1024 + "'/>", "bad-request"),
        ("<enable xmlns='urn:xmpp:push:0' jid='push.example'><x xmlns='jabber:x:data' type='submit'>"
         "<field var='FORM_TYPE'><value>urn:other</value></field></x></enable>", "bad-request"),
        ("<enable xmlns='urn:xmpp:push:0' jid='push.example'><x xmlns='jabber:x:data' type='submit'>"
         "<field var='FORM_TYPE'><value>http://jabber.org/protocol/pubsub#publish-options</value></field>"
         "<field var='secret'><value>" + "s" * 9000 + "</value></field></x></enable>", "bad-request"),
    ], ids=["no jid", "bad jid", "neither", "disable nobody", "long node", "other form", "long form"])
    def test_refused(self, server, cast, payload, wanted):
        client = cast.client("juliet").login()
        assert condition(client.iq("set", payload)) == wanted
        assert not rows(server, client)

    def test_get(self, cast):
        client = cast.client("juliet").login()
        assert condition(client.iq("get", f"<enable xmlns='{PUSH}' jid='push.example'/>")) == "not-allowed"

    def test_for_somebody_else(self, cast, romeo):
        juliet = cast.client("juliet").login()
        assert condition(romeo.iq("set", f"<enable xmlns='{PUSH}' jid='push.example' node='n'/>",
                                  to=juliet.bare)) == "forbidden"

    def test_own_account_is_no_service(self, cast):
        client = cast.client("juliet").login()
        assert condition(enable(client, client.bare, "n")) == "not-allowed"
        assert condition(enable(client, client.full, "n")) == "not-allowed"

    def test_too_many_of_one_session(self, server, cast):
        client = cast.client("juliet").login()
        for number in range(LIMIT):
            assert enable(client, "push.example", f"n{number}").get("type") == "result"
        assert condition(enable(client, "push.example", "more")) == "resource-constraint"
        assert enable(client, "push.example", "n0").get("type") == "result"
        assert len(rows(server, client)) == LIMIT

    def test_the_oldest_goes(self, server, cast):
        for number in range(LIMIT + 1):
            client = cast.client("juliet").login()
            assert enable(client, "push.example", f"n{number}").get("type") == "result"
            client.close()
        assert [row[1] for row in rows(server, client)] == [f"n{number + 1}" for number in range(LIMIT)]

    def test_many_at_once(self, server, cast):
        client = cast.client("juliet").login()
        client.send("".join(f"<iq type='set' id='many{number}'><enable xmlns='{PUSH}' jid='push.example' "
                            f"node='n{number}'/></iq>" for number in range(100)))
        answers = [client.take(lambda each, id=f"many{number}": each.get("id") == id) for number in range(100)]
        assert [each.get("type") for each in answers] == ["result"] * LIMIT + ["error"] * (100 - LIMIT)
        assert len(rows(server, client)) == LIMIT

    def test_account_goes(self, server, cast):
        client = cast.client("juliet").login()
        enable(client, "push.example", "n")
        server.ask("unregister", client.user, client.host)
        assert not rows(server, client)

    def test_delete_old(self, server, cast, romeo, juliet, push):
        enable(romeo, "push.example", "n")
        with sqlite3.connect(server.database, timeout=20) as db:
            db.execute("UPDATE push_session SET timestamp = timestamp - 86400000000 * 3 WHERE username = ?",
                       (romeo.user,))
        server.ask("delete_old_push_sessions", 2)
        assert not rows(server, romeo) and rows(server, juliet)
        server.ask("delete_old_push_sessions", 0)
        assert not rows(server, juliet)
        romeo.message(juliet.bare)
        push.nothing_new(romeo)


class TestOffline:
    def test_message(self, romeo, juliet, push):
        romeo.message(juliet.bare)
        told = push.take_one()
        assert (told.user, told.node, told.options) == (juliet.bare, "node", None)
        assert told.summary == {"FORM_TYPE": "urn:xmpp:push:summary", "message-count": "1",
                                "last-message-body": "New message"}

    def test_publish_options(self, cast, romeo, push):
        juliet = cast.client("juliet").login()
        enable(juliet, push.host, "node", {"secret": "<s3>"})
        juliet.close()
        romeo.message(juliet.bare)
        assert push.take_one().options == {
            "FORM_TYPE": "http://jabber.org/protocol/pubsub#publish-options", "secret": "<s3>"}

    def test_each_service(self, server, services, cast, romeo, push):
        other = attach(server, services)
        juliet = cast.client("juliet").login()
        for service, node in ((push, "n1"), (push, "n2"), (other, "n3")):
            enable(juliet, service.host, node)
        juliet.close()
        romeo.message(juliet.bare)
        assert {push.take_one().node, push.take_one().node} == {"n1", "n2"}
        assert other.take_one().node == "n3"

    @pytest.mark.parametrize("content", [
        "<composing xmlns='http://jabber.org/protocol/chatstates'/>",
        "<received xmlns='urn:xmpp:receipts' id='1'/>",
        "<displayed xmlns='urn:xmpp:chat-markers:0' id='1'/><store xmlns='urn:xmpp:hints'/>",
        "<body>x</body><no-store xmlns='urn:xmpp:hints'/>",
        "",
    ], ids=["chat state", "receipt", "marker", "not kept", "empty"])
    def test_not_told(self, romeo, juliet, push, content):
        romeo.send(f"<message to='{juliet.bare}' type='chat'>{content}</message>")
        push.nothing_new(romeo)
        romeo.message(juliet.bare)
        assert push.take_one().summary["message-count"] == "1"

    def test_what_is_not_kept(self, server, cast, romeo, juliet, push):
        """The store is full: the sender hears of it, the client does not."""
        for _ in range(SETTINGS.max_offline):
            romeo.message(juliet.bare)
        push.until_messages(SETTINGS.max_offline)
        romeo.message(juliet.bare)
        assert condition(romeo.recv()) == "resource-constraint"
        push.nothing_new(romeo)

    def test_without_body(self, romeo, juliet, push):
        romeo.send(f"<message to='{juliet.bare}'><data xmlns='urn:example'/></message>")
        assert push.take_one().summary is None

    def test_encrypted(self, romeo, juliet, push):
        romeo.send(f"<message to='{juliet.bare}'><encrypted xmlns='urn:xmpp:omemo:2'/></message>")
        assert push.take_one().summary["last-message-body"] == "New message"

    def test_count_ends_when_the_client_is_back(self, romeo, juliet, push):
        for _ in range(3):
            romeo.message(juliet.bare)
        push.until_messages(3)
        juliet.online()
        juliet.close()
        romeo.message(juliet.bare)
        assert push.take_one().summary["message-count"] == "1"

    def test_request_for_a_subscription(self, romeo, juliet, push):
        romeo.presence(f"to='{juliet.bare}' type='subscribe'")
        told = push.take_one()
        assert told.summary == {"FORM_TYPE": "urn:xmpp:push:summary", "pending-subscription-count": "1"}
        romeo.message(juliet.bare)
        assert push.take_one().summary["pending-subscription-count"] == "1"
        romeo.presence(f"to='{juliet.bare}' type='unsubscribe'")
        romeo.message(juliet.bare)
        assert "pending-subscription-count" not in push.take_one().summary

    def test_disabled(self, cast, romeo, juliet, push):
        client = cast.client("juliet").login()
        disable(client, push.host)
        client.close()
        romeo.message(juliet.bare)
        push.nothing_new(romeo)

    def test_restart(self, own_server, cast_for, services):
        server = own_server(SETTINGS).start()
        push, cast = attach(server, services, "push.localhost"), cast_for(server)
        juliet = cast.client("juliet").login()
        enable(juliet, "push.localhost", "node", {"secret": "s3"})
        cast.client("romeo")
        server.restart()
        push = attach(server, services, "push.localhost")
        cast.client("romeo").online().message(juliet.bare)
        told = push.take_one()
        assert (told.user, told.node, told.options["secret"]) == (juliet.bare, "node", "s3")

    def test_rows_of_others(self, server, cast, romeo, push):
        """A form that is none, an address that is none, and one as ejabberd writes it."""
        juliet = cast.client("juliet")
        good = ("<x xmlns='jabber:x:data' type='submit'><field type='hidden' var='FORM_TYPE'>"
                "<value>http://jabber.org/protocol/pubsub#publish-options</value></field></x>")
        with sqlite3.connect(server.database, timeout=20) as db:
            columns = [each[1] for each in db.execute("PRAGMA table_info(push_session)")]
            host = ["localhost"] if "server_host" in columns else []
            names = (["server_host"] if host else []) + ["username", "timestamp", "service", "node", "xml"]
            for number, (service, xml) in enumerate(((push.host, "<x"), ("a b", ""), (push.host, good))):
                db.execute(f"INSERT INTO push_session ({','.join(names)}) VALUES ({','.join('?' * len(names))})",
                           [*host, juliet.user, number, service, f"n{number}", xml])
        romeo.message(juliet.bare)
        told = push.take_one()
        assert told.node == "n2" and "FORM_TYPE" in told.options
        push.nothing_new(romeo)


class TestOptions:
    @pytest.mark.parametrize("options, wanted", [
        ({"include_body": "true"}, {"last-message-body": "wherefore"}),
        ({"include_body": "false"}, {}),
        ({"include_body": "You have mail", "include_sender": True},
         {"last-message-body": "You have mail", "last-message-sender": "romeo"}),
    ], ids=["the body", "nothing", "text and sender"])
    def test_summary(self, own_server, cast_for, services, options, wanted):
        server = own_server(settings(**options)).start()
        cast, push = cast_for(server), attach(server, services)
        romeo, juliet = cast.client("romeo").online(), cast.client("juliet").login()
        enable(juliet, push.host, "node")
        juliet.close()
        romeo.message(juliet.bare, "wherefore")
        wanted = {var: romeo.full if value == "romeo" else value for var, value in wanted.items()}
        assert push.take_one().summary == {"FORM_TYPE": "urn:xmpp:push:summary", "message-count": "1", **wanted}

    def test_long_body(self, own_server, cast_for, services):
        server = own_server(settings(include_body="true")).start()
        cast, push = cast_for(server), attach(server, services)
        romeo, juliet = cast.client("romeo").online(), cast.client("juliet").login()
        enable(juliet, push.host, "node")
        juliet.close()
        romeo.message(juliet.bare, "a" + "ü" * 5000)
        assert push.take_one().summary["last-message-body"] == "a" + "ü" * 2047

    def test_messages_only(self, own_server, cast_for, services):
        server = own_server(settings(notify_on="messages")).start()
        cast, push = cast_for(server), attach(server, services)
        romeo, juliet = cast.client("romeo").online(), cast.client("juliet").login()
        enable(juliet, push.host, "node")
        juliet.close()
        romeo.send(f"<message to='{juliet.bare}'><data xmlns='urn:example'/></message>")
        romeo.presence(f"to='{juliet.bare}' type='subscribe'")
        push.nothing_new(romeo)
        romeo.message(juliet.bare)
        assert push.take_one().summary["message-count"] == "1"


class TestServices:
    @pytest.mark.parametrize("name, type", [
        ("item-not-found", "cancel"), ("forbidden", "auth"), ("not-authorized", "auth"), ("gone", "cancel"),
        ("bad-request", "modify")])
    def test_final_error(self, server, romeo, juliet, push, name, type):
        romeo.message(juliet.bare)
        push.refuse(push.notification(), name, type)
        wait.until(lambda: not rows(server, juliet), "the registration is gone")
        romeo.message(juliet.bare)
        push.nothing_new(romeo)

    @pytest.mark.parametrize("name, type", [
        ("resource-constraint", "wait"), ("item-not-found", "wait"), ("remote-server-timeout", "wait"),
        ("service-unavailable", "cancel"), ("internal-server-error", "cancel")])
    def test_passing_error(self, server, romeo, juliet, push, name, type):
        romeo.message(juliet.bare)
        push.refuse(push.notification(), name, type)
        romeo.message(juliet.bare)
        assert push.take_one().summary["message-count"] == "2"
        assert rows(server, juliet)

    def test_no_such_service(self, server, cast, romeo):
        """Nobody serves the domain: what is sent comes back, and the registration stays."""
        juliet = cast.client("juliet").login()
        enable(juliet, "nobody.localhost", "node")
        juliet.close()
        before = sent(server)
        romeo.message(juliet.bare)
        wait.until(lambda: sent(server) == before + 1, "it was tried")
        assert rows(server, juliet)

    def test_says_that_it_takes_no_more(self, server, romeo, juliet, push):
        push.send(f"<message from='{push.host}' to='{juliet.bare}'>"
                  f"<pubsub xmlns='http://jabber.org/protocol/pubsub' node='node'>"
                  f"<affiliation jid='{juliet.bare}' affiliation='none'/></pubsub></message>")
        wait.until(lambda: not rows(server, juliet), "the registration is gone")
        juliet.online()
        assert not [each for each in juliet.settle() if each.tag.endswith("}message")]

    def test_only_itself_can_say_so(self, server, romeo, juliet, push):
        romeo.send(f"<message to='{juliet.bare}'>"
                   f"<pubsub xmlns='http://jabber.org/protocol/pubsub' node='node'>"
                   f"<affiliation jid='{juliet.bare}' affiliation='none'/></pubsub></message>")
        romeo.ping()
        assert rows(server, juliet)

    def test_silent_one(self, server, cast, services, romeo, juliet, push):
        """It owes an answer: no second notification goes out, and what is not for it goes on."""
        silent = attach(server, services)
        client = cast.client("juliet").login()
        enable(client, silent.host, "silent")
        client.close()
        for _ in range(50):
            romeo.message(juliet.bare)
        silent.notification()
        push.until_messages(50)
        silent.nothing_new(romeo)
        assert len(rows(server, juliet)) == 2

    def test_burst(self, romeo, juliet, push):
        """A notification for each message would be too many; the last one has the right number."""
        for _ in range(80):
            romeo.message(juliet.bare)
        romeo.ping()
        assert push.until_messages(80) < 40

    def test_answer_by_somebody_else(self, server, cast, romeo, juliet, push):
        """An error that does not come from the service changes nothing."""
        romeo.message(juliet.bare)
        told = push.notification()
        romeo.send(f"<iq type='error' to='{told.user}' id='{told.id}'><error type='cancel'>"
                   f"<item-not-found xmlns='{ns.STANZA_ERRORS}'/></error></iq>")
        romeo.ping()
        assert rows(server, juliet)
        push.accept(told)


class TestArchive:
    @pytest.fixture(params=["alone", "for mod_offline"])
    def server(self, request, own_server):
        server = own_server(settings_with_archive())
        configuration = server.configuration()
        if request.param == "alone":
            del configuration["modules"]["mod_offline"]
        else:
            configuration["modules"]["mod_offline"]["use_mam_for_storage"] = True
        server.config_text = yaml.dump(configuration) + "\n"
        return server.start()

    @pytest.fixture
    def cast(self, cast_for, server):
        return cast_for(server)

    def test_kept_in_the_archive_alone(self, romeo, juliet, push):
        romeo.message(juliet.bare)
        assert push.take_one().summary["message-count"] == "1"

    def test_another_device_got_it(self, cast, romeo, juliet, push):
        """The phone reads it from the archive."""
        laptop = cast.client("juliet", "laptop").online()
        romeo.message(laptop.bare)
        assert push.take_one().summary["message-count"] == "1"

    def test_what_is_not_archived(self, cast, romeo, juliet, push):
        laptop = cast.client("juliet", "laptop").online()
        romeo.send(f"<message to='{laptop.bare}'><body>x</body><no-store xmlns='urn:xmpp:hints'/></message>")
        push.nothing_new(romeo)

    def test_connected_client(self, cast, romeo, push):
        """It has it itself."""
        phone = cast.client("juliet").online()
        enable(phone, push.host, "node")
        romeo.message(phone.bare)
        romeo.message(phone.full)
        push.nothing_new(romeo)
