# SPDX-License-Identifier: Apache-2.0
"""mod_multicast: who gets a copy, what the copies look like, and what is refused."""
import itertools

import pytest

from harness import ns
from harness.settings import Settings
from harness.stream import show

pytestmark = pytest.mark.only("stanzad")
ADDRESS = "http://jabber.org/protocol/address"
SERVICE = "multicast.localhost"
SETTINGS = Settings(hosts=("localhost", "other.example"),
                    modules={"mod_multicast": {"limits": {"local": {"message": 5, "presence": "infinite"}}}})
IDS = itertools.count()


@pytest.fixture
def players(cast):
    return [cast.client(name).online() for name in ("romeo", "juliet", "nurse")]


def header(*addresses):
    return f"<addresses xmlns='{ADDRESS}'>" + "".join(f"<address {each}/>" for each in addresses) + "</addresses>"


def address(type, jid, extra=""):
    jid = getattr(jid, "full", None) or jid
    return f"type='{type}' jid='{jid}' {extra}"


def send(client, *addresses, to=SERVICE, kind="message", extra="", body="<body>all of you</body>"):
    id = f"m{next(IDS)}"
    client.send(f"<{kind} to='{to}' id='{id}' {extra}>{header(*addresses) if addresses else ''}{body}</{kind}>")
    return id


def take(client, id):
    return client.take(lambda each: each.get("id") == id)


def seen(stanza):
    """(type, jid, delivered) of each address."""
    return [(each.get("type"), each.get("jid"), each.get("delivered"))
            for each in stanza.iter(f"{{{ADDRESS}}}address")]


def condition(reply):
    assert reply.get("type") == "error", show(reply)
    return {each.tag.partition("}")[2] for each in reply.find(f"{{{ns.CLIENT}}}error")} - {"text"}


def nothing_more(client):
    """Nothing is on its way to the client: what it sends itself comes back first."""
    id = send(client, address("to", client), extra="type='headline'")
    while True:
        stanza = client.recv()
        if stanza.get("id") == id:
            return
        assert stanza.tag == f"{{{ns.CLIENT}}}presence", show(stanza)


def test_copies(players):
    romeo, juliet, nurse = players
    id = send(romeo, address("to", juliet), address("cc", nurse), address("replyto", romeo), "type='noreply'",
              "type='replyroom' jid='hall@rooms.example' desc='the &apos;hall&apos;'",
              extra="type='chat' xml:lang='it'")
    copies = [take(each, id) for each in (juliet, nurse)]
    for client, copy in zip((juliet, nurse), copies):
        assert copy.get("from") == romeo.full and copy.get("to") == client.full and copy.get("type") == "chat"
        assert copy.get("{http://www.w3.org/XML/1998/namespace}lang") == "it"
        assert copy.findtext(f"{{{ns.CLIENT}}}body") == "all of you"
        assert len(copy.findall(f"{{{ADDRESS}}}addresses")) == 1
        assert seen(copy) == [("to", juliet.full, "true"), ("cc", nurse.full, "true"), ("replyto", romeo.full, None),
                              ("noreply", None, None), ("replyroom", "hall@rooms.example", None)]
        assert copy.find(f".//{{{ADDRESS}}}address[@type='replyroom']").get("desc") == "the 'hall'"


def test_blind_copies(players):
    romeo, juliet, nurse = players
    id = send(romeo, address("to", romeo), address("bcc", juliet), address("bcc", nurse))
    visible = ("to", romeo.full, "true")
    assert seen(take(romeo, id)) == [visible]
    assert seen(take(juliet, id)) == [visible, ("bcc", juliet.full, None)]
    assert seen(take(nurse, id)) == [visible, ("bcc", nurse.full, None)]
    id = send(romeo, address("bcc", juliet), address("bcc", nurse))
    assert seen(take(juliet, id)) == [("bcc", juliet.full, None)]


def test_one_copy_each(players):
    romeo, juliet, nurse = players
    id = send(romeo, address("to", juliet), address("cc", juliet), address("bcc", juliet),
              address("to", nurse, "delivered='true'"))
    assert seen(take(juliet, id)) == [("to", juliet.full, "true"), ("cc", juliet.full, "true"),
                                      ("to", nurse.full, "true")]
    nothing_more(juliet)
    nothing_more(nurse)


