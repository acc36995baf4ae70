# SPDX-License-Identifier: Apache-2.0
"""auth_method external: the examples, programs that misbehave, pools, reload, the end."""
import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
from xml.sax.saxutils import escape

import pytest

from harness import ns, wait, yaml
from harness.settings import Settings
from harness.stream import show

pytestmark = pytest.mark.only("stanzad")
HERE = pathlib.Path(__file__).parent
EXAMPLES = HERE.parent.parent / "examples" / "extauth"
PROGRAM = HERE / "extauth_program.py"
ODD = "pä:ss:wörd: with 'all' \"sorts\" of \\ things €:"


def settings(program, timeout="20 s", hosts=("localhost",), **options):
    options = {"auth_method": "external", "extauth_program": str(program), "extauth_timeout": timeout,
               "extauth_pool_size": 2, **options}
    return Settings(hosts=hosts, listen={"allow_unencrypted_plain": True}, options=options)


def log_in(cast, user, password="secret", **options):
    """One attempt with PLAIN: "success" or the condition of the failure."""
    client = begin(cast, user, password, **options)
    return outcome(client)


def begin(cast, user, password="secret", host=None):
    """A log-in that is under way: the answer has not been read."""
    from harness.sasl import b64, plain
    client = cast.nobody(password=password, host=host)
    client.user = user
    client.connect().open()
    client.send(f"<auth xmlns='{ns.SASL}' mechanism='PLAIN'>{b64(plain(user, password))}</auth>")
    return client


def outcome(client):
    reply = client.recv()
    return reply.tag.partition("}")[2] if len(reply) == 0 else reply[0].tag.partition("}")[2]


def online(cast, user, password="secret"):
    client = cast.nobody(password=password, resource="test")
    client.user = user
    return client.online(mechanism="PLAIN")


