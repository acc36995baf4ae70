# SPDX-License-Identifier: Apache-2.0
"""kill -9 at random moments while clients with stream management write to each other, and the books after it.

What any sender saw acknowledged was delivered to the recipient's devices, or waits in storage for them; and what was
sent once came once. With the archive it is in those of both sides as well, and no id stands for two messages.
STANZAD_TEST_CRASHES says how often the server is killed (`make torture`: 300).
"""
import os
import random
import threading
import time
from collections import Counter

import pytest

from harness import ns, wait
from harness.client import Client, StreamEnd
from harness.device import CARBONS, FORWARD, MAM, MESSAGE, RSM, SID
from harness.settings import Settings
from harness.sm import SM, Managed

pytestmark = pytest.mark.only("stanzad")
ROUNDS = int(os.environ.get("STANZAD_TEST_CRASHES", "8"))
SEED = int(os.environ.get("STANZAD_TEST_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 31)
MANAGED = {"mod_stream_mgmt": {"resume_timeout": "1 hour"}}
SETTINGS = {
    "alone": Settings(max_offline=10_000_000, modules=MANAGED),
    "with archive": Settings(max_offline=10_000_000,
                             modules={**MANAGED, "mod_mam": {"default": "always"}, "mod_carboncopy": {}}),
}
PHONES = {"ann": ["phone"], "ben": ["phone"], "eve": ["phone", "desk"]}
AWAY = ["far", "gone"]
WINDOW = 40                     # messages that are not acknowledged yet
PAGE = 250                      # messages of an archive
BODY = f"{{{ns.CLIENT}}}body"
RESULT = f"{{{MAM}}}result"
FORWARDED = f"{{{FORWARD}}}forwarded/{MESSAGE}"


class Device:
    """One device of a user who writes to all others; run() is a thread of its own."""

    def __init__(self, server, user, resource, seed, archive):
        self.client, self.archive = Managed(server, user, resource), archive
        self.chance = random.Random(seed)
        self.name = f"{user}/{resource}"
        self.unacked, self.acked, self.got, self.copies = [], [], [], []
        self.ids = []           # (id in the archive, name of the message) as they came
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
        if self.archive:
            assert client.iq("set", f"<enable xmlns='{CARBONS}'/>").get("type") == "result"
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
            target = self.chance.choice(self.targets(to))
            text = f"<message to='{target}' type='chat' id='{name}'><body>{to} {name}</body></message>"
            self.unacked.append((name, text))
            self.client.send(text)

    def targets(self, user):
        """With the archive a message to one device comes to the others as a carbon."""
        return [f"{user}@localhost"] + [f"{user}@localhost/{each}" for each in PHONES.get(user, []) if self.archive]

    def read(self):
        try:
            self.note(self.client.recv(0.02))
        except wait.Timeout:
            pass
        if self.client.acked > self.forgotten:
            self.forget(self.client.acked)

    def note(self, stanza):
        own = stanza.find(f"{{{CARBONS}}}sent/{FORWARDED}")
        other = stanza.find(f"{{{CARBONS}}}received/{FORWARDED}")
        message = next((each for each in (own, other) if each is not None), stanza)
        if message.find(BODY) is None:
            return
        assert stanza.get("type") != "error", f"{self.name} got an error for {stanza.findtext(BODY)}"
        name = name_of(message)
        (self.got if own is None else self.copies).append(name)
        self.ids += [(int(each.get("id")), name) for each in message.findall(f"{{{SID}}}stanza-id")
                     if each.get("by") == self.client.bare]


def name_of(message):
    return message.findtext(BODY).split()[1]


def collect(server, user):
    """What waits for somebody who was away all the time."""
    client = Client(server, user, "late").login()
    client.presence()
    got = []

    def all_is_handed_over():
        left = server.ask("get_offline_count", user, "localhost").strip()
        got.extend(name_of(each) for each in client.settle() if each.find(BODY) is not None)
        return left == "0"
    wait.until(all_is_handed_over, "all is handed over")
    client.close()
    return got


def read_archive(server, user):
    """[(id, name of the message)] as the pages have them."""
    client, found, after = Client(server, user, "reader").login(), [], ""
    while True:
        answer = client.iq("set", f"<query xmlns='{MAM}'><set xmlns='{RSM}'><max>{PAGE}</max>{after}</set></query>")
        assert answer.get("type") == "result", f"the archive of {user} is not to be read"
        results = [each.find(RESULT) for kind, each in client.events if kind == "stanza"]
        client.events.clear()
        found += [(int(each.get("id")), name_of(each.find(FORWARDED))) for each in results]
        if answer.find(f"{{{MAM}}}fin").get("complete") == "true":
            break
        after = f"<after>{found[-1][0]}</after>"
    client.close()
    return found


@pytest.fixture(params=SETTINGS)
def archive(request):
    return request.param == "with archive"


@pytest.fixture
def server(own_server, archive):
    server = own_server(SETTINGS["with archive" if archive else "alone"]).start()
    for user in [*PHONES, *AWAY]:
        server.add_user(user)
    return server


def test_books(server, archive):
    chance = random.Random(SEED)
    devices = [Device(server, user, resource, SEED + number, archive)
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
    if archive:
        check_archives(server, devices)


def recipient(name):
    return name.rpartition("-")[2]


def twice(got, devices):
    """What came more than once, and was sent once."""
    repeated = set().union(*(device.repeated for device in devices))
    return [name for name, count in Counter(got).items() if count > 1 and name not in repeated]


def check(server, devices):
    arrived = {user: set() for user in PHONES}
    for device in devices:
        arrived[device.client.user] |= set(device.got)
        for got in (device.got, device.copies):
            assert not twice(got, devices), f"{device.name} got twice: {twice(got, devices)[:9]}"
    for user in AWAY:
        got = collect(server, user)
        assert not twice(got, devices), f"{user} got twice: {twice(got, devices)[:9]}"
        arrived[user] = set(got)
    missing = [name for device in devices for name in device.acked if name not in arrived[recipient(name)]]
    assert not missing, f"acknowledged and lost: {missing[:9]} of {sum(len(device.acked) for device in devices)}"
    assert sum(len(device.acked) for device in devices) > 10 * ROUNDS
    assert all(device.fresh == 1 for device in devices), "every stream was resumed"
    print(f"{len(set().union(*arrived.values()))} messages, {sum(device.resumed for device in devices)} resumptions, "
          f"{sum(len(device.repeated) for device in devices)} sent again")


def check_archives(server, devices):
    archives = {user: read_archive(server, user) for user in [*PHONES, *AWAY]}
    for user, found in archives.items():
        ids = [id for id, _ in found]
        assert all(one < other for one, other in zip(ids, ids[1:])), f"the ids of {user} are unique and grow"
        names = [name for _, name in found]
        assert not twice(names, devices), f"{user} has twice: {twice(names, devices)[:9]}"
    kept = {user: {name for _, name in found} for user, found in archives.items()}
    for device in devices:
        missing = [name for name in device.acked if name not in kept[device.client.user]]
        assert not missing, f"acknowledged and not in the archive of {device.client.user}: {missing[:9]}"
        missing = [name for name in device.acked if name not in kept[recipient(name)]]
        assert not missing, f"acknowledged and not in the archive of the recipient: {missing[:9]}"
        check_ids(device, dict(archives[device.client.user]), set().union(*(each.repeated for each in devices)))


def check_ids(device, archived, sent_again):
    """Whatever came had an id, each its own, and the archive has the same message under it: nothing else, or nothing
    when the server was killed before it was written, and it was sent again."""
    repeated = [id for id, count in Counter(id for id, _ in device.ids).items() if count > 1]
    assert not repeated, f"{device.name} got an id twice: {repeated[:9]}"
    assert len(device.ids) == len(device.got) + len(device.copies), f"{device.name} got messages without an id"
    wrong = [(id, name) for id, name in device.ids
             if archived.get(id) != name and (id in archived or name not in sent_again)]
    assert not wrong, f"{device.name} got messages under ids that are not theirs in the archive: {wrong[:9]}"
