# SPDX-License-Identifier: Apache-2.0
"""XEP-0012: last activity."""
import pytest

from harness import ns, wait

QUERY = f"<query xmlns='{ns.LAST}'/>"


def seconds(reply):
    assert reply.get("type") == "result", reply.attrib
    return int(reply.find(f"{{{ns.LAST}}}query").get("seconds"))


def refused(reply):
    assert reply.get("type") == "error"
    found = {child.tag.partition("}")[2] for child in reply.find(f"{{{ns.CLIENT}}}error")}
    assert found & {"forbidden", "subscription-required", "service-unavailable", "item-not-found",
                    "not-allowed"}, found


@pytest.fixture
def friends(cast):
    cast.friends("romeo", "juliet")
    return cast.client("romeo").online(), cast.client("juliet")


def test_uptime_of_the_server(cast):
    """XEP-0012 5"""
    romeo = cast.client("romeo").login()
    first = seconds(romeo.iq("get", QUERY, to="localhost"))
    wait.until(lambda: seconds(romeo.iq("get", QUERY, to="localhost")) > first, "time passes", step=0.2)


def test_of_a_friend_who_is_online(friends):
    romeo, juliet = friends
    juliet.online()
    assert seconds(romeo.iq("get", QUERY, to=juliet.bare)) == 0


def test_of_a_friend_who_is_offline(friends):
    romeo, juliet = friends
    juliet.online()
    juliet.presence("type='unavailable'", "<status>Heading home</status>")
    juliet.close()
    reply = wait.until(lambda: answer_with_text(romeo, juliet), "the log-out is known")
    assert 0 <= seconds(reply) < 60


def answer_with_text(romeo, juliet):
    reply = romeo.iq("get", QUERY, to=juliet.bare)
    query = reply.find(f"{{{ns.LAST}}}query")
    return reply if query is not None and query.text == "Heading home" else None


def test_time_passes(friends):
    romeo, juliet = friends
    juliet.online()
    juliet.close()
    romeo.settle()
    wait.until(lambda: seconds(romeo.iq("get", QUERY, to=juliet.bare)) >= 1, "a second has passed",
               step=0.2)


def test_of_a_stranger(cast):
    """XEP-0012 4: only for those who may see the presence."""
    romeo, tybalt = cast.online("romeo", "tybalt")
    refused(romeo.iq("get", QUERY, to=tybalt.bare))


def test_of_nobody(cast):
    refused(cast.online("romeo").iq("get", QUERY, to="no-such-user@localhost"))


def test_of_oneself(cast):
    romeo = cast.online("romeo")
    assert seconds(romeo.iq("get", QUERY, to=romeo.bare)) == 0


def test_set_is_refused(cast):
    reply = cast.online("romeo").iq("set", QUERY, to="localhost")
    assert reply.get("type") == "error"


def test_to_a_client(cast):
    """Idle time is asked of the client itself; the server passes it on to friends."""
    cast.friends("romeo", "juliet")
    romeo, juliet = cast.client("romeo").online(), cast.client("juliet").online()
    cast.settle()
    romeo.send(f"<iq type='get' id='l1' to='{juliet.full}'>{QUERY}</iq>")
    juliet.expect("<iq type='get' id='l1'><query xmlns='jabber:iq:last'/></iq>")
