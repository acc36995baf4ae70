# SPDX-License-Identifier: Apache-2.0
"""use_proxy_protocol: the address comes from the PROXY protocol's header, version 1 or 2."""
import ipaddress
import struct

import pytest

from harness import wait

pytestmark = pytest.mark.only("stanzad", "ejabberd")
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def version1(source, port=1234):
    family = "TCP6" if ":" in source else "TCP4"
    target = "::1" if ":" in source else "127.0.0.1"
    return f"PROXY {family} {source} {target} {port} 5222\r\n".encode()


def version2(source, port=1234, command=0x21, extra=b""):
    address = ipaddress.ip_address(source)
    target = ipaddress.ip_address("::1" if address.version == 6 else "127.0.0.1")
    body = address.packed + target.packed + struct.pack("!HH", port, 5222) + extra
    family = 0x21 if address.version == 6 else 0x11
    return SIGNATURE + struct.pack("!BBH", command, family, len(body)) + body


HEADERS = {
    "v1 IPv4": (version1("192.0.2.7"), "192.0.2.7"),
    "v1 IPv6": (version1("2001:db8::7"), "2001:db8::7"),
    "v1 unknown": (b"PROXY UNKNOWN\r\n", None),
    "v2 IPv4": (version2("192.0.2.8"), "192.0.2.8"),
    "v2 IPv6": (version2("2001:db8::8"), "2001:db8::8"),
    "v2 with more fields": (version2("192.0.2.9", extra=b"\x04\x00\x02ab"), "192.0.2.9"),
    "v2 local": (SIGNATURE + b"\x20\x00\x00\x00", None),
}


@pytest.mark.parametrize("case", HEADERS)
def test_header(cast, server, case):
    data, address = HEADERS[case]
    romeo = cast.client("romeo", port="proxy").connect()
    romeo.send(data)
    romeo.open().starttls()
    romeo.authenticate()
    romeo.open().bind("x")
    romeo.ping()
    if address:
        wait.until(lambda: address in server.process.text(), f"{address} is logged", 5)


@pytest.mark.only("stanzad")
def test_address_of_the_session(cast, server):
    romeo = cast.client("romeo", port="proxy").connect()
    romeo.send(version1("192.0.2.77"))
    romeo.open()
    romeo.authenticate()
    romeo.open().bind("x")
    assert "192.0.2.77" in server.ask("connected_users_info")


@pytest.mark.parametrize("data", [
    b"PROXY TCP4 nonsense\r\n", b"PROXY TCP4 192.0.2.1 192.0.2.2 99999 1\r\n",
    b"PROXY " + b"x" * 200, b"<?xml version='1.0'?><stream:stream xmlns='jabber:client' "
    b"xmlns:stream='http://etherx.jabber.org/streams' to='localhost' version='1.0'>" + b" " * 120,
    SIGNATURE + b"\x31\x11\x00\x0c" + b"\0" * 12, SIGNATURE + b"\x21\x11\x00\x02ab" + b"\0" * 120,
], ids=range(6))
def test_bad_header(cast, data):
    client = cast.nobody(port="proxy").connect()
    client.send(data)
    client.parser.feed = lambda data: []
    client.wait_closed()


def test_header_byte_by_byte(cast):
    for data in (version1("192.0.2.7"), version2("192.0.2.7")):
        romeo = cast.client("romeo", port="proxy").connect()
        for byte in data:
            romeo.send(bytes([byte]))
        romeo.open()
        assert romeo.answer["id"]


def test_header_and_stream_in_one_packet(cast):
    client = cast.nobody(port="proxy").connect()
    client.send(version2("192.0.2.7") + client.header().encode())
    assert client.read_header()["id"]
