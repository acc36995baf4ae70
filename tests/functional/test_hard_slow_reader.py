# SPDX-License-Identifier: Apache-2.0
"""A client that does not read: what waits for it is bounded, nothing of it is lost, nobody else notices."""
import select
import socket

import pytest

from harness import ns, wait
from harness.client import StreamEnd
from harness.settings import Settings

SETTINGS = Settings(max_offline=20000, listen={"send_timeout": 2})
BODY = f"{{{ns.CLIENT}}}body"

pytestmark = pytest.mark.only("stanzad")


def deafen(client):
    """From now on its kernel takes little."""
    client.transport.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 128 * 1024)


@pytest.fixture
def witness(cast):
    client = cast.client("witness").login()
    yield client
    client.ping()


@pytest.fixture
def patient(own_server, cast_for):
    """Clients of a server that gives nobody up."""
    return cast_for(own_server(listen={"send_timeout": 600}).start())


def bodies(elements):
    return [each.findtext(BODY) for each in elements
            if each.tag.endswith("}message") and each.get("type") != "error"]


def rest(client):
    """What had got through to a client when its connection ended."""
    got = []
    try:
        while True:
            got.append(client.recv())
    except (StreamEnd, OSError):
        return got


def closed_for_deafness(server):
    return lambda: "the client does not read" in server.process.text()


def all_there(got, count):
    """got: lists of bodies, each in order; together everything, nothing twice."""
    numbers = [[int(body.partition(" ")[0]) for body in part] for part in got]
    for part in numbers:
        assert part == sorted(part)
    assert sorted(sum(numbers, [])) == list(range(count))


def send_many(sender, to, count, size=50000, type="chat"):
    """A sender to a slow reader is slowed down: give it all the time it needs."""
    sender.transport.sock.settimeout(60)
    for number in range(count):
        sender.message(to, f"{number} {'x' * size}", type=type)


@pytest.mark.parametrize("address", ["bare", "full"])
def test_nothing_is_lost(own_server, cast_for, address):
    """What a dead connection did not take is kept, like what came when its queue was full."""
    server = own_server(SETTINGS).start()
    cast = cast_for(server)
    deaf, sender, witness = cast.client("deaf").online(), cast.client("romeo").login(), cast.client("witness").login()
    deafen(deaf)
    count = 60
    send_many(sender, getattr(deaf, address), count)
    sender.ping()
    witness.ping()
    wait.until(closed_for_deafness(server), "the server gives the client up")
    before = bodies(rest(deaf))
    again = cast.client("deaf", "again").login()
    again.presence()
    after = bodies(wait.until(lambda: complete(again, count - len(before)), "all kept messages came"))
    all_there([before, after], count)
    assert not bodies(again.settle(sender))
    assert not [each for each in sender.settle() if each.get("type") == "error"]


def complete(client, count):
    """Some stanzas, once count messages are among them."""
    client.ping()
    messages = [element for kind, element in client.events
                if kind == "stanza" and element.tag.endswith("}message")]
    return client.settle() if len(messages) >= count else None


def test_replaced_by_its_next_connection(server, cast, witness):
    """A client that lost its network comes back under the same resource and gets what was under way."""
    deaf, sender = cast.client("deaf", "phone").online(), cast.client("romeo").login()
    deafen(deaf)
    count = 20
    send_many(sender, deaf.full, count)
    sender.ping()
    again = cast.client("deaf", "phone").login()
    again.presence()
    wait.until(lambda: "output unsent" in server.process.text(), "the old connection is gone")
    before = bodies(rest(deaf))
    after = bodies(wait.until(lambda: complete(again, count - len(before)), "the rest came"))
    all_there([before, after], count)
    assert len(before) < count, "the test should have stopped it"


def test_others_of_the_same_user(server, cast, witness):
    """A message to the bare JID that another resource has got is not kept for the deaf one."""
    deaf, well, sender = (cast.client("deaf", "deaf").online(), cast.client("deaf", "well").online(),
                          cast.client("romeo").login())
    deafen(deaf)
    count = 20
    send_many(sender, deaf.bare, count)
    sender.ping()
    got = bodies(wait.until(lambda: complete(well, count), "the other resource gets all"))
    all_there([got], count)
    wait.until(closed_for_deafness(server), "the server gives the client up")
    well.settle(sender)
    assert int(server.ask("get_offline_count", deaf.user, "localhost")) == 0


def test_requests_are_answered(server, cast, witness):
    """A request that waits for a client that is then given up is answered with an error."""
    deaf, sender = cast.client("deaf").online(), cast.client("romeo").login()
    deafen(deaf)
    send_many(sender, deaf.full, 20)
    sender.send(f"<iq type='get' id='asked' to='{deaf.full}'><query xmlns='{ns.VERSION}'/></iq>")
    answer = sender.take(lambda each: each.get("id") == "asked")
    assert answer.get("type") == "error"


def test_answers_are_not_lost(patient):
    """One who asks without reading is not read from, and later gets every answer in order."""
    deaf, witness = patient.client("deaf").login(), patient.client("witness").login()
    deafen(deaf)
    sent, request = 0, f"<iq type='get' id='%d {'x' * 9000}' to='localhost'><ping xmlns='{ns.PING}'/></iq>"
    deaf.transport.sock.setblocking(False)
    pending, most = b"", 5000
    while sent < most and select.select([], [deaf.transport.sock], [], 1)[1]:
        if not pending:
            pending = (request % sent).encode()
            sent += 1
        pending = pending[deaf.transport.sock.send(pending):]
    assert sent < most, "the server reads on although nobody takes the answers"
    witness.ping()
    deaf.transport.sock.setblocking(True)
    for number in range(sent - 1):
        assert deaf.recv().get("id").startswith(f"{number} ")


def test_sender_is_slowed_not_ended(patient):
    """The sender's stream stays, and so do messages of others to the deaf one."""
    deaf, sender, other = (patient.client("deaf").online(), patient.client("romeo").login(),
                           patient.client("juliet").login())
    deafen(deaf)
    send_many(sender, deaf.full, 15)
    other.message(deaf.bare, "from juliet")
    sender.ping()
    other.ping()
    seen = []
    while "from juliet" not in seen:
        seen += bodies([deaf.recv()])
    deaf.ping()


def test_limit_of_the_queue(own_server, cast_for):
    """Beyond it messages are kept, and follow when the client reads again."""
    cast = cast_for(own_server(max_stanza_size=600000, listen={"send_timeout": 600}).start())
    deaf = cast.client("deaf").online()
    senders = [cast.client(f"sender{number}").login() for number in range(14)]
    deafen(deaf)
    for number, sender in enumerate(senders):
        send_many(sender, deaf.full, 1, size=500000)
    for sender in senders:
        sender.ping()
    kept = int(cast.server.ask("get_offline_count", deaf.user, "localhost"))
    assert 0 < kept < len(senders)
    got = [deaf.recv().get("from") for _ in senders]
    assert sorted(got) == sorted(sender.full for sender in senders)
    assert int(cast.server.ask("get_offline_count", deaf.user, "localhost")) == 0
