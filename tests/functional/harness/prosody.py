# SPDX-License-Identifier: Apache-2.0
"""Debian's Prosody with its own configuration and data folder."""
import os
import re

from .process import Process
from .server import Server

MODULES = ("roster saslauth tls disco private ping time version lastactivity register "
           "offline posix uptime").split()


class Prosody(Server):
    name = "prosody"

    @classmethod
    def missing(cls):
        return None if os.path.exists("/usr/bin/prosody") else "install the package prosody"

    def spawn(self):
        self.data = self.folder / "data"
        self.data.mkdir(exist_ok=True)
        config = self.folder / "prosody.cfg.lua"
        config.write_text(self.configuration())
        return Process([*self.wrapper, "/usr/bin/prosody", "-F", "--config", config], self.log)

    def configuration(self):
        s, flag = self.settings, {True: "true", False: "false"}
        modules = [*MODULES, "server_contact_info"] if s.contact else MODULES
        plain = s.password_format == "plain"
        lines = [
            f'data_path = "{self.data}"', f'pidfile = "{self.folder}/prosody.pid"',
            f'certificates = "{self.certificates[0].crt.parent}"', 'daemonize = false',
            'run_as_root = true', 'interfaces = { "127.0.0.1" }',
            'log = { { levels = { min = "info" }, to = "console" } }',
            f'c2s_ports = {{ {self.ports["c2s"]} }}',
            f'c2s_direct_tls_ports = {{ {self.ports["tls"]} }}',
            f'c2s_require_encryption = {flag[s.starttls == "required"]}',
            f'authentication = "internal_{"plain" if plain else "hashed"}"',
            f'c2s_timeout = {s.negotiation_timeout}',
            f'c2s_stanza_size_limit = {s.max_stanza_size}',
            f'allow_registration = {flag[s.registration]}',
            f'conflict_resolve = "{self.conflict()}"',
            'modules_enabled = { ' + ", ".join(f'"{name}"' for name in modules) + ' }',
        ]
        if s.contact:
            lines.append(f'contact_info = {{ abuse = {{ "{s.contact}" }} }}')
        return "\n".join(lines + [self.virtual_host(cert, host)
                                  for cert, host in zip(self.certificates, s.hosts)]) + "\n"

    def virtual_host(self, cert, host):
        text = (f'VirtualHost "{host}"\n'
                f'\tssl = {{ key = "{cert.key}"; certificate = "{cert.crt}" }}')
        if host == self.settings.anonymous_host:
            text += '\n\tauthentication = "anonymous"'
        return text + (self.rooms(host) if self.settings.rooms else "")

    @staticmethod
    def rooms(host):
        """Its own defaults are a hidden room, a subject for moderators alone, registration for members alone."""
        return (f'\nComponent "conference.{host}" "muc"\n\tmuc_room_default_public = true\n'
                '\tmuc_room_default_change_subject = true\n\tallow_unaffiliated_register = true\n')

    def conflict(self):
        return {"closeold": "kick_old", "closenew": "kick_new",
                "setresource": "random"}[self.settings.resource_conflict]

    def store(self, host, kind, user):
        def encode(text):
            return re.sub(r"[^a-zA-Z0-9]", lambda found: "%%%02x" % ord(found.group()), text)
        folder = self.data / encode(host) / kind
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{encode(user)}.dat"

    def add_user(self, user, password="secret", host=None):
        """internal_hashed takes a plain password from its file too, and hashes it at first use."""
        self.store(host or self.host, "accounts", user).write_text(
            f'return {{\n\t["password"] = "{password}";\n}};\n')

    def add_roster_item(self, user, contact, subscription):
        self.store(self.host, "roster", user).write_text(
            f'return {{\n\t["{contact}@{self.host}"] = {{ ["subscription"] = "{subscription}"; '
            '["groups"] = {}; };\n\t[false] = { ["version"] = 1; ["pending"] = {}; };\n};\n')
