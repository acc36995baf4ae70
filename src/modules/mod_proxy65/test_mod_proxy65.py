# SPDX-License-Identifier: Apache-2.0
"""mod_proxy65: connections with the same hash are joined when the requester says so, and nothing else is."""
import asyncio
import hashlib
import logging
import os
import select
import socket
import time

import pytest

from harness import ns, wait
from harness.settings import Settings
from harness.stream import show

pytestmark = pytest.mark.only("stanzad")
BYTESTREAMS = "http://jabber.org/protocol/bytestreams"
PROXY = "proxy.localhost"
ANONYMOUS, PLAIN = b"\x05\x01\x00", b"\x05\x01\x02"
OK = b"\x05\x00"


def settings(**options):
    port, = wait.free_ports(1)
    return Settings(modules={"mod_proxy65": {"ip": "127.0.0.1", "port": port, **options}})


SETTINGS = settings(max_connections=2)


def port_of(server):
    return server.settings.modules["mod_proxy65"]["port"]


def condition(reply):
    assert reply.get("type") == "error", show(reply)
    return {each.tag.partition("}")[2] for each in reply.find(f"{{{ns.CLIENT}}}error")} - {"text"}


def hash_of(sid, requester, target):
    return hashlib.sha1((sid + requester + target).encode()).hexdigest()


class Socks:
    """One connection to the proxy, byte by byte."""

    def __init__(self, server, port=None):
        self.socket = socket.create_connection(("127.0.0.1", port or port_of(server)), wait.DEADLINE)
        self.socket.settimeout(wait.DEADLINE)

    def send(self, data):
        self.socket.sendall(data)
        return self

    def read(self, count):
        data = b""
        while len(data) < count:
            more = self.socket.recv(count - len(data))
            if not more:
                return data
            data += more
        return data

    def closed(self):
        """Nothing more comes, and the other side is gone."""
        try:
            assert self.socket.recv(1) == b""
        except ConnectionError:
            pass
        self.socket.close()
        return True

    def ask(self, hash, port=0):
        self.send(b"\x05\x01\x00\x03" + bytes([len(hash)]) + hash.encode() + port.to_bytes(2, "big"))
        return self.read(10) if len(hash) != 40 or port else self.read(5 + len(hash) + 2)

    def join(self, hash):
        assert self.send(ANONYMOUS).read(2) == OK
        assert self.ask(hash) == OK + b"\x00\x03(" + hash.encode() + b"\x00\x00"
        return self

    def silent(self):
        return not select.select([self.socket], [], [], 0)[0]


@pytest.fixture
def romeo(cast):
    return cast.client("romeo").login()


def activate(client, sid, target, to=PROXY, type="set"):
    return client.iq(type, f"<query xmlns='{BYTESTREAMS}' sid='{sid}'><activate>{target}</activate></query>", to=to)


def pair(server, romeo, sid, target="juliet@localhost/there"):
    hash = hash_of(sid, romeo.full, target)
    return Socks(server).join(hash), Socks(server).join(hash)


def active_pair(server, romeo, sid, target="juliet@localhost/there"):
    both = pair(server, romeo, sid, target)
    reply = activate(romeo, sid, target)
    assert reply.get("type") == "result", show(reply)
    return both


def exchange(one, other):
    one.send(b"hither")
    assert other.read(6) == b"hither"
    other.send(b"thither")
    assert one.read(7) == b"thither"


def finish(one, other):
    one.socket.shutdown(socket.SHUT_WR)
    assert other.read(1) == b""
    other.socket.close()
    assert one.closed()


