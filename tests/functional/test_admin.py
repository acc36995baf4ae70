# SPDX-License-Identifier: Apache-2.0
"""stanzactl: ejabberd's commands for accounts, sessions and messages."""
import pytest

from harness import ns, wait
from harness.settings import Settings

pytestmark = pytest.mark.only("stanzad")
SETTINGS = Settings(hosts=("localhost", "second.example"))
OK, FAILED, CONFLICT, NOT_FOUND, USAGE = range(5)


@pytest.fixture
def ask(server):
    return server.ask


@pytest.fixture
def ctl(server):
    return server.ctl


class TestAccounts:
    def test_register(self, server, cast, ask):
        user = server.unique("new")
        ask("register", user, "localhost", "pässwörd")
        client = cast.nobody(password="pässwörd")
        client.user = user
        client.login()

    def test_register_twice(self, cast, ctl):
        done = ctl("register", cast.account("romeo"), "localhost", "other")
        assert done.returncode == CONFLICT
        assert "romeo" in done.stdout + done.stderr
        cast.client("romeo").login()

    @pytest.mark.parametrize("user, host", [("a b", "localhost"), ("", "localhost"), ("a@b", "localhost"),
                                            ("romeo", "nowhere.example"), ("x" * 1100, "localhost")],
                             ids=["space", "empty", "at", "other host", "long"])
    def test_register_impossible(self, ctl, user, host):
        assert ctl("register", user, host, "x").returncode not in (OK, CONFLICT)

    def test_registered_users(self, server, cast, ask):
        user = cast.account("romeo")
        assert user in ask("registered_users", "localhost").split()
        assert user in server.ask_json("registered_users", "localhost")
        assert user not in ask("registered_users", "second.example").split()

    def test_registered_users_of_no_host(self, ctl):
        assert ctl("registered_users", "nowhere.example").returncode != OK

    def test_unregister(self, cast, ask, ctl):
        romeo = cast.client("romeo").online()
        ask("unregister", romeo.user, "localhost")
        romeo.wait_closed()
        assert ctl("check_account", romeo.user, "localhost").returncode != OK
        nobody = cast.nobody()
        nobody.user = romeo.user
        nobody.connect().open()
        assert nobody.authenticate().tag == f"{{{ns.SASL}}}failure"

    def test_check_account(self, cast, ctl):
        assert ctl("check_account", cast.account("romeo"), "localhost").returncode == OK
        assert ctl("check_account", "no-such-user", "localhost").returncode != OK

    def test_check_password(self, cast, ctl):
        user = cast.account("romeo")
        assert ctl("check_password", user, "localhost", "secret").returncode == OK
        assert ctl("check_password", user, "localhost", "wrong").returncode != OK
        assert ctl("check_password", "no-such-user", "localhost", "x").returncode != OK

    def test_change_password(self, cast, ask, ctl):
        user = cast.account("romeo")
        ask("change_password", user, "localhost", "other")
        assert ctl("check_password", user, "localhost", "other").returncode == OK
        assert ctl("check_password", user, "localhost", "secret").returncode != OK
        cast.client("romeo", password="other").login()

    def test_change_password_of_nobody(self, ctl):
        assert ctl("change_password", "no-such-user", "localhost", "x").returncode == NOT_FOUND


class TestSessions:
    def test_connected_users(self, server, cast, ask):
        romeo = cast.client("romeo", "orchard").online()
        assert romeo.full in ask("connected_users").split()
        assert romeo.full in server.ask_json("connected_users")
        romeo.close()
        wait.until(lambda: romeo.full not in ask("connected_users").split(), "romeo has gone")

    def test_connected_users_info(self, server, cast):
        romeo = cast.client("romeo", "orchard").online(priority=7)
        found = [each for each in server.ask_json("connected_users_info") if each["jid"] == romeo.full]
        assert len(found) == 1
        assert found[0]["priority"] == 7 and found[0]["ip"].endswith("127.0.0.1")
        assert "c2s" in found[0]["connection"]

    def test_user_sessions_info(self, server, cast):
        romeo = cast.client("romeo", "orchard").login()
        romeo.presence("", "<show>away</show><status>lunch</status>")
        romeo.ping()
        info = server.ask_json("user_sessions_info", romeo.user, "localhost")
        assert [each["resource"] for each in info] == ["orchard"]
        assert info[0]["status"] == "away" and info[0]["statustext"] == "lunch"

    def test_num_resources(self, cast, ask):
        user = cast.account("romeo")
        assert ask("num_resources", user, "localhost").strip() == "0"
        cast.online("romeo/one")
        cast.online("romeo/two")
        assert ask("num_resources", user, "localhost").strip() == "2"

    def test_kick_user(self, cast, ask):
        clients = [cast.online("romeo/one"), cast.online("romeo/two")]
        assert "2" in ask("kick_user", clients[0].user, "localhost")
        for client in clients:
            client.stream_error()

    def test_kick_session(self, cast, ask):
        one, two = cast.online("romeo/one"), cast.online("romeo/two")
        ask("kick_session", one.user, "localhost", "one", "enough for today")
        error = one.stream_error()
        assert "enough for today" in "".join(error.itertext())
        two.ping()

    def test_kick_nobody(self, ctl):
        assert ctl("kick_session", "no-such-user", "localhost", "x", "why").returncode == NOT_FOUND


