# SPDX-License-Identifier: Apache-2.0
"""Waiting for a condition, and ports that are free."""
import os
import socket
import time

# How long anything may take before it counts as "never". Generous: it is only reached by failures.
DEADLINE = float(os.environ.get("STANZAD_TEST_DEADLINE", "20"))


class Timeout(AssertionError):
    pass


def until(condition, what, deadline=None, step=0.02):
    """Call condition() again and again until it is true; return its value."""
    end = time.monotonic() + (deadline or DEADLINE)
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Timeout(f"gave up waiting until {what}")
        time.sleep(step)


def free_ports(count):
    """That many TCP port numbers that nobody listens on right now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def port_open(port):
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