def test_discovery(server, romeo):
    items = romeo.iq("get", f"<query xmlns='{ns.DISCO_ITEMS}'/>", to="localhost")
    assert [each.get("jid") for each in items.iter(f"{{{ns.DISCO_ITEMS}}}item")].count(PROXY) == 1
    info = romeo.iq("get", f"<query xmlns='{ns.DISCO_INFO}'/>", to=PROXY)
    assert [dict(each.attrib) for each in info.iter(f"{{{ns.DISCO_INFO}}}identity")] == [
        {"category": "proxy", "type": "bytestreams", "name": "SOCKS5 Bytestreams"}]
    assert BYTESTREAMS in {each.get("var") for each in info.iter(f"{{{ns.DISCO_INFO}}}feature")}
    address = romeo.iq("get", f"<query xmlns='{BYTESTREAMS}'/>", to=PROXY)
    assert [dict(each.attrib) for each in address.iter(f"{{{BYTESTREAMS}}}streamhost")] == [
        {"jid": PROXY, "host": "127.0.0.1", "port": str(port_of(server))}]


def test_stream(server, romeo):
    one, other = active_pair(server, romeo, "s1")
    exchange(one, other)
    finish(one, other)
    one, other = active_pair(server, romeo, "s1")       # the same again, now that it has ended
    exchange(other, one)
    one.socket.close()
    assert other.closed()


def test_what_is_sent_early_arrives(server, romeo):
    one, other = pair(server, romeo, "early")
    one.send(b"before")
    assert other.silent()
    assert activate(romeo, "early", "juliet@localhost/there").get("type") == "result"
    assert other.read(6) == b"before"
    finish(one, other)


def test_half_closed(server, romeo):
    """One side has nothing more to say, and still listens."""
    one, other = active_pair(server, romeo, "half")
    one.send(b"last words").socket.shutdown(socket.SHUT_WR)
    assert other.read(11) == b"last words"
    other.send(b"x" * 1000000)
    other.socket.close()
    assert len(one.read(1000001)) == 1000000


def test_backpressure(server, romeo):
    """Nobody reads: the proxy holds a bounded amount, and all of it arrives in the end."""
    one, other = active_pair(server, romeo, "slow")
    one.socket.setblocking(False)
    block, sent = os.urandom(1 << 16), 0

    def stuck():
        nonlocal sent
        try:
            while True:
                sent += one.socket.send(block)
        except BlockingIOError:
            return not select.select([], [one.socket], [], 0.3)[1]
    wait.until(stuck, "the proxy takes no more")
    assert sent < 32 << 20
    one.socket.shutdown(socket.SHUT_WR)
    got = hashlib.sha1()
    count = 0
    while data := other.socket.recv(1 << 16):
        got.update(data)
        count += len(data)
    assert count == sent
    other.socket.close()


@pytest.mark.parametrize("wrong", ["sid", "target", "requester"])
def test_wrong_hash(server, romeo, cast, wrong):
    one, other = pair(server, romeo, "right")
    client = cast.client("tybalt").login() if wrong == "requester" else romeo
    reply = activate(client, "left" if wrong == "sid" else "right",
                     "nurse@localhost/there" if wrong == "target" else "juliet@localhost/there")
    assert condition(reply) == {"item-not-found"}
    assert one.silent() and other.silent()
    assert activate(romeo, "right", "juliet@localhost/there").get("type") == "result"
    exchange(one, other)
    finish(one, other)


def test_the_target_cannot_activate(server, romeo, cast):
    juliet = cast.client("juliet").login()
    one, other = pair(server, romeo, "mine", juliet.full)
    assert condition(activate(juliet, "mine", romeo.full)) == {"item-not-found"}
    assert condition(activate(juliet, "mine", juliet.full)) == {"item-not-found"}
    one.socket.close()
    other.socket.close()


def test_one_sided(server, romeo):
    one = Socks(server).join(hash_of("alone", romeo.full, "juliet@localhost/there"))
    assert condition(activate(romeo, "alone", "juliet@localhost/there")) == {"not-allowed"}
    one.socket.close()
    wait.until(lambda: condition(activate(romeo, "alone", "juliet@localhost/there")) == {"item-not-found"},
               "the proxy knows that nobody is connected")


