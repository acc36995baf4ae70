# SPDX-License-Identifier: Apache-2.0
"""mod_fail2ban: an address that fails too often is shut out for a while."""
import pytest

from harness import ns
from harness.settings import Settings

pytestmark = pytest.mark.only("stanzad")


def settings(**options):
    return Settings(modules={"mod_fail2ban": {"c2s_max_auth_failures": 3, **options}})


def fail(cast, server, times):
    """That many failed log-ins on one stream."""
    client = cast.nobody(password="wrong").connect().open()
    for _ in range(times):
        reply = client.authenticate("SCRAM-SHA-1")
        assert reply.tag == f"{{{ns.SASL}}}failure"
    return client


def is_banned(cast):
    client = cast.nobody().connect()
    client.send(client.header())
    client.read_header()
    first = client.recv()
    if first.tag == f"{{{ns.STREAM}}}features":
        return None
    assert first.find(f"{{{ns.STREAM_ERRORS}}}policy-violation") is not None
    client.wait_closed()
    return first.findtext(f"{{{ns.STREAM_ERRORS}}}text")


@pytest.fixture
def play(own_server, cast_for):
    def make(**options):
        server = own_server(settings(**options)).start()
        return server, cast_for(server)
    return make


def test_ban(play):
    server, cast = play()
    cast.account("romeo")
    fail(cast, server, 2)
    assert not is_banned(cast)
    fail(cast, server, 1).stream_error("policy-violation")
    text = is_banned(cast)
    assert "too many failed log-ins" in text and "Z" in text
    assert int(server.ask("unban_ip", "127.0.0.0/8")) == 1
    assert not is_banned(cast)
    cast.client("romeo").login()


def test_success_forgets(play):
    server, cast = play()
    for _ in range(3):
        fail(cast, server, 2)
        cast.client("romeo").login()
    assert not is_banned(cast)


def test_exempt(play):
    server, cast = play(access="all")
    fail(cast, server, 4)
    assert not is_banned(cast)


def test_unban_other_address(play):
    server, cast = play()
    fail(cast, server, 3).stream_error("policy-violation")
    assert int(server.ask("unban_ip", "192.0.2.1")) == 0
    assert is_banned(cast)
    assert int(server.ask("unban_ip", "::ffff:127.0.0.1")) == 1
    assert not is_banned(cast)


def test_no_address(play):
    server, _ = play()
    assert server.ctl("unban_ip", "nonsense").returncode != 0
