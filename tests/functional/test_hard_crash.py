# SPDX-License-Identifier: Apache-2.0
"""kill -9 at random moments while messages for people who are away come in, and the books after it.

Without stream management nothing acknowledges a message by itself. What does is an answer that the recipient's account
gives from storage, asked for after the message: stanzas of one sender to one recipient are dealt with in order, and
storage sees the operations for one account in order. Here it is the last activity of a friend (XEP-0012).
"""
import concurrent.futures
import os
import random
import time

import pytest

from harness import ns, wait
from harness.client import Client, StreamEnd

pytestmark = pytest.mark.only("stanzad")
ROUNDS = int(os.environ.get("STANZAD_TEST_CRASHES", "20"))
SENDERS = [f"sender{number}" for number in range(4)]
AWAY = [f"away{number}" for number in range(3)]
BODY = f"{{{ns.CLIENT}}}body"


class Sender:
    """Sends until the server dies; sent and acknowledged say how many messages each recipient should have."""

    def __init__(self, server, user, seed):
        self.client, self.chance = Client(server, user, "crash"), random.Random(seed)
        self.sent, self.acknowledged = dict.fromkeys(AWAY, 0), dict.fromkeys(AWAY, 0)
        self.errors = []

    def run(self):
        try:
            self.client.login()
            while True:
                self.burst(self.chance.choice(AWAY))
        except (StreamEnd, OSError):
            self.client.drop()

    def burst(self, to):
        for _ in range(self.chance.randrange(1, 8)):
            self.client.message(f"{to}@localhost", f"{self.client.user} {self.sent[to]}")
            self.sent[to] += 1
        self.client.iq("get", f"<query xmlns='{ns.LAST}'/>", to=f"{to}@localhost")
        self.errors += [each for kind, each in self.client.events if kind == "stanza" and each.get("type") == "error"]
        self.client.events.clear()
        if not self.errors:
            self.acknowledged[to] = self.sent[to]


def collect(server, user):
    """{sender: numbers} of what was kept for a user, who then has nothing left."""
    client = Client(server, user, "late").login()
    client.presence()
    got = {sender: [] for sender in SENDERS}
    wait.until(lambda: server.ask("get_offline_count", user, "localhost").strip() == "0", "all is handed over")
    for each in client.settle():
        if each.find(BODY) is not None:
            sender, number = each.findtext(BODY).split()
            got[sender].append(int(number))
    client.close()
    return got


def check(senders, got, round_number):
    for sender in senders:
        for user in AWAY:
            numbers = got[user][sender.client.user]
            story = f"round {round_number}, {sender.client.user} to {user}"
            assert numbers == list(range(len(numbers))), f"{story}: a gap, a double or disorder: {numbers}"
            assert len(numbers) >= sender.acknowledged[user], f"{story}: {sender.acknowledged[user]} acknowledged"
            assert len(numbers) <= sender.sent[user]


def test_kill_at_random_moments(own_server):
    server = own_server(max_offline=1000000, modules={"mod_last": {}}).start()
    for user in SENDERS + AWAY:
        server.add_user(user)
    for user in AWAY:
        for sender in SENDERS:
            server.add_roster_item(user, sender, "both")
    chance, acknowledged = random.Random(4711), 0
    with concurrent.futures.ThreadPoolExecutor() as pool:
        for number in range(ROUNDS):
            senders = [Sender(server, user, chance.random()) for user in SENDERS]
            running = [pool.submit(each.run) for each in senders]
            time.sleep(chance.uniform(0.02, 0.25))      # the moment is the point, not a wait
            server.kill()
            for each in running:
                each.result()
            server.start()
            check(senders, {user: collect(server, user) for user in AWAY}, number)
            acknowledged += sum(sum(each.acknowledged.values()) for each in senders)
            assert not any(each.errors for each in senders)
    assert acknowledged > ROUNDS, "there was something to lose"
