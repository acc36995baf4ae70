# SPDX-License-Identifier: Apache-2.0
"""mod_muc_rtbl: a list that a component publishes, what it changes, and lists that cannot be had."""
import dataclasses
import hashlib

import pytest

from harness import ns, rooms, wait
from harness.component import Component
from harness.lab import Lab, LabProsody, full_name
from harness.settings import Settings
from harness.stream import show

pytestmark = pytest.mark.only("stanzad")
LISTS, NODE = "lists.localhost", "muc_bans_sha256"
PUBSUB = "http://jabber.org/protocol/pubsub"
RSM = "http://jabber.org/protocol/rsm"


def settings(**options):
    return Settings(rooms=True,
                    listeners={"component": {"module": "ejabberd_service", "password": "secret", "check_from": False}},
                    modules={"mod_muc_rtbl": {"rtbl_server": LISTS, **options}})


def hashed(text):
    return hashlib.sha256(text.encode()).hexdigest()


class Publisher(Component):
    """A publish-subscribe service with one node, as xmppbl.org has it."""
    node = NODE

    def asked(self, kind, name):
        """The next request of stanzad's; its payload has a child of that name."""
        request = self.take(lambda each: each.tag == f"{{{ns.CLIENT}}}iq" and each.get("type") == kind)
        child = request.find(f"{{{PUBSUB}}}pubsub/{{{PUBSUB}}}{name}")
        assert child is not None and child.get("node") == self.node, show(request)
        assert request.get("from") == self.server.host and request.get("to") == self.host, show(request)
        return request, child

    def give(self, request, payload="", kind="result"):
        self.send(f"<iq type='{kind}' id='{request.get('id')}' from='{self.host}' to='{request.get('from')}'>"
                  f"{payload}</iq>")

    def refuse(self, request, condition="item-not-found"):
        self.give(request, f"<error type='cancel'><{condition} xmlns='{ns.STANZA_ERRORS}'/></error>", "error")

    def subscribed(self):
        request, child = self.asked("set", "subscribe")
        assert child.get("jid") == self.server.host
        self.give(request, f"<pubsub xmlns='{PUBSUB}'><subscription node='{self.node}' jid='{self.server.host}' "
                             "subscription='subscribed'/></pubsub>")

    def items(self, *people, count=None, last=None):
        """Answers with these; count: of how many."""
        request, _ = self.asked("get", "items")
        paging = f"<set xmlns='{RSM}'><last>{last}</last><count>{count}</count></set>" if count else ""
        found = "".join(f"<item id='{hashed(each)}'><report xmlns='urn:xmpp:reporting:1'/></item>" for each in people)
        self.give(request, f"<pubsub xmlns='{PUBSUB}'><items node='{self.node}'>{found}</items>{paging}</pubsub>")
        return request.findtext(f".//{{{RSM}}}after")

    def publish(self, content, node=None, name="items"):
        event = f"<event xmlns='{PUBSUB}#event'><{name} node='{node or self.node}'>{content}</{name}></event>"
        self.send(f"<message from='{self.host}' to='{self.server.host}' type='headline'>{event}</message>")
        self.ping()

    def add(self, *people):
        self.publish("".join(f"<item id='{hashed(each)}'/>" for each in people))

    def retract(self, *people):
        self.publish("".join(f"<retract id='{hashed(each)}'/>" for each in people))


def entries(server):
    for line in server.ask("metrics", server.host).splitlines():
        if line.split("\t")[2] == "rtbl_entries":
            return int(line.split("\t")[4])
    return None


def has(server, count):
    wait.until(lambda: entries(server) == count, f"there are {count} entries")


@pytest.fixture
def publishing(own_server):
    """A server, and the publisher of its list, which has been asked for nothing yet."""
    made = []

    def make(**options):
        server = own_server(settings(**options)).start()
        made.append(Publisher(server, LISTS).attach())
        return server, made[-1]
    yield make
    for each in made:
        each.drop()


