# SPDX-License-Identifier: Apache-2.0
"""Components (XEP-0114): programs that serve a domain from outside."""
import asyncio
import collections
import logging
import socket

import pytest

from harness import ns, wait, yaml
from harness.component import Component
from harness.settings import Settings

slixmpp = pytest.importorskip("slixmpp")
from harness.bots import run_alone  # noqa: E402
from slixmpp.componentxmpp import ComponentXMPP  # noqa: E402

logging.getLogger("slixmpp").setLevel(logging.CRITICAL)
pytestmark = pytest.mark.only("stanzad")

SECRET = {"password": "secret"}
BALANCED = ("source", "destination", "bare_source", "bare_destination", "random")
BODY = f"{{{ns.CLIENT}}}body"


def service(*hosts, **options):
    return {"module": "ejabberd_service", "hosts": {host: SECRET for host in hosts}, **options}


SETTINGS = Settings(
    listeners={
        "component": service("gate.localhost"),
        "tls_component": service("safe.localhost", tls=True),
        "two": service("one.localhost", "two.localhost"),
        "narrow": service("left.localhost", "right.localhost", global_routes=False),
        "open": {"module": "ejabberd_service", "password": "secret", "check_from": False},
        "many": service(*(f"{each.replace('_', '-')}.localhost" for each in BALANCED)),
        "slow": service("slow.localhost", send_timeout=600),
    },
    options={
        "workers": 4,
        "domain_balancing": {f"{each.replace('_', '-')}.localhost": {"type": each} for each in BALANCED}
        | {"bare-source.localhost": {"type": "bare_source", "component_number": 3}},
    })


@pytest.fixture
def attach(server):
    made = []

    def make(domain, port="component", server=server, **options):
        connect = {key: options.pop(key) for key in ("path", "direct_tls") if key in options}
        made.append(Component(server, domain, port, **options))
        return made[-1].attach(**connect)
    yield make
    for each in made:
        each.drop()
    # The next test finds the domains free.
    wait.until(lambda: server.process is None or not server.ask_json("list_components"), "all are gone")


def error(stanza):
    found = stanza.find(f"{{{ns.CLIENT}}}error")
    return next(each.tag.partition("}")[2] for each in found if ns.STANZA_ERRORS in each.tag)


# -- a real one --------------------------------------------------------------------------------


class Echo(ComponentXMPP):
    def __init__(self, port, domain="gate.localhost", password="secret"):
        super().__init__(domain, password, "127.0.0.1", port)
        self.ready, self.lost = asyncio.Event(), asyncio.Event()
        self.register_plugin("xep_0030")
        self.register_plugin("xep_0199")
        self.add_event_handler("session_start", lambda _: self.ready.set())
        self.add_event_handler("disconnected", lambda _: self.lost.set())
        self.add_event_handler("message", lambda stanza: stanza.reply(f"echo {stanza['body']}").send())


def play(scene, *arguments, **options):
    async def run():
        echo = Echo(*arguments, **options)
        try:
            echo.connect()
            await asyncio.wait_for(scene(echo), wait.DEADLINE)
        finally:
            echo.abort()

    run_alone(run)


def test_library(server, cast):
    """slixmpp's component attaches, answers a client, and asks the server."""
    romeo = cast.online("romeo")

    async def scene(echo):
        await echo.ready.wait()
        await echo["xep_0199"].send_ping("localhost", ifrom="gate.localhost")
        romeo.message("someone@gate.localhost", "hello")
        reply = await asyncio.get_running_loop().run_in_executor(None, romeo.recv)
        assert reply.get("from") == "someone@gate.localhost"
        assert reply.findtext(BODY) == "echo hello"
    play(scene, server.ports["component"])
    wait.until(lambda: not server.ask_json("list_components"), "it is gone")


def test_library_with_wrong_password(server):
    async def scene(echo):
        await echo.lost.wait()
        assert not echo.ready.is_set()
    play(scene, server.ports["component"], password="wrong")


# -- attaching ---------------------------------------------------------------------------------


@pytest.mark.parametrize("port, domain, condition", [
    ("component", "nobody.localhost", "host-unknown"),
    ("component", "two.localhost", "host-unknown"),
    ("open", "localhost", "conflict"),
    ("component", None, "improper-addressing"),
])
def test_refused_domain(server, port, domain, condition):
    component = Component(server, domain, port).connect()
    component.send(component.header(to=domain))
    component.read_header()
    component.stream_error(condition)


@pytest.mark.parametrize("namespace", [ns.CLIENT, "jabber:component:connect", "jabber:server"])
def test_refused_namespace(server, namespace):
    component = Component(server, "gate.localhost").connect().open(xmlns=namespace)
    component.stream_error("invalid-namespace")


