# SPDX-License-Identifier: Apache-2.0
"""mod_last: its commands, and requests that must not reach a client."""
import pytest

from harness import ns, wait

pytestmark = pytest.mark.only("stanzad")
QUERY = f"<query xmlns='{ns.LAST}'/>"


def last(server, client):
    return server.ask_json("get_last", client.user, client.host)


def test_commands(server, cast):
    romeo = cast.client("romeo")
    assert last(server, romeo)["status"] == "Registered but didn't login"
    romeo.online()
    assert last(server, romeo)["status"] == "ONLINE"
    romeo.presence("type='unavailable'", "<status>Gone &amp; away</status>")
    romeo.close()
    wait.until(lambda: last(server, romeo)["status"] == "Gone & away", "the log-out is written")
    assert last(server, romeo)["timestamp"].endswith("Z")
    server.ask("set_last", romeo.user, romeo.host, 86400, "long ago")
    assert last(server, romeo) == {"timestamp": "1970-01-02T00:00:00.000000Z", "status": "long ago"}


def test_latest_status_counts(server, cast):
    romeo = cast.client("romeo").online()
    romeo.presence("type='unavailable'", "<status>old</status>")
    romeo.presence()
    romeo.close()
    wait.until(lambda: last(server, romeo)["status"] == "", "the log-out is written")


@pytest.mark.parametrize("command", [("get_last",), ("set_last", 1, "x")])
def test_of_nobody(server, command):
    assert server.ctl(command[0], "no-such-user", "localhost", *command[1:]).returncode != 0


def test_stranger_does_not_reach_the_client(cast):
    """XEP-0012 4"""
    romeo, tybalt = cast.online("romeo", "tybalt")
    reply = romeo.iq("get", QUERY, to=tybalt.full)
    assert reply.find(f".//{{{ns.STANZA_ERRORS}}}forbidden") is not None
    cast.nothing(tybalt)


def test_removed_with_the_account(server, cast):
    romeo = cast.client("romeo").online()
    server.ask("unregister", romeo.user, romeo.host)
    romeo.wait_closed()
    server.add_user(romeo.user)
    assert last(server, romeo)["status"] == "Registered but didn't login"
