# SPDX-License-Identifier: Apache-2.0
"""How SQLite carries out what stanzad asks it for a page: the statements that it prepared, and their plans."""

import contextlib
import os
import sqlite3


def statements(server, run):
    """What the server prepares while run() makes it work; it is started for that, and stopped."""
    trace = server.path("statements.sql")
    server.stop()
    server.environment_more = {"LD_PRELOAD": os.path.join(server.build, "bench", "libsqltrace.so"),
                               "BENCH_SQL": trace}
    try:
        server.start()
        before = os.path.getsize(trace)
        run()
    finally:
        server.stop()
        server.environment_more = {}
    with open(trace) as source:
        source.seek(before)
        return sorted({line.strip() for line in source if " archive " in line and line.startswith("SELECT")})


def explain(database, statement):
    """The plan of a statement, as lines."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        unknown = [None] * statement.count("?")
        return [row[3] for row in connection.execute("EXPLAIN QUERY PLAN " + statement, unknown)]


def lines(server, run):
    text = []
    for statement in statements(server, run):
        text += [statement, *("    " + step for step in explain(server.database, statement))]
    return text