def numbers(path):
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def alive(pid):
    """Not a process that has ended and that nobody has asked for yet."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


# -- the examples ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    folder = tmp_path_factory.mktemp("example")
    for name in ("Makefile", "extauth.c"):
        shutil.copy(EXAMPLES / name, folder)
    subprocess.run(["make", "-C", folder, "CFLAGS=-O2 -Wall -Wextra -Werror"], check=True, capture_output=True)
    return folder / "extauth"


@pytest.fixture(params=["python", "c", "shell"])
def example(request, own_server, tmp_path, compiled):
    """A server with one of the examples; romeo has an account with the password ODD."""
    program = {"python": EXAMPLES / "extauth.py", "c": compiled, "shell": EXAMPLES / "extauth.sh"}[request.param]
    accounts = tmp_path / "accounts of this test.txt"
    server = own_server(settings(f"{program} '{accounts}'"))
    if request.param == "python":
        server.start().ask("register", "romeo", "localhost", ODD)
    else:
        accounts.write_text(f"juliet@localhost:balcony\nromeo@localhost:{ODD}\n")
        server.start()
    server.example = request.param
    return server


class TestExamples:
    def test_log_in(self, example, cast_for):
        cast = cast_for(example)
        assert log_in(cast, "romeo", ODD) == "success"
        assert log_in(cast, "romeo", ODD[:-1]) == "not-authorized"
        assert log_in(cast, "romeo", ODD + "x") == "not-authorized"
        assert log_in(cast, "nobody", ODD) == "not-authorized"

    def test_accounts(self, example):
        assert example.ctl("check_account", "romeo", "localhost").returncode == 0
        assert example.ctl("check_account", "nobody", "localhost").returncode == 1
        assert example.ctl("check_password", "romeo", "localhost", ODD).returncode == 0
        assert example.ctl("check_password", "romeo", "localhost", "x").returncode == 1

    def test_changes(self, example):
        changed = example.ctl("change_password", "romeo", "localhost", "new:one")
        if example.example != "python":
            assert changed.returncode == 1 and "refused" in changed.stdout + changed.stderr
            assert example.ctl("register", "paris", "localhost", "x").returncode == 1
            removed = example.ctl("unregister", "romeo", "localhost")
            assert removed.returncode == 1 and "refused" in removed.stdout + removed.stderr
            return
        assert changed.returncode == 0
        assert example.ctl("check_password", "romeo", "localhost", "new:one").returncode == 0
        assert example.ctl("check_password", "romeo", "localhost", ODD).returncode == 1
        assert example.ctl("register", "romeo", "localhost", "x").returncode == 2
        example.ask("unregister", "romeo", "localhost")
        assert example.ctl("check_account", "romeo", "localhost").returncode == 1
        assert example.ctl("unregister", "romeo", "localhost").returncode == 3

    def test_in_band(self, example, cast_for):
        """XEP-0077, where the program makes accounts."""
        if example.example != "python":
            pytest.skip("this example changes nothing")
        client = cast_for(example).nobody()
        client.user = "benvolio"
        client.connect().open().starttls()
        query = "<query xmlns='jabber:iq:register'>"
        reply = client.iq("set", f"{query}<username>benvolio</username><password>a:b</password></query>")
        assert reply.get("type") == "result", show(reply)
        client.password = "a:b"
        assert client.authenticate("PLAIN").tag == f"{{{ns.SASL}}}success"
        client.open()
        client.bind("test")
        reply = client.iq("set", f"{query}<username>benvolio</username><password>c:d</password></query>")
        assert reply.get("type") == "result", show(reply)
        assert example.ctl("check_password", "benvolio", "localhost", "c:d").returncode == 0
        reply = client.iq("set", f"{query}<remove/></query>")
        assert reply.get("type") == "result", show(reply)
        client.wait_closed()
        assert example.ctl("check_account", "benvolio", "localhost").returncode == 1

    def test_removal_with_password(self, example, cast_for):
        """removeuser3: the program agrees to the right password alone; two examples never agree."""
        client = cast_for(example).nobody()
        client.user, client.password = "romeo", ODD
        client.connect().open().starttls()
        assert client.authenticate("PLAIN").tag == f"{{{ns.SASL}}}success"
        client.open()
        client.bind("test")

        def remove(password):
            return client.iq("set", "<query xmlns='jabber:iq:register'><remove/><username>romeo</username>"
                             f"<password>{escape(password)}</password></query>")
        reply = remove("x" + ODD)
        assert reply.find(f".//{{{ns.STANZA_ERRORS}}}not-authorized") is not None, show(reply)
        assert example.ctl("check_password", "romeo", "localhost", ODD).returncode == 0
        reply = remove(ODD)
        if example.example != "python":
            assert reply.find(f".//{{{ns.STANZA_ERRORS}}}not-authorized") is not None, show(reply)
            return
        assert reply.get("type") == "result", show(reply)
        client.wait_closed()
        assert example.ctl("check_account", "romeo", "localhost").returncode == 1

    def test_nothing_is_left(self, example):
        """The shell script starts processes of its own."""
        parent = str(example.process.pid)

        def children_of():
            listed = subprocess.run(["ps", "-o", "pid=", "--ppid", parent], capture_output=True, text=True, check=False)
            return listed.stdout.split()
        children = wait.until(lambda: len(children_of()) == 2 and children_of(), "both run")
        example.stop()
        assert not any(alive(pid) for pid in children)


# -- programs that misbehave -------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("extauth")


@pytest.fixture(scope="module")
def server(farm, folder):
    from harness.plugin import running
    yield from running(farm, settings(f"{PROGRAM} {folder}", timeout="3 s"))


# What the log says about each of them.
REASONS = {
    "crash": "it ended with status 3",
    "silent": "it was silent",
    "garbage": "its answer begins with",
    "words": "its answer is 00 07",
    "long": "more than 4 bytes",
    "half": "after 2 of 4 bytes of an answer",
    "halfdie": "it ended with status 0",
    "twice": "more than 4 bytes",
    "close": "closed its input or its output",
    "late": "it was silent",
    "children": "it was silent",
}


class TestMisbehaviour:
    @pytest.mark.parametrize("kind", REASONS)
    def test_no_answer(self, server, cast, folder, kind):
        """The log-in fails for the time being, and the next ones are answered by a fresh process."""
        before = server.log.read_text().count("event=extauth.failed")
        assert log_in(cast, f"{kind}-1") == "temporary-auth-failure"
        for _ in range(3):
            assert log_in(cast, "romeo", "wrong") == "not-authorized"
            assert log_in(cast, "romeo") == "success"
        lines = wait.until(lambda: failures(server)[before:], "the log tells")
        assert len(lines) == 1 and REASONS[kind] in lines[0], lines

    def test_children_go_too(self, server, cast, folder):
        assert log_in(cast, "children-2") == "temporary-auth-failure"
        child = numbers(folder / "children")[-1]
        wait.until(lambda: not alive(child), "the program's child has gone")

    def test_late_answer_is_nobody_elses(self, server, cast, folder):
        """One says yes to what was asked before: none of those who come meanwhile gets in by it."""
        assert log_in(cast, "late-2") == "temporary-auth-failure"
        stray = numbers(folder / "stray")[-1]

        def somebody_tries():
            assert log_in(cast, "romeo", "wrong") == "not-authorized"
            return not alive(stray)
        wait.until(somebody_tries, "the late answer was given")

    def test_flood(self, server, cast):
        assert log_in(cast, "flood-1") == "success"
        assert log_in(cast, "romeo", "wrong") == "not-authorized"
        told = [line for line in server.log.read_text().splitlines() if "event=extauth.stderr " in line]
        assert 10 < sum("flood " in line for line in told) <= 100
        assert all(len(line) < 2000 for line in told)

    def test_errors_of_an_idle_program(self, server):
        wait.until(lambda: "text=ready" in server.log.read_text(), "the log has what the program wrote")

    def test_idle_program_that_dies(self, server, cast, folder):
        before = numbers(folder / "pids")
        victim = wait.until(lambda: [pid for pid in numbers(folder / "pids") if alive(pid)], "one runs")[0]
        os.kill(victim, signal.SIGKILL)
        wait.until(lambda: len(numbers(folder / "pids")) > len(before), "there is another one")
        assert log_in(cast, "romeo") == "success"
        assert any("it was ended by signal 9" in line for line in failures(server))

    def test_long_password(self, server, cast):
        """More than the protocol can say."""
        assert log_in(cast, "romeo", "x" * 6000) == "not-authorized"
        assert log_in(cast, "romeo") == "success"

    def test_no_zombies(self, server):
        states = subprocess.run(["ps", "-o", "stat=", "--ppid", str(server.process.pid)], capture_output=True,
                                text=True, check=False).stdout.split()
        assert not [state for state in states if state.startswith("Z")]


def failures(server):
    return [line for line in server.log.read_text().splitlines() if "event=extauth.failed" in line]


class TestOffer:
    def test_mechanisms(self, server, cast):
        client = cast.nobody().connect().open().starttls()
        assert client.mechanisms() == ["PLAIN"]

    def test_many_at_once(self, server, cast):
        clients = [begin(cast, f"user-{number}", "secret" if number % 3 else "wrong") for number in range(30)]
        for number, client in enumerate(clients):
            assert outcome(client) == ("success" if number % 3 else "not-authorized")

    def test_lists(self, server):
        for command in (["registered_users", "localhost"], ["stats_host", "registeredusers", "localhost"]):
            done = server.ctl(*command)
            assert done.returncode == 1 and "external" in done.stdout + done.stderr

    def test_message_to_nobody(self, server, cast):
        romeo = online(cast, "romeo")
        romeo.message("unknown-1@localhost")
        assert romeo.recv().get("type") == "error"

    def test_offline_message(self, server, cast):
        romeo = online(cast, "romeo")
        romeo.message("mercutio@localhost", "are you there?")
        romeo.ping()
        mercutio = cast.nobody(resource="test")
        mercutio.user = "mercutio"
        mercutio.login(mechanism="PLAIN")
        mercutio.presence()
        body = mercutio.take(lambda each: each.tag.endswith("message")).find(f"{{{ns.CLIENT}}}body")
        assert body.text == "are you there?"


# -- who waits for whom ------------------------------------------------------------------------


class TestOthersCarryOn:
    @pytest.fixture
    def slow(self, own_server, tmp_path):
        """A program that may take very long, for two of three hosts; one of these has internal accounts too."""
        config = settings(f"{PROGRAM} {tmp_path}", timeout="10 minutes",
                          hosts=("localhost", "two.example", "in.example"),
                          host_config={"two.example": {"auth_method": ["internal", "external"]},
                                       "in.example": {"auth_method": "internal"}})
        server = own_server(config).start()
        server.ask("register", "unknown-juliet", "two.example", "secret")
        server.ask("register", "unknown-juliet", "in.example", "secret")
        return server

    def uses(self, cast, *hosts):
        for host in hosts * 3:
            juliet = cast.nobody(resource="test", host=host)
            juliet.user = "unknown-juliet"
            juliet.online()
            juliet.message(f"unknown-juliet@{host}", "to myself")
            juliet.take(lambda each: each.tag.endswith("message"))
            juliet.close()

    def test_changes_of_passwords_hang(self, slow, cast_for, tmp_path):
        """They are made by threads that storage needs too: half of these are left to it."""
        cast = cast_for(slow)
        clients = [online(cast, f"stuck-{number}") for number in range(12)]
        for client in clients:
            client.send(f"<iq type='set' id='change' to='localhost'><query xmlns='{ns.REGISTER}'>"
                        f"<username>{client.user}</username><password>new</password></query></iq>")
        wait.until(lambda: questions(tmp_path).count("setpass:stuck-") == 2, "all processes were asked")
        self.uses(cast, "in.example", "two.example")

    def test_one_hangs(self, slow, cast_for, tmp_path):
        cast = cast_for(slow)
        hanging = begin(cast, "silent-1")
        wait.until(lambda: "auth:silent-1" in questions(tmp_path), "the program was asked")
        for _ in range(5):
            assert log_in(cast, "romeo") == "success"
            assert log_in(cast, "romeo", "wrong") == "not-authorized"
        hanging.drop()

    def test_all_hang(self, slow, cast_for, tmp_path):
        """Not the other hosts, not internal accounts of a host that has both, not storage."""
        cast = cast_for(slow)
        waiting = [begin(cast, f"silent-{number}", host=host) for number in range(20)
                   for host in ("localhost", "two.example")]
        self.uses(cast, "in.example", "two.example")
        begun = numbers(tmp_path / "pids")
        for client in waiting:
            client.drop()
        slow.stop()
        assert begun and not any(alive(pid) for pid in numbers(tmp_path / "pids"))


def questions(folder):
    path = folder / "questions"
    return path.read_text() if path.exists() else ""


class TestChain:
    def test_internal_and_external(self, own_server, cast_for, tmp_path):
        server = own_server(settings(f"{PROGRAM} {tmp_path}", auth_method=["internal", "external"])).start()
        cast = cast_for(server)
        server.ask("register", "unknown-juliet", "localhost", "balcony")
        assert log_in(cast, "unknown-juliet", "balcony") == "success"
        assert log_in(cast, "unknown-juliet", "secret") == "not-authorized"
        assert log_in(cast, "romeo") == "success"
        assert log_in(cast, "unknown-paris") == "not-authorized"
        client = cast.nobody().connect().open().starttls()
        assert set(client.mechanisms()) > {"PLAIN", "SCRAM-SHA-1"}
        assert server.ask_json("registered_users", "localhost") == ["unknown-juliet"]

    def test_anonymous_and_external(self, own_server, cast_for, tmp_path):
        """A name that the program knows is not free for guests, wherever it stands in the chain."""
        server = own_server(settings(f"{PROGRAM} {tmp_path}", auth_method=["anonymous", "external"],
                                     anonymous_protocol="login_anon")).start()
        cast = cast_for(server)
        assert log_in(cast, "romeo", "wrong") == "not-authorized"
        assert log_in(cast, "romeo") == "success"
        assert log_in(cast, "unknown-guest", "anything") == "success"


# -- life --------------------------------------------------------------------------------------


def rewrite(server, **options):
    config = server.configuration()
    config.update(options)
    server.write_config(yaml.dump(config) + "\n")
    server.ask("reload_config")


class TestLife:
    @pytest.fixture
    def server(self, own_server, tmp_path):
        return own_server(settings(f"{PROGRAM} {tmp_path}")).start()

    @pytest.fixture
    def cast(self, server, cast_for):
        return cast_for(server)

    def test_reload_to_another_program(self, server, cast, tmp_path):
        assert log_in(cast, "romeo") == "success"
        old = numbers(tmp_path / "pids")
        rewrite(server, extauth_program=f"{PROGRAM} {tmp_path} changed")
        assert log_in(cast, "romeo", "changed") == "success"
        assert log_in(cast, "romeo") == "not-authorized"
        wait.until(lambda: not any(alive(pid) for pid in old), "the old processes have gone")

    def test_reload_lets_questions_end(self, server, cast, tmp_path):
        """What is asked when the program changes is answered by the one that was asked."""
        waiting = begin(cast, "flood-1")
        wait.until(lambda: "auth:flood-1" in questions(tmp_path), "the program was asked")
        rewrite(server, extauth_program=f"{PROGRAM} {tmp_path} changed")
        assert outcome(waiting) == "success"

    def test_reload_of_the_same(self, server, cast, tmp_path):
        wait.until(lambda: len(numbers(tmp_path / "pids")) == 2, "both run")
        server.ask("reload_config")
        assert log_in(cast, "romeo") == "success"
        assert len(numbers(tmp_path / "pids")) == 2

    def test_reload_to_internal_and_back(self, server, cast, tmp_path):
        old = wait.until(lambda: numbers(tmp_path / "pids"), "one runs")
        rewrite(server, auth_method="internal")
        assert log_in(cast, "romeo") == "not-authorized"
        wait.until(lambda: not any(alive(pid) for pid in old), "the processes have gone")
        rewrite(server, auth_method="external")
        assert log_in(cast, "romeo") == "success"

    def test_stop(self, server, cast, tmp_path):
        online(cast, "romeo")
        wait.until(lambda: len(numbers(tmp_path / "pids")) == 2, "both run")
        server.stop()
        assert not any(alive(pid) for pid in numbers(tmp_path / "pids"))

    def test_killed_server(self, server, tmp_path):
        """Programs see the end of their input."""
        wait.until(lambda: len(numbers(tmp_path / "pids")) == 2, "both run")
        server.kill()
        wait.until(lambda: not any(alive(pid) for pid in numbers(tmp_path / "pids")), "they have gone")

    def test_shared_pool(self, own_server, cast_for, tmp_path):
        folder = tmp_path / "shared"
        folder.mkdir()
        server = own_server(settings(f"{PROGRAM} {folder}", hosts=("localhost", "two.example"),
                                     extauth_pool_name="both", extauth_pool_size=1)).start()
        cast = cast_for(server)
        assert log_in(cast, "romeo") == "success"
        assert log_in(cast, "romeo", host="two.example") == "success"
        assert len(numbers(folder / "pids")) == 1
        assert "auth:romeo:localhost:" in questions(folder) and "auth:romeo:two.example:" in questions(folder)

    def test_no_descriptors_but_three(self, server, tmp_path):
        pid = wait.until(lambda: numbers(tmp_path / "pids"), "one runs")[0]
        assert sorted(os.listdir(f"/proc/{pid}/fd")) == ["0", "1", "2"]
        assert os.getpgid(pid) == pid

    def test_known_by_last_activity(self, server, cast):
        """auth_external_user_exists_check: for offline messages, and not to get in."""
        assert server.ctl("check_account", "unknown-1", "localhost").returncode == 1
        database = sqlite3.connect(server.database, timeout=20)
        database.execute("INSERT INTO last (server_host, username, seconds, state) VALUES (?, ?, 1, '')",
                         ("localhost", "unknown-1"))
        database.commit()
        database.close()
        assert server.ctl("check_account", "unknown-1", "localhost").returncode == 0
        assert log_in(cast, "unknown-1") == "not-authorized"
        rewrite(server, auth_external_user_exists_check=False)
        assert server.ctl("check_account", "unknown-1", "localhost").returncode == 1


class TestCache:
    def asked(self, folder):
        return questions(folder).count("auth:romeo:")

    def test_off_by_default(self, own_server, cast_for, tmp_path):
        cast = cast_for(own_server(settings(f"{PROGRAM} {tmp_path}", use_cache=True)).start())
        for count in (1, 2):
            assert log_in(cast, "romeo") == "success"
            assert self.asked(tmp_path) == count

    def test_on(self, own_server, cast_for, tmp_path):
        server = own_server(settings(f"{PROGRAM} {tmp_path}", auth_use_cache=True)).start()
        cast = cast_for(server)
        for _ in range(3):
            assert log_in(cast, "romeo") == "success"
        assert self.asked(tmp_path) == 1
        assert log_in(cast, "romeo", "wrong") == "not-authorized"
        assert self.asked(tmp_path) == 2
        assert log_in(cast, "romeo") == "success"
        assert self.asked(tmp_path) == 3
        server.ctl("change_password", "romeo", "localhost", "new")
        assert log_in(cast, "romeo") == "success"
        assert self.asked(tmp_path) == 4
        server.ask("reload_config")
        assert log_in(cast, "romeo") == "success"
        assert self.asked(tmp_path) == 5


# -- the configuration -------------------------------------------------------------------------

BASE = "hosts: [localhost, two.example]\nlisten:\n  - port: 5222\n    module: ejabberd_c2s\n"
TRUE = shutil.which("true")
MISTAKES = {
    "no program": ("auth_method: external\n", 5, 14, "extauth_program"),
    "no program, in a list": ("auth_method: [internal, external]\n", 5, 25, "extauth_program"),
    "no such program": ("auth_method: external\nextauth_program: /no/such/program\n", 6, 18, "/no/such/program"),
    "not executable": ("auth_method: external\nextauth_program: /etc/passwd x\n", 6, 18, "/etc/passwd"),
    "open quote": (f"auth_method: external\nextauth_program: {TRUE} \"x\n", 6, 18, "not closed"),
    "no instances": (f"auth_method: external\nextauth_program: {TRUE}\nextauth_pool_size: 0\n", 7, 20, "1 to"),
    "no time": (f"auth_method: external\nextauth_program: {TRUE}\nextauth_timeout: infinity\n", 7, 18, "infinity"),
    "for one host": ("host_config:\n  two.example:\n    auth_method: external\n", 7, 18, "extauth_program"),
}


class TestConfiguration:
    @pytest.fixture(scope="class")
    def check(self, farm):
        return farm.make(Settings()).check

    @pytest.mark.parametrize("case", MISTAKES)
    def test_mistake(self, check, case):
        text, line, column, words = MISTAKES[case]
        done = check(BASE + text)
        errors = [each for each in done.stdout.splitlines() if ": error: " in each]
        assert len(errors) == 1 and f"check.yml:{line}:{column}: error" in errors[0] and words in errors[0], done.stdout

    def test_good(self, check):
        done = check(BASE + f"auth_method: [internal, external]\nextauth_program: {TRUE} 'a b'\nextauth_pool_size: 3\n"
                     "extauth_pool_name: one\nauth_use_cache: true\nauth_cache_life_time: 5 minutes\n")
        assert done.stdout == "The configuration is usable.\n"

    def test_shared_but_different(self, check):
        done = check(BASE + f"auth_method: external\nextauth_program: {TRUE}\nextauth_pool_name: one\n"
                     f"host_config:\n  two.example:\n    extauth_program: {TRUE} x\n")
        assert done.returncode == 1 and "extauth_pool_name" in done.stdout

    @pytest.mark.parametrize("method", ["ldap", "pam", "jwt"])
    def test_methods_that_come_later(self, check, method):
        done = check(BASE + f"auth_method: [internal, {method}]\n")
        assert done.returncode == 0
        assert f"check.yml:5:25: not available yet: authentication method '{method}'" in done.stdout
