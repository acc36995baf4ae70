# SPDX-License-Identifier: Apache-2.0
"""Installs the Debian packages of the servers that are compared, without starting their services."""

import contextlib
import os
import shutil
import subprocess

import servers

POLICY = "/usr/sbin/policy-rc.d"


@contextlib.contextmanager
def services_held():
    """While this lasts, no package starts a service."""
    own = not os.path.exists(POLICY)
    if own:
        with open(POLICY, "w") as out:
            out.write("#!/bin/sh\nexit 101\n")
        os.chmod(POLICY, 0o755)
    try:
        yield
    finally:
        if own:
            os.unlink(POLICY)


def install(names, say):
    say("installing " + " ".join(names))
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    with services_held():
        done = subprocess.run(["apt-get", "install", "-y", "--no-install-recommends", *names],
                              env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        raise servers.ServerError("apt-get failed:\n" + done.stdout[-1000:] + done.stderr[-1000:])
    if shutil.which("systemctl"):
        for name in names:
            subprocess.run(["systemctl", "disable", name], capture_output=True)


def ensure(field, say):
    """Makes sure that every server's program is there; says how to get it where that takes other rights."""
    missing = [server.package for server in field if server.package and not server.installed()]
    if missing and os.geteuid() != 0:
        raise servers.ServerError("missing; please run: apt-get install --no-install-recommends "
                                  + " ".join(missing))
    if missing:
        install(missing, say)
    for server in field:
        if not server.installed():
            raise servers.ServerError("%s is not there; build it first" % server.program)
