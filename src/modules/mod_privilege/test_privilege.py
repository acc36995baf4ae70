# SPDX-License-Identifier: Apache-2.0
"""Components with privileges (XEP-0356)."""
import asyncio

import pytest

from harness import ns, wait
from harness.client import Client
from harness.component import Component
from harness.settings import Settings

pytestmark = pytest.mark.only("stanzad")

PRIVILEGE = "urn:xmpp:privilege:2"
FORWARD = "urn:xmpp:forward:0"
BODY = f"{{{ns.CLIENT}}}body"
SECRET = {"password": "secret"}
DOMAINS = ("full.localhost", "reader.localhost", "watcher.localhost", "none.localhost")

SETTINGS = Settings(
    hosts=("localhost", "second.example"),
    listeners={"component": {"module": "ejabberd_service", "global_routes": False,
                             "hosts": {each: SECRET for each in DOMAINS}}},
    modules={"mod_privilege": {
        "roster": {"both": "full", "get": "reader"},
        "message": {"outgoing": "full"},
        "presence": {"managed_entity": "watcher", "roster": "full"},
        "iq": {"urn:example:get": {"get": "full"}, ns.PING: {"both": "full"},
               ns.ROSTER: {"get": "full"}},
    }},
    options={
        "workers": 4,
        "acl": {name: {"server": f"{name}.localhost"} for name in ("full", "reader", "watcher")},
        "access_rules": {name: {"allow": name} for name in ("full", "reader", "watcher")}
        | {"c2s": {"allow": "all"}, "register": {"allow": "all"}},
    })


@pytest.fixture
def attach(server):
    made = []

    def make(domain):
        made.append(Component(server, domain).attach())
        if domain != "none.localhost":
            made[-1].told = [made[-1].take(is_privilege) for _ in SETTINGS.hosts]
        return made[-1]
    yield make
    for each in made:
        each.drop()
    wait.until(lambda: not server.ask_json("list_components"), "all are gone")


def is_privilege(element):
    return element.find(f"{{{PRIVILEGE}}}privilege") is not None


def error(stanza):
    assert stanza.get("type") == "error"
    found = stanza.find(f"{{{ns.CLIENT}}}error")
    return next(each.tag.partition("}")[2] for each in found if ns.STANZA_ERRORS in each.tag)


def ask(component, to, type, payload, user=None):
    """What a component asks, and its answer."""
    id = f"q{next(component.ids)}"
    sender = f"{user}@{component.host}" if user else component.host
    component.send(f"<iq type='{type}' id='{id}' from='{sender}' to='{to}'>{payload}</iq>")
    return component.take(lambda each: each.get("id") == id and each.get("type") in ("result", "error"))


GET_ROSTER = f"<query xmlns='{ns.ROSTER}'/>"


def put(jid, name="x"):
    return f"<query xmlns='{ns.ROSTER}'><item jid='{jid}' name='{name}'/></query>"


# -- what they are told ------------------------------------------------------------------------


def perms(component, host="localhost"):
    told = next(each for each in component.told if each.get("from") == host)
    return {each.get("access"): each for each in told.find(f"{{{PRIVILEGE}}}privilege")}


def test_advertised(attach):
    full = perms(attach("full.localhost"))
    assert (full["roster"].get("type"), full["roster"].get("push")) == ("both", "true")
    assert full["message"].get("type") == "outgoing" and full["presence"].get("type") == "roster"
    spaces = {each.get("ns"): each.get("type") for each in full["iq"]}
    assert spaces == {"urn:example:get": "get", ns.PING: "both", ns.ROSTER: "get"}
    assert set(perms(attach("reader.localhost"))) == {"roster"}
    assert perms(attach("watcher.localhost"), "second.example")["presence"].get("type") == "managed_entity"


def test_nothing_is_advertised(attach):
    component = attach("none.localhost")
    component.ping()
    assert not component.arrived()


def test_feature(cast):
    reply = cast.online("romeo").iq("get", f"<query xmlns='{ns.DISCO_INFO}'/>", to="localhost")
    assert PRIVILEGE in [each.get("var") for each in reply.iter(f"{{{ns.DISCO_INFO}}}feature")]


# -- rosters -----------------------------------------------------------------------------------


def test_roster(cast, attach):
    romeo, component = cast.online("romeo"), attach("full.localhost")
    romeo.iq("get", GET_ROSTER)
    assert ask(component, romeo.bare, "set", put("nurse@example.org", "Nurse")).get("type") == "result"
    item = romeo.take(lambda each: each.get("type") == "set").find(f".//{{{ns.ROSTER}}}item")
    assert item.get("jid") == "nurse@example.org"
    reply = ask(component, romeo.bare, "get", GET_ROSTER)
    assert reply.get("from") == romeo.bare
    assert [each.get("name") for each in reply.iter(f"{{{ns.ROSTER}}}item")] == ["Nurse"]


