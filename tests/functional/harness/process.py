# SPDX-License-Identifier: Apache-2.0
"""One child process with its log in a file; only this very process is ever signalled."""
import re
import signal
import subprocess

from . import wait

SANITIZER = re.compile(r"(ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|runtime error:"
                       r"|==\d+== (Invalid |Process terminating|Conditional jump|Use of uninit))")


class Process:
    def __init__(self, command, log, environment=None, cwd=None):
        self.command, self.log = [str(part) for part in command], log
        with open(log, "ab") as output:
            self.child = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=output,
                                          stderr=output, env=environment, cwd=cwd)

    @property
    def pid(self):
        return self.child.pid

    def alive(self):
        return self.child.poll() is None

    def signal(self, number):
        self.child.send_signal(number)

    def wait(self, deadline=None):
        """Wait for its end and return the exit status."""
        try:
            return self.child.wait(deadline or wait.DEADLINE)
        except subprocess.TimeoutExpired:
            raise wait.Timeout(f"{self.command[0]} does not end\n{self.tail()}") from None

    def stop(self):
        """SIGTERM and wait; SIGKILL, and a failure, when that does not help."""
        if self.alive():
            self.signal(signal.SIGTERM)
        try:
            return self.wait()
        finally:
            if self.alive():
                self.child.kill()
                self.child.wait()

    def kill(self):
        self.child.kill()
        self.child.wait()

    def text(self):
        return self.log.read_text(errors="replace")

    def tail(self, lines=40):
        return "\n".join(self.text().splitlines()[-lines:])

    def sanitizer_report(self):
        """The part of the log from a sanitizer's or valgrind's first complaint on, or None."""
        found = SANITIZER.search(self.text())
        return self.text()[found.start():][:6000] if found else None