def test_all_delivered_is_silent(players):
    romeo, juliet, _ = players
    send(romeo, address("to", juliet, "delivered='true'"))
    nothing_more(romeo)
    nothing_more(juliet)


def test_extensions_stay(players):
    romeo, juliet, _ = players
    id = f"m{next(IDS)}"
    romeo.send(f"<message to='{SERVICE}' id='{id}'><addresses xmlns='{ADDRESS}'><address type='to' "
               f"jid='{juliet.full}'><group xmlns='urn:x'>a&lt;b</group></address></addresses></message>")
    assert take(juliet, id).findtext(f".//{{{ADDRESS}}}address/{{urn:x}}group") == "a<b"


@pytest.mark.parametrize("addresses, wanted", [
    ([], "bad-request"),
    (["type='noreply'"], "bad-request"),
    (["jid='juliet@localhost'"], "bad-request"),
    (["type='sideways' jid='juliet@localhost'"], "bad-request"),
    (["type='to'"], "bad-request"),
    (["type='replyto'"], "bad-request"),
    (["type='to' jid='juliet@localhost' uri='sip:x@y'"], "bad-request"),
    (["type='to' uri='sip:juliet@example.org'"], "jid-malformed"),
    (["type='to' jid='@localhost'"], "jid-malformed"),
    (["type='cc' jid=''"], "jid-malformed"),
    (["type='bcc' jid='multicast.localhost'"], "item-not-found"),
    ([f"type='to' jid='u{n}@localhost'" for n in range(6)], "not-acceptable"),
])
def test_refused(players, addresses, wanted):
    romeo, juliet, _ = players
    id = send(romeo, address("to", juliet), *addresses) if wanted not in ("bad-request",) else send(romeo, *addresses)
    assert condition(take(romeo, id)) == {wanted}
    nothing_more(juliet)


@pytest.mark.parametrize("to", [f"somebody@{SERVICE}", f"{SERVICE}/desk"])
def test_only_the_service(players, to):
    romeo, juliet, _ = players
    id = send(romeo, address("to", juliet), to=to)
    assert condition(take(romeo, id)) == {"item-not-found"}


def test_no_such_user(players):
    """The bounce is that of the address, and the others got theirs."""
    romeo, juliet, _ = players
    id = send(romeo, address("to", "nobody-at-all@localhost"), address("to", juliet), extra="type='chat'")
    bounce = take(romeo, id)
    assert bounce.get("from") == "nobody-at-all@localhost" and condition(bounce) == {"service-unavailable"}
    take(juliet, id)


def test_presence(players):
    romeo, juliet, nurse = players
    id = send(romeo, address("bcc", juliet), address("bcc", nurse), kind="presence", body="<show>away</show>")
    for client in (juliet, nurse):
        presence = take(client, id)
        assert presence.get("type") is None and presence.findtext(f"{{{ns.CLIENT}}}show") == "away"
    id = send(romeo, address("to", nurse), kind="presence", extra="type='unavailable'", body="")
    assert seen(take(nurse, id)) == [("to", nurse.full, "true")]
    assert seen(take(juliet, id)) == []
    assert send(romeo, kind="presence", extra="type='unavailable'", body="")
    nothing_more(juliet)


def test_presence_at_the_end(players):
    romeo, juliet, _ = players
    id = send(romeo, address("bcc", juliet), kind="presence", body="")
    take(juliet, id)
    full = romeo.full
    romeo.close()
    juliet.take(lambda each: each.get("from") == full and each.get("type") == "unavailable")


def test_presence_limits(players):
    romeo, juliet, _ = players
    many = [address("bcc", f"u{n}@localhost") for n in range(1001)]
    assert condition(take(romeo, send(romeo, *many[:1001], kind="presence", body=""))) == {"resource-constraint"}
    send(romeo, *many[:500], address("to", juliet), kind="presence", body="")
    assert condition(take(romeo, send(romeo, *many[500:], kind="presence", body=""))) == {"resource-constraint"}
    send(romeo, kind="presence", extra="type='unavailable'", body="")
    take(juliet, send(romeo, *many[600:], address("to", juliet), kind="presence", body=""))


