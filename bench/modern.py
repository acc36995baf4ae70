# SPDX-License-Identifier: Apache-2.0
"""The same servers with stream management and a message archive in SQLite, as one field of the comparison.

Rows of an archive can be put into each server's database while it does not run: INSERTs into its own schema.
"""

import contextlib
import os
import sqlite3
import subprocess

import packages
import processes
import servers

READER = 300                                # number of the account whose archive is filled
FIRST, STEP = 1500000000000000, 1000000     # ids are microseconds since 1970: a message a second
PEERS = 100
TEXT = "the usual hundred bytes of what people say to each other when the day is long and the line is free"

NUMBERS = "WITH RECURSIVE counter(i) AS (SELECT ? UNION ALL SELECT i + 1 FROM counter WHERE i + 1 < ?) "
PEER = "'u' || (i % {peers}) || '@{domain}'"
XML = ("'<message xmlns=''jabber:client'' from=''' || " + PEER + " || '/desk'' to=''{user}@{domain}'' type=''chat'' "
       "id=''m' || i || '''><body>{text} ' || i || '</body></message>'")
EJABBERD_ROWS = ("INSERT INTO archive (username, {host_column} timestamp, peer, bare_peer, xml, txt, kind, nick) "
                 "SELECT '{user}', {host_value} {first} + i * {step}, " + PEER + " || '/desk', " + PEER + ", "
                 + XML + ", '{text} ' || i, 'chat', '' FROM counter")
PROSODY_ROWS = ('INSERT INTO prosodyarchive (host, user, store, key, "when", "with", type, value) '
                "SELECT '{domain}', '{user}', 'archive', {first} + i * {step}, ({first} + i * {step}) / 1000000, "
                + PEER + ", 'xml', " + XML + " FROM counter")


def middle(rows):
    """Ids of the half of an archive that is neither old nor new, as the generator's --after wants them."""
    return "%d:%d:%d" % (FIRST + rows // 4 * STEP, STEP, rows // 2)


class Archived:
    """What the servers have in common; each says where its database is and how a row is made."""

    filled = 0
    rows = EJABBERD_ROWS
    host_column = host_value = ""

    def fill(self, rows):
        """The reader's archive gets as many rows as are missing. The server must not run."""
        if rows <= self.filled:
            return
        sql = self.rows.format(user="u%d" % READER, domain=self.domain, peers=PEERS, text=TEXT, first=FIRST,
                               step=STEP, host_column=self.host_column, host_value=self.host_value)
        with contextlib.closing(sqlite3.connect(self.database)) as database, database:
            database.execute("PRAGMA synchronous = OFF")
            database.execute(NUMBERS + sql, (self.filled, rows))
        self.filled = rows

    def settle(self):
        processes.settle(self)


class Stanzad(Archived, servers.Stanzad):
    host_column, host_value = "server_host,", "'localhost',"
    resumes = True
    modules = "  mod_stream_mgmt: {}\n  mod_mam:\n    default: always\n"

    @property
    def database(self):
        return self.path("data", "stanzad.db")


class Ejabberd(Archived, servers.Ejabberd):
    package = "erlang-p1-sqlite3"       # and what it needs: ejabberd itself is asked for by servers.Ejabberd
    schema = "/usr/share/ejabberd/sql/lite.sql"
    modules = "  mod_stream_mgmt: {}\n  mod_mam:\n    default: always\n    db_type: sql\n"

    @property
    def database(self):
        return self.path("archive.db")

    def installed(self):
        return os.path.isdir("/usr/share/doc/" + self.package)

    def configure(self, certificate):
        self.options = 'sql_type: sqlite\nsql_database: "%s"\n' % self.database
        super().configure(certificate)
        with open(self.schema) as source, contextlib.closing(sqlite3.connect(self.database)) as database:
            database.executescript(source.read())


class Prosody(Archived, servers.Prosody):
    package = "lua-dbi-sqlite3"
    rows = PROSODY_ROWS
    modules = ', "smacks", "mam"'

    @property
    def database(self):
        return self.path("archive.sqlite")

    def installed(self):
        return os.path.isdir("/usr/share/doc/" + self.package)

    def configure(self, certificate):
        self.options = ('storage = { archive = "sql" }\nsql = { driver = "SQLite3", database = "%s" }\n'
                        'default_archive_policy = true\narchive_expires_after = "never"\n' % self.database)
        super().configure(certificate)

    def create_accounts(self, accounts):
        """Its tables come with the first message."""
        super().create_accounts(accounts)
        self.start()
        try:
            subprocess.run([os.path.join(self.build, "bench", "xmppload"), "--work", "chat", "--users", "2",
                            "--port", str(self.port), "--seconds", "0.1", "--warmup", "0"],
                           check=True, capture_output=True)
        finally:
            self.stop()


KINDS = {kind.name: kind for kind in (Stanzad, Ejabberd, Prosody)}


def field(work, build, names, accounts, certificate, say):
    """{name: server}, set up and not started, of those of the names that can have an archive."""
    folder = os.path.join(work, "modern")
    os.makedirs(folder)
    made = {name: KINDS[name](folder, build) for name in names if name in KINDS}
    packages.ensure(made.values(), say)
    for server in made.values():
        say("setting up %s with stream management and an archive, %d accounts" % (server.name, accounts))
        server.prepare(accounts, certificate)
    return made