def test_third_party(server, romeo):
    one, other = pair(server, romeo, "crowd")
    hash = hash_of("crowd", romeo.full, "juliet@localhost/there")
    for _ in range(2):
        third = Socks(server)
        assert third.send(ANONYMOUS).read(2) == OK
        third.send(b"\x05\x01\x00\x03(" + hash.upper().encode() + b"\x00\x00")
        assert third.read(10)[:2] == b"\x05\x02" and third.closed()
        assert activate(romeo, "crowd", "juliet@localhost/there").get("type") in ("result", "error")
    assert condition(activate(romeo, "crowd", "juliet@localhost/there")) == {"conflict"}
    exchange(one, other)
    finish(one, other)


def test_max_connections(server, romeo):
    streams = [active_pair(server, romeo, f"many{n}") for n in range(2)]
    one, other = pair(server, romeo, "many2")
    assert condition(activate(romeo, "many2", "juliet@localhost/there")) == {"resource-constraint"}
    finish(*streams[0])
    wait.until(lambda: activate(romeo, "many2", "juliet@localhost/there").get("type") == "result",
               "there is room again")
    exchange(one, other)
    finish(one, other)
    finish(*streams[1])


@pytest.mark.parametrize("payload, wanted", [
    ("<query xmlns='{0}'><activate>juliet@localhost</activate></query>", "bad-request"),
    ("<query xmlns='{0}' sid='s'/>", "bad-request"),
    ("<query xmlns='{0}' sid='s'><activate>@</activate></query>", "jid-malformed"),
    ("<query xmlns='{0}' sid='s'><activate/></query>", "jid-malformed"),
    ("<query xmlns='urn:unknown'/>", "service-unavailable"),
])
def test_bad_requests(romeo, payload, wanted):
    assert condition(romeo.iq("set", payload.format(BYTESTREAMS), to=PROXY)) == {wanted}
    assert condition(romeo.iq("get", f"<query xmlns='{BYTESTREAMS}'/>", to=f"x@{PROXY}")) == {"item-not-found"}


@pytest.mark.parametrize("greeting, answer", [
    (b"\x04\x01\x00", b""), (b"GET / HTTP/1.1\r\n\r\n", b""), (b"\x05\x00", b"\x05\xff"),
    (PLAIN, b"\x05\xff"), (b"\x05\x02\x01\x80", b"\x05\xff"), (b"\x16\x03\x01\x02\x00", b""),
])
def test_bad_greeting(server, greeting, answer):
    socks = Socks(server).send(greeting)
    try:
        assert socks.read(len(answer) + 1) == answer
    except ConnectionError:
        assert not answer
    socks.socket.close()


@pytest.mark.parametrize("request_, code", [
    (b"\x05\x02\x00\x03", 7), (b"\x05\x03\x00\x03", 7), (b"\x05\x01\x00\x01", 8), (b"\x05\x01\x00\x04", 8),
    (b"\x05\x01\x00\x03\x00", 2), (b"\x05\x01\x00\x03\xff", 2), (b"\x05\x01\x00\x03(" + b"g" * 40 + b"\x00\x00", 2),
    (b"\x05\x01\x00\x03(" + b"a" * 40 + b"\x00\x50", 2),
])
def test_bad_request(server, request_, code):
    socks = Socks(server)
    assert socks.send(ANONYMOUS).read(2) == OK
    socks.send(request_)
    assert socks.read(2) == bytes([5, code])
    socks.socket.close()


def test_byte_by_byte(server, romeo):
    hash = hash_of("drip", romeo.full, "juliet@localhost/there")
    socks = Socks(server)
    for byte in b"\x05\x02\x02\x00":
        socks.send(bytes([byte]))
    assert socks.read(2) == OK
    for byte in b"\x05\x01\x00\x03(" + hash.encode() + b"\x00\x00":
        socks.send(bytes([byte]))
    assert socks.read(47)[:2] == OK
    socks.socket.close()


