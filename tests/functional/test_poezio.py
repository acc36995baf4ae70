# SPDX-License-Identifier: Apache-2.0
"""A person at a terminal in a chat room: poezio in tmux enters it, talks, and sees the others."""
import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

import pytest

from harness import rooms, wait
from harness.settings import Settings

pytestmark = pytest.mark.skipif(not (shutil.which("poezio") and shutil.which("tmux")),
                                reason="poezio and tmux are needed")
SETTINGS = Settings(rooms=True)
NOBODY = 65534          # poezio does not run as root


class Terminal:
    """poezio in a tmux server of its own, with its own home."""

    def __init__(self, folder, jid, server):
        self.socket = folder / "tmux"
        config, authority = folder / "poezio.cfg", folder / "authority.crt"
        shutil.copy(server.certificates[0].crt, authority)
        config.write_text("\n".join(
            ["[Poezio]", f"jid = {jid}", "password = secret", "custom_host = 127.0.0.1",
             f"custom_port = {server.ports['c2s']}", f"ca_cert_path = {authority}", "enable_avatars = false",
             "send_initial_presence = true", "rooms =", "use_bookmarks_method = local"]) + "\n")
        who = []
        if os.geteuid() == 0:
            who = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
            for each in (folder, config, authority):
                os.chown(each, NOBODY, NOBODY)
        program = ["env", f"HOME={folder}", f"XDG_CONFIG_HOME={folder}", f"XDG_DATA_HOME={folder}/share",
                   f"XDG_CACHE_HOME={folder}/cache", "LC_ALL=C.UTF-8", *who, "poezio", "-f", str(config)]
        self.tmux("new-session", "-d", "-x", "160", "-y", "50", "-c", folder, "exec " + " ".join(program))
        self.pid = int(self.tmux("display-message", "-p", "#{pane_pid}"))

    def tmux(self, *arguments):
        return subprocess.run(["tmux", "-S", self.socket, "-f", "/dev/null", *map(str, arguments)],
                              capture_output=True, text=True, check=True,
                              env={**os.environ, "LC_ALL": "C.UTF-8", "TERM": "xterm"}).stdout

    def screen(self):
        return self.tmux("capture-pane", "-p")

    def type(self, text):
        """Step by step, since what comes at once is pasted text; the roster takes a slash alone, then a command."""
        if text[0] == "/":
            self.tmux("send-keys", "-l", "/")
            wait.until(lambda: "Enter commands with" not in self.screen(), "poezio waits for a command")
            text = text[1:]
        self.tmux("send-keys", "-l", text)
        self.shows(text)
        self.tmux("send-keys", "Enter")

    def shows(self, *words):
        try:
            wait.until(lambda: all(word in self.screen() for word in words), f"the screen shows {words}")
        except wait.Timeout:
            raise AssertionError(f"the screen does not show {words}:\n{self.screen()}") from None

    def end(self):
        """poezio outlives its terminal, and then never rests."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        subprocess.run(["tmux", "-S", self.socket, "kill-server"], capture_output=True, check=False)


@pytest.fixture
def folder():
    """Where poezio may go, whoever it runs as."""
    with tempfile.TemporaryDirectory(prefix="stanzad-poezio-") as name:
        yield pathlib.Path(name)


@pytest.fixture
def romeo(cast):
    return cast.client("romeo")


@pytest.fixture
def juliet(cast):
    return cast.client("juliet").online()


@pytest.fixture
def room(server, juliet):
    """A room that Juliet made and is in."""
    address = f"{server.unique('verona')}@{rooms.service(server)}"
    rooms.create(juliet, address, "Juliet", [("muc#roomconfig_roomname", ["Verona"])])
    return address


@pytest.fixture
def terminal(folder, server, romeo):
    terminal = Terminal(folder, romeo.bare + "/poezio", server)
    try:
        terminal.shows("Authentication success")
        yield terminal
    finally:
        terminal.end()


def said(stanza):
    return stanza.findtext("{jabber:client}body")


def test_in_a_room(terminal, juliet, room):
    terminal.type(f"/join {room}/Romeo")
    juliet.take(lambda each: each.get("from") == f"{room}/Romeo" and each.get("type") is None)
    terminal.shows("Juliet", "Romeo")

    terminal.type("But, soft! what light through yonder window breaks?")
    message = juliet.take(lambda each: each.get("from") == f"{room}/Romeo" and said(each))
    assert said(message) == "But, soft! what light through yonder window breaks?"
    assert message.get("type") == "groupchat"
    juliet.message(room, "Ay me!", "groupchat")
    terminal.shows("Ay me!", "But, soft!")

    juliet.send(f"<message to='{room}' type='groupchat'><subject>The balcony</subject></message>")
    terminal.shows("The balcony")

    terminal.type("/nick Montague")
    juliet.take(lambda each: each.get("from") == f"{room}/Montague")
    terminal.shows("Montague")

    juliet.send(f"<presence to='{room}/Capulet'/>")
    terminal.shows("Capulet")


def test_kicked(terminal, juliet, room):
    terminal.type(f"/join {room}/Romeo")
    juliet.take(lambda each: each.get("from") == f"{room}/Romeo" and each.get("type") is None)
    kick = "<item nick='Romeo' role='none'><reason>banished from the city</reason></item>"
    answer = juliet.iq("set", f"<query xmlns='{rooms.ADMIN}'>{kick}</query>", to=room)
    rooms.insist(answer)
    terminal.shows("banished from the city")


def test_own_room(terminal, romeo, juliet, server):
    """Made and left again by poezio's own logic: a temporary room ends with that."""
    room = f"{server.unique('mantua')}@{rooms.service(server)}"
    terminal.type(f"/join {room}/Romeo")
    terminal.shows("Romeo", room.partition("@")[0])
    wait.until(lambda: rooms.fence(juliet, room).get("type") == "result", "the room is there")
    terminal.type("/part Farewell")
    wait.until(lambda: rooms.fence(juliet, room).get("type") == "error", "the room has ended")
