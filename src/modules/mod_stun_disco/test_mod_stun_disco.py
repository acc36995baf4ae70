# SPDX-License-Identifier: Apache-2.0
"""mod_stun_disco: which services are told to whom, and what their credentials are worth."""
import base64
import datetime
import hashlib
import hmac
import time

import pytest

from harness import ns
from harness.settings import Settings
from harness.stream import show

pytestmark = pytest.mark.only("stanzad")
SECRET = "not & guessable"
SERVICES = [
    {"host": "203.0.113.3"},
    {"host": "203.0.113.3", "type": "turn"},
    {"host": "203.0.113.3", "type": "turn", "transport": "tcp", "port": 443},
    {"host": "2001:db8::3", "type": "stun", "restricted": True},
    {"host": "turn.example.org", "type": "turns"},
    {"host": "open.example.org", "type": "turn", "restricted": False},
]
SETTINGS = Settings(modules={"mod_stun_disco": {"secret": SECRET, "services": SERVICES,
                                                "credentials_lifetime": "90 s"}})
VERSIONS = pytest.mark.parametrize("version", ["urn:xmpp:extdisco:1", "urn:xmpp:extdisco:2"])
TWO = "urn:xmpp:extdisco:2"


@pytest.fixture
def romeo(cast):
    return cast.client("romeo").login()


def ask(client, payload, type="get", host="localhost"):
    return client.iq(type, payload, to=host)


def services(reply, version=TWO):
    assert reply.get("type") == "result", show(reply)
    return [dict(each.attrib) for each in reply.iter(f"{{{version}}}service")]


def condition(reply):
    assert reply.get("type") == "error", show(reply)
    return {each.tag.partition("}")[2] for each in reply.find(f"{{{ns.CLIENT}}}error")} - {"text"}


def check_credentials(service, secret=SECRET, lifetime=90):
    until, _, user = service["username"].partition(":")
    assert user and "romeo" not in user
    assert 0 < int(until) - time.time() <= lifetime
    expires = datetime.datetime.strptime(service["expires"], "%Y-%m-%dT%H:%M:%SZ")
    assert expires.replace(tzinfo=datetime.timezone.utc).timestamp() == int(until)
    wanted = hmac.new(secret.encode(), service["username"].encode(), hashlib.sha1).digest()
    assert base64.b64decode(service["password"], validate=True) == wanted
    return user


@VERSIONS
def test_all_services(romeo, version):
    found = services(ask(romeo, f"<services xmlns='{version}'/>"), version)
    assert [(each["host"], each["port"], each["type"], each["transport"], each["restricted"]) for each in found] == [
        ("203.0.113.3", "3478", "stun", "udp", "false"),
        ("203.0.113.3", "3478", "turn", "udp", "true"),
        ("203.0.113.3", "443", "turn", "tcp", "true"),
        ("2001:db8::3", "3478", "stun", "udp", "true"),
        ("turn.example.org", "5349", "turns", "tcp", "true"),
        ("open.example.org", "3478", "turn", "udp", "false"),
    ]
    for each in found:
        if each["restricted"] == "true":
            check_credentials(each)
        else:
            assert not {"username", "password", "expires"} & set(each)


def test_selected(romeo):
    reply = ask(romeo, f"<services xmlns='{TWO}' type='turns'/>")
    assert reply[0].get("type") == "turns"
    assert [each["host"] for each in services(reply)] == ["turn.example.org"]
    assert services(ask(romeo, f"<services xmlns='{TWO}' type='ftp'/>")) == []


@VERSIONS
def test_credentials(romeo, version):
    def found(attributes):
        reply = ask(romeo, f"<credentials xmlns='{version}'><service {attributes}/></credentials>")
        assert reply[0].tag == f"{{{version}}}credentials"
        return services(reply, version)
    assert [each["port"] for each in found("host='203.0.113.3' type='turn'")] == ["3478", "443"]
    (one,) = found("host='203.0.113.3' type='turn' port='443'")
    check_credentials(one)
    assert [each["port"] for each in found("host='203.0.113.3' type='turn' transport='udp'")] == ["3478"]


