# SPDX-License-Identifier: Apache-2.0
"""What is measured: the works, the numbers taken from each, and what stanzad must not exceed."""

import math
from dataclasses import dataclass, field

import modern
import rooms


SMALL, LARGE = 10_000, 1_000_000    # messages of an archive


@dataclass(frozen=True)
class Metric:
    title: str
    unit: str
    read: object                    # result of one run -> number, infinite if it was given up
    # stanzad may reach at most: these shares of the other servers' numbers, and this number
    shares: dict = field(default_factory=dict)
    limit: float = None
    own: dict = field(default_factory=dict)     # and these multiples of its own number in other rows


@dataclass(frozen=True)
class Row:
    key: str
    metrics: tuple
    arguments: tuple = ()           # of xmppload; none: the row measures the start of the server
    tls: bool = False
    mechanism: str = None           # None: the server's usual one
    fresh: bool = False             # the server is restarted before each run, not only before the row
    setting: str = "alone"          # "across": half of the users are on a second server of the same kind;
                                    # "modern": with stream management and an archive; "rooms": with group chat
    hibernated: int = 0             # rooms that lie in the database; the row measures what they add
    fill: int = 0                   # rows in the archive that is read, at the least
    restart: bool = False           # the server is restarted in the middle
    quick: tuple = ()               # more arguments where a first impression is wanted
    rounds: int = None              # at most; None: as many as asked for
    accounts_only: bool = False     # makes no sense for a server without accounts


def cpu(result):
    return result["cpu_us_per_operation"]


def p99(result):
    return result["latency_us"]["p99"]


def p99_acked(result):
    return result["acked_us"]["p99"]


def session_bytes(result):
    return result["bytes_per_session"]


def start_ms(result):
    return result["start_ms"]


def cpu_metric(title, own=None, **shares):
    return Metric(title, "us CPU", cpu, shares, own=own or {})


def step_metric(title, unit, step, clock):
    """Milliseconds of one step of the generator's work, which may have been given up before that."""
    return Metric(title, unit, lambda result: result[step][clock] * 1e3 if result[step]["seconds"] else math.inf)


def crowd_metrics(title, *steps):
    """Time and CPU of each step: (its name in the result, what it is called)."""
    for step, words in steps:
        yield step_metric("%s: %s" % (title, words), "ms", step, "seconds")
        yield step_metric("  the same: CPU", "ms CPU", step, "cpu_seconds")


def crowd_row(key, occupants, quick, words, *arguments):
    title = "room of %d%s" % (occupants, words)
    steps = (("all_join", "all join"), ("message", "a message reaches all"), ("one_joins", "one more joins"))
    return Row(key, tuple(crowd_metrics(title, *steps)),
               ("--work", "crowd", "--users", str(occupants), "--patience", "300", *arguments),
               quick=("--users", str(quick), "--patience", "60"), setting="rooms", fresh=True, rounds=1)


def room_row(key, senders, share):
    words = "one sender" if senders == 1 else "%d senders" % senders
    return Row(key, (cpu_metric("room of 200, %s, window 8, a copy" % words, ejabberd=share),),
               ("--work", "room", "--users", "200", "--senders", str(senders), "--window", "8"), setting="rooms")


