# SPDX-License-Identifier: Apache-2.0
"""The federation lab: two stanzad, Debian's Prosody and ejabberd, who find each other by DNS and trust one CA.

Each server has a loopback address of its own, port 5269, and serves several domains of the zone lab.test: "a", "p"
and so on with a good certificate, others ("self-a", "old-p") with a bad one or other options. The table DOMAINS says
it all. Where only root may change what the DNS is for a process, Prosody and ejabberd are missing otherwise.

    with Lab(folder, farm) as lab:
        alice, bob = lab.client("a"), lab.client("p")       # accounts, connected, online
"""
import hashlib
import os
import pathlib
import shutil
import socket
import ssl
import subprocess

from . import certs, dns, wait
from .client import Client
from .ejabberd import Ejabberd
from .federation import signed_by
from .network import Cut, Hole
from .prosody import Prosody
from .settings import Settings
from .stanzad import Stanzad

ZONE, SIGNED = "lab.test", "signed.test"
IDN, COMPONENT = "bücher", "gate-a"
PLACES = ("a", "b", "p", "e", "hole", "gone", "cut")
STANZAD_MODULES = {"mod_s2s_dialback": {}, "mod_s2s_bidi": {}}

# Label: (server, certificate, options of the domain). The certificates: of the CA; self-signed; of the CA but expired;
# of another CA; of the CA for another name.
DOMAINS = {
    "a": ("a", "good", {}), "b": ("b", "good", {}), "p": ("p", "good", {}), "e": ("e", "good", {}),
    **{f"{kind}-{server}": (server, kind, {}) for server in "abpe" for kind in ("self", "old", "foreign", "wrong")},
    **{f"{IDN}-{server}": (server, "good", {}) for server in "abpe"},
    **{f"bare-{server}": (server, "good", {}) for server in "abpe"},
    **{f"strict-{server}": (server, "good", {"s2s_use_starttls": "required_trusted"}) for server in "ab"},
    **{f"required-{server}": (server, "good", {"s2s_use_starttls": "required"}) for server in "ab"},
    **{f"plain-{server}": (server, "good", {"s2s_use_starttls": "false"}) for server in "ab"},
    "idle-a": ("a", "good", {"s2s_timeout": "1 s"}),
    "spurned-b": ("b", "self", {}),     # p wants a good certificate of it
    "gate-a": ("a", "good", {}),        # a component
    "direct-b": ("b", "good", {}),      # by direct TLS alone
    "cut-b": ("b", "good", {}),         # behind a relay that can be cut
}


def full_name(label):
    """The domain that a label stands for; what has dots is one already."""
    return label if "." in label else f"{label}.{ZONE}"


def ascii_name(domain):
    return domain.encode("idna").decode()


class Place:
    """Mixed into a server program: its address and its way to the DNS."""
    address = resolv = None

    def spawn_wrapped(self):
        """In a mount namespace where /etc/resolv.conf names the lab's DNS."""
        if self.resolv:
            self.wrapper = ["unshare", "--mount", "sh", "-c",
                            f'mount --bind "{self.resolv}" /etc/resolv.conf && exec "$@"', "sh"]


class LabStanzad(Place, Stanzad):
    direct_port = None

    def configuration(self):
        config = super().configuration()
        config["listen"].append({"port": 5269, "ip": self.address, "module": "ejabberd_s2s_in"})
        if self.direct_port:
            config["listen"].append({"port": self.direct_port, "ip": self.address, "module": "ejabberd_s2s_in",
                                     "tls": True})
        return config


class LabEjabberd(Place, Ejabberd):
    def configuration(self):
        config = super().configuration()
        config["listen"].append({"port": 5269, "ip": self.address, "module": "ejabberd_s2s_in"})
        return config

    def spawn(self):
        self.spawn_wrapped()
        return super().spawn()


class LabProsody(Place, Prosody):
    def configuration(self):
        modules = ("s2s", "dialback", "s2s_auth_certs", "s2s_bidi", "smacks")
        text = super().configuration()
        text = text.replace("modules_enabled = { ", "modules_enabled = { " + "".join(f'"{name}", ' for name in modules))
        head = [f's2s_ports = {{ 5269 }}', f's2s_interfaces = {{ "{self.address}" }}', "s2s_direct_tls_ports = { }",
                "s2s_require_encryption = false", "use_ipv6 = false",
                f's2s_secure_domains = {{ "{full_name("spurned-b")}" }}',
                f'ssl = {{ cafile = "{self.authority.crt}" }}']
        return "\n".join(head) + "\n" + text

    def virtual_host(self, cert, host):
        ssl = f'\tssl = {{ key = "{cert.key}"; certificate = "{cert.crt}"; cafile = "{self.authority.crt}" }}'
        return f'VirtualHost "{host}"\n{ssl}' + (self.rooms(host) + ssl if self.settings.rooms else "")

    def store(self, host, kind, user):
        def encode(text):
            return "".join(chr(byte) if chr(byte).isascii() and chr(byte).isalnum() else f"%{byte:02x}"
                           for byte in text.encode())
        folder = self.data / encode(host) / kind
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{encode(user)}.dat"

    def spawn(self):
        self.spawn_wrapped()
        return super().spawn()


