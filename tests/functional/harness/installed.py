# SPDX-License-Identifier: Apache-2.0
"""stanzad as it is after make install: in a folder of the test, with what a module is built with."""
import json
import os
import pathlib
import re
import subprocess


class Installed:
    def __init__(self, build, folder):
        """Programs, headers and pkg-config file of a build folder, installed below folder."""
        subprocess.run(["meson", "install", "-C", build, "--no-rebuild", "--quiet", "--tags", "runtime,devel",
                        "--destdir", folder], check=True, capture_output=True, text=True)
        options = subprocess.run(["meson", "introspect", "--buildoptions", build], check=True,
                                 capture_output=True, text=True).stdout
        prefix = next(each["value"] for each in json.loads(options) if each["name"] == "prefix")
        self.prefix = pathlib.Path(folder, prefix.lstrip("/"))
        self.pc = next(self.prefix.rglob("stanzad.pc"))
        # As if the prefix had been this folder from the beginning.
        self.pc.write_text(re.sub(r"^prefix=.*$", f"prefix={self.prefix}", self.pc.read_text(), flags=re.M))
        self.modules = pathlib.Path(self.ask_pkg_config("--variable=modulesdir"))

    def environment(self):
        return {**os.environ, "PKG_CONFIG_PATH": str(self.pc.parent),
                "PATH": f"{self.prefix}/sbin:{self.prefix}/bin:{os.environ['PATH']}"}

    def ask_pkg_config(self, question):
        return subprocess.run(["pkg-config", question, "stanzad"], check=True, capture_output=True, text=True,
                              env=self.environment()).stdout.strip()

    def make(self, folder, *arguments):
        """make in the folder of a module; its output when it failed."""
        done = subprocess.run(["make", "-C", folder, *arguments], check=False, capture_output=True, text=True,
                              env=self.environment())
        assert done.returncode == 0, done.stdout + done.stderr