def test_roster_of_somebody_who_is_away(cast, attach):
    user, component = cast.account("romeo"), attach("full.localhost")
    assert ask(component, f"{user}@localhost", "set", put("a@example.org")).get("type") == "result"
    assert len(list(ask(component, f"{user}@localhost", "get", GET_ROSTER).iter(f"{{{ns.ROSTER}}}item"))) == 1


def test_roster_error_comes_back(cast, attach):
    romeo, component = cast.online("romeo"), attach("full.localhost")
    assert error(ask(component, romeo.bare, "set", f"<query xmlns='{ns.ROSTER}'/>")) == "bad-request"


@pytest.mark.parametrize("domain, type, user", [
    ("reader.localhost", "set", None), ("none.localhost", "get", None), ("watcher.localhost", "get", None),
    ("full.localhost", "get", "somebody")])
def test_roster_is_forbidden(cast, attach, domain, type, user):
    romeo, component = cast.online("romeo"), attach(domain)
    assert error(ask(component, romeo.bare, type, put("a@example.org") if type == "set" else GET_ROSTER,
                     user)) == "forbidden"


def test_pushes(cast, attach):
    romeo = cast.online("romeo")
    reader, watcher = attach("reader.localhost"), attach("watcher.localhost")
    romeo.iq("set", put("nurse@example.org"))
    push = reader.take(lambda each: each.get("type") == "set")
    assert push.get("from") == romeo.bare and push.get("to") == "reader.localhost"
    assert push.find(f".//{{{ns.ROSTER}}}item").get("jid") == "nurse@example.org"
    reader.send(f"<iq type='result' id='{push.get('id')}' from='reader.localhost' to='{romeo.bare}'/>")
    romeo.iq("set", f"<query xmlns='{ns.ROSTER}'><item jid='nurse@example.org' subscription='remove'/></query>")
    push = reader.take(lambda each: each.get("type") == "set")
    assert push.find(f".//{{{ns.ROSTER}}}item").get("subscription") == "remove"
    watcher.ping()
    assert not [each for kind, each in watcher.arrived() if each.get("type") == "set"]


# -- messages ----------------------------------------------------------------------------------


def forwarded(sender, to, id="m1", xmlns=PRIVILEGE):
    return (f"<privilege xmlns='{xmlns}'><forwarded xmlns='{FORWARD}'>"
            f"<message xmlns='{ns.CLIENT}' from='{sender}' to='{to}' id='inner' type='headline'>"
            f"<body>hello</body><event xmlns='urn:example:event'/></message></forwarded></privilege>")


def send(component, content, to="localhost", id="m1"):
    component.send(f"<message from='{component.host}' to='{to}' id='{id}'>{content}</message>")


@pytest.mark.parametrize("xmlns", [PRIVILEGE, "urn:xmpp:privilege:1"])
def test_message(cast, attach, xmlns):
    romeo, component = cast.online("romeo"), attach("full.localhost")
    for sender in ("juliet@localhost", "localhost"):
        send(component, forwarded(sender, romeo.full, xmlns=xmlns))
        message = romeo.recv()
        assert (message.get("from"), message.get("id")) == (sender, "inner")
        assert message.findtext(BODY) == "hello"
        assert message.find("{urn:example:event}event") is not None


@pytest.mark.parametrize("sender, condition", [
    ("juliet@localhost/balcony", "forbidden"), ("juliet@elsewhere.example", "forbidden"),
    ("juliet@second.example", "forbidden"), ("", "forbidden")])
def test_message_from_others(cast, attach, sender, condition):
    romeo, component = cast.online("romeo"), attach("full.localhost")
    send(component, forwarded(sender, romeo.full))
    assert error(component.take(lambda each: each.get("id") == "m1")) == condition
    romeo.nothing()


@pytest.mark.parametrize("content, condition", [
    (forwarded("juliet@localhost", "a@b@c"), "jid-malformed"),
    (f"<privilege xmlns='{PRIVILEGE}'/>", "bad-request"),
    (f"<privilege xmlns='{PRIVILEGE}'><forwarded xmlns='{FORWARD}'/></privilege>", "bad-request"),
])
def test_malformed_message(attach, content, condition):
    component = attach("full.localhost")
    send(component, content)
    assert error(component.take(lambda each: each.get("id") == "m1")) == condition


