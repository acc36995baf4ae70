# SPDX-License-Identifier: Apache-2.0
"""Modules in shared objects: found, refused, loaded, reloaded and unloaded on hosts of a running server."""
import concurrent.futures
import json
import os
import pathlib
import shutil
import socket
import subprocess
import threading

import pytest

from harness import ns, wait, yaml
from harness.settings import Settings

pytestmark = pytest.mark.only("stanzad")
GOOD = "urn:test:good"
OK, FAILED, CONFLICT, NOT_FOUND = range(4)
CYCLES = int(os.environ.get("STANZAD_TEST_CYCLES", "1000"))
WARM = CYCLES // 5          # after these memory must not grow any more
GROWTH = 2 << 20            # bytes that it may, all the same: the housekeeping of the allocator
GROWTH_SANITIZED = 24 << 20  # what AddressSanitizer and ThreadSanitizer keep beside


@pytest.fixture(scope="session")
def built(farm):
    """The folder with the modules that were built for tests."""
    folder = farm.kind.build / "tests" / "modules"
    if not (folder / "mod_good.so").exists():
        pytest.skip("the modules for tests are not there: they are built with -Dtests=true")
    return folder


class Shelf:
    """A folder of modules for one server: what is put there can be replaced without touching the build."""

    def __init__(self, folder, built):
        self.folder, self.built = folder, built

    def put(self, name, edition=None):
        """Installs by rename, as install(1) does."""
        source = self.built / "second" / f"{name}.so" if edition == 2 else self.built / f"{name}.so"
        fresh = self.folder / f"{name}.new"
        shutil.copy(source, fresh)
        fresh.rename(self.path(name))
        return self

    def path(self, name):
        return self.folder / f"{name}.so"


@pytest.fixture
def shelf(tmp_path, built):
    folder = tmp_path / "modules"
    folder.mkdir()
    return Shelf(folder, built)


@pytest.fixture
def make(own_server, shelf):
    """A server that has the shelf in its modules_path."""
    def make_server(modules=None, hosts=("localhost",), **options):
        options["modules_path"] = [str(shelf.folder)]
        return own_server(Settings(hosts=hosts, modules=modules or {}, options=options))
    return make_server


def ask_good(client, host="localhost", namespace=GOOD):
    return client.iq("get", f"<good xmlns='{namespace}'/>", to=host)


def good(client, host="localhost", namespace=GOOD):
    """(edition, greeting, host) of mod_good's answer; None when nobody answers."""
    reply = ask_good(client, host, namespace)
    if reply.get("type") == "error":
        assert reply.find(f".//{{{ns.STANZA_ERRORS}}}service-unavailable") is not None
        return None
    answer = reply.find(f"{{{GOOD}}}good")
    return answer.get("edition"), answer.get("greeting"), answer.get("host")


def refused(done, *words):
    assert done.returncode != OK
    for word in words:
        assert word in done.stderr, done.stderr
    return done


def running(server, host="localhost"):
    return {row["module"]: row for row in server.ask_json("modules_running", host)}


def is_mapped(server, path):
    return str(path) in pathlib.Path(f"/proc/{server.process.pid}/maps").read_text()


def rewrite(server, change):
    config = server.configuration()
    change(config)
    server.write_config(yaml.dump(config) + "\n")
    return server.ctl("reload_config")


