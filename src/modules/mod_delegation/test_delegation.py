# SPDX-License-Identifier: Apache-2.0
"""Namespaces that components answer for (XEP-0355)."""
import pytest

from harness import ns, wait
from harness.component import Component
from harness.settings import Settings

pytestmark = pytest.mark.only("stanzad")

DELEGATION = "urn:xmpp:delegation:2"
OLD = "urn:xmpp:delegation:1"
FORWARD = "urn:xmpp:forward:0"
PUBSUB = "http://jabber.org/protocol/pubsub"
SECRET = {"password": "secret"}
IQ = f"{{{ns.CLIENT}}}iq"

SETTINGS = Settings(
    listeners={"component": {"module": "ejabberd_service", "global_routes": False,
                             "hosts": {"pubsub.localhost": SECRET, "other.localhost": SECRET}}},
    modules={
        "mod_delegation": {"namespaces": {
            PUBSUB: {"access": "external"},
            ns.TIME: {"access": "external"},
            ns.VERSION: {"access": "external", "filtering": ["node"]},
            ns.ROSTER: {"access": "external", "filtering": ["delegate"]},
            f"{DELEGATION}:bare:disco#info:*": {"access": "external"},
            f"{DELEGATION}:bare:disco#items:*": {"access": "external"},
            "urn:example:nobody": {}}},
        "mod_privilege": {"roster": {"both": "external"}},
    },
    options={
        "workers": 4,
        "acl": {"external": {"server": "pubsub.localhost"}},
        "access_rules": {"external": {"allow": "external"}, "c2s": {"allow": "all"},
                         "register": {"allow": "all"}},
    })


@pytest.fixture
def attach(server):
    made = []

    def make(domain="pubsub.localhost"):
        made.append(Component(server, domain).attach())
        return made[-1]
    yield make
    for each in made:
        each.drop()
    wait.until(lambda: not server.ask_json("list_components"), "all are gone")


@pytest.fixture
def component(attach):
    made = attach()
    made.told = made.take(lambda each: each.find(f"{{{DELEGATION}}}delegation") is not None)
    return made


def error(stanza):
    assert stanza.get("type") == "error"
    found = stanza.find(f"{{{ns.CLIENT}}}error")
    return next(each.tag.partition("}")[2] for each in found if ns.STANZA_ERRORS in each.tag)


def is_request(element):
    return element.find(f"{{{DELEGATION}}}delegation/{{{FORWARD}}}forwarded/{IQ}") is not None


def inner(request, xmlns=DELEGATION):
    return request.find(f"{{{xmlns}}}delegation/{{{FORWARD}}}forwarded/{IQ}")


def ask(client, payload, to="", id="r1", type="get"):
    address = f"to='{to}'" if to else ""
    client.send(f"<iq type='{type}' id='{id}' {address}>{payload}</iq>")


def hear(client, id="r1"):
    return client.take(lambda each: each.tag == IQ and each.get("id") == id)


def wrapped(request, payload, xmlns=DELEGATION, **changed):
    original = inner(request, xmlns)
    attributes = {"from": original.get("to"), "to": original.get("from"), "id": original.get("id"),
                  "type": "result", **changed}
    text = " ".join(f"{name}='{value}'" for name, value in attributes.items() if value)
    return (f"<delegation xmlns='{xmlns}'><forwarded xmlns='{FORWARD}'>"
            f"<iq xmlns='{ns.CLIENT}' {text}>{payload}</iq></forwarded></delegation>")


def answer(component, request, content, type="result", sender=None):
    component.send(f"<iq type='{type}' id='{request.get('id')}' from='{sender or component.host}' "
                   f"to='{request.get('from')}'>{content}</iq>")


GET = f"<pubsub xmlns='{PUBSUB}'><items node='x'/></pubsub>"


# -- what it is told ---------------------------------------------------------------------------


def test_advertised(component):
    for version in (DELEGATION, OLD):
        told = component.told.find(f"{{{version}}}delegation")
        spaces = {each.get("namespace"): [name.get("name") for name in each] for each in told}
        assert all(f"{DELEGATION}:bare:disco#{each}:*" in spaces for each in ("info", "items"))
        spaces = {space: names for space, names in spaces.items() if not space.startswith(DELEGATION)}
        assert spaces == {PUBSUB: [], ns.TIME: [], ns.VERSION: ["node"], ns.ROSTER: ["delegate"]}
    assert component.told.get("from") == "localhost"


