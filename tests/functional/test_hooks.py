# SPDX-License-Identifier: Apache-2.0
"""stanzactl hooks: who joins in where; and what explain says of it."""
import pytest

from harness.settings import Settings

pytestmark = pytest.mark.only("stanzad")
SETTINGS = Settings(hosts=("localhost", "second.example"))
OK, FAILED, CONFLICT, NOT_FOUND, USAGE = range(5)


class TestHooks:
    def test_everything_is_listed(self, server):
        rows = server.ask_json("hooks")
        names = {row["hook"] for row in rows}
        assert {"user_send", "filter", "privacy_check", "host_up", "roster_get", "register_check"} <= names
        assert all(row["meaning"] for row in rows)

    def test_order_on_a_host(self, server):
        rows = server.ask_json("hooks", "localhost", "user_loaded")
        assert [row["position"] for row in rows] == list(range(1, len(rows) + 1))
        assert {row["host"] for row in rows} == {"localhost"}
        modules = [row["module"] for row in rows]
        assert modules.index("mod_roster") < modules.index("mod_offline")
        assert rows[modules.index("mod_roster")]["stage"] == "early"
        assert {row["scope"] for row in rows} == {"host"}

    def test_nobody_is_there(self, server):
        rows = server.ask_json("hooks", "localhost", "privacy_check")
        assert [(row["position"], row["module"]) for row in rows] == [(0, "")]

    def test_all_hosts(self, server):
        rows = server.ask_json("hooks", "", "session_closed")
        assert {row["host"] for row in rows} == {"localhost", "second.example"}

    def test_a_hook_alone(self, server):
        assert server.ask_json("hooks", "session_closed") == server.ask_json("hooks", "", "session_closed")

    def test_for_people(self, server):
        text = server.ask("hooks", "localhost", "presence_out")
        assert "mod_roster" in text and "initial" in text

    @pytest.mark.parametrize("arguments", [("nowhere.example",), ("localhost", "no_such_hook")])
    def test_no_such_thing(self, server, arguments):
        assert server.ctl("hooks", *arguments).returncode == NOT_FOUND


class TestExplain:
    def test_names_who_keeps_a_message(self, cast, server):
        romeo = cast.client("romeo").online()
        juliet = cast.account("juliet")
        text = server.ask("explain", f"<message from='{romeo.full}' to='{juliet}@localhost' type='chat'>"
                          "<body>hi</body></message>")
        assert "mod_offline in hook message_offline" in text
        assert server.ask("get_offline_count", juliet, "localhost").strip() == "0"