class TestConfiguration:
    def test_a_module_in_the_file(self, make, shelf, cast_for):
        shelf.put("mod_good")
        server = make({"mod_good": {"greeting": "from the file"}}).start()
        romeo = cast_for(server).client("romeo").online()
        assert good(romeo) == ("1", "from the file", "localhost")
        features = romeo.iq("get", f"<query xmlns='{ns.DISCO_INFO}'/>", to="localhost")
        assert GOOD in [each.get("var") for each in features.iter(f"{{{ns.DISCO_INFO}}}feature")]

    def test_its_options_are_checked_as_any(self, make, shelf):
        shelf.put("mod_good")
        text = f"hosts: [localhost]\nmodules_path: {shelf.folder}\nmodules:\n  mod_good:\n"
        text += "    gretting: x\n    number: 11\n"
        done = make().check(text)
        assert done.returncode != OK
        assert "check.yml:5:5: error: unknown option 'gretting' of module 'mod_good' (did you mean 'greeting'?)" \
            in done.stdout
        assert "check.yml:6:13: error: option 'number': expected 1 to 10, got '11'" in done.stdout

    def test_check_finds_it(self, make, shelf):
        shelf.put("mod_good")
        done = make().check(f"hosts: [localhost]\nmodules_path: {shelf.folder}\nmodules: {{mod_good: {{}}}}\n")
        assert done.returncode == OK and not [line for line in done.stdout.splitlines() if "mod_good" in line]

    def test_one_that_is_not_there(self, make, shelf):
        done = make().check(f"hosts: [localhost]\nmodules_path: {shelf.folder}\nmodules: {{mod_rooster: {{}}}}\n")
        assert f"unknown module 'mod_rooster' (did you mean 'mod_roster'?); there is no such file in {shelf.folder}" \
            in done.stdout

    @pytest.mark.parametrize("name", ["../modules/mod_good", "modules/../mod_good", "..", "mod_good.so", ""])
    def test_names_that_are_paths_are_not_looked_up(self, make, shelf, name):
        shelf.put("mod_good")
        done = make().check(f"hosts: [localhost]\nmodules_path: {shelf.folder}\nmodules: {{'{name}': {{}}}}\n")
        assert done.returncode != OK and f"unknown module '{name}'" in done.stdout

    def test_the_first_folder_counts(self, own_server, shelf, tmp_path, cast_for):
        shelf.put("mod_good", 2)
        second = tmp_path / "more"
        second.mkdir()
        Shelf(second, shelf.built).put("mod_good")
        folders = [str(tmp_path / "none"), str(shelf.folder), str(second)]
        server = own_server(Settings(modules={"mod_good": {}}, options={"modules_path": folders})).start()
        assert good(cast_for(server).client("romeo").online())[0] == "2"

    @pytest.mark.parametrize("name, words", [("mod_wrong_abi", "module ABI"), ("mod_start_fails", "wrong phase")])
    def test_a_start_without_it_is_no_start(self, make, shelf, name, words):
        shelf.put(name)
        server = make({name: {}})
        server.write_config()
        done = subprocess.run(server.command(), capture_output=True, text=True, timeout=wait.DEADLINE)
        assert done.returncode == 1 and words in done.stderr and name in done.stderr

    def test_reload_brings_it_and_takes_it_away(self, make, shelf, cast_for):
        shelf.put("mod_good")
        server = make().start()
        romeo = cast_for(server).client("romeo").online()
        assert good(romeo) is None
        assert rewrite(server, lambda config: config["modules"].update(mod_good={})).returncode == OK
        assert good(romeo) == ("1", "hello", "localhost")
        assert rewrite(server, lambda config: None).returncode == OK
        assert good(romeo) is None
        wait.until(lambda: not is_mapped(server, shelf.path("mod_good")), "the object is closed")


REFUSED = [
    ("mod_wrong_abi", "it was built for module ABI", "build it again against this server's headers"),
    ("mod_wrong_size", "its struct module has", "build it again against this server's headers"),
    ("mod_wrong_name", "its module is called 'mod_other'"),
    ("mod_wrong_kind", "its symbol mod_wrong_kind is no struct module"),
    ("mod_no_symbol", "it has no symbol mod_no_symbol"),
    ("mod_undefined", "undefined symbol: a_function_that_nobody_has"),
    ("mod_bad_default", "the default of option 'number' is none", "got 'many'"),
    ("mod_bad_hook", "row 1 of its hooks names a stage that there is not"),
    ("mod_bad_iq", "a row of its IQ handlers lacks a namespace or a function"),
    ("mod_bad_metric", "a metric is called 'No Name'"),
    ("mod_bad_route", "a route is named by option 'host', which is no domain"),
    ("mod_bad_type", "option 'what' has a type that there is not"),
]