def test_others_are_told_nothing(attach):
    other = attach("other.localhost")
    other.ping()
    assert not other.arrived()


# -- requests ----------------------------------------------------------------------------------


@pytest.mark.parametrize("to", ["", "self", "localhost", "other"])
@pytest.mark.parametrize("type", ["get", "set"])
def test_request(cast, component, to, type):
    romeo, juliet = cast.online("romeo"), cast.online("juliet")
    address = {"self": romeo.bare, "other": juliet.bare}.get(to, to)
    ask(romeo, GET, address, type=type)
    request = component.take(is_request)
    assert (request.get("type"), request.get("from"), request.get("to")) == ("set", "localhost", component.host)
    original = inner(request)
    assert (original.get("type"), original.get("id"), original.get("from")) == (type, "r1", romeo.full)
    assert original.get("to") == address or romeo.bare
    assert original.find(f"{{{PUBSUB}}}pubsub/{{{PUBSUB}}}items").get("node") == "x"
    answer(component, request, wrapped(request, f"<pubsub xmlns='{PUBSUB}'><ok/></pubsub>"))
    reply = hear(romeo)
    assert reply.get("type") == "result" and reply.get("from") in (address, romeo.bare)
    assert reply.find(f"{{{PUBSUB}}}pubsub/{{{PUBSUB}}}ok") is not None


def test_empty_result_without_from(cast, component):
    romeo = cast.online("romeo")
    ask(romeo, GET, type="set")
    request = component.take(is_request)
    answer(component, request, wrapped(request, "", **{"from": None}))
    reply = hear(romeo)
    assert reply.get("type") == "result" and len(reply) == 0


@pytest.mark.parametrize("changed", [
    {"to": "tybalt@localhost/x"}, {"to": None}, {"from": "pubsub.localhost"}, {"id": "other"}, {"id": None},
    {"type": "error"}, {"type": "set"}, {"type": None}])
def test_wrong_answers(cast, component, changed):
    romeo = cast.online("romeo")
    ask(romeo, GET)
    request = component.take(is_request)
    answer(component, request, wrapped(request, f"<pubsub xmlns='{PUBSUB}'/>", **changed))
    assert error(hear(romeo)) == "service-unavailable"
    romeo.nothing()


@pytest.mark.parametrize("content, type", [
    ("", "result"), ("<delegation xmlns='urn:xmpp:delegation:2'/>", "result"), ("<x xmlns='urn:x'/>", "result"),
    (f"<error type='cancel'><item-not-found xmlns='{ns.STANZA_ERRORS}'/></error>", "error")])
def test_no_answers(cast, component, content, type):
    romeo = cast.online("romeo")
    ask(romeo, GET)
    answer(component, component.take(is_request), content, type)
    assert error(hear(romeo)) == "service-unavailable"


def test_two_payloads(cast, component):
    romeo = cast.online("romeo")
    ask(romeo, GET)
    request = component.take(is_request)
    answer(component, request, wrapped(request, "<a xmlns='urn:x'/><b xmlns='urn:x'/>"))
    assert error(hear(romeo)) == "service-unavailable"


def test_answers_of_others(cast, component, attach):
    """Neither another component nor a client can answer, nor can the right one twice."""
    romeo, other = cast.online("romeo"), attach("other.localhost")
    ask(romeo, GET)
    request = component.take(is_request)
    answer(other, request, wrapped(request, "<wrong xmlns='urn:x'/>"))
    other.ping()
    tybalt = cast.online("tybalt")
    tybalt.send(f"<iq type='result' id='{request.get('id')}' to='localhost'>"
                + wrapped(request, "<wrong xmlns='urn:x'/>") + "</iq>")
    tybalt.ping()
    answer(component, request, wrapped(request, "<right xmlns='urn:x'/>"))
    answer(component, request, wrapped(request, "<wrong xmlns='urn:x'/>"))
    assert hear(romeo).find("{urn:x}right") is not None
    component.ping()
    romeo.nothing()


def test_in_any_order(cast, component):
    romeo = cast.online("romeo")
    for number in range(5):
        ask(romeo, GET, id=f"n{number}")
    for request in reversed([component.take(is_request) for _ in range(5)]):
        answer(component, request, wrapped(request, f"<n xmlns='urn:x'>{inner(request).get('id')}</n>"))
    for number in range(5):
        assert hear(romeo, f"n{number}").findtext("{urn:x}n") == f"n{number}"


# -- the server's own --------------------------------------------------------------------------