def test_floods_leave_others_alone(server, romeo):
    """Hundreds who never finish their handshake, and garbage: streams go on, and so does the server."""
    one, other = active_pair(server, romeo, "calm")
    crowd = [Socks(server).send(os.urandom(20) if n % 2 else b"\x05") for n in range(300)]
    exchange(one, other)
    assert romeo.iq("get", f"<ping xmlns='{ns.PING}'/>", to="localhost").get("type") == "result"
    for each in crowd:
        each.socket.close()
    again = active_pair(server, romeo, "calm2")
    exchange(*again)
    finish(*again)
    finish(one, other)


class TestOptions:
    @pytest.fixture
    def play(self, own_server, cast_for):
        def make(options=None, **module):
            chosen = settings(**module)
            if options:
                chosen = Settings(modules=chosen.modules, options=options)
            server = own_server(chosen).start()
            return server, cast_for(server)
        return make

    def test_access(self, play):
        server, cast = play(access="none")
        romeo = cast.client("romeo").login()
        assert condition(romeo.iq("get", f"<query xmlns='{BYTESTREAMS}'/>", to=PROXY)) == {"forbidden"}
        assert condition(activate(romeo, "s", "juliet@localhost")) == {"forbidden"}

    def test_timeouts(self, play):
        server, cast = play(activation_timeout="1 s", idle_timeout="1 s")
        romeo = cast.client("romeo").login()
        silent = Socks(server)
        waiting = Socks(server).join(hash_of("late", romeo.full, "juliet@localhost/there"))
        one, other = active_pair(server, romeo, "idle")
        exchange(one, other)
        assert silent.closed() and waiting.closed() and one.closed() and other.closed()

    def test_shaper(self, play):
        """What is beyond the burst takes the time that the rate says, or longer."""
        server, cast = play({"shaper": {"slow": {"rate": 20000, "burst_size": 20000}},
                             "shaper_rules": {"max_user_sessions": 10, "max_user_offline_messages": 100,
                                              "rule": {"slow": "all"}}}, shaper="rule")
        romeo = cast.client("romeo").login()
        one, other = active_pair(server, romeo, "shaped")
        begun = time.monotonic()
        one.send(b"x" * 40000)
        assert len(other.read(40000)) == 40000
        assert time.monotonic() - begun >= 0.9
        finish(one, other)

    def test_plain(self, play):
        server, cast = play(auth_type="plain")
        romeo = cast.client("romeo").login()
        hash = hash_of("s", romeo.full, "juliet@localhost/there")

        def log_in(name, password):
            socks = Socks(server)
            assert socks.send(b"\x05\x02\x00\x02").read(2) == b"\x05\x02"
            name, password = name.encode(), password.encode()
            socks.send(bytes([1, len(name)]) + name + bytes([len(password)]) + password)
            return socks, socks.read(2)
        for name, password in [(romeo.user, "wrong"), (romeo.user, ""), ("", "secret"), ("nobody", "secret"),
                               (f"{romeo.user}@other.example", "secret"), ("x" * 255, "y" * 255)]:
            socks, answer = log_in(name, password)
            assert answer == b"\x01\x01" and socks.closed(), name
        anonymous = Socks(server)
        assert anonymous.send(ANONYMOUS).read(2) == b"\x05\xff"
        both = []
        for name in (romeo.user, romeo.bare):
            socks, answer = log_in(name, "secret")
            assert answer == b"\x01\x00"
            assert socks.ask(hash)[:2] == OK
            both.append(socks)
        assert activate(romeo, "s", "juliet@localhost/there").get("type") == "result"
        exchange(*both)
        finish(*both)

    def test_reload_keeps_streams(self, play):
        server, cast = play()
        romeo = cast.client("romeo").login()
        before = port_of(server)
        one, other = active_pair(server, romeo, "long")
        port, = wait.free_ports(1)
        server.ask("module_reload", "localhost", "mod_proxy65",
                   f"{{port: {port}, ip: 127.0.0.1, hostname: files.example.org, hosts: [a.localhost, b.localhost],"
                   " append_module_config: {b.localhost: {name: Bee, vcard: {fn: Vee}}}}")
        exchange(one, other)
        finish(one, other)
        with pytest.raises(ConnectionRefusedError):
            Socks(server, before)
        Socks(server, port).socket.close()
        address = romeo.iq("get", f"<query xmlns='{BYTESTREAMS}'/>", to="a.localhost")
        assert address.find(f".//{{{BYTESTREAMS}}}streamhost").attrib == {
            "jid": "a.localhost", "host": "files.example.org", "port": str(port)}
        names = [romeo.iq("get", f"<query xmlns='{ns.DISCO_INFO}'/>", to=to).find(
            f".//{{{ns.DISCO_INFO}}}identity").get("name") for to in ("a.localhost", "b.localhost")]
        assert names == ["SOCKS5 Bytestreams", "Bee"]
        assert romeo.iq("get", "<vCard xmlns='vcard-temp'/>", to="b.localhost").findtext(".//{vcard-temp}FN") == "Vee"

    def test_port_in_use(self, play):
        server, _ = play()
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            done = server.ctl("module_reload", "localhost", "mod_proxy65",
                              f"{{ip: 127.0.0.1, port: {taken.getsockname()[1]}}}")
            assert done.returncode != 0 and "cannot listen" in done.stdout + done.stderr
        Socks(server).socket.close()

    def test_hosts_share_a_listener(self, own_server, cast_for):
        chosen = settings()
        server = own_server(Settings(hosts=("localhost", "other.example"), modules=chosen.modules)).start()
        romeo = cast_for(server).client("romeo").login()
        one, other = pair(server, romeo, "shared")
        reply = activate(romeo, "shared", "juliet@localhost/there", to="proxy.other.example")
        assert reply.get("type") == "result", show(reply)
        server.ask("module_unload", "localhost", "mod_proxy65")
        exchange(one, other)
        finish(one, other)
        again = pair(server, romeo, "again")
        server.ask("module_unload", "other.example", "mod_proxy65")
        assert again[0].closed() and again[1].closed()
        with pytest.raises(ConnectionRefusedError):
            Socks(server)