@pytest.mark.parametrize("stanza", [
    "<handshake/>", "<handshake>aaee83c26aeeafcbabeabfcbcd50df997e0a2a1e</handshake>",
    "<message from='gate.localhost' to='localhost'/>", "<handshake xmlns='jabber:client:other'/>"])
def test_refused_handshake(server, stanza):
    component = Component(server, "gate.localhost").connect().open()
    component.send(stanza)
    component.stream_error("not-authorized")


def test_wrong_password(server):
    component = Component(server, "gate.localhost", password="Secret").connect().open().handshake()
    component.stream_error("not-authorized")
    assert "Secret" not in server.process.text()


def test_limits_before_authentication(server):
    component = Component(server, "gate.localhost").connect().open()
    component.send("<handshake>" + "a" * 20000)
    component.stream_error("policy-violation")


def test_tls(server, attach, cast):
    component = attach("safe.localhost", "tls_component", direct_tls=True)
    romeo = cast.online("romeo")
    component.say(romeo.full, "safely")
    assert romeo.recv().findtext(BODY) == "safely"
    assert server.ask_json("list_components")[0]["connection"] == "component_tls"


def test_unix_socket(own_server, cast_for, attach, tmp_path):
    path = tmp_path / "component.sock"
    server = own_server(listeners={"component": service("gate.localhost", port=f"unix:{path}")}).start()
    component = Component(server, "gate.localhost").attach(path=path)
    romeo = cast_for(server).online("romeo")
    romeo.message("gate.localhost", "hello")
    assert component.recv().findtext(BODY) == "hello"
    assert server.ask_json("list_components")[0]["ip"] == "unix"
    component.drop()


def test_list(server, attach):
    attach("one.localhost", "two")
    rows = {row["domain"]: row for row in server.ask_json("list_components")}
    assert sorted(rows) == ["one.localhost", "two.localhost"]
    assert rows["one.localhost"]["ip"] == "127.0.0.1" and rows["one.localhost"]["queued"] == 0
    assert "one.localhost" in server.ask("list_components")


def test_disco_items(cast, attach):
    def items():
        reply = romeo.iq("get", f"<query xmlns='{ns.DISCO_ITEMS}'/>", to="localhost")
        return [each.get("jid") for each in reply.iter(f"{{{ns.DISCO_ITEMS}}}item")]
    romeo = cast.online("romeo")
    assert "gate.localhost" not in items()
    attach("gate.localhost")
    assert items().count("gate.localhost") == 1


def test_explain(server, attach):
    stanza = "<message from='romeo@localhost' to='a@gate.localhost'><body>x</body></message>"
    assert "no component" in server.ask("explain", stanza)
    attach("gate.localhost")
    assert "by component 1 of 1 that serve gate.localhost" in server.ask("explain", stanza)


# -- what it may send --------------------------------------------------------------------------


@pytest.mark.parametrize("addresses, condition", [
    ("from='romeo@localhost' to='x@localhost'", "invalid-from"),
    ("from='a@other.gate.localhost' to='x@localhost'", "invalid-from"),
    ("to='x@localhost'", "improper-addressing"),
    ("from='gate.localhost'", "improper-addressing"),
    ("from='gate.localhost' to=''", "improper-addressing"),
])
def test_refused_addresses(attach, addresses, condition):
    component = attach("gate.localhost")
    component.send(f"<message {addresses}><body>x</body></message>")
    component.stream_error(condition)


def test_malformed_recipient_ends_nothing(attach):
    component = attach("gate.localhost")
    component.say("a@b@c", extra="id='m1'")
    assert error(component.take(lambda each: each.get("id") == "m1")) == "jid-malformed"
    component.ping()


def test_own_domains(attach, cast):
    """By global_routes it serves all domains of the listener, without it the one that it names."""
    romeo = cast.online("romeo")
    wide, narrow = attach("one.localhost", "two"), attach("left.localhost", "narrow")
    wide.send(f"<message from='two.localhost' to='{romeo.full}'><body>two</body></message>")
    assert romeo.recv().get("from") == "two.localhost"
    romeo.message("two.localhost")
    assert wide.recv().get("to") == "two.localhost"
    romeo.message("right.localhost")
    assert error(romeo.recv()) == "service-unavailable"
    narrow.send(f"<message from='right.localhost' to='{romeo.full}'/>")
    narrow.stream_error("invalid-from")


def test_any_name_without_check(attach, cast):
    romeo = cast.online("romeo")
    component = attach("free.example", "open")
    component.send(f"<message from='pope@rome.example' to='{romeo.full}'><body>x</body></message>")
    assert romeo.recv().get("from") == "pope@rome.example"