def test_in_the_place_of_a_module(cast, component):
    romeo = cast.online("romeo")
    ask(romeo, f"<time xmlns='{ns.TIME}'/>", "localhost")
    request = component.take(is_request)
    answer(component, request, wrapped(request, f"<time xmlns='{ns.TIME}'><tzo>delegated</tzo></time>"))
    assert hear(romeo).findtext(f".//{{{ns.TIME}}}tzo") == "delegated"


def test_filtering(cast, component):
    romeo = cast.online("romeo")
    reply = romeo.iq("get", f"<query xmlns='{ns.VERSION}'/>", to="localhost")
    assert reply.findtext(f".//{{{ns.VERSION}}}name") == "stanzad"
    ask(romeo, f"<query xmlns='{ns.VERSION}' node='x'/>", "localhost")
    request = component.take(is_request)
    answer(component, request, wrapped(request, f"<query xmlns='{ns.VERSION}'><name>delegated</name></query>"))
    assert hear(romeo).findtext(f".//{{{ns.VERSION}}}name") == "delegated"


def test_from_the_component_itself(cast, component):
    """What it asks is answered by the server; with a privilege also what it asks in the name of a user."""
    romeo = cast.online("romeo")
    component.send(f"<iq type='get' id='t1' from='{component.host}' to='localhost'><time xmlns='{ns.TIME}'/></iq>")
    assert component.take(lambda each: each.get("id") == "t1").find(f".//{{{ns.TIME}}}utc") is not None
    component.send(f"<iq type='set' id='t2' from='{component.host}' to='{romeo.bare}'>"
                   f"<query xmlns='{ns.ROSTER}' delegate='yes'><item jid='a@example.org'/></query></iq>")
    assert component.take(lambda each: each.get("id") == "t2").get("type") == "result"
    component.send(f"<iq type='get' id='t3' from='{component.host}' to='{romeo.bare}'>"
                   f"<pubsub xmlns='{PUBSUB}'/></iq>")
    assert error(component.take(lambda each: each.get("id") == "t3")) == "service-unavailable"


# -- absence -----------------------------------------------------------------------------------


@pytest.mark.parametrize("payload", [GET, f"<time xmlns='{ns.TIME}'/>", "<q xmlns='urn:example:nobody'/>"])
def test_nobody_is_connected(cast, payload):
    romeo = cast.online("romeo")
    assert error(romeo.iq("get", payload, to="localhost")) == "service-unavailable"


def test_filtered_without_the_component(cast):
    romeo = cast.online("romeo")
    assert romeo.iq("get", f"<query xmlns='{ns.ROSTER}'/>").get("type") == "result"


def test_goes_away(cast, component):
    romeo = cast.online("romeo")
    for number in range(3):
        ask(romeo, GET, id=f"n{number}")
        component.take(is_request)
    component.drop()
    for number in range(3):
        assert error(hear(romeo, f"n{number}")) == "service-unavailable"
    assert error(romeo.iq("get", GET)) == "service-unavailable"


def test_the_module_goes_away(server, cast, component):
    romeo = cast.online("romeo")
    ask(romeo, GET)
    component.take(is_request)
    server.ask("module_unload", "localhost", "mod_delegation")
    assert error(hear(romeo)) == "service-unavailable"
    assert romeo.iq("get", f"<time xmlns='{ns.TIME}'/>", to="localhost").get("type") == "result"
    server.ask("reload_config")
    # It is told anew what it has.
    component.take(lambda each: each.find(f"{{{DELEGATION}}}delegation/{{{DELEGATION}}}delegated") is not None)


# -- disco -------------------------------------------------------------------------------------


def disco(client, to):
    reply = client.iq("get", f"<query xmlns='{ns.DISCO_INFO}'/>", to=to)
    return ([each.get("var") for each in reply.iter(f"{{{ns.DISCO_INFO}}}feature")],
            [each.get("type") for each in reply.iter(f"{{{ns.DISCO_INFO}}}identity")])


def nest(component, version, answers):
    """Answers what it is asked about a version's nodes; other versions are not known."""
    left = dict(answers)
    while left:
        request = component.take(lambda each: each.find(f"{{{ns.DISCO_INFO}}}query") is not None)
        node = request.find(f"{{{ns.DISCO_INFO}}}query").get("node")
        kind = node[len(version):] if node.startswith(version) else None
        if kind in left:
            answer(component, request, f"<query xmlns='{ns.DISCO_INFO}' node='{node}'>{left.pop(kind)}</query>")
        else:
            answer(component, request, f"<error type='cancel'><item-not-found xmlns='{ns.STANZA_ERRORS}'/></error>",
                   "error")


