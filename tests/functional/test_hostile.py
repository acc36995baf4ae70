# SPDX-License-Identifier: Apache-2.0
"""Peers that mean no good: each gets a defined answer, and nobody else notices."""
import socket

import pytest

from harness import ns
from harness.settings import Settings

SETTINGS = Settings(max_stanza_size=100000)


@pytest.fixture
def romeo(cast):
    return cast.client("romeo").login()


@pytest.fixture
def witness(cast):
    """Somebody who must not notice anything."""
    client = cast.client("witness").login()
    yield client
    client.ping()


def memory(server):
    """Resident bytes of the server process."""
    with open(f"/proc/{server.process.pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * 4096


class TestXml:
    def test_deep_nesting(self, romeo, witness):
        romeo.send("<message>" + "<a>" * 20000)
        romeo.stream_error("policy-violation|not-well-formed|invalid-xml")

    def test_deep_nesting_that_ends(self, romeo, witness):
        romeo.send("<message>" + "<a>" * 5000 + "</a>" * 5000 + "</message>")
        romeo.stream_error("policy-violation|not-well-formed|invalid-xml")

    def test_moderate_nesting_passes(self, cast, romeo, witness):
        juliet = cast.client("juliet").login()
        romeo.send(f"<message to='{juliet.full}'>" + "<a xmlns='urn:a'>" + "<b>" * 30 + "</b>" * 30
                   + "</a></message>")
        assert len(list(juliet.recv().iter())) == 32

    def test_many_attributes(self, romeo, witness):
        romeo.send("<message " + " ".join(f"a{number}='x'" for number in range(5000)) + "/>")
        romeo.stream_error("policy-violation|not-well-formed|invalid-xml")

    def test_some_attributes_pass(self, cast, romeo, witness):
        juliet = cast.client("juliet").login()
        text = " ".join(f"a{number}='x'" for number in range(30))
        romeo.send(f"<message to='{juliet.full}'><x xmlns='urn:x' {text}/></message>")
        assert len(juliet.recv()[0].attrib) == 30

    def test_many_namespaces(self, romeo, witness):
        romeo.send("<message>" + "".join(f"<p{n}:x xmlns:p{n}='urn:{n}'>" for n in range(2000)))
        romeo.stream_error("policy-violation|not-well-formed|invalid-xml")

    def test_endless_name(self, romeo, witness):
        romeo.send("<message><" + "x" * 300000)
        romeo.stream_error("policy-violation|not-well-formed|invalid-xml")

    def test_endless_attribute(self, romeo, witness):
        romeo.send("<message to='" + "x" * 300000)
        romeo.stream_error("policy-violation|not-well-formed|invalid-xml")

    def test_endless_whitespace_between_stanzas(self, romeo, witness):
        """No stanza, no size: the connection stays, or ends for the policy; memory stays."""
        for _ in range(50):
            romeo.send(" " * 20000)
        romeo.ping()

    def test_endless_stanza_before_authentication(self, cast, witness):
        client = cast.nobody().connect().open()
        try:
            client.send(f"<auth xmlns='{ns.SASL}' mechanism='PLAIN'>")
            for _ in range(100):
                client.send("A" * 20000)
        except OSError:
            return
        client.wait_closed()


class TestConnections:
    def test_many_that_say_nothing(self, server, cast, witness):
        opened = [socket.create_connection(("127.0.0.1", server.ports["c2s"])) for _ in range(300)]
        try:
            cast.client("romeo").login().ping()
        finally:
            for each in opened:
                each.close()

    def test_many_that_come_and_go(self, server, cast, witness):
        for _ in range(500):
            socket.create_connection(("127.0.0.1", server.ports["c2s"])).close()
        cast.client("romeo").login().ping()

    def test_many_half_open_streams(self, cast, witness):
        clients = [cast.nobody().connect() for _ in range(200)]
        for client in clients:
            client.send(client.header())
        for client in clients:
            client.read_header()
        cast.client("romeo").login().ping()

    def test_reset_in_every_state(self, cast, witness):
        """A connection may vanish at any step of the log-in."""
        steps = [lambda c: c.connect(), lambda c: c.open(), lambda c: c.starttls(),
                 lambda c: c.authenticate(), lambda c: c.open(), lambda c: c.bind("x"),
                 lambda c: c.presence()]
        for count in range(1, len(steps) + 1):
            client = cast.client("romeo")
            for step in steps[:count]:
                step(client)
            client.transport.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            client.drop()
        cast.client("romeo").login().ping()


class TestSlowReader:
    def test_who_never_reads(self, server, cast, witness):
        """What is sent to it is bounded somewhere: the sender is paused, nobody is killed for it."""
        deaf, sender = cast.client("deaf").online(), cast.client("romeo").login()
        before = memory(server)
        sender.transport.sock.settimeout(2)
        sent = 0
        try:
            for sent in range(4000):
                sender.message(deaf.full, "x" * 10000)
        except (TimeoutError, OSError):
            pass
        assert memory(server) - before < 100 * 2**20, "memory is not the buffer"
        witness.ping()
        deaf.drop()

    def test_who_never_reads_answers(self, server, cast, witness):
        """A flood of requests whose answers nobody takes."""
        deaf = cast.client("deaf").login()
        before = memory(server)
        deaf.transport.sock.settimeout(2)
        request = f"<iq type='get' id='x' to='localhost'><query xmlns='{ns.DISCO_INFO}'/></iq>" * 100
        try:
            for _ in range(2000):
                deaf.send(request)
        except (TimeoutError, OSError):
            pass
        assert memory(server) - before < 100 * 2**20
        witness.ping()
        deaf.drop()

    def test_slow_sender(self, cast, witness):
        """One byte at a time, and never finished, costs others nothing."""
        slow = cast.client("slow").login()
        for byte in "<message><body>hello":
            slow.send(byte)
            witness.ping()
        slow.drop()


class TestFlood:
    def test_of_stanzas(self, cast, witness):
        romeo, juliet = cast.client("romeo").login(), cast.client("juliet").login()
        count, sent = 3000, 0
        text = f"<message to='{juliet.full}' type='chat'><body>x</body></message>"
        got = 0
        while sent < count:
            romeo.send(text * 100)
            sent += 100
            while got < sent:
                juliet.recv()
                got += 1
        assert got == count

    def test_of_wrong_passwords(self, cast, witness):
        for _ in range(20):
            client = cast.client("romeo", password="wrong")
            try:
                client.connect().open()
                client.authenticate()
            except (AssertionError, OSError):
                pass
            client.drop()
        witness.ping()


@pytest.mark.only("stanzad")
class TestRosterLimits:
    def test_endless_roster(self, romeo, witness):
        """However long a roster gets, a request is answered; a limit ends in a defined error."""
        for number in range(1500):
            reply = romeo.iq("set", f"<query xmlns='{ns.ROSTER}'><item jid='c{number}@example.com'/>"
                             "</query>")
            if reply.get("type") == "error":
                names = {child.tag.partition("}")[2] for child in reply.find(f"{{{ns.CLIENT}}}error")}
                assert names & {"resource-constraint", "policy-violation", "not-allowed"}
                return
            romeo.events.clear()
