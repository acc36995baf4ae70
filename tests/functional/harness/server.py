# SPDX-License-Identifier: Apache-2.0
"""What every server under test can do; one subclass per server program."""
import itertools

from . import certs, wait


class Server:
    name = None                 # as in --server
    program = None              # the file that must exist for this server to be tested
    counter = itertools.count(1)

    def __init__(self, settings, folder, shared, wrapper=()):
        """folder is this server's own; shared holds the certificates of the whole run."""
        self.settings, self.folder, self.wrapper = settings, folder, list(wrapper)
        self.host = settings.hosts[0]
        self.certificates = [certs.self_signed(shared, host) for host in settings.hosts]
        self.authority = certs.authority(shared)
        names = ("c2s", "tls", "proxy", "http", *settings.listeners)
        self.ports = dict(zip(names, wait.free_ports(len(names))))
        self.log = folder / f"{self.name}.log"
        self.process, self.expected_status = None, 0

    # -- life ----------------------------------------------------------------------------------

    def spawn(self):
        """Write the configuration and start the process; returns it."""
        raise NotImplementedError

    def start(self):
        self.process = self.spawn()
        wait.until(self.ready, f"{self.name} accepts connections\n{self.tail()}", 120)
        return self

    def ready(self):
        if not self.process.alive():
            raise AssertionError(f"{self.name} ended while starting\n{self.tail()}")
        return wait.port_open(self.ports["c2s"])

    def tail(self):
        return self.process.tail() if self.process else ""

    def log_tail(self, lines=40):
        """The end of the log, also after the server has gone."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    def stop(self):
        """Stop in order and check how it went."""
        if not self.process:
            return
        process, self.process = self.process, None
        status = process.stop()
        report = process.sanitizer_report()
        assert not report, f"{self.name} was reported by a sanitizer:\n{report}"
        assert status == self.expected_status, f"exit status {status}\n{process.tail()}"

    def kill(self):
        """kill -9"""
        process, self.process = self.process, None
        process.kill()

    def restart(self):
        self.stop()
        return self.start()

    # -- accounts ------------------------------------------------------------------------------

    def unique(self, name):
        """A user name that no other test uses."""
        return f"{name}-{next(self.counter)}"

    def add_user(self, user, password="secret", host=None):
        raise NotImplementedError

    def add_roster_item(self, user, contact, subscription):
        """Put a contact into one user's roster only, as an administrator's tool would."""
        raise NotImplementedError