FEATURES = {f"::{PUBSUB}": f"<feature var='{PUBSUB}#publish'/>",
            f":bare:{PUBSUB}": f"<identity category='pubsub' type='pep'/><feature var='{PUBSUB}#retrieve-items'/>"
                               "<x xmlns='jabber:x:data' type='result'/><junk xmlns='urn:x'/>"}


@pytest.mark.parametrize("version", [DELEGATION, OLD])
def test_nested_features(cast, component, version):
    romeo = cast.online("romeo")
    assert ns.TIME not in disco(romeo, "localhost")[0] and DELEGATION in disco(romeo, "localhost")[0]
    nest(component, version, FEATURES)
    wait.until(lambda: f"{PUBSUB}#publish" in disco(romeo, "localhost")[0], "the server's features are nested")
    wait.until(lambda: f"{PUBSUB}#retrieve-items" in disco(romeo, romeo.bare)[0], "those of users are nested")
    assert "pep" in disco(romeo, romeo.bare)[1] and "pep" not in disco(romeo, "localhost")[1]
    # The version in which it answered is the one in which it is spoken to.
    ask(romeo, GET)
    request = component.take(lambda each: inner(each, version) is not None)
    answer(component, request, wrapped(request, f"<pubsub xmlns='{PUBSUB}'/>", version))
    assert hear(romeo).get("type") == "result"
    component.drop()
    wait.until(lambda: f"{PUBSUB}#publish" not in disco(romeo, "localhost")[0], "they are gone")


@pytest.mark.parametrize("kind, node, handed", [
    (ns.DISCO_INFO, "", False), (ns.DISCO_INFO, "urn:example:node", True),
    (ns.DISCO_ITEMS, "", True), (ns.DISCO_ITEMS, "urn:example:node", True)])
def test_disco_of_users(cast, component, kind, node, handed):
    cast.friends("romeo", "juliet")
    romeo, juliet, stranger = cast.online("romeo"), cast.online("juliet"), cast.online("tybalt")
    query = f"<query xmlns='{kind}' node='{node}'/>" if node else f"<query xmlns='{kind}'/>"
    for asker in (romeo, juliet):
        ask(asker, query, romeo.bare, id="d1")
        if handed:
            request = component.take(is_request)
            answer(component, request, wrapped(request, f"<query xmlns='{kind}'><delegated xmlns='urn:x'/></query>"))
        reply = hear(asker, "d1")
        assert reply.get("type") == "result"
        assert (reply.find(f"{{{kind}}}query/{{urn:x}}delegated") is not None) == handed
    reply = stranger.iq("get", query, to=romeo.bare)
    assert reply.find(f"{{{kind}}}query/{{urn:x}}delegated") is None
    assert error(romeo.iq("get", f"<query xmlns='{ns.DISCO_INFO}' node='urn:x'/>", to="localhost")) \
        == "item-not-found"


# -- configuration -----------------------------------------------------------------------------


@pytest.mark.parametrize("options, complaint", [
    ("{'urn:x': {access: nobody_there}}", "no access rule 'nobody_there'"),
    ("{'urn:x': {acces: all}}", "unknown option 'acces'"),
    ("{'urn:x': all}", "expected a map"),
    ("{'urn:xmpp:delegation:2': {access: all}}", "cannot be delegated"),
])
def test_refused_options(server, options, complaint):
    done = server.ctl("module_reload", "localhost", "mod_delegation", f"{{namespaces: {options}}}")
    assert done.returncode and complaint in done.stdout + done.stderr


def test_reload(server, cast, component):
    """What is not delegated any more the server answers again; who gets something new is told."""
    romeo = cast.online("romeo")
    server.ask("module_reload", "localhost", "mod_delegation", f"{{namespaces: {{'{PUBSUB}': {{access: external}}}}}}")
    assert romeo.iq("get", f"<time xmlns='{ns.TIME}'/>", to="localhost").get("type") == "result"
    told = component.take(lambda each: each.find(f"{{{DELEGATION}}}delegation/{{{DELEGATION}}}delegated") is not None)
    assert len(told.find(f"{{{DELEGATION}}}delegation")) == 1
    assert ns.TIME in disco(romeo, "localhost")[0]
    server.ask("reload_config")
