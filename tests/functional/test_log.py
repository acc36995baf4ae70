# SPDX-License-Identifier: Apache-2.0
"""What the server writes down, where, and what it never writes; and listening on IPv6."""
import json
import os
import signal
import socket

import pytest

from harness import wait

pytestmark = pytest.mark.only("stanzad")

SECRET = "a-password-that-nobody-may-see"


def lines(path):
    return path.read_text().splitlines() if path.exists() else []


def test_json_lines_in_a_file(own_server, cast_for, tmp_path):
    """One JSON object an event, with session and address."""
    path = tmp_path / "server.log"
    server = own_server(options={"log_format": "json", "log_file": str(path)}).start()
    client = cast_for(server).client("romeo").online()
    wait.until(lambda: any("c2s.bound" in line for line in lines(path)), "the log-in is logged")
    events = [json.loads(line) for line in lines(path)]
    bound = [each for each in events if each["event"] == "c2s.bound"]
    assert bound[0]["session"] == client.full and bound[0]["address"] == "127.0.0.1"
    assert all({"time", "level", "event"} <= set(each) for each in events)


def test_reopen(own_server, cast_for, tmp_path):
    """After rotation SIGUSR1 makes a new file."""
    path = tmp_path / "server.log"
    server = own_server(options={"log_file": str(path)}).start()
    wait.until(lambda: lines(path), "something is logged")
    os.rename(path, tmp_path / "old.log")
    server.process.signal(signal.SIGUSR1)
    wait.until(path.exists, "the new file")
    cast_for(server).client("romeo").online()
    wait.until(lambda: any("c2s.bound" in line for line in lines(path)), "the new file is used")


def test_no_password(own_server, cast_for):
    """Neither a right nor a wrong password, at the highest level, by any way in."""
    server = own_server(options={"loglevel": "debug"}).start()
    cast = cast_for(server)
    server.ask("register", "romeo", "localhost", SECRET)
    server.ask("check_password", "romeo", "localhost", SECRET)
    server.ask("change_password", "romeo", "localhost", SECRET + "2")
    client = cast.nobody().connect().open()
    client.starttls()
    client.user, client.password = "romeo", SECRET
    client.authenticate("PLAIN")
    client.password = SECRET + "2"
    client.authenticate("PLAIN")
    assert "c2s.auth_failed" in server.log.read_text() and "c2s.authenticated" in server.log.read_text()
    assert SECRET not in server.log.read_text()


@pytest.mark.skipif(not os.path.exists("/proc/net/if_inet6"), reason="there is no IPv6 here")
def test_ipv6(own_server):
    """'::' takes both families."""
    server = own_server(listen={"ip": "::"}).start()
    for family, address in (socket.AF_INET6, "::1"), (socket.AF_INET, "127.0.0.1"):
        with socket.socket(family) as client:
            client.settimeout(wait.DEADLINE)
            client.connect((address, server.ports["c2s"]))
            client.sendall(b"<stream:stream xmlns='jabber:client' to='localhost' version='1.0' "
                           b"xmlns:stream='http://etherx.jabber.org/streams'>")
            assert b"<stream:stream" in client.recv(4096)
