# SPDX-License-Identifier: Apache-2.0
"""Two servers of one program that talk to each other, as one field of the comparison.

They find each other by a DNS server of the bench (Knot, from the harness of the functional tests), trust one CA, and
authenticate by certificate over TLS. Prosody and ejabberd ask the DNS of /etc/resolv.conf, so each is started in a
mount namespace with its own: root is needed for them.
"""

import os
import pathlib
import shutil
import sys

import servers

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.realpath(__file__))), "tests", "functional"))

ZONE = "bench.test"


class Network:
    """The addresses, the DNS and the CA of all pairs."""

    def __init__(self, work, names):
        from harness import certs, dns
        self.folder = pathlib.Path(work, "network")
        self.folder.mkdir()
        self.net = "127.%d.%d" % (192 + os.getpid() // 250 % 60, 1 + os.getpid() % 250)
        self.authority = certs.authority(self.folder)
        self.root = os.geteuid() == 0
        self.knot = dns.Knot(self.folder / "knot", *(["%s.53@53" % self.net] if self.root else []))
        records = ""
        for number, name in enumerate(names):
            for side, label in enumerate(("near", "far")):
                records += "_xmpp-server._tcp.%s-%s SRV 1 0 5269 host-%s-%s\n" % (label, name, label, name)
                records += "host-%s-%s A %s\n" % (label, name, self.address(number, side))
        self.numbers = {name: number for number, name in enumerate(names)}
        self.knot.add(ZONE, records)
        self.resolv = self.folder / "resolv.conf"
        self.resolv.write_text("nameserver %s.53\n" % self.net)

    def address(self, number, side):
        return "%s.%d" % (self.net, 10 * (number + 1) + side)

    def start(self):
        self.knot.start()

    def stop(self):
        self.knot.stop()


class Membership:
    """What the configuration of one server of a pair has more than that of a server alone."""

    def __init__(self, network, address):
        self.network, self.address = network, address

    def listener(self):
        return "  -\n    port: 5269\n    ip: \"%s\"\n    module: ejabberd_s2s_in\n" % self.address

    def options(self):
        return ("ca_file: %s\ns2s_use_starttls: required\noutgoing_s2s_families: [ipv4]\n"
                % self.network.authority.crt)

    def resolving(self):
        """stanzad alone can be told in its configuration where the DNS is."""
        return ("s2s_dns_servers: [127.0.0.1@%d]\ns2s_dns_hosts_file: /dev/null\n" % self.network.knot.port)

    def prosody(self):
        return ('modules_enabled = { "roster", "saslauth", "tls", "disco", "private", "version", "time", "ping", '
                '"register", "s2s", "s2s_auth_certs" }\n'
                's2s_interfaces = { "%s" }\ns2s_ports = { 5269 }\ns2s_direct_tls_ports = { }\nuse_ipv6 = false\n'
                's2s_secure_auth = true' % self.address)


class Pair:
    """Looks like one server to the driver: near, and far behind it."""

    has_tls, has_accounts = True, True

    def __init__(self, kind, work, build, network):
        self.name, self.mechanism = kind.name, kind.mechanism
        self.members = []
        for side, label in enumerate(("near", "far")):
            folder = os.path.join(work, label)
            os.makedirs(folder, exist_ok=True)
            member = kind(folder, build)
            member.domain = "%s-%s.%s" % (label, kind.name, ZONE)
            member.federation = Membership(network, network.address(network.numbers[kind.name], side))
            if kind.package:
                member.wrapper = ["unshare", "--mount", "sh", "-c",
                                  'mount --bind "%s" /etc/resolv.conf && exec "$@"' % network.resolv, "sh"]
            self.members.append(member)
        self.network = network

    @property
    def process(self):
        return self.members[0].process

    @property
    def port(self):
        return self.members[0].port

    def arguments(self):
        """Of the generator."""
        near, far = self.members
        return ["--domain", near.domain, "--peer-port", str(far.port), "--peer-domain", far.domain,
                "--pid", str(far.process.pid)]

    def prepare(self, accounts):
        from harness.federation import signed_by
        for member in self.members:
            cert = signed_by(self.network.folder, member.domain, [member.domain], self.network.authority)
            member.prepare(accounts, (str(cert.crt), str(cert.key), str(cert.pem)))

    def start(self):
        return sum(member.start() for member in self.members)

    def stop(self):
        for member in self.members:
            member.stop()


def pairs(work, build, names, accounts, say):
    """The network and {name: Pair}, set up and not started."""
    kinds = [servers.ALL[name] for name in names if servers.ALL[name].has_accounts]
    if not shutil.which("knotd"):
        raise servers.ServerError("missing; please run: apt-get install --no-install-recommends knot")
    if os.geteuid() != 0 and any(kind.package for kind in kinds):
        say("across: only root can give Prosody and ejabberd a DNS; they are left out")
        kinds = [kind for kind in kinds if not kind.package]
    network = Network(work, [kind.name for kind in kinds])
    made = {kind.name: Pair(kind, work, build, network) for kind in kinds}
    for pair in made.values():
        say("setting up two of " + pair.name)
        pair.prepare(accounts)
    network.start()
    return network, made