class TestRefused:
    """Each is an error in words, and the server runs on."""

    @pytest.fixture(scope="class")
    def server(self, farm, built, tmp_path_factory):
        folder = tmp_path_factory.mktemp("refused")
        server = farm.make(Settings(options={"modules_path": [str(built), str(folder)]}))
        server.odd = folder
        try:
            yield server.start()
            server.stop()
        finally:
            if server.process:
                server.process.kill()

    @pytest.mark.parametrize("name, words", [(row[0], row[1:]) for row in REFUSED], ids=[row[0] for row in REFUSED])
    def test_modules(self, server, built, name, words):
        refused(server.ctl("module_load", "localhost", name), str(built / f"{name}.so"), *words)
        assert name not in server.ask_json("modules_installed")
        assert not is_mapped(server, built / f"{name}.so")

    def test_not_elf(self, server):
        (server.odd / "mod_text.so").write_text("This is a letter to nobody. " * 100)
        refused(server.ctl("module_load", "localhost", "mod_text"), "mod_text.so cannot be loaded", "not an ELF file")

    def test_empty(self, server):
        (server.odd / "mod_empty.so").write_bytes(b"")
        refused(server.ctl("module_load", "localhost", "mod_empty"), "too short")

    def test_every_truncation(self, server, built):
        """Cut anywhere, it is either refused or whole enough to be what it is."""
        whole = (built / "mod_good.so").read_bytes()
        path = server.odd / "mod_cut.so"
        for part in range(24):
            path.unlink(missing_ok=True)
            path.write_bytes(whole[:len(whole) * part // 24])
            refused(server.ctl("module_load", "localhost", "mod_cut"), "mod_cut.so")

    def test_a_folder_and_a_fifo(self, server):
        (server.odd / "mod_folder.so").mkdir()
        os.mkfifo(server.odd / "mod_fifo.so")
        for name in ("mod_folder", "mod_fifo"):
            refused(server.ctl("module_load", "localhost", name), f"{name}.so cannot be loaded", "it is no file")

    def test_a_loop_of_links(self, server):
        (server.odd / "mod_loop.so").symlink_to("mod_loop.so")
        refused(server.ctl("module_load", "localhost", "mod_loop"), "mod_loop.so cannot be loaded")

    def test_another_machine(self, server, built):
        data = bytearray((built / "mod_good.so").read_bytes())
        data[18] ^= 0x55        # e_machine
        (server.odd / "mod_alien.so").write_bytes(data)
        refused(server.ctl("module_load", "localhost", "mod_alien"), "another kind of machine")

    def test_unknown_names(self, server):
        refused(server.ctl("module_load", "localhost", "mod_nobody"), "unknown module 'mod_nobody'")
        refused(server.ctl("module_load", "localhost", "../mod_good"), "unknown module '../mod_good'")
        refused(server.ctl("module_load", "localhost", "mod_mqtt"), "module 'mod_mqtt' is not available yet")
        assert server.ctl("module_load", "nowhere.example", "mod_good").returncode == NOT_FOUND
        assert server.ctl("module_unload", "localhost", "mod_nobody").returncode == NOT_FOUND
        assert server.ctl("module_reload", "localhost", "mod_nobody").returncode == NOT_FOUND

    def test_start_that_fails_leaves_nothing(self, server, built):
        before = server.ctl("help").stdout
        refused(server.ctl("module_load", "localhost", "mod_start_fails"), "mod_start_fails on localhost",
                "the moon is in the wrong phase")
        assert "mod_start_fails" not in running(server)
        assert server.ctl("help").stdout == before and server.ctl("fails").returncode != OK
        wait.until(lambda: not is_mapped(server, built / "mod_start_fails.so"), "the object is closed")

    @pytest.mark.parametrize("options, words", [
        ("{greeting: x, nmber: 2}", "OPTIONS:1:15: error: unknown option 'nmber' of module 'mod_good' "
                                    "(did you mean 'number'?)"),
        ("greeting: x\nnumber: 99\n", "OPTIONS:2:9: error: option 'number': expected 1 to 10, got '99'"),
        ("[1, 2]", "OPTIONS:1:1: error: module 'mod_good': expected a mapping"),
        ("{greeting: ", "OPTIONS:2:1: error: YAML syntax"),
        ("{greeting: silence}", "a greeting of silence is none"),
    ], ids=["unknown", "range", "list", "syntax", "refused by start"])
    def test_options(self, server, options, words):
        refused(server.ctl("module_load", "localhost", "mod_good", options), words)
        assert "mod_good" not in running(server)


class TestRunTime:
    def test_load_use_unload(self, make, shelf, cast_for):
        shelf.put("mod_good")
        server = make().start()
        romeo, juliet = cast_for(server).online("romeo", "juliet")
        assert good(romeo) is None
        assert "until the next reload_config or restart" in server.ask("module_load", "localhost", "mod_good")
        for namespace in (GOOD, GOOD + ":queue", GOOD + ":parallel"):
            assert good(romeo, namespace=namespace) == ("1", "hello", "localhost")
        assert ask_good(romeo, romeo.bare).get("type") == "result"
        romeo.message(juliet.full)
        assert juliet.recv().find(f"{{{GOOD}}}good") is not None
        romeo.message("anybody@good.localhost", "echo")
        assert romeo.recv().get("from") == "anybody@good.localhost"
        assert server.ask("good_edition").strip() == "1"
        row = running(server)["mod_good"]
        assert row["version"] == "1.1" and row["from"] == str(shelf.path("mod_good")) and row["calls"] == 0
        assert server.ask_json("modules_installed", "localhost")["mod_good"] == "Does a little of everything."
        server.ask("module_unload", "localhost", "mod_good")
        assert good(romeo) is None and "mod_good" not in server.ask_json("modules_installed")
        romeo.message(juliet.full)
        assert juliet.recv().find(f"{{{GOOD}}}good") is None
        romeo.message("anybody@good.localhost")
        assert romeo.recv().get("type") == "error"
        assert server.ctl("good_edition").returncode != OK
        wait.until(lambda: not is_mapped(server, shelf.path("mod_good")), "the object is closed")
        romeo.ping()

    def test_twice(self, make, shelf):
        shelf.put("mod_good")
        server = make().start()
        server.ask("module_load", "localhost", "mod_good")
        assert server.ctl("module_load", "localhost", "mod_good").returncode == CONFLICT
        server.ask("module_unload", "localhost", "mod_good")
        assert server.ctl("module_unload", "localhost", "mod_good").returncode == NOT_FOUND

    def test_each_host_has_its_own(self, make, shelf, cast_for):
        shelf.put("mod_good")
        server = make(hosts=("localhost", "other.example")).start()
        romeo = cast_for(server).client("romeo").online()
        server.ask("module_load", "localhost", "mod_good", "{greeting: one}")
        assert good(romeo) == ("1", "one", "localhost") and good(romeo, "other.example") is None
        server.ask("module_load", "other.example", "mod_good", "{greeting: other}")
        assert good(romeo, "other.example") == ("1", "other", "other.example")
        assert "mod_good" in running(server) and "mod_good" in running(server, "other.example")
        server.ask("module_unload", "localhost", "mod_good")
        assert good(romeo) is None and good(romeo, "other.example") == ("1", "other", "other.example")
        assert server.ask("good_edition").strip() == "1"

    def test_options_come_from_the_file_then_stay(self, make, shelf, cast_for):
        shelf.put("mod_good")
        server = make({"mod_good": {"greeting": "from @HOST@"}}).start()
        romeo = cast_for(server).client("romeo").online()
        server.ask("module_unload", "localhost", "mod_good")
        assert "'modules' in" not in server.ask("module_load", "localhost", "mod_good")
        assert good(romeo)[1] == "from localhost"
        server.ask("module_reload", "localhost", "mod_good", "{greeting: new}")
        assert good(romeo)[1] == "new"
        server.ask("module_reload", "localhost", "mod_good")
        assert good(romeo)[1] == "new"
        server.ask("reload_config")
        assert good(romeo)[1] == "from localhost"

    def test_options_that_the_module_refuses(self, make, shelf, cast_for):
        """It takes new options without a stop, and what it does not take changes nothing."""
        shelf.put("mod_good")
        server = make().start()
        romeo = cast_for(server).client("romeo").online()
        server.ask("module_load", "localhost", "mod_good", "{number: 3, greeting: a}")
        server.ask("module_reload", "localhost", "mod_good", "{number: 4, greeting: b}")
        assert good(romeo)[1] == "b"
        refused(server.ctl("module_reload", "localhost", "mod_good", "{number: 2, greeting: c}"),
                "module mod_good on localhost keeps its old options: the number never gets less")
        assert good(romeo)[1] == "b"
        server.ask("module_reload", "localhost", "mod_good")
        assert good(romeo)[1] == "b"

    def test_a_reload_says_what_was_refused(self, make, shelf):
        shelf.put("mod_good")
        server = make({"mod_good": {"number": 3}}).start()
        done = rewrite(server, lambda config: config["modules"].update(mod_good={"number": 2}))
        assert "keeps its old options: the number never gets less" in done.stdout + done.stderr

    def test_new_code(self, make, shelf, cast_for):
        shelf.put("mod_good")
        server = make(hosts=("localhost", "other.example")).start()
        romeo = cast_for(server).client("romeo").online()
        for host in ("localhost", "other.example"):
            server.ask("module_load", host, "mod_good", "{greeting: kept}")
        shelf.put("mod_good", 2)
        assert good(romeo)[0] == "1"
        server.ask("module_reload", "localhost", "mod_good")
        assert good(romeo) == ("2", "kept", "localhost") and good(romeo, "other.example")[0] == "1"
        assert server.ask("good_edition").strip() == "2"
        assert running(server)["mod_good"]["version"] == "1.2"
        server.ask("module_unload", "localhost", "mod_good")
        assert server.ask("good_edition").strip() == "1"
        server.ask("module_reload", "other.example", "mod_good")
        assert good(romeo, "other.example")[0] == "2"

    def test_reload_config_keeps_the_code(self, make, shelf, cast_for):
        """A package that was upgraded on the disk does not come with a reload of certificates."""
        shelf.put("mod_good")
        server = make({"mod_good": {}}).start()
        romeo = cast_for(server).client("romeo").online()
        shelf.put("mod_good", 2)
        server.ask("reload_config")
        assert good(romeo)[0] == "1"
        server.ask("module_reload", "localhost", "mod_good")
        assert good(romeo)[0] == "2"
        server.ask("reload_config")
        assert good(romeo)[0] == "2"

    def test_new_code_that_cannot_be_used_changes_nothing(self, make, shelf, cast_for):
        shelf.put("mod_good")
        server = make().start()
        romeo = cast_for(server).client("romeo").online()
        server.ask("module_load", "localhost", "mod_good")
        fresh = shelf.folder / "fresh"
        shutil.copy(shelf.built / "mod_wrong_abi.so", fresh)
        fresh.rename(shelf.path("mod_good"))
        refused(server.ctl("module_reload", "localhost", "mod_good"), "it has no symbol mod_good")
        refused(server.ctl("module_reload", "localhost", "mod_good", "{number: none}"), "mod_good")
        assert good(romeo) == ("1", "hello", "localhost")

    def test_overwritten_in_place(self, make, shelf, cast_for):
        shelf.put("mod_good")
        server = make(hosts=("localhost", "other.example")).start()
        romeo = cast_for(server).client("romeo").online()
        server.ask("module_load", "localhost", "mod_good")
        with open(shelf.path("mod_good"), "ab") as file:
            file.write(b"\0")
        for command, host in (("module_reload", "localhost"), ("module_load", "other.example")):
            refused(server.ctl(command, host, "mod_good"), "overwritten", "install it by rename")
        assert good(romeo)[0] == "1"
        shelf.put("mod_good", 2)
        server.ask("module_reload", "localhost", "mod_good")
        assert good(romeo)[0] == "2"

    def test_one_that_another_needs(self, make, shelf):
        shelf.put("mod_good").put("mod_needy")
        server = make().start()
        refused(server.ctl("module_load", "localhost", "mod_needy"), "mod_needy on localhost needs mod_good")
        server.ask("module_load", "localhost", "mod_good")
        server.ask("module_load", "localhost", "mod_needy")
        refused(server.ctl("module_unload", "localhost", "mod_good"),
                "mod_needy on localhost needs mod_good: unload that one first")
        server.ask("module_reload", "localhost", "mod_good")
        assert {"mod_good", "mod_needy"} <= set(running(server))
        server.ask("module_unload", "localhost", "mod_needy")
        server.ask("module_unload", "localhost", "mod_good")

    def test_built_in_modules_too(self, make, cast_for):
        server = make().start()
        romeo = cast_for(server).client("romeo").online()
        query = f"<query xmlns='{ns.PRIVATE}'><note xmlns='urn:note'/></query>"

        def note():
            reply = romeo.iq("get", query)
            return reply.findtext(".//{urn:note}note") if reply.get("type") == "result" else None
        romeo.iq("set", query.replace("<note xmlns='urn:note'/>", "<note xmlns='urn:note'>kept</note>"))
        server.ask("module_reload", "localhost", "mod_private")
        assert note() == "kept"
        assert "take it out of 'modules' in" in server.ask("module_unload", "localhost", "mod_private")
        assert note() is None
        server.ask("module_load", "localhost", "mod_private")
        assert note() == "kept"
        refused(server.ctl("module_unload", "localhost", "mod_roster"), "mod_last on localhost needs mod_roster")

    def test_the_file_is_right_again_after_a_reload(self, make, shelf, cast_for):
        shelf.put("mod_good")
        server = make().start()
        server.ask("module_load", "localhost", "mod_good")
        server.ask("module_unload", "localhost", "mod_time")
        server.ask("reload_config")
        assert "mod_good" not in running(server) and "mod_time" in running(server)


class TestCallsInside:
    @pytest.fixture
    def slow(self, make, shelf, tmp_path, cast_for):
        """A server and a client whose question is inside mod_slow."""
        shelf.put("mod_slow")
        fifo = tmp_path / "gate"
        os.mkfifo(fifo)
        server = make().start()
        server.ask("module_load", "localhost", "mod_slow", json.dumps({"fifo": str(fifo)}))
        romeo = cast_for(server).client("romeo").online()
        romeo.send("<iq type='get' id='slow' to='localhost'><slow xmlns='urn:test:slow'/></iq>")
        wait.until(lambda: running(server)["mod_slow"]["calls"] == 1, "the call is inside")
        yield server, romeo, fifo
        self.open_gate(fifo)

    @staticmethod
    def open_gate(fifo):
        """Whoever waits at it goes on, and nobody has to be there."""
        try:
            os.close(os.open(fifo, os.O_WRONLY | os.O_NONBLOCK))
        except OSError:
            pass

    def test_unload_waits(self, slow, shelf):
        server, romeo, fifo = slow
        with concurrent.futures.ThreadPoolExecutor() as pool:
            unload = pool.submit(server.ctl, "module_unload", "localhost", "mod_slow")
            wait.until(lambda: running(server).get("mod_slow", {}).get("state") == "leaving", "it leaves")
            reply = romeo.iq("get", "<slow xmlns='urn:test:slow'/>", to="localhost")
            assert reply.get("type") == "error"
            assert not unload.done() and is_mapped(server, shelf.path("mod_slow"))
            self.open_gate(fifo)
            assert romeo.take(lambda each: each.get("id") == "slow").get("type") == "result"
            done = unload.result()
        assert done.returncode == OK and "calls inside" not in done.stdout
        wait.until(lambda: not is_mapped(server, shelf.path("mod_slow")), "the object is closed")

    def test_unload_does_not_wait_for_ever(self, slow):
        server, romeo, _ = slow
        done = server.ctl("module_unload", "localhost", "mod_slow")
        assert done.returncode == OK
        assert "what ran before is out of service, and stops when the 1 call inside has ended" in done.stdout
        romeo.ping()

    def test_it_may_come_back_meanwhile(self, slow, shelf):
        server, romeo, fifo = slow
        with concurrent.futures.ThreadPoolExecutor() as pool:
            unload = pool.submit(server.ctl, "module_unload", "localhost", "mod_slow")
            wait.until(lambda: running(server).get("mod_slow", {}).get("state") == "leaving", "it leaves")
            shelf.put("mod_slow")
            server.ask("module_load", "localhost", "mod_slow", "{fifo: /dev/null}")
            assert romeo.iq("get", "<slow xmlns='urn:test:slow'/>", to="localhost").get("type") == "result"
            assert len([row for row in server.ask_json("modules_running") if row["module"] == "mod_slow"]) == 2
            self.open_gate(fifo)
            assert unload.result().returncode == OK
        assert romeo.take(lambda each: each.get("id") == "slow").get("type") == "result"
        assert running(server)["mod_slow"]["state"] == "running"


def is_built_with(server, symbol):
    return symbol in (server.build / "stanzad").read_bytes()


def test_a_module_that_gives_back_what_was_lent_is_caught(make, shelf, cast_for, tmp_path):
    """The sanitizer build names the function of the module that did it."""
    shelf.put("mod_borrower")
    server = make()
    if not is_built_with(server, b"__asan_init"):
        pytest.skip("the server was not built with AddressSanitizer")
    server.start()
    romeo = cast_for(server).client("romeo").online()
    os.mkfifo(tmp_path / "gate")
    server.ask("module_load", "localhost", "mod_borrower", json.dumps({"fifo": str(tmp_path / "gate")}))
    romeo.send("<iq type='get' id='1' to='localhost'><b xmlns='urn:test:borrower'/></iq>")
    romeo.ping()
    os.close(os.open(tmp_path / "gate", os.O_WRONLY))
    process, server.process = server.process, None
    assert process.wait() != 0
    report = process.sanitizer_report()
    assert "ERROR: AddressSanitizer" in report and "give_back_what_was_lent" in report and "mod_borrower.c" in report


# -- a thousand times under traffic ------------------------------------------------------------------


class Control:
    """The control socket, one request at a time: a stanzactl a command would be most of the time."""

    def __init__(self, server):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(wait.DEADLINE * 3)
        self.socket.connect(str(server.socket))
        self.lines = self.socket.makefile("r", encoding="utf-8")

    def ask(self, command, *arguments):
        request = {"id": 1, "command": command, "arguments": list(arguments)}
        self.socket.sendall((json.dumps(request) + "\n").encode())
        answer = json.loads(self.lines.readline())
        assert answer["outcome"] == "ok", answer
        return answer

    def close(self):
        self.lines.close()
        self.socket.close()


class Traffic:
    """Messages from one client to another and questions to the module, until it is told to end."""

    def __init__(self, cast, number, namespace):
        self.sender, self.receiver = cast.online(f"sender{number}", f"receiver{number}")
        self.namespace, self.ending = namespace, threading.Event()
        self.sent = self.received = self.answers = self.refusals = 0

    def run(self):
        while not self.ending.is_set():
            for _ in range(10):
                self.sent += 1
                self.sender.message(self.receiver.full, f"number {self.sent}", extra=f"id='m{self.sent}'")
                reply = good(self.sender, namespace=self.namespace)
                self.answers += reply is not None
                self.refusals += reply is None
            while self.received < self.sent:
                self.received += 1
                assert self.receiver.recv().get("id") == f"m{self.received}"
        return self


def memory(server):
    """Bytes that are the server's, shared pages divided among those that share them."""
    for line in pathlib.Path(f"/proc/{server.process.pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no Pss")


def cycle(control, shelf, count):
    """Loads and unloads, every other time from a file that is new."""
    for number in range(count):
        if number % 2:
            shelf.put("mod_good", 1 + number // 2 % 2)
        control.ask("module_load", "localhost", "mod_good")
        control.ask("module_unload", "localhost", "mod_good")


def test_a_thousand_times_under_traffic(make, shelf, cast_for):
    shelf.put("mod_good")
    server = make(workers=2).start()
    cast = cast_for(server)
    flows = [Traffic(cast, number, namespace)
             for number, namespace in enumerate((GOOD, GOOD + ":queue", GOOD + ":parallel"))]
    control = Control(server)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        jobs = [pool.submit(flow.run) for flow in flows]
        try:
            cycle(control, shelf, WARM)
            before = memory(server)
            cycle(control, shelf, CYCLES - WARM)
            wait.until(lambda: not is_mapped(server, shelf.path("mod_good")), "no object is mapped")
            after = memory(server)
        finally:
            for flow in flows:
                flow.ending.set()
            done = [job.result() for job in jobs]
            control.close()
    sanitized = is_built_with(server, b"__asan_init") or is_built_with(server, b"__tsan_init")
    assert after - before < (GROWTH_SANITIZED if sanitized else GROWTH), (before, after)
    for flow in done:
        assert flow.received == flow.sent > 0 and flow.answers + flow.refusals == flow.sent
        flow.sender.ping()
    assert sum(flow.answers for flow in done) and sum(flow.refusals for flow in done)
