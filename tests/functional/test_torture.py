# SPDX-License-Identifier: Apache-2.0
"""kill -9 at random moments while clients with stream management write to each other, and the books after it.

What any sender saw acknowledged was delivered to the recipient's devices, or waits in storage for them; and what was
sent once came once. STANZAD_TEST_CRASHES says how often the server is killed (`make torture`: 300).
"""
import os
import random
import threading
import time
from collections import Counter

import pytest

from harness import ns, wait
from harness.client import Client, StreamEnd
from harness.settings import Settings
from harness.sm import SM, Managed

pytestmark = pytest.mark.only("stanzad")
ROUNDS = int(os.environ.get("STANZAD_TEST_CRASHES", "8"))
SEED = int(os.environ.get("STANZAD_TEST_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 31)
SETTINGS = Settings(max_offline=100000, modules={"mod_stream_mgmt": {"resume_timeout": "1 hour"}})
PHONES = {"ann": ["phone"], "ben": ["phone"], "eve": ["phone", "desk"]}
AWAY = ["far", "gone"]
WINDOW = 40                     # messages that are not acknowledged yet
BODY = f"{{{ns.CLIENT}}}body"


class Device:
    """One device of a user who writes to all others; run() is a thread of its own."""

    def __init__(self, server, user, resource, seed):
        self.client = Managed(server, user, resource)
        self.chance = random.Random(seed)
        self.name = f"{user}/{resource}"
        self.unacked, self.acked, self.got = [], [], []
        self.repeated = set()   # what was sent again: it can have arrived before and not be acknowledged
        self.forgotten = 0      # of client.acked: what was taken out of unacked
        self.number = self.fresh = self.resumed = 0
        self.writing, self.ending, self.problem = True, False, None
        self.thread = threading.Thread(target=self.run, name=self.name, daemon=True)

    def run(self):
        try:
            while not self.ending:
                try:
                    self.come()
                    self.work()
                except (StreamEnd, OSError, wait.Timeout):
                    self.client.drop()
        except BaseException as problem:        # noqa: B902 - a thread's failure is the test's
            self.problem = problem

    # -- being there ---------------------------------------------------------------------------

    def come(self):
        client = self.client
        if client.id and client.resume().tag == f"{{{SM}}}resumed":
            self.resumed += 1
            self.forget(client.sent)
        else:
            self.begin()
        self.forgotten = client.sent
        for name, text in self.unacked:
            self.repeated.add(name)
            client.send(text)

    def begin(self):
        client = self.client
        if not client.id:
            client.again()
        client.bind(client.resource)
        client.id = None
        client.presence()
        client.manage()
        client.handled()
        self.fresh += 1

    def forget(self, h):
        """The server acknowledged as far as h."""
        count = h - self.forgotten
        self.acked += [name for name, _ in self.unacked[:count]]
        del self.unacked[:count]
        self.forgotten = h

    # -- writing and reading -------------------------------------------------------------------

    def work(self):
        while not self.ending:
            if self.writing and len(self.unacked) < WINDOW:
                self.write()
            if self.unacked and self.chance.random() < 0.3:
                self.client.send(f"<r xmlns='{SM}'/>")
            self.read()

    def write(self):
        for _ in range(self.chance.randrange(1, 6)):
            to = self.chance.choice([user for user in [*PHONES, *AWAY] if user != self.client.user])
            self.number += 1
            name = f"{self.name}-{self.number}-{to}"
            text = f"<message to='{to}@localhost' type='chat' id='{name}'><body>{to} {name}</body></message>"
            self.unacked.append((name, text))
            self.client.send(text)

    def read(self):
        try:
            self.note(self.client.recv(0.02))
        except wait.Timeout:
            pass
        if self.client.acked > self.forgotten:
            self.forget(self.client.acked)

    def note(self, stanza):
        if stanza.find(BODY) is None:
            return
        assert stanza.get("type") != "error", f"{self.name} got an error for {stanza.findtext(BODY)}"
        self.got.append(stanza.findtext(BODY).split()[1])


def collect(server, user):
    """What waits for somebody who was away all the time."""
    client = Client(server, user, "late").login()
    client.presence()
    got = []

    def all_is_handed_over():
        left = server.ask("get_offline_count", user, "localhost").strip()
        got.extend(each.findtext(BODY).split()[1] for each in client.settle() if each.find(BODY) is not None)
        return left == "0"
    wait.until(all_is_handed_over, "all is handed over")
    client.close()
    return got


@pytest.fixture
def server(own_server):
    server = own_server(SETTINGS).start()
    for user in [*PHONES, *AWAY]:
        server.add_user(user)
    return server


def test_books(server):
    chance = random.Random(SEED)
    devices = [Device(server, user, resource, SEED + number)
               for number, (user, resource) in enumerate((user, resource) for user in PHONES
                                                         for resource in PHONES[user])]
    for device in devices:
        device.thread.start()
    for _ in range(ROUNDS):
        time.sleep(chance.uniform(0.05, 1.0))
        server.kill()
        server.start()
    for device in devices:
        device.writing = False
    print(f"seed {SEED}")
    wait.until(lambda: not any(device.unacked for device in devices) or any(device.problem for device in devices),
               "everything is acknowledged")
    time.sleep(1)               # what was acknowledged by others' storage is on its way to the devices
    for device in devices:
        device.ending = True
    for device in devices:
        device.thread.join(wait.DEADLINE)
        assert device.problem is None, f"{device.name}: {device.problem!r}"
    check(server, devices)


def twice(got, devices):
    """What came more than once, and was sent once."""
    repeated = set().union(*(device.repeated for device in devices))
    return [name for name, count in Counter(got).items() if count > 1 and name not in repeated]


def check(server, devices):
    arrived = {user: set() for user in PHONES}
    for device in devices:
        arrived[device.client.user] |= set(device.got)
        assert not twice(device.got, devices), f"{device.name} got twice: {twice(device.got, devices)[:9]}"
    for user in AWAY:
        got = collect(server, user)
        assert not twice(got, devices), f"{user} got twice: {twice(got, devices)[:9]}"
        arrived[user] = set(got)
    everything = set().union(*arrived.values())
    missing = [name for device in devices for name in device.acked if name not in everything]
    assert not missing, f"acknowledged and lost: {missing[:9]} of {sum(len(device.acked) for device in devices)}"
    assert sum(len(device.acked) for device in devices) > 10 * ROUNDS
    assert all(device.fresh == 1 for device in devices), "every stream was resumed"
    print(f"{len(everything)} messages, {sum(device.resumed for device in devices)} resumptions, "
          f"{sum(len(device.repeated) for device in devices)} sent again")
