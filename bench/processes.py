# SPDX-License-Identifier: Apache-2.0
"""What /proc says of a server's process."""

import os
import re
import time

import servers

SETTLE_SECONDS_MAX = 600


def ticks(pid):
    """User and system time so far."""
    with open("/proc/%d/stat" % pid) as stat:
        fields = stat.read().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def settle(server):
    """Waits until it has little to do: less than a tenth of a processor for a second."""
    deadline = time.monotonic() + SETTLE_SECONDS_MAX
    now = ticks(server.process.pid)
    while time.monotonic() < deadline:
        time.sleep(1)
        before, now = now, ticks(server.process.pid)
        if now - before < os.sysconf("SC_CLK_TCK") / 10:
            return
    raise servers.ServerError("%s does not come to rest" % server.name)


def pss(pid):
    """Bytes."""
    with open("/proc/%d/smaps_rollup" % pid) as rollup:
        return int(re.search(r"^Pss: +(\d+)", rollup.read(), re.M).group(1)) * 1024
