# SPDX-License-Identifier: Apache-2.0
"""examples/: built outside of the tree against what is installed, loaded into a running server, used, unloaded."""
import asyncio
import pathlib
import re
import shutil

import pytest

from harness import ns, yaml
from harness.installed import Installed
from harness.settings import Settings
from harness.stanzad import Stanzad
from harness.stream import show

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "examples"
CPUTIME = "<query xmlns='ejabberd:cputime'/>"
STRICT = "CFLAGS=-O2 -Wall -Wextra -Wpedantic -Werror"
ECHO = "echo.localhost"
pytestmark = pytest.mark.only("stanzad")


@pytest.fixture(scope="module")
def installed(tmp_path_factory, farm):
    """stanzad's headers and programs, and both examples in its folder of modules."""
    folder = tmp_path_factory.mktemp("installed")
    installed = Installed(Stanzad.build, folder / "root")
    for name in ("mod_cputime", "mod_echo"):
        shutil.copytree(EXAMPLES / name, folder / name)
        installed.make(folder / name, STRICT)
        installed.make(folder / name, "install")
    return installed


@pytest.fixture(scope="module")
def server(installed, farm):
    server = farm.make(Settings(hosts=("localhost", "other.example"),
                                options={"modules_path": [str(installed.modules)]}))
    try:
        yield server.start()
        server.stop()
    finally:
        if server.process:
            server.process.kill()


@pytest.fixture
def romeo(cast):
    return cast.client("romeo").login()


def loaded(server, name, options=None, host="localhost"):
    server.ask("module_load", host, name, *([options] if options else []))


def unload(server, name, host="localhost"):
    server.ask("module_unload", host, name)


@pytest.fixture
def cputime(server):
    loaded(server, "mod_cputime")
    yield
    unload(server, "mod_cputime")


@pytest.fixture
def echo(server):
    loaded(server, "mod_echo")
    yield
    unload(server, "mod_echo")


def features(client):
    reply = client.iq("get", f"<query xmlns='{ns.DISCO_INFO}'/>", to="localhost")
    return {each.get("var") for each in reply.iter(f"{{{ns.DISCO_INFO}}}feature")}


def conditions(reply):
    assert reply.get("type") == "error", show(reply)
    return {child.tag.partition("}")[2] for child in reply.find(f"{{{ns.CLIENT}}}error")} - {"text"}


def bounced(client, id):
    """The server that would be responsible for the domain cannot be reached."""
    reply = client.take(lambda each: each.get("id") == id)
    return conditions(reply) <= {"remote-server-not-found", "remote-server-timeout"}


def seconds(reply):
    assert reply.get("type") == "result" and len(reply) == 1, show(reply)
    query = reply[0]
    assert query.tag == "{ejabberd:cputime}query" and [each.tag for each in query] == ["{ejabberd:cputime}cputime"]
    assert re.fullmatch(r"\d+\.\d{3}", query[0].text), query[0].text
    return float(query[0].text)


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize("name", ["mod_cputime", "mod_echo"])
def test_builds_without_warnings(installed, tmp_path, name, compiler):
    if not shutil.which(compiler):
        pytest.skip(f"there is no {compiler}")
    shutil.copytree(EXAMPLES / name, tmp_path / name)
    installed.make(tmp_path / name, f"CC={compiler}", STRICT)
    assert (tmp_path / name / f"{name}.so").exists()


class TestCputime:
    def test_answers(self, romeo, cputime):
        assert seconds(romeo.iq("get", CPUTIME, to="localhost")) <= seconds(romeo.iq("get", CPUTIME, to="localhost"))

    def test_set_is_not_allowed(self, romeo, cputime):
        """The error holds the original element, and then the error, and no more."""
        reply = romeo.iq("set", "<query xmlns='ejabberd:cputime'><a b='c'/>d</query>", to="localhost")
        assert reply.get("type") == "error" and [each.tag for each in reply] == [
            "{ejabberd:cputime}query", f"{{{ns.CLIENT}}}error"]
        assert [each.tag for each in reply[0]] == ["{ejabberd:cputime}a"]
        assert reply[0][0].attrib == {"b": "c"} and reply[0][0].tail == "d"
        assert reply[1].get("type") == "cancel" and conditions(reply) == {"not-allowed"}

    def test_announced_while_loaded(self, server, romeo):
        assert "ejabberd:cputime" not in features(romeo)
        loaded(server, "mod_cputime")
        assert "ejabberd:cputime" in features(romeo)
        unload(server, "mod_cputime")
        assert "ejabberd:cputime" not in features(romeo)
        assert conditions(romeo.iq("get", CPUTIME, to="localhost")) == {"service-unavailable"}

    @pytest.mark.parametrize("discipline", ["no_queue", "one_queue", "parallel"])
    def test_disciplines(self, server, romeo, discipline):
        loaded(server, "mod_cputime", f"{{iqdisc: {discipline}}}")
        for number in range(20):
            romeo.send(f"<iq type='get' id='d{number}' to='localhost'>{CPUTIME}</iq>")
        answers = {}
        while len(answers) < 20:
            answer = romeo.recv()
            answers[answer.get("id")] = seconds(answer)
        if discipline != "parallel":
            assert list(answers) == [f"d{number}" for number in range(20)]
        unload(server, "mod_cputime")

    def test_a_word_that_there_is_not(self, server):
        done = server.ctl("module_load", "localhost", "mod_cputime", "{iqdisc: fast}")
        assert done.returncode != 0 and "iqdisc" in done.stdout + done.stderr
        assert "mod_cputime" not in server.ask("modules_installed")

    def test_reload_drops_nothing(self, server, romeo, cputime):
        """Each request is answered while the discipline changes again and again."""
        sent = 0
        for discipline in ("one_queue", "parallel", "no_queue") * 3:
            for _ in range(20):
                romeo.send(f"<iq type='get' id='r{sent}' to='localhost'>{CPUTIME}</iq>")
                sent += 1
            server.ask("module_reload", "localhost", "mod_cputime", f"{{iqdisc: {discipline}}}")
        answers = set()
        while len(answers) < sent:
            answer = romeo.recv()
            seconds(answer)
            answers.add(answer.get("id"))