def test_message_without_permission(cast, attach):
    romeo, component = cast.online("romeo"), attach("reader.localhost")
    send(component, forwarded("juliet@localhost", romeo.full))
    assert error(component.take(lambda each: each.get("id") == "m1")) == "forbidden"
    romeo.message("localhost", extra="id='m2'")
    romeo.take(lambda each: each.get("id") == "m2")
    romeo.nothing()


# -- IQs ---------------------------------------------------------------------------------------


def wrapped(payload, type="get", to=None, extra="", xmlns=ns.CLIENT):
    address = f"to='{to}'" if to else ""
    return (f"<privileged_iq xmlns='{PRIVILEGE}'>"
            f"<iq xmlns='{xmlns}' type='{type}' id='inner' {address} {extra}>{payload}</iq></privileged_iq>")


def inner(reply):
    assert reply.get("type") == "result"
    return reply.find(f"{{{PRIVILEGE}}}privilege/{{{FORWARD}}}forwarded/{{{ns.CLIENT}}}iq")


def test_iq_to_a_client(cast, attach):
    romeo, juliet = cast.online("romeo"), cast.online("juliet")
    component = attach("full.localhost")
    component.send(f"<iq type='get' id='q1' from='full.localhost' to='{romeo.bare}'>"
                   + wrapped("<q xmlns='urn:example:get'/>", to=juliet.full) + "</iq>")
    request = juliet.recv()
    assert request.get("from") == romeo.bare
    # Only the one who was asked can answer.
    cast.online("tybalt").send(f"<iq type='result' id='{request.get('id')}' to='{romeo.bare}'/>")
    juliet.send(f"<iq type='result' id='{request.get('id')}' to='{romeo.bare}'><a xmlns='urn:example:get'/></iq>")
    answer = inner(component.take(lambda each: each.get("id") == "q1"))
    assert answer.get("id") == "inner" and answer.get("type") == "result"
    assert (answer.get("from"), answer.get("to")) == (juliet.full, romeo.bare)
    assert answer.find("{urn:example:get}a") is not None
    romeo.nothing()


def test_iq_to_the_server_and_the_user(cast, attach):
    romeo, component = cast.online("romeo"), attach("full.localhost")
    ping = f"<ping xmlns='{ns.PING}'/>"
    assert inner(ask(component, romeo.bare, "get", wrapped(ping, to="localhost"))).get("type") == "result"
    assert inner(ask(component, romeo.bare, "get", wrapped(ping))).get("from") == romeo.bare
    roster = inner(ask(component, romeo.bare, "get", wrapped(GET_ROSTER, extra=f"from='{romeo.bare}'")))
    assert roster.find(f"{{{ns.ROSTER}}}query") is not None
    refused = inner(ask(component, romeo.bare, "set", wrapped(ping, type="set")))
    assert refused.get("type") == "error"


@pytest.mark.parametrize("content, type, condition", [
    (wrapped("<q xmlns='urn:example:get'/>", type="set"), "set", "forbidden"),
    (wrapped("<q xmlns='urn:example:get'/>", type="set"), "get", "forbidden"),
    (wrapped("<q xmlns='urn:example:other'/>"), "get", "forbidden"),
    (wrapped("<q xmlns='urn:example:get'/>", xmlns="jabber:server"), "get", "forbidden"),
    (wrapped("<q xmlns='urn:example:get'/>", extra="from='tybalt@localhost'"), "get", "forbidden"),
    (wrapped("<q xmlns='urn:example:get'/>", to="a@b@c"), "get", "jid-malformed"),
    (wrapped(""), "get", "bad-request"),
    (f"<privileged_iq xmlns='{PRIVILEGE}'/>", "get", "bad-request"),
])
def test_refused_iqs(cast, attach, content, type, condition):
    romeo, component = cast.online("romeo"), attach("full.localhost")
    assert error(ask(component, romeo.bare, type, content)) == condition


def test_iq_for_nobody(cast, attach):
    romeo, component, other = cast.online("romeo"), attach("full.localhost"), attach("reader.localhost")
    request = wrapped("<q xmlns='urn:example:get'/>")
    for to in ("localhost", romeo.full, "nobody.of.that.name@localhost"):
        assert error(ask(component, to, "get", request)) == "forbidden"
    assert error(ask(other, romeo.bare, "get", request)) == "forbidden"
    assert error(romeo.iq("get", request)) == "forbidden"


# -- presence ----------------------------------------------------------------------------------