def try_enter(client, room, nick):
    """None, or the condition with which the room refuses."""
    client.presence(f"to='{room}/{nick}'", f"<x xmlns='{rooms.MUC}'/>")
    mine = client.take(lambda each: rooms.is_named(each, "presence") and each.get("from", "").startswith(room)
                       and (each.get("type") == "error" or 110 in rooms.codes(each)))
    error = mine.find(f"{{{ns.CLIENT}}}error")
    return None if error is None else {each.tag.partition("}")[2] for each in error}


def test_the_list(publishing, cast_for):
    server, publisher = publishing()
    romeo, tybalt, paris = cast_for(server).online("romeo", "tybalt", "paris")
    room = f"hall@{rooms.service(server)}"
    rooms.create(romeo, room, "romeo")
    publisher.subscribed()
    publisher.items(tybalt.bare, "elsewhere.example")
    has(server, 2)
    assert try_enter(tybalt, room, "tybalt") == {"forbidden", "text"}
    assert try_enter(paris, room, "paris") is None

    publisher.retract(tybalt.bare)
    has(server, 1)
    assert try_enter(tybalt, room, "tybalt") is None
    romeo.settle(tybalt, paris)

    publisher.add(tybalt.bare)
    for client in (tybalt, romeo):
        gone = client.take(lambda each: each.get("type") == "unavailable")
        assert gone.get("from") == f"{room}/tybalt" and 301 in rooms.codes(gone), show(gone)
    assert try_enter(tybalt, room, "tybalt") == {"forbidden", "text"}
    rooms.fence(paris, room)

    publisher.publish("", name="purge")
    has(server, 0)
    assert try_enter(tybalt, room, "tybalt") is None


def test_domains(publishing, cast_for):
    server, publisher = publishing()
    romeo, tybalt = cast_for(server).online("romeo", "tybalt")
    rooms.create(romeo, f"hall@{rooms.service(server)}", "romeo")
    publisher.subscribed()
    publisher.items("localhost")
    has(server, 1)
    assert try_enter(tybalt, f"hall@{rooms.service(server)}", "tybalt") == {"forbidden", "text"}


def test_already_inside(publishing, cast_for):
    """Who is there before the list is."""
    server, publisher = publishing()
    romeo, tybalt = cast_for(server).online("romeo", "tybalt")
    for name in ("hall", "garden", "tomb"):
        rooms.create(romeo, f"{name}@{rooms.service(server)}", "romeo")
        rooms.join(tybalt, f"{name}@{rooms.service(server)}", "tybalt")
    tybalt.settle(romeo)
    publisher.subscribed()
    publisher.items(tybalt.bare)
    gone = {tybalt.take(lambda each: each.get("type") == "unavailable").get("from") for _ in range(3)}
    assert gone == {f"{name}@{rooms.service(server)}/tybalt" for name in ("hall", "garden", "tomb")}


def test_pages(publishing):
    server, publisher = publishing()
    publisher.subscribed()
    assert publisher.items("a@a", "b@b", count=5, last="two") is None
    assert publisher.items("c@c", "d@d", count=5, last="four") == "two"
    assert publisher.items("e@e", count=5, last="five") == "four"
    has(server, 5)
    wait.until(lambda: "event=muc_rtbl.followed" in server.log.read_text(), "the log says so")


def test_strangers_change_nothing(publishing, cast_for):
    server, publisher = publishing()
    romeo = cast_for(server).online("romeo")
    publisher.subscribed()
    publisher.items()
    wait.until(lambda: "event=muc_rtbl.followed" in server.log.read_text(), "the log says so")
    event = (f"<event xmlns='{PUBSUB}#event'><items node='{NODE}'><item id='{hashed(romeo.bare)}'/></items></event>")
    romeo.send(f"<message to='{server.host}' type='headline'>{event}</message>")
    romeo.ping()
    publisher.send(f"<message from='x@{LISTS}' to='{server.host}' type='headline'>{event}</message>")
    publisher.publish(f"<item id='{hashed(romeo.bare)}'/>", node="other")
    publisher.publish("<item id='abc'/><item/><item id='" + "g" * 64 + "'/>")
    assert entries(server) == 0
    publisher.add(romeo.bare, "x@y")
    has(server, 2)