class TestMessages:
    def test_send_message(self, cast, ask):
        romeo = cast.client("romeo").online()
        ask("send_message", "headline", "localhost", romeo.bare, "Restart", "in 5 <minutes> & 3 seconds")
        romeo.expect("<message type='headline' from='localhost'><subject>Restart</subject>"
                     "<body>in 5 &lt;minutes&gt; &amp; 3 seconds</body>{more}</message>")

    def test_send_message_to_offline(self, server, cast, ask):
        romeo = cast.client("romeo")
        ask("send_message", "normal", "localhost", romeo.bare, "", "later")
        assert ask("get_offline_count", romeo.user, "localhost").strip() == "1"
        romeo.login()
        romeo.presence()
        assert [each.findtext(f"{{{ns.CLIENT}}}body") for each in romeo.settle()
                if each.tag.endswith("}message")] == ["later"]
        assert ask("get_offline_count", romeo.user, "localhost").strip() == "0"


class TestRoster:
    def test_add_and_get(self, server, cast, ask):
        romeo = cast.client("romeo").login()
        romeo.iq("get", f"<query xmlns='{ns.ROSTER}'/>")
        ask("add_rosteritem", romeo.user, "localhost", "juliet", "example.com", "Julie", "Friends", "both")
        romeo.expect("<iq type='set'><query xmlns='jabber:iq:roster'><item jid='juliet@example.com' "
                     "name='Julie' subscription='both'><group>Friends</group></item></query></iq>")
        item = server.ask_json("get_roster", romeo.user, "localhost")[0]
        assert item["jid"] == "juliet@example.com" and item["nick"] == "Julie"
        assert item["subscription"] == "both" and item["pending"] == "none"
        assert "Friends" in str(item.get("groups") or item.get("group"))
        assert "juliet@example.com" in ask("get_roster", romeo.user, "localhost")

    def test_delete(self, server, cast, ask):
        romeo = cast.client("romeo").login()
        ask("add_rosteritem", romeo.user, "localhost", "juliet", "example.com", "J", "", "both")
        romeo.iq("get", f"<query xmlns='{ns.ROSTER}'/>")
        ask("delete_rosteritem", romeo.user, "localhost", "juliet", "example.com")
        romeo.expect("<iq type='set'><query xmlns='jabber:iq:roster'><item jid='juliet@example.com' "
                     "subscription='remove'/></query></iq>")
        assert server.ask_json("get_roster", romeo.user, "localhost") == []

    def test_of_nobody(self, ctl):
        done = ctl("get_roster", "no-such-user", "localhost")
        assert done.returncode != OK or done.stdout.strip() == ""


class TestServer:
    def test_status(self, ask):
        text = ask("status")
        assert "stanzad" in text and ("running" in text or "started" in text)

    def test_stats(self, server, cast, ask):
        before = int(ask("stats", "registeredusers"))
        cast.online("romeo")
        assert int(ask("stats", "registeredusers")) == before + 1
        assert int(ask("stats", "onlineusers")) >= 1
        assert int(ask("stats", "uptimeseconds")) >= 0

    def test_unknown_stat(self, ctl):
        assert ctl("stats", "nonsense").returncode != OK

    def test_modules_installed(self, ask):
        text = ask("modules_installed")
        for name in ("mod_roster", "mod_offline", "mod_ping", "mod_register"):
            assert name in text

    def test_metrics(self, server, ask):
        host = "second.example"
        text = ask("metrics", host)
        assert "sent_pings" in text and "kept_messages" in text and "localhost" not in text
        assert "localhost" in ask("metrics")

    def test_metrics_of_no_host(self, ctl):
        assert ctl("metrics", "no.such.host").returncode != OK

    def test_set_loglevel(self, server, cast, ask, ctl):
        ask("set_loglevel", "debug")
        ask("set_loglevel", "info")
        assert ctl("set_loglevel", "nonsense").returncode != OK

    def test_explain(self, cast, ask):
        romeo, juliet = cast.online("romeo", "juliet")
        text = ask("explain", f"<message from='{romeo.full}' to='{juliet.bare}' type='chat'>"
                   "<body>hi</body></message>")
        assert juliet.full in text
        cast.nothing(juliet)

    def test_passwords_are_not_logged(self, server, ask, ctl):
        user = server.unique("quiet")
        ask("register", user, "localhost", "Geheimnis4711")
        ask("change_password", user, "localhost", "Geheimnis4712")
        ctl("check_password", user, "localhost", "Geheimnis4713")
        assert "Geheimnis" not in server.process.text()
