# SPDX-License-Identifier: Apache-2.0
"""stanzactl as a program: help, exit codes, JSON, batches, stopping and restarting."""
import json
import stat
import subprocess

import pytest

from harness import wait

pytestmark = pytest.mark.only("stanzad")
OK, FAILED, CONFLICT, NOT_FOUND, USAGE = range(5)
COMMANDS = """status stop restart reload_config register unregister registered_users check_account
    check_password change_password connected_users connected_users_info user_sessions_info
    num_resources kick_user kick_session send_message get_roster add_rosteritem delete_rosteritem
    get_offline_count stats set_loglevel modules_installed explain hooks""".split()


class TestHelp:
    @pytest.mark.parametrize("name", COMMANDS)
    def test_of_a_command(self, server, name):
        done = server.ctl(name, "--help")
        assert done.returncode == OK and name in done.stdout

    def test_lists_every_command(self, server):
        text = server.ask("--help")
        assert [name for name in COMMANDS if name not in text] == []

    def test_without_a_server(self, server, tmp_path):
        """Its own options are known at any time."""
        done = subprocess.run([server.build / "stanzactl", "--socket", tmp_path / "none", "--help"],
                              capture_output=True, text=True)
        assert done.returncode == OK and "--batch" in done.stdout

    def test_names_with_dashes(self, server):
        assert server.ctl("registered-users", "localhost").returncode == OK


class TestErrors:
    def test_unknown_command(self, server):
        done = server.ctl("registerd_users", "localhost")
        assert done.returncode not in (OK, FAILED)
        assert "registered_users" in done.stderr, "it names what was meant"

    def test_no_command(self, server):
        assert server.ctl().returncode != OK

    @pytest.mark.parametrize("arguments", [("register",), ("register", "a"), ("register", "a", "b"),
                                           ("register", "a", "b", "c", "d"), ("status", "x")])
    def test_number_of_arguments(self, server, arguments):
        done = server.ctl(*arguments)
        assert done.returncode == USAGE and arguments[0] in done.stderr

    def test_no_server(self, server, tmp_path):
        done = subprocess.run([server.build / "stanzactl", "--socket", tmp_path / "none", "status"],
                              capture_output=True, text=True)
        assert done.returncode != OK and str(tmp_path / "none") in done.stderr

    def test_errors_go_to_stderr(self, server):
        done = server.ctl("check_account", "no-such-user", "localhost")
        assert done.returncode != OK and not done.stdout


class TestJson:
    @pytest.mark.parametrize("arguments, kind", [
        (("registered_users", "localhost"), list), (("connected_users",), list),
        (("connected_users_info",), list), (("stats", "registeredusers"), int),
        (("modules_installed",), (list, dict)), (("get_offline_count", "x", "localhost"), int),
    ], ids=lambda value: value[0] if isinstance(value, tuple) else None)
    def test_type(self, server, arguments, kind):
        assert isinstance(server.ask_json(*arguments), kind)

    def test_errors_are_json_too(self, server):
        done = server.ctl("--json", "kick_session", "no-such-user", "localhost", "x", "y")
        assert done.returncode == NOT_FOUND
        json.loads(done.stdout or done.stderr)


class TestBatch:
    def test_file(self, server, tmp_path):
        names = [server.unique("batch") for _ in range(200)]
        path = tmp_path / "commands"
        path.write_text("# accounts\n\n" + "".join(f"register {name} localhost secret\n"
                                                   for name in names))
        assert server.ctl("--batch", path).returncode == OK
        assert set(names) <= set(server.ask_json("registered_users", "localhost"))

    def test_standard_input(self, server):
        name = server.unique("batch")
        done = server.ctl("--batch", "-", stdin=f"register {name} localhost secret\n"
                          f"check_account {name} localhost\n")
        assert done.returncode == OK, done.stderr

    def test_quotes(self, server):
        name = server.unique("batch")
        server.ctl("--batch", "-", stdin=f"register {name} localhost \"two words\"\n")
        assert server.ctl("check_password", name, "localhost", "two words").returncode == OK

    def test_stops_at_an_error(self, server):
        names = [server.unique("batch") for _ in range(2)]
        text = "".join(f"register {name} localhost x\n" for name in (names[0], names[0], names[1]))
        done = server.ctl("--stop-at-error", "--batch", "-", stdin=text)
        assert done.returncode != OK and "2" in done.stderr, "it names the line"
        assert names[1] not in server.ask_json("registered_users", "localhost")

    @pytest.mark.parametrize("option", [(), ("--keep-going",)], ids=["by default", "when asked"])
    def test_goes_on(self, server, option):
        names = [server.unique("batch") for _ in range(2)]
        text = "".join(f"register {name} localhost x\n" for name in (names[0], names[0], names[1]))
        done = server.ctl(*option, "--batch", "-", stdin=text)
        assert done.returncode != OK, "an error stays an error"
        assert names[1] in server.ask_json("registered_users", "localhost")

    def test_unknown_command(self, server):
        done = server.ctl("--batch", "-", stdin="status\nnonsense\n")
        assert done.returncode != OK and "nonsense" in done.stderr

    def test_missing_file(self, server, tmp_path):
        assert server.ctl("--batch", tmp_path / "none").returncode != OK


class TestSocket:
    def test_is_for_the_owner_only(self, server):
        assert not stat.S_IMODE(server.socket.stat().st_mode) & 0o077

    def test_database_is_for_the_owner_only(self, server):
        assert not stat.S_IMODE(server.database.stat().st_mode) & 0o077

    @pytest.mark.parametrize("data", [b"\xff\xfe\n", b"{\n", b"[]\n", b"{}\n", b"x" * 100000,
                                      b'{"command":5}\n', b"[" * 5000 + b"\n"], ids=range(7))
    def test_garbage(self, server, data):
        import socket
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(wait.DEADLINE)
            sock.connect(str(server.socket))
            try:
                sock.sendall(data)
                sock.shutdown(socket.SHUT_WR)
                while sock.recv(65536):
                    pass
            except ConnectionError:
                pass
        assert server.ctl("status").returncode == OK


class TestStop:
    def test_stop(self, own_server, cast_for):
        server = own_server().start()
        romeo = cast_for(server).client("romeo").online()
        server.ask("stop")
        romeo.stream_error("system-shutdown")
        assert server.process.wait() == 0
        assert not server.socket.exists()

    def test_restart(self, own_server, cast_for):
        """The same process (id), a new server in it."""
        server = own_server().start()
        romeo = cast_for(server).client("romeo").online()
        pid = server.process.pid
        server.ask("restart")
        romeo.stream_error("system-shutdown")
        wait.until(lambda: server.ready() and server.ctl("status").returncode == OK, "it is back")
        assert server.process.pid == pid
        romeo.online()
