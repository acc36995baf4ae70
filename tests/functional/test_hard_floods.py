# SPDX-License-Identifier: Apache-2.0
"""
Floods from one address: it is held back, the rest of the world is not. Addresses come by the PROXY
protocol, since the machine's own are not limited.
"""
import pytest

from harness import ns, wait
from harness.client import Client, StreamEnd

pytestmark = pytest.mark.only("stanzad")


def from_address(server, address, user=None, password=None):
    """A client that a proxy announces as coming from there; connected."""
    client = Client(server, user, "flood", password=password, port="proxy").connect()
    client.send(f"PROXY TCP4 {address} 127.0.0.1 1234 5222\r\n")
    return client


def is_let_in(client):
    try:
        client.send(client.header())
        client.read_header()
        return client.recv().tag == f"{{{ns.STREAM}}}features"
    except (StreamEnd, OSError):
        return False


def test_connections_at_a_time(own_server, cast_for):
    server = own_server(options={"max_connections_per_ip": 20}).start()
    witness = cast_for(server).client("witness").login()
    many = [from_address(server, "192.0.2.1") for _ in range(25)]
    assert sum(is_let_in(each) for each in many) == 20
    assert is_let_in(from_address(server, "192.0.2.2"))
    wait.until(lambda: "max_connections_per_ip" in server.process.text(), "it is logged")
    for each in many:
        each.drop()
    wait.until(lambda: is_let_in(from_address(server, "192.0.2.1")), "there is room again")
    witness.ping()


def test_connections_a_minute(own_server, cast_for):
    server = own_server(options={"connection_rate_per_ip": 10}).start()
    witness = cast_for(server).client("witness").login()
    came_in = 0
    for _ in range(30):
        client = from_address(server, "192.0.2.1")
        came_in += is_let_in(client)
        client.drop()
    assert 10 <= came_in < 20
    assert is_let_in(from_address(server, "198.51.100.1"))
    witness.ping()


def test_connections_of_the_whole_server(own_server, cast_for):
    server = own_server(options={"max_connections": 10}).start()
    cast = cast_for(server)
    witness = cast.client("witness").login()
    many = [cast.nobody().connect() for _ in range(15)]
    assert sum(is_let_in(each) for each in many) == 9
    for each in many:
        each.drop()
    wait.until(lambda: is_let_in(cast.nobody().connect()), "there is room again")
    witness.ping()


def fail(server, address, user, password="wrong"):
    """One failed log-in; the stream error's name, if the stream ended."""
    client = from_address(server, address, user, password)
    try:
        client.open()
        reply = client.authenticate()
        assert reply.tag == f"{{{ns.SASL}}}failure"
        client.events.clear()
    except (AssertionError, OSError):
        return "refused"
    finally:
        client.drop()
    return "failed"


def test_failed_log_ins(own_server, cast_for):
    """After so many an address is refused; the same account gets in from elsewhere."""
    server = own_server(modules={"mod_fail2ban": {"c2s_max_auth_failures": 5}}).start()
    cast = cast_for(server)
    witness = cast.client("witness").login()
    user = cast.account("romeo")
    attempts = [fail(server, "192.0.2.1", user) for _ in range(12)]
    assert attempts[:5] == ["failed"] * 5
    assert attempts[6:] == ["refused"] * 6
    refused = from_address(server, "192.0.2.1", user)
    refused.send(refused.header())
    refused.stream_error("policy-violation")
    good = from_address(server, "192.0.2.2", user).open()
    assert good.authenticate().tag == f"{{{ns.SASL}}}success"
    witness.ping()
    assert int(server.ask("unban_ip", "192.0.2.1")) == 1
    again = from_address(server, "192.0.2.1", user).open()
    assert again.authenticate().tag == f"{{{ns.SASL}}}success"


def test_failures_on_one_stream(cast, server):
    """A stream is not a place to guess for ever: RFC 6120 6.4.5."""
    client = cast.client("romeo", password="wrong").connect().open()
    for _ in range(10):
        try:
            client.authenticate()
        except (StreamEnd, OSError):
            break
        if any(kind == "stanza" and element.tag == f"{{{ns.STREAM}}}error" for kind, element in client.events):
            break
    else:
        pytest.fail("ten guesses and no end")