class TestEcho:
    def test_counts(self, server, romeo, echo):
        for number in range(3):
            romeo.send(f"<message id='c{number}' to='{ECHO}'/>")
            romeo.take(lambda each: each.get("from") == ECHO)
        rows = server.ask_json("metrics", "localhost")
        assert [(row["module"], row["metric"], row["value"]) for row in rows if row["module"] == "mod_echo"] == [
            ("mod_echo", "echoed_stanzas", 3)]

    def test_message(self, romeo, echo):
        romeo.send(f"<message id='m1' to='someone@{ECHO}/there' type='chat'><body>hello</body></message>")
        romeo.expect(f"<message id='m1' from='someone@{ECHO}/there' to='{romeo.full}' type='chat'>"
                     "<body>hello</body></message>")

    def test_presence(self, romeo, echo):
        romeo.send(f"<presence to='{ECHO}/nick'><show>away</show></presence>")
        romeo.expect(f"<presence from='{ECHO}/nick' to='{romeo.full}'><show>away</show></presence>")

    def test_iq(self, romeo, echo):
        romeo.send(f"<iq type='get' id='i1' to='{ECHO}'><query xmlns='urn:example:q'/></iq>")
        romeo.expect(f"<iq type='get' id='i1' from='{ECHO}'><query xmlns='urn:example:q'/></iq>")

    def test_answers_are_not_returned(self, romeo, echo):
        romeo.send(f"<iq type='result' id='i2' to='{ECHO}'/>")
        romeo.send(f"<iq type='error' id='i3' to='{ECHO}'><error type='cancel'/></iq>")
        romeo.send(f"<message type='error' id='m2' to='{ECHO}'><error type='cancel'/></message>")
        romeo.nothing()

    def test_two_echoes_come_to_an_end(self, server, romeo, echo):
        """A stanza from one to the other goes to and fro once."""
        loaded(server, "mod_echo", host="other.example")
        server.ask("send_stanza", "x@echo.other.example", ECHO, "<message id='loop'><body>ping</body></message>")
        romeo.send(f"<message id='behind' to='{ECHO}'/>")
        romeo.expect(f"<message id='behind' from='{ECHO}'/>")
        unload(server, "mod_echo", host="other.example")

    def test_gone_when_unloaded(self, server, romeo):
        loaded(server, "mod_echo")
        unload(server, "mod_echo")
        romeo.send(f"<message id='m3' to='{ECHO}'><body>hello</body></message>")
        assert bounced(romeo, "m3")

    def test_host_is_an_option(self, server, romeo, echo):
        server.ask("module_reload", "localhost", "mod_echo", "{host: mirror.localhost}")
        romeo.send("<message id='m4' to='mirror.localhost'/>")
        romeo.expect("<message id='m4' from='mirror.localhost'/>")
        romeo.send(f"<message id='m5' to='{ECHO}'/>")
        assert bounced(romeo, "m5")


def test_by_configuration(own_server, installed, cast_for):
    """What stands in the file is there at the start, and a reload changes it."""
    server = own_server(Settings(options={"modules_path": [str(installed.modules)]},
                                 modules={"mod_cputime": {"iqdisc": "one_queue"}, "mod_echo": {}})).start()
    romeo = cast_for(server).client("romeo").login()
    seconds(romeo.iq("get", CPUTIME, to="localhost"))
    config = server.configuration()
    config["modules"].pop("mod_echo")
    config["modules"]["mod_cputime"]["iqdisc"] = "parallel"
    server.write_config(yaml.dump(config) + "\n")
    server.ask("reload_config")
    seconds(romeo.iq("get", CPUTIME, to="localhost"))
    romeo.send(f"<message id='m6' to='{ECHO}'/>")
    assert bounced(romeo, "m6")


def test_with_a_library(server, cast, cputime, echo):
    """The same with slixmpp, which has its own idea of a client."""
    slixmpp = pytest.importorskip("slixmpp")
    from test_slixmpp import play

    async def scene(bot):
        await bot.ready.wait()
        ask = bot.make_iq_get(queryxmlns="ejabberd:cputime", ito="localhost")
        answer = await ask.send()
        assert re.fullmatch(r"\d+\.\d{3}", answer.xml.findtext(".//{ejabberd:cputime}cputime"))
        refused = bot.make_iq_set(ito="localhost")
        refused.append(slixmpp.ET.Element("{ejabberd:cputime}query"))
        with pytest.raises(slixmpp.exceptions.IqError) as error:
            await refused.send()
        assert error.value.condition == "not-allowed"
        bot.send_message(mto=ECHO, mbody="hello", mtype="chat")
        echoed = await asyncio.wait_for(bot.inbox.get(), 20)
        assert echoed["body"] == "hello" and echoed["from"] == ECHO
    play(server, scene, f"{cast.account('bot')}@localhost/bot")
