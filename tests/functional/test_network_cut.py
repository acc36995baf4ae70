# SPDX-License-Identifier: Apache-2.0
"""The network between servers is cut for 30 seconds, without a word to anybody."""
import time

import pytest

from harness import certs, dns, lab, netns, wait, yaml
from harness.federation import signed_by
from harness.settings import Settings
from test_federation import Numbered

pytestmark = [
    pytest.mark.only("stanzad"),
    pytest.mark.skipif(netns.missing() is not None, reason=str(netns.missing())),
]
CUT_S = 30
PEERS = {"right": "10.111.1", "prosody": "10.111.2"}    # each with a wire of its own to "left"


class Island:
    """A namespace with a server for NAME.example and a DNS server that leads to the others."""

    def __init__(self, name, farm, folder, authority):
        self.name, self.farm, self.folder, self.authority = name, farm, folder, authority
        self.host, self.net = f"{name}.example", netns.Namespace()
        self.server = self.knot = None

    def start(self, addresses):
        """addresses: of everybody's hosts, as they are seen from here."""
        self.folder.mkdir()
        (self.folder / "resolv.conf").write_text("nameserver 127.0.0.1\n")
        with self.net.inside():
            self.knot = dns.Knot(self.folder / "knot", "127.0.0.1@53")
            self.knot.add("example", "".join(f"host-{name} A {address}\n_xmpp-server._tcp.{name} SRV 1 0 5269 "
                                             f"host-{name}\n" for name, address in addresses.items()))
            self.knot.start()
            self.server = self.make(addresses[self.name])
            self.server.process = self.server.spawn()
            wait.until(lambda: self.server.ready() and lab.is_open(addresses[self.name], 5269),
                       f"{self.name} accepts connections\n{self.server.tail()}", 60)

    def make(self, address):
        if self.name == "prosody":
            server = lab.LabProsody(Settings(hosts=(self.host,)), self.made("server"), self.folder, ())
            server.address, server.resolv = address, self.folder / "resolv.conf"
        else:
            server = self.farm.make(Settings(
                hosts=(self.host,), modules={"mod_s2s_dialback": {}, "mod_s2s_bidi": {}}, options={
                    "s2s_dns_hosts_file": "/dev/null", "s2s_dnssec": False, "s2s_dns_servers": ["127.0.0.1@53"],
                    "ca_file": str(self.authority.crt), "outgoing_s2s_families": ["ipv4"],
                    "s2s_use_starttls": "required"}))
        server.authority = self.authority
        server.certificates = [signed_by(server.folder, self.host, [self.host], self.authority)]
        if self.name != "prosody":
            config = server.configuration()
            config["listen"].append({"port": 5269, "ip": "0.0.0.0", "module": "ejabberd_s2s_in"})
            server.config_text = yaml.dump(config) + "\n"
        return server

    def made(self, name):
        path = self.folder / name
        path.mkdir()
        return path

    def client(self, user):
        """A new account, online."""
        self.server.add_user(user, host=self.host)
        with self.net.inside():
            client = lab.Client(self.server, user, "cut", host=self.host)
            client.name = client.bare
            return client.online()

    def stop(self):
        try:
            if self.server and self.name != "prosody":
                self.server.stop()
        finally:
            for each in (self.server and self.server.process, self.knot and self.knot.process):
                if each:
                    each.kill()
            self.net.close()


@pytest.fixture
def islands(farm, tmp_path):
    authority = certs.authority(tmp_path)
    made = {name: Island(name, farm, tmp_path / name, authority) for name in ("left", *PEERS)
            if name != "prosody" or not lab.missing_debian_servers()}
    try:
        for name in PEERS:
            if name in made:
                made["left"].net.wire(name, f"{PEERS[name]}.1/30", made[name].net, f"{PEERS[name]}.2/30")
        for name, island in made.items():
            addresses = {peer: f"{net}.2" for peer, net in PEERS.items()}
            island.start(addresses | {"left": f"{PEERS.get(name, PEERS['right'])}.1"})
        yield made
    finally:
        for island in made.values():
            island.stop()


def until_clock(end, each):
    """Does each() now and then, until the clock says that the time is over."""
    wait.until(lambda: each() or time.monotonic() >= end, "the time is over", CUT_S + 10, step=1)


def note(client, incoming, outgoing):
    """What has come to a client: the other's messages, and its own that came back."""
    for element in client.settle():
        (outgoing if element.get("type") == "error" else incoming).note([element])


def test_cut(islands):
    """Messages both ways before, during and after: none is lost, each arrives or comes back, and once."""
    traffic = []
    for name in islands:
        if name != "left":
            one, other = islands["left"].client(f"to-{name}"), islands[name].client("user")
            there, back = Numbered(one, other.full), Numbered(other, one.full)
            traffic.append((name, one, other, there, back))
            for each in there, back:
                each.send(1)
            there.note([other.recv()])
            back.note([one.recv()])

    def send(count):
        for _, _, _, there, back in traffic:
            there.send(count)
            back.send(count)

    def hear():
        for _, one, other, there, back in traffic:
            note(one, back, there)
            note(other, there, back)

    def quiet():
        """Nothing has arrived since the last time."""
        before = [len(each.delivered) for _, _, _, *both in traffic for each in both]
        hear()
        return before == [len(each.delivered) for _, _, _, *both in traffic for each in both]

    send(20)
    for name, *_ in traffic:
        islands["left"].net.cut(name)
    end = time.monotonic() + CUT_S
    wait.until(quiet, "nothing passes any more")
    until_clock(end, lambda: send(3))
    assert quiet(), "something has passed"
    for name, *_ in traffic:
        islands["left"].net.cut(name, down=False)
    send(20)

    def all_is_told():
        hear()
        return all(set(range(each.sent)) <= {*each.delivered, *each.bounced}
                   for _, _, _, *both in traffic for each in both)
    wait.until(all_is_told, "everything has arrived or come back", 120, step=0.5)
    for name, _, _, there, back in traffic:
        there.check()
        back.check(again=name == "prosody")     # what it does with what it sent is its own affair
