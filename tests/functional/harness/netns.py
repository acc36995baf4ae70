# SPDX-License-Identifier: Apache-2.0
"""Network namespaces with wires between them that can be cut. What is started or connected inside of one, stays in it;
nothing outside of them changes, and they vanish with the processes that hold them. Root alone can make them."""
import contextlib
import ctypes
import os
import shutil
import subprocess

from . import wait

CLONE_NEWNET = 0x40000000


def missing():
    """Why there can be none here, or None."""
    if os.geteuid() != 0:
        return "root is needed to make network namespaces"
    if not all(shutil.which(each) for each in ("unshare", "nsenter", "ip")):
        return "unshare, nsenter or ip is not installed"
    script = "ip link set lo up && ip link add name one type veth peer name other"
    tried = subprocess.run(["unshare", "--net", "sh", "-c", script], capture_output=True, text=True, check=False)
    return f"network namespaces cannot be made here: {tried.stderr.strip()}" if tried.returncode else None


class Namespace:
    """Of its own: a loopback device and no wires yet."""

    def __init__(self):
        self.holder = subprocess.Popen(["unshare", "--net", "cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        own = os.readlink("/proc/self/ns/net")
        wait.until(lambda: os.readlink(f"/proc/{self.holder.pid}/ns/net") != own, "there is a network namespace")
        self.ip("link", "set", "lo", "up")

    def ip(self, *arguments):
        subprocess.run(["nsenter", "--target", str(self.holder.pid), "--net", "ip", *map(str, arguments)], check=True)

    def wire(self, name, address, other, other_address):
        """A wire to another one, with a device of that name at both ends; addresses with their prefix lengths."""
        self.ip("link", "add", "name", name, "type", "veth", "peer", "name", name, "netns", other.holder.pid)
        for end, own in (self, address), (other, other_address):
            end.ip("address", "add", own, "dev", name)
            end.ip("link", "set", name, "up")

    def cut(self, name, down=True):
        """Nothing passes the wire any more, or again; nobody is told."""
        self.ip("link", "set", name, "down" if down else "up")

    @contextlib.contextmanager
    def inside(self):
        """The calling thread, and what it starts, is in the namespace; sockets that it makes stay there."""
        libc = ctypes.CDLL(None, use_errno=True)
        with open("/proc/thread-self/ns/net", "rb") as back, open(f"/proc/{self.holder.pid}/ns/net", "rb") as there:
            assert libc.setns(there.fileno(), CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
            try:
                yield self
            finally:
                assert libc.setns(back.fileno(), CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())

    def close(self):
        self.holder.stdin.close()
        self.holder.wait()
