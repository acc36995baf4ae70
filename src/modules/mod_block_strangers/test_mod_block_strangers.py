# SPDX-License-Identifier: Apache-2.0
"""mod_block_strangers: who is one, and what becomes of what they write."""
import pytest

from harness import ns, wait
from harness.settings import Settings
from harness.stream import show

pytestmark = pytest.mark.only("stanzad")


def settings(**options):
    return Settings(modules={"mod_block_strangers": {"allow_local_users": False, "log": True, **options}})


SETTINGS = settings()


def condition(reply):
    assert reply.get("type") == "error", show(reply)
    error = reply.find(f"{{{ns.CLIENT}}}error")
    return next(child.tag.partition("}")[2] for child in error if child.tag.startswith("{" + ns.STANZA_ERRORS))


@pytest.fixture
def pair(cast):
    return cast.online("romeo", "tybalt")


def arrives(cast, romeo, tybalt, text="<message to='{}' type='chat'><body>hi</body></message>"):
    tybalt.send(text.format(romeo.full))
    got = [each for each in romeo.settle(tybalt) if each.tag == f"{{{ns.CLIENT}}}message"]
    back = [each for each in tybalt.settle() if each.tag == f"{{{ns.CLIENT}}}message"]
    assert len(got) + len(back) <= 1
    return "arrives" if got else condition(back[0]) if back else "dropped"


@pytest.mark.parametrize("text,result", [
    ("<message to='{}' type='chat'><body>x</body></message>", "policy-violation"),
    ("<message to='{}'><body>x</body></message>", "policy-violation"),
    ("<message to='{}' type='headline'><body>x</body></message>", "policy-violation"),
    ("<message to='{}'><subject>x</subject></message>", "policy-violation"),
    ("<message to='{}' type='groupchat'><body>x</body></message>", "dropped"),
    ("<message to='{}'/>", "arrives"), ("<message to='{}'><body/><subject/></message>", "arrives"),
    ("<message to='{}' type='chat'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>", "arrives"),
    ("<message to='{}' type='error'><body>x</body></message>", "arrives")])
def test_stranger(cast, pair, text, result):
    assert arrives(cast, *pair, text) == result


def test_offline(cast):
    romeo, tybalt = cast.client("romeo"), cast.client("tybalt").online()
    tybalt.message(romeo.bare)
    assert condition(tybalt.recv()) == "policy-violation"
    assert not [each for each in romeo.online().settle(tybalt) if each.tag == f"{{{ns.CLIENT}}}message"]


def test_every_resource_once(cast):
    romeo, _, tybalt = cast.online("romeo/one", "romeo/two", "tybalt")
    tybalt.message(romeo.bare)
    assert condition(tybalt.recv()) == "policy-violation"
    cast.nothing(tybalt)


def test_oneself(cast):
    one, two = cast.online("romeo/one", "romeo/two")
    assert arrives(cast, one, two) == "arrives"


@pytest.mark.parametrize("how", ["friends", "asked", "listed"])
def test_roster(cast, how):
    if how == "friends":
        cast.friends("romeo", "tybalt")
    romeo, tybalt = cast.online("romeo", "tybalt")
    if how == "asked":
        romeo.presence(f"to='{tybalt.bare}' type='subscribe'")
    elif how == "listed":
        romeo.iq("set", f"<query xmlns='{ns.ROSTER}'><item jid='{tybalt.bare}'/></query>")
    cast.settle()
    assert arrives(cast, romeo, tybalt) == ("policy-violation" if how == "listed" else "arrives")


def test_directed_presence(cast, pair):
    """Such as to a room."""
    romeo, tybalt = pair
    romeo.presence(f"to='{tybalt.bare}/nick'")
    cast.settle()
    assert arrives(cast, romeo, tybalt) == "arrives"


@pytest.mark.parametrize("allow", [True, False])
def test_transports(own_server, cast_for, allow):
    server = own_server(settings(allow_transports=allow)).start()
    cast = cast_for(server)
    romeo, tybalt = cast.online("romeo", "tybalt")
    server.ask("add_rosteritem", romeo.user, "localhost", "", "localhost", "gateway", "", "to")
    cast.settle()
    assert arrives(cast, romeo, tybalt) == ("arrives" if allow else "policy-violation")


@pytest.mark.parametrize("options,result", [({"allow_local_users": True}, "arrives"), ({"drop": False}, "arrives"),
                                            ({"access": "all"}, "arrives"),
                                            ({"access": [{"allow": {"server": "localhost"}}]}, "arrives"),
                                            ({"access": [{"allow": {"server": "x.example"}}]}, "policy-violation")])
def test_options(own_server, cast_for, options, result):
    server = own_server(settings(**options)).start()
    cast = cast_for(server)
    assert arrives(cast, *cast.online("romeo", "tybalt")) == result


def test_log(server, cast, pair):
    romeo, tybalt = pair
    arrives(cast, romeo, tybalt)
    wait.until(lambda: f"from={tybalt.full}" in server.log_tail(), "it is logged")
    line = next(line for line in server.log_tail().splitlines()
                if "block_strangers.message" in line and tybalt.full in line)
    assert f"to={romeo.full}" in line and "dropped=true" in line


@pytest.mark.parametrize("options,result", [({"drop": False}, "arrives"), ({"access": "all"}, "arrives"),
                                            ({"allow_local_users": True}, "arrives")])
def test_captcha_of_nobody(own_server, cast_for, options, result):
    """Who gets through anyway is not asked; challenges are in tests/functional/test_captcha.py."""
    cast = cast_for(own_server(settings(captcha=True, **options)).start())
    assert arrives(cast, *cast.online("romeo", "tybalt")) == result


def test_captcha_is_not_for_rooms(own_server, cast_for):
    cast = cast_for(own_server(settings(captcha=True)).start())
    text = "<message to='{}' type='groupchat'><body>x</body></message>"
    assert arrives(cast, *cast.online("romeo", "tybalt"), text) == "dropped"


def test_captcha_is_no_answer_to_another(own_server, cast_for):
    cast = cast_for(own_server(settings(captcha=True)).start())
    text = "<message to='{}' id='x'><body>x</body><captcha xmlns='urn:xmpp:captcha'/></message>"
    assert arrives(cast, *cast.online("romeo", "tybalt"), text) == "policy-violation"
