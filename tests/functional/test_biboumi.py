# SPDX-License-Identifier: Apache-2.0
"""A real gateway: biboumi attached as a component, an IRC server behind it, people on both sides."""
import asyncio
import logging
import os
import pathlib
import pwd
import random
import shutil
import socket

import pytest

from harness import wait
from harness.process import Process
from harness.settings import Settings

slixmpp = pytest.importorskip("slixmpp")
from harness.bots import run_alone  # noqa: E402
logging.getLogger("slixmpp").setLevel(logging.CRITICAL)

GATEWAY, CHANNEL, IRC_PORT = "irc.localhost", "#verona", 6667    # the port that biboumi tries
SETTINGS = Settings(listeners={
    "component": {"module": "ejabberd_service", "hosts": {GATEWAY: {"password": "secret"}}}})

pytestmark = [
    pytest.mark.only("stanzad"),
    pytest.mark.skipif(not (shutil.which("biboumi") and (shutil.which("ngircd")
                       or pathlib.Path("/usr/sbin/ngircd").exists())),
                       reason="biboumi or ngircd is not installed"),
]


class IrcUser:
    """Somebody on the IRC side."""

    def __init__(self, address, nick):
        self.sock = socket.create_connection((address, IRC_PORT), timeout=wait.DEADLINE)
        self.waiting, self.transcript = b"", []
        self.send(f"NICK {nick}", f"USER {nick} 0 * :{nick}")
        self.until(" 001 ")
        self.send(f"JOIN {CHANNEL}")
        self.until(" 366 ")

    def send(self, *lines):
        self.sock.sendall("".join(f"{line}\r\n" for line in lines).encode())

    def line(self):
        while b"\r\n" not in self.waiting:
            data = self.sock.recv(4096)
            assert data, "the IRC server has closed the connection\n" + "\n".join(self.transcript)
            self.waiting += data
        line, _, self.waiting = self.waiting.partition(b"\r\n")
        self.transcript.append(line.decode(errors="replace"))
        return self.transcript[-1]

    def until(self, text):
        """The next line that holds the text."""
        while True:
            line = self.line()
            if line.startswith("PING"):
                self.send(line.replace("PING", "PONG", 1))
            if text in line:
                return line

    def say(self, text):
        self.send(f"PRIVMSG {CHANNEL} :{text}")


class Romeo(slixmpp.ClientXMPP):
    """Somebody on the XMPP side."""

    def __init__(self, jid):
        super().__init__(jid, "secret")
        self.ready, self.inbox, self.subject = asyncio.Event(), asyncio.Queue(), asyncio.Event()
        self.register_plugin("xep_0030")
        self.register_plugin("xep_0045")
        self.add_event_handler("session_start", self.started)
        self.add_event_handler("groupchat_message", self.inbox.put_nowait)
        self.add_event_handler("groupchat_subject", lambda _: self.subject.set())

    async def started(self, _):
        self.send_presence()
        self.ready.set()

    async def heard(self, text):
        """The next message with this text: who said it."""
        while True:
            message = await self.inbox.get()
            if message["body"] == text:
                return message["mucnick"]


@pytest.fixture
def irc(tmp_path):
    """An IRC server on a loopback address of its own."""
    address = f"127.{random.randint(2, 254)}.{random.randint(0, 254)}.{random.randint(2, 254)}"
    user = pwd.getpwuid(os.getuid()).pw_name
    config = tmp_path / "ngircd.conf"
    config.write_text(f"""[Global]
Name = irc.verona.example
Info = for a test
AdminEMail = admin@verona.example
Listen = {address}
Ports = {IRC_PORT}
ServerUID = {user}
ServerGID = {os.getgid()}
[Limits]
MaxConnectionsIP = 0
[Options]
DNS = no
Ident = no
PAM = no
""")
    config.chmod(0o600)
    program = shutil.which("ngircd") or "/usr/sbin/ngircd"
    process = Process([program, "--nodaemon", "--config", config], tmp_path / "ngircd.log")
    try:
        wait.until(lambda: listens(process, address), f"ngircd listens\n{process.tail()}")
        yield address
    finally:
        process.kill()


def listens(process, address):
    assert process.alive(), process.tail()
    with socket.socket() as probe:
        return probe.connect_ex((address, IRC_PORT)) == 0


@pytest.fixture
def gateway(server, irc, tmp_path):
    config = tmp_path / "biboumi.cfg"
    config.write_text(f"""hostname={GATEWAY}
password=secret
xmpp_server_ip=127.0.0.1
port={server.ports["component"]}
db_name={tmp_path / "biboumi.sqlite"}
identd_port=0
log_level=0
""")
    process = Process(["biboumi", config], tmp_path / "biboumi.log")
    try:
        wait.until(lambda: server.ask_json("list_components"), f"biboumi is attached\n{process.tail()}")
        yield process
    finally:
        process.kill()


def test_chat_with_an_irc_channel(server, cast, irc, gateway):
    """A client joins the channel through the gateway, is heard there, and hears the answer."""
    room = f"{CHANNEL}%{irc}@{GATEWAY}"
    juliet = IrcUser(irc, "juliet")

    async def scene(romeo):
        aside = asyncio.get_running_loop().run_in_executor
        await romeo.ready.wait()
        items = await romeo["xep_0030"].get_items(jid="localhost")
        assert GATEWAY in [item[0] for item in items["disco_items"]["items"]]
        romeo["xep_0045"].join_muc(room, "romeo")
        joined = await aside(None, juliet.until, f"JOIN :{CHANNEL}")
        assert joined.startswith(":romeo!")
        await romeo.subject.wait()
        romeo.send_message(mto=room, mbody="But soft, what light?", mtype="groupchat")
        assert (await aside(None, juliet.until, "But soft, what light?")).startswith(":romeo!")
        juliet.say("O Romeo, Romeo!")
        assert await romeo.heard("O Romeo, Romeo!") == "juliet"
        romeo["xep_0045"].leave_muc(room, "romeo")
        await aside(None, juliet.until, ":romeo!")
    play(server, scene, f"{cast.account('romeo')}@localhost/test")


def test_gateway_goes(server, cast, irc, gateway):
    """What is sent to a gateway that is gone comes back."""
    romeo = cast.online("romeo")
    gateway.kill()
    wait.until(lambda: not server.ask_json("list_components"), "it is detached")
    romeo.message(f"juliet!{irc}@{GATEWAY}")
    romeo.expect("<message type='error'><body>hi</body><error type='cancel'>"
                 "<service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>{more}</error></message>")


def play(server, scene, jid):
    async def run():
        romeo = Romeo(jid)
        try:
            romeo.ca_certs = server.certificates[0].crt
            romeo.connect(("127.0.0.1", server.ports["c2s"]))
            await asyncio.wait_for(scene(romeo), wait.DEADLINE)
        finally:
            romeo.abort()

    run_alone(run)