def test_to_other_domains(attach):
    """Between components, and to a domain that is not served here."""
    component, other = attach("gate.localhost"), attach("one.localhost", "two")
    component.say("a@two.localhost", user="b")
    assert other.recv().get("from") == "b@gate.localhost"
    component.say("a@no.such.domain.invalid", extra="id='far'")
    assert component.take(lambda each: each.get("id") == "far").get("type") == "error"


def test_subscription(cast, attach):
    """A contact in a component: presence both ways."""
    romeo, component = cast.online("romeo"), attach("gate.localhost")
    romeo.presence("to='bot@gate.localhost' type='subscribe'")
    assert component.recv().get("type") == "subscribe"
    component.send(f"<presence from='bot@gate.localhost' to='{romeo.bare}' type='subscribed'/>"
                   f"<presence from='bot@gate.localhost' to='{romeo.bare}' type='subscribe'/>"
                   f"<presence from='bot@gate.localhost' to='{romeo.bare}'/>")
    romeo.take(lambda each: each.get("from") == "bot@gate.localhost" and not each.get("type"))
    romeo.presence("to='bot@gate.localhost' type='subscribed'")
    available = component.take(lambda each: each.tag.endswith("presence") and not each.get("type"))
    assert available.get("from") == romeo.full and available.get("to") == "bot@gate.localhost"
    romeo.close()
    component.take(lambda each: each.get("type") == "unavailable")


# -- several of one domain ---------------------------------------------------------------------


def spread(components, count):
    """Which component got which numbers; every one came once."""
    got = collections.defaultdict(list)
    wait.until(lambda: total(components) >= count, f"{count} stanzas came")
    for index, component in enumerate(components):
        for kind, element in component.events:
            got[index].append((element.get("from"), element.get("to"), int(element.findtext(BODY)[-9:])))
        component.events.clear()
    assert sum(map(len, got.values())) == count
    return got


def total(components):
    return sum(len(component.arrived()) for component in components)


@pytest.mark.parametrize("rule", BALANCED)
def test_balancing(server, cast, attach, rule):
    domain = f"{rule.replace('_', '-')}.localhost"
    components = [attach(domain, "many") for _ in range(3)]
    senders = [cast.client(f"user{number}", resource).login()
               for number in range(12) for resource in "ab"[:1 + (number < 3)]]
    count = 0
    for number in range(30):
        for sender in senders:
            sender.message(f"u{number % 15}@{domain}/{number % 4}", str(count))
            count += 1
    got = spread(components, count)
    assert len(got) > 1, "one component has got everything"
    key = {"source": lambda sender, to: sender, "destination": lambda sender, to: to,
           "bare_source": lambda sender, to: sender.partition("/")[0],
           "bare_destination": lambda sender, to: to.partition("/")[0]}.get(rule)
    owner = {}
    for index, stanzas in got.items():
        last = {}
        for sender, to, number in stanzas:
            assert number > last.get((sender, to), -1), "out of order"
            last[sender, to] = number
            assert not key or owner.setdefault(key(sender, to), index) == index


def test_no_more_than_component_number(server, attach):
    for _ in range(3):
        attach("bare-source.localhost", "many", )
    late = Component(server, "bare-source.localhost", "many").connect().open().handshake()
    late.stream_error("conflict")


# -- loss --------------------------------------------------------------------------------------


def test_absent(cast):
    romeo = cast.online("romeo")
    romeo.message("a@gate.localhost", extra="id='m1'")
    assert error(romeo.recv()) == "service-unavailable"
    assert error(romeo.iq("get", f"<ping xmlns='{ns.PING}'/>", to="gate.localhost")) \
        == "service-unavailable"


def deafen(component):
    component.transport.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)


def queued(server, domain):
    return sum(row["queued"] for row in server.ask_json("list_components") if row["domain"] == domain)


def flood(cast, domain, count, size):
    """Messages from several users; returns the senders."""
    senders = [cast.client(f"user{number}").login() for number in range(4)]
    for number in range(count):
        for sender in senders:
            sender.message(f"a@{domain}", f"{number:0{size}}", extra=f"id='{number}'")
    return senders


def test_loss_bounces(server, cast, attach):
    """What a component had not taken comes back, each stanza once and in order."""
    component = attach("slow.localhost", "slow")
    deafen(component)
    senders = flood(cast, "slow.localhost", 20, 30000)
    wait.until(lambda: queued(server, "slow.localhost") > 500000, "it has a queue")
    component.drop()
    for sender in senders:
        # An answer that is behind all of the bounces.
        sender.message("a@slow.localhost", extra="id='last'")
        bounced = []
        while not bounced or bounced[-1] != "last":
            stanza = sender.recv()
            assert error(stanza) == "service-unavailable"
            bounced.append(stanza.get("id"))
        numbers = [int(each) for each in bounced[:-1]]
        assert numbers == sorted(set(numbers)) and (not numbers or numbers[-1] == 19)


