# SPDX-License-Identifier: Apache-2.0
"""Waiting for a condition, and ports that are free."""
import itertools
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


def port_range():
    """Ports below those that the kernel gives to outgoing connections; those that run side by side share none."""
    worker, count = os.environ.get("PYTEST_XDIST_WORKER", "gw0"), os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")
    size = 22000 // int(count)
    first, skip = 10000 + int(worker[2:]) * size, os.getpid() * 37 % size
    return itertools.cycle([*range(first + skip, first + size), *range(first, first + skip)])


PORTS = port_range()


def is_free(port):
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def free_ports(count):
    """That many TCP port numbers that nobody listens on right now."""
    found = (port for port in PORTS if is_free(port))
    return list(itertools.islice(found, count))


def port_open(port):
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
