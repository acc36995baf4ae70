# SPDX-License-Identifier: Apache-2.0
"""
Everything at once on two workers: for the sanitizers, above all the one that looks for races. Clients
chat, come and go, are kicked, change their rosters and leave messages for those who are away, while
accounts are made and removed and the configuration is put in force again and again. The counts say how
much, not how long.
"""
import concurrent.futures
import os
import random

import pytest

from harness import ns, yaml
from harness.client import Client, StreamEnd
from harness.settings import Settings

pytestmark = pytest.mark.only("stanzad")
ROUNDS = int(os.environ.get("STANZAD_TEST_LOAD", "20"))
USERS = [f"user{number}" for number in range(8)]
AWAY = [f"away{number}" for number in range(4)]


def client(server, user, resource):
    return Client(server, user, resource)


def chatter(server, user, seed):
    """Comes, talks to everyone, asks for this and that, goes; being kicked is part of it."""
    chance = random.Random(seed)
    answered = 0
    for number in range(ROUNDS):
        one = client(server, user, f"r{seed}")
        try:
            one.login(mechanism=chance.choice(["SCRAM-SHA-1", "SCRAM-SHA-256"]), tls=number % 3 == 0)
            one.iq("get", f"<query xmlns='{ns.ROSTER}'/>")
            one.presence()
            for _ in range(10):
                other = chance.choice(USERS + AWAY)
                one.message(f"{other}@localhost", "x" * chance.randrange(2000), chance.choice(["chat", "normal"]))
                one.presence(f"to='{other}@localhost' type='{chance.choice(['subscribe', 'subscribed'])}'")
                one.presence(children=f"<status>{number}</status>")
                one.iq("set", f"<query xmlns='{ns.ROSTER}'><item jid='{other}@localhost' name='{number}'/></query>")
                one.iq("set", f"<query xmlns='{ns.PRIVATE}'><p xmlns='urn:p'>{number}</p></query>")
                one.iq("get", f"<query xmlns='{ns.DISCO_INFO}'/>", to=f"{other}@localhost")
                one.iq("get", f"<query xmlns='{ns.LAST}'/>", to=f"{other}@localhost")
                answered += 1
            if number % 2:
                one.close()
        except (StreamEnd, OSError):
            pass
        finally:
            one.drop()
    return answered


def anew(server, name):
    """An account that is made, used and removed, over and over."""
    for _ in range(ROUNDS):
        server.ask("register", name, "localhost", "secret")
        one = client(server, name, "r").login()
        one.message("user0@localhost")
        server.ask("send_message", "chat", "localhost", f"{name}@localhost", "s", "b")
        server.ask("unregister", name, "localhost")
        one.stream_error()
    return ROUNDS


def administrator(server, seed):
    chance = random.Random(seed)
    for _ in range(ROUNDS):
        server.ctl("kick_user", chance.choice(USERS), "localhost")
        server.ask("connected_users_info")
        server.ask("stats", "onlineusers")
        server.ask("user_sessions_info", chance.choice(USERS), "localhost")
        server.ask("get_roster", chance.choice(USERS), "localhost")
        server.ask("get_offline_count", chance.choice(AWAY), "localhost")
        server.ask("set_loglevel", chance.choice(["info", "debug"]))
    return ROUNDS


def reloader(server):
    """Modules, options, hosts, listeners: in turn there and not there."""
    changes = [
        lambda config: config["modules"].pop("mod_time"),
        lambda config: config["modules"].update(mod_ping={"send_pings": True, "ping_interval": "1 second"}),
        lambda config: config["hosts"].append("second.example"),
        lambda config: config["listen"].pop(),
        lambda config: config["modules"]["mod_offline"].update(store_empty_body=True),
        lambda config: config["modules"].pop("mod_last"),
    ]
    for number in range(ROUNDS):
        config = server.configuration()
        changes[number % len(changes)](config)
        server.write_config(yaml.dump(config) + "\n")
        server.ask("reload_config")
    return ROUNDS


def test_everything_at_once(own_server):
    server = own_server(Settings(max_offline=100000, options={"workers": 2})).start()
    for user in USERS + AWAY:
        server.add_user(user)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        jobs = [pool.submit(chatter, server, user, seed) for seed, user in enumerate(USERS)]
        jobs += [pool.submit(chatter, server, "user0", 100), pool.submit(anew, server, "fleeting"),
                 pool.submit(administrator, server, 7), pool.submit(reloader, server)]
        done = [job.result() for job in jobs]
    assert all(done), "everybody got something done"
    for user in AWAY:
        late = client(server, user, "late").login()
        late.presence()
        late.settle()
        late.close()
    server.stop()