def missing_debian_servers():
    """Why Prosody and ejabberd cannot take part, or None."""
    if os.geteuid() != 0:
        return "root is needed: Prosody and ejabberd ask the DNS of /etc/resolv.conf, which a mount namespace replaces"
    if not shutil.which("unshare") or subprocess.run(
            ["unshare", "--mount", "mount", "--bind", "/etc/hostname", "/etc/resolv.conf"],
            capture_output=True, check=False).returncode != 0:
        return "mount namespaces cannot be made here"
    return LabProsody.missing() or LabEjabberd.missing()


class Lab:
    """With rooms: each server has one domain, and rooms at conference.DOMAIN."""

    def __init__(self, folder, farm, rooms=False):
        self.folder, self.farm, self.rooms = pathlib.Path(folder), farm, rooms
        self.net = "127.%d.%d" % (64 + os.getpid() // 250 % 128, 1 + os.getpid() % 250)
        self.addresses = {name: f"{self.net}.{1 + i}" for i, name in enumerate(PLACES)}
        self.missing = missing_debian_servers()
        self.authority = certs.authority(self.made("ca"))
        self.foreign = certs.authority(self.made("foreign"))
        self.names = ["a", "b"] + ([] if self.missing else ["p", "e"])
        self.servers, self.clients, self.outcomes = {}, [], {}
        self.knot = dns.Knot(self.made("knot"), *([] if self.missing else [f"{self.net}.53@53"]))
        self.resolv = self.folder / "resolv.conf"
        self.resolv.write_text(f"nameserver {self.net}.53\n")
        self.hole = self.cut = None

    def made(self, name):
        path = self.folder / name
        path.mkdir()
        return path

    # -- life ----------------------------------------------------------------------------------

    def __enter__(self):
        try:
            self.make_zones()
            self.hole = Hole(self.addresses["hole"])
            self.cut = Cut(self.addresses["cut"], self.addresses["b"])
            for name in self.names:
                self.servers[name] = self.make(name)
            for server in self.servers.values():        # all at once: ejabberd takes its time
                server.process = server.spawn()
            for server in self.servers.values():
                self.await_ready(server)
        except BaseException:
            self.kill()
            raise
        return self

    def await_ready(self, server):
        wait.until(lambda: server.ready() and is_open(server.address, 5269),
                   f"{server.name} accepts connections\n{server.tail()}", 120)

    def __exit__(self, *_):
        try:
            for server in self.servers.values():
                if isinstance(server, Stanzad):
                    server.stop()
        finally:
            self.kill()

    def kill(self):
        for server in self.servers.values():
            if server.process:
                server.process.kill()
        self.knot.stop()
        for each in (self.hole, self.cut):
            if each:
                each.stop()

    def restart(self, name, kill=False):
        """Down and up again; returns the server when it accepts connections."""
        server = self.servers[name]
        self.down(name, kill)
        server.process = server.spawn()
        self.await_ready(server)
        return server

    def down(self, name, kill=False):
        server = self.servers[name]
        if kill or not isinstance(server, Stanzad):
            process, server.process = server.process, None
            process.kill() if kill else process.stop()
        else:
            server.stop()

    def up(self, name):
        server = self.servers[name]
        server.process = server.spawn()
        self.await_ready(server)

    # -- DNS -----------------------------------------------------------------------------------

    def make_zones(self):
        """Domains with SRV records, and without; b by direct TLS, too; nobody at "gone"; a signed zone."""
        text = "".join(f"host-{name} A {address}\n" for name, address in self.addresses.items())
        for label, (server, _, _) in DOMAINS.items():
            name = ascii_name(label)
            if label.startswith("bare-"):
                text += f"{name} A {self.addresses[server]}\n"
            elif label.startswith("direct-"):
                text += f"_xmpps-server._tcp.{name} SRV 0 0 5270 host-{server}\n_xmpp-server._tcp.{name} SRV 0 0 0 .\n"
            elif label.startswith("cut-"):
                text += f"_xmpp-server._tcp.{name} SRV 1 0 5269 host-cut\n"
            else:
                text += f"_xmpp-server._tcp.{name} SRV 1 0 5269 host-{server}\n"
        text += "_xmpps-server._tcp.b SRV 0 0 5270 host-b\n"
        text += "".join(f"_xmpp-server._tcp.conference.{name} SRV 1 0 5269 host-{name}\n" for name in "abpe")
        text += "".join(f"_xmpp-server._tcp.unserved-{name} SRV 1 0 5269 host-{name}\n" for name in "abpe")
        for name in ("hole", "gone"):
            text += f"_xmpp-server._tcp.{name} SRV 1 0 5269 host-{name}\n"
        text += "_xmpp-server._tcp.off SRV 0 0 0 .\n"
        self.knot.add(ZONE, text)
        self.dane = certs.self_signed(self.made("dane"), f"dane.{SIGNED}")
        digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(self.dane.crt.read_text())).hexdigest()
        self.knot.add(SIGNED, f"host-b A {self.addresses['b']}\n_xmpp-server._tcp.dane SRV 1 0 5269 host-b\n"
                              f"_5269._tcp.host-b TLSA 3 0 1 {digest}\n")
        (self.folder / "anchors").write_text(self.knot.sign(SIGNED) + "\n")
        self.knot.start()

    # -- servers -------------------------------------------------------------------------------

    def domains(self, name):
        """{label: (certificate kind, options)} of a server."""
        return {label: rest for label, (server, *rest) in DOMAINS.items()
                if server == name and (not self.rooms or label == name)}

    def certificate(self, label, kind):
        domain = ascii_name(full_name(label))
        if kind == "self":
            return certs.self_signed(self.folder, domain)
        signer = self.foreign if kind == "foreign" else self.authority
        named = f"elsewhere.{ZONE}" if kind == "wrong" else domain
        extra = ("-days", "-1") if kind == "old" else ()
        names = [named, f"conference.{named}"] if self.rooms else [named]
        return signed_by(self.folder, domain, names, signer, *extra)

    def make(self, name):
        kind = {"a": LabStanzad, "b": LabStanzad, "p": LabProsody, "e": LabEjabberd}[name]
        mine = self.domains(name)
        hosts = tuple(full_name(label) for label in mine if label != COMPONENT)
        if name == "b":
            hosts += (f"dane.{SIGNED}",)
        options, modules = {}, {}
        if name != "p":
            options = {"ca_file": str(self.authority.crt), "s2s_use_starttls": "optional",
                       "outgoing_s2s_ipv4_address": self.addresses[name], "outgoing_s2s_families": ["ipv4"],
                       "outgoing_s2s_timeout": "3 s", "s2s_max_retry_delay": "1 s",
                       "host_config": {full_name(label): given for label, (_, given) in mine.items() if given}}
            modules = {"mod_s2s_dialback": {}}
        if name in "ab":
            options |= {"s2s_dns_servers": [f"127.0.0.1@{self.knot.port}"], "s2s_dns_hosts_file": "/dev/null",
                        "s2s_dns_trust_anchor": str(self.folder / "anchors"), "s2s_dns_timeout": "3 s"}
        if name == "a":
            modules["mod_s2s_bidi"] = {}
        gate = {"module": "ejabberd_service", "hosts": {full_name(COMPONENT): {"password": "secret"}}}
        settings = Settings(hosts=hosts, options=options, modules=modules, rooms=self.rooms,
                            listeners={"component": gate} if name == "a" else {},
                            negotiation_timeout=8 if name in "ab" else 60)
        server = kind(settings, self.made(f"server-{name}"), self.folder, self.farm.wrapper(kind))
        server.certificates = [self.certificate(label, given) for label, (given, _) in mine.items()]
        if name == "b":
            server.certificates.append(self.dane)
            server.direct_port = 5270
        server.authority, server.address = self.authority, self.addresses[name]
        server.resolv = self.resolv if name in "pe" else None
        return server

    def server_of(self, domain):
        return next(each for each in self.servers.values() if domain in each.settings.hosts)

    # -- people --------------------------------------------------------------------------------

    def account(self, label, name="user"):
        """A new account; returns server, user, domain."""
        domain = full_name(label)
        server = self.server_of(domain)
        user = server.unique(name)
        server.add_user(user, host=domain)
        return server, user, domain

    def until_stored(self, account, count):
        """That many messages for the offline account are on the server's disk."""
        server, user, domain = account

        def stored():
            if isinstance(server, Stanzad):
                return int(server.ask("get_offline_count", user, domain).split()[-1])
            if isinstance(server, Ejabberd):
                return server.call("get_offline_count", user=user, host=domain)["value"]
            path = server.store(domain, "offline", user).with_suffix(".list")
            return path.read_text().count("item(") if path.exists() else 0
        wait.until(lambda: stored() >= count, f"{count} messages are stored")

    def client(self, label, name="user", resource="lab", online=True):
        """A client with an account of its own, online."""
        return self.login(*self.account(label, name), resource, online)

    def login(self, server, user, domain, resource="lab", online=True, kind=Client):
        client = kind(server, user, resource, host=domain)
        client.name = f"{user}@{domain}"
        self.clients.append(client)
        return client.online() if online else client

    def end_clients(self):
        clients, self.clients = self.clients, []
        for each in clients:
            each.drop()

    def streams(self, name, local=None, remote=None):
        """Rows of list_s2s of a stanzad, of that pair of labels, authenticated."""
        return [row for row in self.servers[name].ask_json("list_s2s")
                if row["authentication"] != "none"
                and (not local or row["local"] in names_of(local))
                and (not remote or row["remote"] in names_of(remote))]


def names_of(label):
    return full_name(label), ascii_name(full_name(label))


def is_open(address, port):
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((address, port)) == 0