def test_discovery(players):
    romeo = players[0]
    info = romeo.iq("get", f"<query xmlns='{ns.DISCO_INFO}'/>", to=SERVICE)
    assert [dict(each.attrib) for each in info.iter(f"{{{ns.DISCO_INFO}}}identity")] == [
        {"category": "service", "type": "multicast", "name": "Multicast"}]
    assert ADDRESS in {each.get("var") for each in info.iter(f"{{{ns.DISCO_INFO}}}feature")}
    items = romeo.iq("get", f"<query xmlns='{ns.DISCO_ITEMS}'/>", to="localhost")
    assert [each.get("jid") for each in items.iter(f"{{{ns.DISCO_ITEMS}}}item")].count(SERVICE) == 1
    assert romeo.iq("get", f"<query xmlns='{ns.DISCO_ITEMS}'/>", to=SERVICE).get("type") == "result"
    assert romeo.iq("get", f"<ping xmlns='{ns.PING}'/>", to=SERVICE).get("type") == "result"
    vcard = romeo.iq("get", "<vCard xmlns='vcard-temp'/>", to=SERVICE)
    assert vcard.findtext(".//{vcard-temp}FN") == "Multicast"
    for payload, wanted in [(f"<query xmlns='{ns.DISCO_INFO}' node='x'/>", "item-not-found"),
                            ("<query xmlns='urn:unknown'/>", "service-unavailable")]:
        assert condition(romeo.iq("get", payload, to=SERVICE)) == {wanted}
    assert condition(romeo.iq("set", "<vCard xmlns='vcard-temp'/>", to=SERVICE)) == {"service-unavailable"}
    assert condition(romeo.iq("get", f"<query xmlns='{ns.DISCO_INFO}'/>", to=f"x@{SERVICE}")) == {
        "item-not-found"}


def test_options(own_server, cast_for):
    server = own_server(Settings(modules={"mod_multicast": {"host": "many.example.org", "name": "Many"}})).start()
    romeo = cast_for(server).client("romeo").online()
    take(romeo, send(romeo, address("to", romeo), to="many.example.org"))
    items = romeo.iq("get", f"<query xmlns='{ns.DISCO_ITEMS}'/>", to="localhost")
    assert {each.get("jid"): each.get("name") for each in items.iter(f"{{{ns.DISCO_ITEMS}}}item")} == {
        "many.example.org": "Many"}
    chosen = server.ctl("module_reload", "localhost", "mod_multicast",
                        "{hosts: [a.localhost, b.localhost], access: none, limits: {remote: {message: 3}}}")
    assert chosen.returncode == 0, chosen
    gone = romeo.iq("get", f"<ping xmlns='{ns.PING}'/>", to="many.example.org")
    assert condition(gone) <= {"remote-server-not-found", "remote-server-timeout"}
    for domain in ("a.localhost", "b.localhost"):
        assert condition(take(romeo, send(romeo, address("to", romeo), to=domain))) == {"forbidden"}
    for options in ("{limits: {local: {message: many}}}", "{limits: {everybody: {message: 3}}}"):
        assert server.ctl("module_reload", "localhost", "mod_multicast", options).returncode != 0
    assert server.ctl("module_reload", "localhost", "mod_multicast",
                      "{vcard: {fn: Many, adr: [{work: true, home: false, street: Elm}, {street: Oak}]}}"
                      ).returncode == 0
    card = romeo.iq("get", "<vCard xmlns='vcard-temp'/>", to=SERVICE)
    assert [[each.tag.partition("}")[2] for each in adr] for adr in card.iter("{vcard-temp}ADR")] == [
        ["WORK", "STREET"], ["STREET"]]
    assert card.findtext(".//{vcard-temp}FN") == "Many"


def test_remote_senders(server, players):
    """They reach our users, and nobody else; if one address is somebody else's, nobody gets anything."""
    _, juliet, nurse = players

    def arrive(id, *addresses):
        server.ask("send_stanza", "tybalt@remote.example/x", SERVICE,
                   f"<message id='{id}'>{header(*addresses)}<body>hm</body></message>")
    arrive("relayed", address("to", juliet), address("cc", "mercutio@elsewhere.example"))
    arrive("service", address("to", juliet), address("cc", "echo.localhost"))
    arrive("many", *[address("bcc", f"u{n}@localhost") for n in range(20)], address("to", juliet))
    arrive("good", address("to", juliet), address("bcc", nurse))
    assert juliet.recv().get("id") == "good"
    assert take(nurse, "good").get("from") == "tybalt@remote.example/x"