@pytest.mark.parametrize("payload, wanted", [
    ("", "bad-request"),
    ("<service host='203.0.113.3'/>", "bad-request"),
    ("<service type='turn'/>", "bad-request"),
    ("<service host='203.0.113.3' type='turn' port='0'/>", "bad-request"),
    ("<service host='203.0.113.3' type='turn' port='x'/>", "bad-request"),
    ("<service host='203.0.113.3' type='turn'/><service host='turn.example.org' type='turns'/>", "bad-request"),
    ("<service xmlns='urn:other' host='203.0.113.3' type='turn'/>", "bad-request"),
    ("<service host='203.0.113.4' type='turn'/>", "item-not-found"),
    ("<service host='203.0.113.3' type='turn' port='444'/>", "item-not-found"),
    ("<service host='203.0.113.3' type='stun'/>", "item-not-found"),
    ("<service host='open.example.org' type='turn'/>", "item-not-found"),
])
def test_no_credentials(romeo, payload, wanted):
    assert condition(ask(romeo, f"<credentials xmlns='{TWO}'>{payload}</credentials>")) == {wanted}


def test_other_requests(romeo):
    assert condition(ask(romeo, f"<services xmlns='{TWO}'/>", "set")) == {"not-allowed"}
    assert condition(ask(romeo, f"<other xmlns='{TWO}'/>")) == {"bad-request"}


def test_announced(romeo):
    info = ask(romeo, f"<query xmlns='{ns.DISCO_INFO}'/>")
    features = {each.get("var") for each in info.iter(f"{{{ns.DISCO_INFO}}}feature")}
    assert {"urn:xmpp:extdisco:1", TWO} <= features


def test_users_are_told_apart(cast, romeo):
    def user(client):
        (one,) = services(ask(client, f"<services xmlns='{TWO}' type='turns'/>"))
        return check_credentials(one)
    assert user(romeo) == user(romeo)
    assert user(romeo) != user(cast.client("juliet").login())


def test_access(own_server, cast_for):
    server = own_server(Settings(modules={"mod_stun_disco": {"access": "none", "services": SERVICES}})).start()
    cast = cast_for(server)
    client = cast.client("romeo").login()
    assert condition(ask(client, f"<services xmlns='{TWO}'/>")) == {"forbidden"}


def test_reload_and_mistakes(own_server, cast_for):
    server = own_server(Settings(modules={"mod_stun_disco": {}})).start()
    client = cast_for(server).client("romeo").login()
    assert services(ask(client, f"<services xmlns='{TWO}'/>")) == []

    def reloaded(options):
        return server.ctl("module_reload", "localhost", "mod_stun_disco", options)
    assert reloaded("{services: [{host: a.example, type: turn}], secret: new}").returncode == 0
    (one,) = services(ask(client, f"<services xmlns='{TWO}'/>"))
    check_credentials(one, "new", 12 * 3600)
    for options, words in [("{services: [{type: turn}]}", "needs a host"),
                           ("{services: [{host: a, typ: turn}]}", "nothing else"),
                           ("{services: [{host: a, type: ftp}]}", "type is"),
                           ("{services: [{host: a, transport: sctp}]}", "transport is"),
                           ("{services: [{host: a, port: 70000}]}", "port is"),
                           ("{services: [{host: a, restricted: perhaps}]}", "restricted is"),
                           ("{services: {host: a}}", "is a list"), ("{services: [a]}", "a service is a map"),
                           ("{secret: ''}", "empty")]:
        answer = reloaded(options)
        assert answer.returncode != 0 and words in answer.stdout + answer.stderr, answer
    (one,) = services(ask(client, f"<services xmlns='{TWO}'/>"))
    check_credentials(one, "new", 12 * 3600)
