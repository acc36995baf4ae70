# SPDX-License-Identifier: Apache-2.0
"""Debian's ejabberd, started from the Erlang runtime directly: no epmd, no system service."""
import glob
import json
import os
import pathlib
import urllib.request

from . import wait, yaml
from .process import Process
from .server import Server


class Ejabberd(Server):
    name = "ejabberd"

    @classmethod
    def missing(cls):
        found = glob.glob("/usr/lib/*/ejabberd-*/ebin") and os.path.exists("/usr/bin/erl")
        return None if found else "install the package ejabberd"

    def configuration(self):
        config = yaml.configuration(self.settings, self.ports, self.certificates, self.authority)
        config["listen"].append({"port": self.ports["http"], "ip": "127.0.0.1",
                                 "module": "ejabberd_http",
                                 "request_handlers": {"/api": "mod_http_api"}})
        config["api_permissions"] = {"tests": {"who": [{"ip": "127.0.0.1"}], "what": "*"}}
        config["modules"]["mod_http_api"] = {}
        return config

    def spawn(self):
        config = self.folder / "ejabberd.yml"
        config.write_text(yaml.dump(self.configuration()) + "\n")
        libraries = pathlib.Path(glob.glob("/usr/lib/*/ejabberd-*/ebin")[0]).parent.parent
        environment = dict(os.environ, ERL_LIBS=str(libraries), HOME=str(self.folder),
                           EJABBERD_CONFIG_PATH=str(config), ERL_EPMD_ADDRESS="127.0.0.1",
                           EJABBERD_LOG_PATH=str(self.folder / "ejabberd-own.log"),
                           ERL_CRASH_DUMP=str(self.folder / "crash.dump"))
        return Process([*self.wrapper, "/usr/bin/erl", "-noinput", "+sbwt", "none",
                        "-mnesia", "dir", f'"{self.folder}/spool"', "-s", "ejabberd"],
                       self.log, environment, cwd=self.folder)

    def ready(self):
        return super().ready() and wait.port_open(self.ports["http"])

    def call(self, command, **arguments):
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.ports['http']}/api/{command}", method="POST",
            data=json.dumps(arguments).encode(), headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=wait.DEADLINE) as answer:
            return json.load(answer)

    def add_user(self, user, password="secret", host=None):
        self.call("register", user=user, host=host or self.host, password=password)

    def add_roster_item(self, user, contact, subscription):
        self.call("add_rosteritem", localuser=user, localhost=self.host, user=contact,
                  host=self.host, nick=contact, group="", subs=subscription)
