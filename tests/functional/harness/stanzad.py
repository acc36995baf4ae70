# SPDX-License-Identifier: Apache-2.0
"""stanzad and its control tool stanzactl."""
import json
import os
import pathlib
import socket
import subprocess

from . import wait, yaml
from .process import Process
from .server import Server


def build_folder(config):
    chosen = config.getoption("--build-dir") or os.environ.get("STANZAD_BUILD") or "build"
    return pathlib.Path(chosen).resolve()


class Stanzad(Server):
    name = "stanzad"
    build = None                # set from --build-dir

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.data = self.folder / "data"
        self.data.mkdir(exist_ok=True)
        self.config_file = self.folder / "stanzad.yml"
        self.config_text = None         # a test may set its own text
        self.socket = self.data / "ctl.sock"
        self.database = self.data / "stanzad.db"

    @classmethod
    def missing(cls):
        program = cls.build / "stanzad"
        return None if program.exists() else f"{program} does not exist"

    def configuration(self):
        config = yaml.configuration(self.settings, self.ports, self.certificates, self.authority)
        if self.settings.rooms:     # ejabberd's stands still when a room is to be logged
            log = {"access_log": "all", "outdir": str(self.folder / "muc-log")}
            config["modules"] = {"mod_muc_log": log, **config["modules"]}
        return config

    def write_config(self, text=None):
        self.config_file.write_text(text or self.config_text or yaml.dump(self.configuration()) + "\n")
        return self.config_file

    def command(self):
        return [*self.wrapper, self.build / "stanzad", "--config", self.config_file,
                "--data-dir", self.data]

    def spawn(self, environment=None):
        self.write_config()
        return Process(self.command(), self.log, environment=environment)

    def ready(self):
        return super().ready() and self.answers()

    def answers(self):
        """Somebody accepts on the control socket; a killed server leaves the file behind."""
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(str(self.socket)) == 0

    def check(self, text):
        """stanzad --check on a configuration text: the finished process."""
        path = self.folder / "check.yml"
        path.write_text(text)
        return subprocess.run([self.build / "stanzad", "--check", "--config", path],
                              capture_output=True, text=True, timeout=wait.DEADLINE)

    def ctl(self, *arguments, stdin=None):
        """Run stanzactl; returns the finished process."""
        return subprocess.run(
            [self.build / "stanzactl", "--socket", self.socket, *map(str, arguments)],
            input=stdin, capture_output=True, text=True, timeout=120)

    def ask(self, *arguments):
        """Run stanzactl, insist on success, return what it printed."""
        done = self.ctl(*arguments)
        assert done.returncode == 0, f"stanzactl {arguments}: {done.stdout}{done.stderr}"
        return done.stdout

    def ask_json(self, *arguments):
        return json.loads(self.ask("--json", *arguments))

    def add_user(self, user, password="secret", host=None):
        self.ask("register", user, host or self.host, password)

    def add_roster_item(self, user, contact, subscription):
        self.ask("add_rosteritem", user, self.host, contact, self.host, contact, "", subscription)