def test_slixmpp_transfer(server, cast):
    """Some megabytes each way between two clients that find the proxy by themselves."""
    slixmpp = pytest.importorskip("slixmpp")
    from harness.bots import run_alone
    logging.getLogger("slixmpp").setLevel(logging.CRITICAL)
    jids = [f"{cast.account(name)}@localhost/bot" for name in ("romeo", "juliet")]
    there, back = os.urandom(4 << 20), os.urandom(1 << 20)

    class Bot(slixmpp.ClientXMPP):
        def __init__(self, jid):
            super().__init__(jid, "secret")
            self.ready, self.stream = asyncio.Event(), asyncio.Queue()
            self.received = b""
            self.register_plugin("xep_0030")
            self.register_plugin("xep_0065", {"auto_accept": True})
            self.add_event_handler("session_start", lambda _: (self.send_presence(), self.ready.set()))
            self.add_event_handler("socks5_stream", self.stream.put_nowait)
            self.add_event_handler("socks5_data", self.data)

        def data(self, event):
            self.received += event

    async def until(condition):
        while not condition():
            await asyncio.sleep(0.02)

    async def run():
        bots = [Bot(jid) for jid in jids]
        try:
            for bot in bots:
                bot.ca_certs = server.certificates[0].crt
                bot.connect(("127.0.0.1", server.ports["c2s"]))
                await asyncio.wait_for(bot.ready.wait(), wait.DEADLINE)
            romeo, juliet = bots
            mine = await asyncio.wait_for(romeo["xep_0065"].handshake(jids[1]), wait.DEADLINE)
            theirs = await asyncio.wait_for(juliet.stream.get(), wait.DEADLINE)
            mine.transport.write(there)
            theirs.transport.write(back)
            await asyncio.wait_for(until(lambda: len(juliet.received) >= len(there)
                                         and len(romeo.received) >= len(back)), wait.DEADLINE)
            assert juliet.received == there and romeo.received == back
            mine.transport.close()
            theirs.transport.close()
        finally:
            for bot in bots:
                bot.abort()
    run_alone(run)