@pytest.mark.parametrize("at", ["subscribe", "items"])
def test_refused(publishing, at):
    """It is said, and tried again: at once when the component comes anew."""
    server, publisher = publishing()
    if at == "items":
        publisher.subscribed()
        publisher.refuse(publisher.asked("get", "items")[0])
    else:
        publisher.refuse(publisher.asked("set", "subscribe")[0], "forbidden")
    wait.until(lambda: "event=muc_rtbl.not_followed" in server.log.read_text(), "the log says so")
    publisher.subscribed()
    publisher.items("a@a")
    has(server, 1)


def test_again_when_it_comes_back(publishing):
    server, publisher = publishing()
    publisher.subscribed()
    publisher.items("a@a", "b@b")
    has(server, 2)
    publisher.close()
    publisher.attach()
    publisher.subscribed()
    publisher.items("b@b", "c@c", "d@d")
    has(server, 3)


def test_other_options(publishing):
    """After a reload with another node, that one is followed."""
    server, publisher = publishing()
    publisher.subscribed()
    publisher.items("a@a")
    has(server, 1)
    server.ask("module_reload", server.host, "mod_muc_rtbl", f"{{rtbl_server: {LISTS}, rtbl_node: other}}")
    publisher.node = "other"
    publisher.subscribed()
    publisher.items("a@a", "b@b")
    has(server, 2)


# --- over a stream between servers -----------------------------------------------------------------------------------

FAR = full_name("bare-p")


class ListProsody(LabProsody):
    """Has a publish-subscribe service in place of one of its domains."""

    def configuration(self):
        admins = ", ".join(f'"user-{number}@{full_name("p")}"' for number in range(1, 10000))
        return f"admins = {{ {admins} }}\n" + super().configuration()

    def virtual_host(self, cert, host):
        text = super().virtual_host(cert, host)
        if host != FAR:
            return text
        return text.replace(f'VirtualHost "{host}"', f'Component "{host}" "pubsub"') + \
            '\n\tautocreate_on_publish = true\n\tautocreate_on_subscribe = true'


class ListLab(Lab):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.names = ["a", "p"]

    def make(self, name):
        server = super().make(name)
        if name == "p":
            server.__class__ = ListProsody
        else:
            modules = {**server.settings.modules, "mod_muc_rtbl": {"rtbl_server": FAR}}
            server.settings = dataclasses.replace(server.settings, rooms=True, modules=modules)
        return server


def publish(client, person, retract=False):
    item = f"<item id='{hashed(person)}'><report xmlns='urn:xmpp:reporting:1'/></item>"
    content = (f"<retract node='{NODE}' notify='1'><item id='{hashed(person)}'/></retract>" if retract else
               f"<publish node='{NODE}'>{item}</publish>")
    rooms.insist(client.iq("set", f"<pubsub xmlns='{PUBSUB}'>{content}</pubsub>", to=FAR))


def test_prosody(farm, tmp_path):
    """Debian's Prosody publishes the list."""
    lab = ListLab(tmp_path, farm)
    if lab.missing:
        lab.knot.stop()
        pytest.skip(lab.missing)
    with lab:
        publisher, romeo, tybalt = lab.client("p"), lab.client("a"), lab.client("a")
        publish(publisher, tybalt.bare)
        room = f"hall@conference.{full_name('a')}"
        rooms.create(romeo, room, "romeo")
        server = lab.servers["a"]

        def count():
            return next(int(line.split("\t")[4]) for line in server.ask("metrics", full_name("a")).splitlines()
                        if line.split("\t")[2] == "rtbl_entries")
        wait.until(lambda: count() == 1, "the list is there")
        assert try_enter(tybalt, room, "tybalt") == {"forbidden", "text"}
        publish(publisher, tybalt.bare, retract=True)
        wait.until(lambda: count() == 0, "nobody is on the list")
        assert try_enter(tybalt, room, "tybalt") is None
        publish(publisher, tybalt.bare)
        gone = tybalt.take(lambda each: each.get("type") == "unavailable")
        assert gone.get("from") == f"{room}/tybalt" and 301 in rooms.codes(gone), show(gone)
        lab.end_clients()