def test_loss_with_others_left(server, cast, attach):
    """What one had not taken the others get, and nobody hears of an error."""
    domain = "bare-source.localhost"
    components = [attach(domain, "many") for _ in range(3)]
    senders = [cast.client(f"user{number}").login() for number in range(6)]
    for sender in senders:
        sender.message(f"a@{domain}", "0")
    got = spread(components, len(senders))
    loser = max(got, key=lambda index: len(got[index]))
    deafen(components[loser])
    for number in range(1, 15):
        for sender in senders:
            sender.message(f"a@{domain}", f"{number:050000}")
    wait.until(lambda: queued(server, domain) > 200000, "it has a queue")
    components[loser].drop()
    rest = [each for index, each in enumerate(components) if index != loser]
    for sender in senders:
        sender.message(f"a@{domain}", "15")
    seen = collections.defaultdict(list)

    def complete():
        total(rest)
        for component in rest:
            for _, element in component.events:
                seen[element.get("from")].append(int(element.findtext(BODY)[-9:]))
            component.events.clear()
        return all(seen[sender.full][-1:] == [15] for sender in senders)
    wait.until(complete, "the last messages came")
    for sender in senders:
        assert seen[sender.full] == sorted(set(seen[sender.full])), seen
        sender.nothing()


def test_slow_component(server, cast, attach):
    """It costs a bounded amount; the others and their senders notice nothing."""
    slow, quick = attach("slow.localhost", "slow"), attach("gate.localhost")
    deafen(slow)
    romeo, juliet = cast.online("romeo"), cast.online("juliet")
    flooders = flood(cast, "slow.localhost", 1, 60000)
    text = f"<message to='a@slow.localhost'><body>{'x' * 60000}</body></message>".encode()
    for flooder in flooders:
        flooder.transport.sock.setblocking(False)

    def push():
        for flooder in flooders:
            try:
                flooder.transport.sock.send(text)
            except BlockingIOError:
                pass
        return queued(server, "slow.localhost") > 1024 * 1024
    wait.until(push, "much waits for it")
    assert queued(server, "slow.localhost") < 5 * 1024 * 1024
    romeo.message("gate.localhost", "quick")
    assert quick.recv().findtext(BODY) == "quick"
    romeo.message(juliet.full, "me too")
    assert juliet.recv().findtext(BODY) == "me too"
    slow.drop()
    for flooder in flooders:
        flooder.drop()


# -- reload ------------------------------------------------------------------------------------


def test_reload(own_server, cast_for):
    server = own_server(listeners={"component": service("gate.localhost")}).start()
    cast = cast_for(server)
    romeo, component = cast.online("romeo"), Component(server, "gate.localhost").attach()

    def reload(change):
        config = server.configuration()
        change(next(each for each in config["listen"] if each["module"] == "ejabberd_service"), config)
        server.write_config(yaml.dump(config) + "\n")
        server.ask("reload_config")

    reload(lambda listener, _: listener["hosts"].update({"gate.localhost": {"password": "new"}}))
    component.ping()
    Component(server, "gate.localhost").connect().open().handshake().stream_error("not-authorized")
    Component(server, "gate.localhost", password="new").attach().drop()
    reload(lambda listener, _: listener.update(hosts={"other.localhost": SECRET}))
    component.stream_error("host-gone")
    other = Component(server, "other.localhost").attach()
    other.say(romeo.full, "still here")
    assert romeo.recv().findtext(BODY) == "still here"
    # A domain that becomes a host is not a component's any more.
    reload(lambda listener, config: (listener.update(hosts={"other.localhost": SECRET}),
                                     config["hosts"].append("other.localhost")))
    other.stream_error("conflict")


@pytest.mark.parametrize("listener, complaint", [
    ("hosts: {a.localhost: {}}", "warning: option 'hosts'"),
    ("hosts: {a.localhost: {pasword: x}}", "error: unknown option 'pasword'"),
    ("hosts: {'a..b': {password: x}}", "error: option 'hosts': expected a domain"),
    ("check_from: true", "warning: listener 'ejabberd_service' has neither"),
])
def test_checked_configuration(server, listener, complaint):
    done = server.check(f"hosts: [localhost]\nlisten: [{{port: 5347, module: ejabberd_service, {listener}}}]\n")
    assert complaint in done.stdout + done.stderr
    assert (done.returncode != 0) == complaint.startswith("error")


@pytest.mark.parametrize("rule, complaint", [
    ("{type: sauce}", "sauce"), ("{component_number: 1}", "2 to 1000"), ("{kind: random}", "kind")])
def test_checked_balancing(server, rule, complaint):
    done = server.check(f"hosts: [localhost]\ndomain_balancing: {{a.localhost: {rule}}}\n")
    assert done.returncode != 0 and complaint in done.stdout + done.stderr