def page_key(key, size):
    return "%s-%dk" % (key, size // 1000)


def page_rows(size):
    """The last page of an archive, and pages in the middle of it."""
    places = (("page", "last", ()), ("middle", "in the middle", ("--after", modern.middle(size))))
    for key, where, arguments in places:
        own = {page_key(key, SMALL): 1.25} if size > SMALL else {}
        yield Row(page_key(key, size), (cpu_metric("page of 50 of %d messages, %s" % (size, where), own),),
                  ("--work", "page", "--first", str(modern.READER), "--users", "1", *arguments),
                  setting="modern", fill=size, accounts_only=True)


ROWS = (
    Row("chat200", (cpu_metric("chat, 200 clients, window 8", ejabberd=1 / 15, relay=4),),
        ("--work", "chat", "--users", "200", "--window", "8")),
    Row("chat2000", (cpu_metric("chat, 2000 clients, window 1", ejabberd=1 / 10),),
        ("--work", "chat", "--users", "2000", "--window", "1")),
    Row("open", (cpu_metric("open loop, 8000 messages/s, one each 125 us", ejabberd=1 / 9),
                 Metric("  the same: p99 latency", "us", p99, {"ejabberd": 1})),
        ("--work", "open", "--users", "200", "--rate", "8000")),
    Row("open-ms", (cpu_metric("open loop, 8000 messages/s, eight each ms", ejabberd=1 / 9),
                    Metric("  the same: p99 latency", "us", p99, {"ejabberd": 1})),
        ("--work", "open", "--users", "200", "--rate", "8000", "--burst", "8")),
    Row("across", (cpu_metric("chat between two servers, 200 clients, window 8"),),
        ("--work", "chat", "--users", "200", "--window", "8"), setting="across", accounts_only=True),
    Row("login", (cpu_metric("log-in SCRAM-SHA-1, TCP", ejabberd=1 / 8),),
        ("--work", "login", "--users", "2000"), accounts_only=True),
    Row("login-tls", (cpu_metric("log-in SCRAM-SHA-1, TLS 1.3", ejabberd=1 / 4),),
        ("--work", "login", "--users", "2000"), tls=True, accounts_only=True),
    Row("login-plain", (cpu_metric("log-in PLAIN, TLS 1.3", ejabberd=1 / 5),),
        ("--work", "login", "--users", "2000"), tls=True, mechanism="PLAIN", accounts_only=True),
    Row("idle", (Metric("idle session, TCP", "bytes", session_bytes, limit=3 * 1024),),
        ("--work", "idle", "--users", "4000"), fresh=True),
    Row("idle-tls", (Metric("idle session, TLS 1.3", "bytes", session_bytes, limit=16 * 1024),),
        ("--work", "idle", "--users", "4000"), tls=True, fresh=True),
    Row("start", (Metric("start to first stream", "ms", start_ms, limit=100),),
        fresh=True, accounts_only=True),
    Row("chat-archive",
        (cpu_metric("chat, 200 clients, window 8, archive, acks", {"chat200": 3}, ejabberd=1 / 50),
         Metric("  the same: p99 until acknowledged", "us", p99_acked)),
        ("--work", "chat", "--users", "200", "--window", "8", "--sm", "--whole"), setting="modern", accounts_only=True),
    *page_rows(SMALL), *page_rows(LARGE),
    Row("resume",
        (Metric("10000 phones back after a restart", "s", lambda result: result["seconds"]),
         Metric("  the same: CPU, start included", "us CPU", cpu),
         Metric("  the same: resumed; others logged in anew", "phones", lambda result: result["resumed"])),
        ("--work", "resume", "--users", "10000", "--concurrency", "1000"),
        quick=("--users", "2000"), setting="modern", restart=True, rounds=1, accounts_only=True),
    room_row("room-1", 1, 1 / 8), room_row("room-16", 16, 1 / 15),
    crowd_row("room-big", 10000, 2000, ", one moderator seen", "--broadcast", "moderator"),
    crowd_row("room-seen", 2000, 500, ", all seen"),
    Row("rooms-idle",
        (Metric("100000 rooms that nobody is in: each", "bytes", lambda result: result["bytes_per_room"]),
         Metric("  the same: start to first stream", "ms", start_ms)),
        setting="rooms", hibernated=rooms.HIBERNATED, rounds=1),
)

KEYS = [row.key for row in ROWS]


@dataclass(frozen=True)
class Outcome:
    metric: Metric
    values: dict            # {server: median}
    limit: float = None     # what stanzad may reach


def limit_of(metric, values, own):
    """What stanzad may reach, given each server's median and its own first number of other rows; None if
    something that it depends on was not measured."""
    limits = [] if metric.limit is None else [metric.limit]
    for server, share in metric.shares.items():
        if values.get(server) is None:
            return None
        limits.append(values[server] * share)
    for key, factor in metric.own.items():
        if own.get(key) is None:
            return None
        limits.append(own[key] * factor)
    return min(limits) if limits else None


def limit_words(metric):
    words = [] if metric.limit is None else ["%g %s" % (metric.limit, metric.unit)]
    for server, share in metric.shares.items():
        times = "1/%d" % round(1 / share) if share < 1 else "%gx" % share
        words.append("%s %s" % (times, server))
    words += ["%gx own %s" % (factor, key) for key, factor in metric.own.items()]
    return ", ".join(words)