def presence_of(component, jid):
    return component.take(lambda each: each.tag == f"{{{ns.CLIENT}}}presence" and each.get("from") == jid)


def test_presence_of_users(cast, attach):
    watcher, reader = attach("watcher.localhost"), attach("reader.localhost")
    romeo = cast.client("romeo").login()
    romeo.presence(children="<status>first</status>")
    romeo.presence(children="<status>second</status>")
    assert presence_of(watcher, romeo.full).findtext(f"{{{ns.CLIENT}}}status") == "first"
    romeo.presence("type='unavailable'")
    assert presence_of(watcher, romeo.full).get("type") == "unavailable"
    romeo.presence()
    assert presence_of(watcher, romeo.full).get("type") is None
    romeo.drop()
    assert presence_of(watcher, romeo.full).get("type") == "unavailable"
    reader.ping()
    assert not reader.arrived()


def test_presence_of_those_who_are_there(cast, attach):
    romeo = cast.client("romeo").login()
    romeo.presence(children="<status>here</status>")
    romeo.ping()
    watcher = attach("watcher.localhost")
    assert presence_of(watcher, romeo.full).findtext(f"{{{ns.CLIENT}}}status") == "here"


def test_refusal_of_presence_is_not_seen(cast, attach):
    watcher, romeo = attach("watcher.localhost"), cast.online("romeo")
    presence_of(watcher, romeo.full)
    watcher.send(f"<presence type='error' from='watcher.localhost' to='{romeo.full}'/>")
    watcher.ping()
    romeo.nothing()


def test_presence_of_contacts(server, cast, attach):
    """A contact on another host of the server, while the user is away."""
    full, watcher = attach("full.localhost"), attach("watcher.localhost")
    user, contact = cast.account("romeo"), "friend"
    server.add_user(contact, host="second.example")
    for local, host, peer, peer_host in ((user, "localhost", contact, "second.example"),
                                         (contact, "second.example", user, "localhost")):
        server.ask("add_rosteritem", local, host, peer, peer_host, "x", "[]", "both")
    friend = Client(server, contact, "desk", host="second.example").login()
    friend.presence(children="<status>one</status>")
    assert presence_of(full, friend.full).findtext(f"{{{ns.CLIENT}}}status") == "one"
    friend.presence(children="<status>two</status>")
    assert presence_of(full, friend.full).findtext(f"{{{ns.CLIENT}}}status") == "two"
    friend.close()
    assert presence_of(full, friend.full).get("type") == "unavailable"
    watcher.ping()
    assert not [each for kind, each in watcher.arrived() if each.findtext(f"{{{ns.CLIENT}}}status") == "two"]


# -- configuration -----------------------------------------------------------------------------


@pytest.mark.parametrize("options, complaint", [
    ("roster: {both: nobody_there}", "no access rule 'nobody_there'"),
    ("roster: {read: all}", "unknown permission 'read'"),
    ("message: {outgoing: [{allow: x}]}", "expected the name of an access rule"),
])
def test_refused_options(server, options, complaint):
    done = server.ctl("module_reload", "localhost", "mod_privilege", "{" + options + "}")
    assert done.returncode and complaint in done.stdout + done.stderr


# -- a library ---------------------------------------------------------------------------------


def test_library(server, cast):
    """slixmpp's component learns what it may do, reads a roster, and speaks for a user."""
    slixmpp = pytest.importorskip("slixmpp")
    from harness.bots import run_alone
    romeo, told = cast.online("romeo"), asyncio.Event()

    async def scene():
        component = slixmpp.ComponentXMPP("full.localhost", "secret", "127.0.0.1", server.ports["component"])
        component.register_plugin("xep_0356")
        component.add_event_handler("privileges_advertised", lambda _=None: told.set())
        try:
            component.connect()
            await asyncio.wait_for(told.wait(), wait.DEADLINE)
            granted = component["xep_0356"].granted_privileges
            assert granted["roster"] == "both" and granted["message"] == "outgoing"
            roster = component.make_iq_get(queryxmlns=ns.ROSTER, ifrom="full.localhost", ito=romeo.bare)
            assert (await roster.send(timeout=wait.DEADLINE))["type"] == "result"
            message = component.make_message(mto=romeo.full, mfrom="juliet@localhost", mbody="from a library")
            component.server_host = "localhost"
            component["xep_0356"].send_privileged_message(message)
            heard = await asyncio.get_running_loop().run_in_executor(None, romeo.recv)
            assert heard.findtext(BODY) == "from a library" and heard.get("from") == "juliet@localhost"
        finally:
            component.abort()

    run_alone(scene)
