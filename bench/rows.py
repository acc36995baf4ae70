# SPDX-License-Identifier: Apache-2.0
"""What is measured: the works, the numbers taken from each, and what stanzad must not exceed."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Metric:
    title: str
    unit: str
    read: object                    # result of one run -> number
    # stanzad may reach at most: these shares of the other servers' numbers, and this number
    shares: dict = field(default_factory=dict)
    limit: float = None


@dataclass(frozen=True)
class Row:
    key: str
    metrics: tuple
    arguments: tuple = ()           # of xmppload; none: the row measures the start of the server
    tls: bool = False
    mechanism: str = None           # None: the server's usual one
    fresh: bool = False             # the server is restarted before each run, not only before the row
    across: bool = False            # half of the users are on a second server of the same kind
    accounts_only: bool = False     # makes no sense for a server without accounts


def cpu(result):
    return result["cpu_us_per_operation"]


def p99(result):
    return result["latency_us"]["p99"]


def session_bytes(result):
    return result["bytes_per_session"]


def start_ms(result):
    return result["start_ms"]


def cpu_metric(title, **shares):
    return Metric(title, "us CPU", cpu, shares)


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
        ("--work", "chat", "--users", "200", "--window", "8"), across=True, accounts_only=True),
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
)

KEYS = [row.key for row in ROWS]


def limit_of(metric, values):
    """What stanzad may reach, given each server's median; None if what it depends on was not measured."""
    limits = [] if metric.limit is None else [metric.limit]
    for server, share in metric.shares.items():
        if values.get(server) is None:
            return None
        limits.append(values[server] * share)
    return min(limits) if limits else None


def limit_words(metric):
    words = [] if metric.limit is None else ["%g %s" % (metric.limit, metric.unit)]
    for server, share in metric.shares.items():
        times = "1/%d" % round(1 / share) if share < 1 else "%gx" % share
        words.append("%s %s" % (times, server))
    return ", ".join(words)
