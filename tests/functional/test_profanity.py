# SPDX-License-Identifier: Apache-2.0
"""A person at a terminal: profanity in tmux logs in, adds a contact and chats."""
import os
import shutil
import subprocess

import pytest

from harness import ns, wait

pytestmark = pytest.mark.skipif(not (shutil.which("profanity") and shutil.which("tmux")),
                                reason="profanity and tmux are needed")


class Terminal:
    """profanity in a tmux server of its own, with its own home."""

    def __init__(self, folder):
        self.socket = folder / "tmux"
        (folder / "profanity").mkdir()
        environment = f"HOME={folder} XDG_CONFIG_HOME={folder} XDG_DATA_HOME={folder}/share LC_ALL=C.UTF-8"
        self.tmux("new-session", "-d", "-x", "160", "-y", "50", f"env {environment} profanity")

    def tmux(self, *arguments):
        return subprocess.run(["tmux", "-S", self.socket, "-f", "/dev/null", *map(str, arguments)],
                              capture_output=True, text=True, check=True,
                              env={**os.environ, "LC_ALL": "C.UTF-8", "TERM": "xterm"}).stdout

    def screen(self):
        return self.tmux("capture-pane", "-p")

    def type(self, text):
        self.tmux("send-keys", "-l", text)
        self.tmux("send-keys", "Enter")

    def shows(self, *words):
        wait.until(lambda: all(word in self.screen() for word in words),
                   f"the screen shows {words}:\n{self.screen()}")

    def end(self):
        subprocess.run(["tmux", "-S", self.socket, "kill-server"], capture_output=True, check=False)


@pytest.fixture
def terminal(tmp_path):
    terminal = Terminal(tmp_path)
    yield terminal
    terminal.end()


@pytest.fixture
def logged_in(terminal, server, cast):
    terminal.shows("Profanity")
    romeo = cast.client("romeo")
    terminal.type(f"/connect {romeo.bare}/prof server 127.0.0.1 port {server.ports['c2s']} tls trust")
    terminal.shows("password")
    terminal.type("secret")
    terminal.shows("logged in successfully")
    return romeo.bare


def test_chat(terminal, logged_in, cast):
    juliet = cast.client("juliet").online()
    juliet.iq("get", f"<query xmlns='{ns.ROSTER}'/>")
    terminal.type(f"/roster add {juliet.bare} Juliet")
    terminal.shows("Juliet")
    terminal.type(f"/sub request {juliet.bare}")
    seen = juliet.take(lambda each: each.get("type") == "subscribe")
    assert seen.get("from") == logged_in
    juliet.presence(f"to='{logged_in}' type='subscribed'")
    juliet.presence(f"to='{logged_in}' type='subscribe'")
    terminal.type(f"/sub allow {juliet.bare}")
    juliet.take(lambda each: each.get("type") == "subscribed")

    terminal.type(f"/msg {juliet.bare} Good night, good night!")
    message = juliet.take(lambda each: each.findtext(f"{{{ns.CLIENT}}}body"))
    assert message.findtext(f"{{{ns.CLIENT}}}body") == "Good night, good night!"
    assert message.get("from").startswith(logged_in + "/")

    juliet.message(message.get("from"), "Parting is such sweet sorrow")
    terminal.shows("Parting is such sweet sorrow")


def test_offline_message_is_shown(terminal, server, cast):
    juliet, romeo = cast.client("juliet").online(), cast.client("romeo")
    juliet.message(romeo.bare, "while you were away")
    juliet.ping()
    terminal.shows("Profanity")
    terminal.type(f"/connect {romeo.bare} server 127.0.0.1 port {server.ports['c2s']} tls trust")
    terminal.shows("password")
    terminal.type("secret")
    terminal.shows("logged in successfully")
    terminal.type(f"/msg {juliet.bare}")
    terminal.shows("while you were away")


def test_log_out(terminal, logged_in, server, cast):
    terminal.type("/disconnect")
    terminal.shows("logged out")
    juliet = cast.client("juliet").online()
    reply = juliet.iq("get", f"<ping xmlns='{ns.PING}'/>", to=logged_in + "/prof")
    assert reply.get("type") == "error", "nobody is there any more"
