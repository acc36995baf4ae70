# SPDX-License-Identifier: Apache-2.0
"""The same servers with group chat, as one field of the comparison.

Rooms keep no history and no archive, take 20,000 occupants, and send presence whatever their size; anybody may make
one, enter and talk. The generator's first occupant makes the room of a run and sends its form.
"""

import os
import sqlite3
import subprocess

import packages
import processes
import servers

OCCUPANTS = 20000
HIBERNATED = 100_000

MODULES = """\
  mod_muc:
    history_size: 0
    max_users: {occupants}
    max_users_presence: {occupants}
    default_room_options:
      max_users: {occupants}
      mam: false
      logging: false
""".format(occupants=OCCUPANTS)

PROSODY_SERVICE = """
Component "conference.{domain}" "muc"
    max_history_messages = 0
"""


class Stanzad(servers.Stanzad):
    modules = MODULES
    hibernates = True

    def lacks(self, module):
        """Whether this build does not have a module of its configuration."""
        done = subprocess.run([self.program, "--check", "--config", self.path("stanzad.yml")],
                              capture_output=True, text=True)
        return "not available yet: module '%s'" % module in done.stdout + done.stderr

    def persistent_room(self):
        """One, as the server itself keeps it in its database."""
        with open(self.path("stanzad.yml")) as source:
            usual = source.read()
        self.write("stanzad.yml", usual.replace("default_room_options:\n",
                                                "default_room_options:\n      persistent: true\n"))
        self.start()
        try:
            subprocess.run([os.path.join(self.build, "bench", "xmppload"), "--work", "room", "--users", "2",
                            "--room", "room0@conference." + self.domain, "--port", str(self.port),
                            "--seconds", "0.1", "--warmup", "0"], check=True, capture_output=True)
        except subprocess.CalledProcessError as error:
            raise servers.ServerError("no persistent room: %s" % error.stderr)
        finally:
            self.stop()
            self.write("stanzad.yml", usual)

    def hibernated(self, count):
        """What that many persistent rooms without occupants add. They are copies of one that the server made."""
        self.persistent_room()
        before = self.start_and_look()
        self.copy_room(count)
        after = self.start_and_look()
        return {"start_ms": after[0], "bytes_per_room": (after[1] - before[1]) / count,
                "start_ms_without": before[0]}

    def start_and_look(self):
        """Milliseconds until it answers, and PSS in bytes after that; it is stopped then."""
        milliseconds = self.start()
        try:
            processes.settle(self)
            return milliseconds, processes.pss(self.process.pid)
        finally:
            self.stop()

    def copy_room(self, count):
        database = sqlite3.connect(self.path("data", "stanzad.db"))
        with database:
            columns = [row[1] for row in database.execute("PRAGMA table_info(muc_room)")]
            wanted = ", ".join("'room' || n" if column == "name" else column for column in columns)
            database.execute(
                "WITH RECURSIVE counter(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counter WHERE n + 1 < ?) "
                "INSERT OR IGNORE INTO muc_room (%s) SELECT %s FROM muc_room, counter WHERE name = 'room0'"
                % (", ".join(columns), wanted), (count,))
            made = database.execute("SELECT COUNT(*) FROM muc_room").fetchone()[0]
        database.close()
        if made < count:
            raise servers.ServerError("%d rooms instead of %d" % (made, count))


class Ejabberd(servers.Ejabberd):
    modules = MODULES


class Prosody(servers.Prosody):
    def configure(self, certificate):
        super().configure(certificate)
        with open(self.path("prosody.cfg.lua"), "a") as out:
            out.write(PROSODY_SERVICE.format(domain=self.domain))


class Relay(servers.Relay):
    pass


KINDS = {kind.name: kind for kind in (Stanzad, Ejabberd, Prosody, Relay)}


def field(work, build, names, accounts, certificate, say):
    """{name: server}, set up and not started. A stanzad without group chat is left out."""
    folder = os.path.join(work, "rooms")
    os.makedirs(folder)
    made = {name: KINDS[name](folder, build) for name in names}
    packages.ensure(made.values(), say)
    for server in made.values():
        say("setting up %s with group chat" % server.name)
        server.prepare(accounts, certificate)
    if "stanzad" in made and made["stanzad"].lacks("mod_muc"):
        say("this stanzad has no group chat: it is left out")
        del made["stanzad"]
    return made
