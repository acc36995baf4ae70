# SPDX-License-Identifier: Apache-2.0
"""mod_mam: what a bind by XEP-0386 tells of the archive, and what becomes of offline messages then."""
import itertools

import pytest

from harness import ns, wait
from harness.phone import Phone, bind
from harness.settings import Settings
from harness.stream import show

pytestmark = pytest.mark.only("stanzad")
SETTINGS = Settings(modules={"mod_mam": {"default": "always"}})
MAM, BODY = "urn:xmpp:mam:2", f"{{{ns.CLIENT}}}body"
MANY = 150                      # more than are looked through at once
numbers = itertools.count(1)


@pytest.fixture
def romeo(cast):
    return cast.client("romeo").online()


class Juliet(Phone):
    def arrive(self, children=""):
        """With a bind; the <metadata/> of its answer, or None."""
        reply = self.start().scram(children=bind(children))
        assert reply.tag == f"{{{ns.SASL2}}}success", show(reply)
        return ends(reply.find(f"{{{ns.BIND2}}}bound/{{{MAM}}}metadata"))

    def asked(self):
        return ends(self.iq("get", f"<metadata xmlns='{MAM}'/>").find(f"{{{MAM}}}metadata"))

    def leave(self):
        self.close()
        resource = self.full.partition("/")[2]
        wait.until(lambda: resource not in self.server.ask("user_resources", self.user, self.host).split(),
                   "the session is gone")

    def gets(self, romeo):
        """The messages that wait, when it becomes available: a live one comes behind them."""
        last = f"live {next(numbers)}"
        self.presence()
        self.ping()
        say(romeo, self, last)
        got = []
        while last not in got:
            got.append(self.recv().findtext(BODY))
        return [each for each in got[:-1] if each]


def ends(metadata):
    return None if metadata is None else [(each.tag, each.get("id"), each.get("timestamp")) for each in metadata]


def phone_of(cast, name="juliet"):
    phone = Juliet(cast.server, cast.account(name))
    phone.name = name
    cast.clients.append(phone)
    return phone


@pytest.fixture
def juliet(cast):
    return phone_of(cast)


def waiting(server, user):
    return int(server.ask("get_offline_count", user, "localhost"))


def say(romeo, juliet, *bodies):
    for body in bodies:
        romeo.message(juliet.bare, body)


def send(server, romeo, juliet, *bodies):
    """They are in the archive then."""
    def count():
        return int(server.ask("get_mam_count", juliet.user, "localhost"))
    before = count()
    say(romeo, juliet, *bodies)
    wait.until(lambda: count() == before + len(bodies), "the messages are archived")


def kept(server, romeo, juliet, *bodies):
    say(romeo, juliet, *bodies)
    wait.until(lambda: waiting(server, juliet.user) == len(bodies), "the messages are kept")


def set_prefs(client, default, never=""):
    assert client.iq("set", f"<prefs xmlns='{MAM}' default='{default}'><always/><never>{never}</never></prefs>") \
        .get("type") == "result"


class TestMetadata:
    def test_offered(self, juliet):
        features = juliet.start().inline(f"{{{ns.BIND2}}}bind").iter(f"{{{ns.BIND2}}}feature")
        assert MAM in [each.get("var") for each in features]

    def test_empty(self, juliet):
        assert juliet.arrive() == [] == juliet.asked()

    def test_not_after_a_bind_of_another_kind(self, cast):
        phone = phone_of(cast).start()
        reply = phone.scram()
        assert f"{{{MAM}}}metadata" not in [each.tag for each in reply.iter()]

    def test_first_and_last(self, server, romeo, juliet):
        """5: as the archive itself answers; of messages that came while nobody was there, and before."""
        send(server, romeo, juliet, "one", "two")
        first = juliet.arrive()
        assert len(first) == 2 and first == juliet.asked()
        send(server, romeo, juliet, "three")
        juliet.message(romeo.bare, "four")
        second = juliet.asked()
        assert second[0] == first[0] and second[1] != first[1]
        juliet.leave()
        assert juliet.arrive() == second

    def test_while_another_device_is_there(self, server, romeo, cast, juliet):
        other = phone_of(cast)
        other.user = juliet.user
        assert other.arrive() == []
        send(server, romeo, juliet, "one")
        assert juliet.arrive() == other.asked() != []

    def test_after_a_restart(self, own_server, cast_for):
        server = own_server(SETTINGS).start()
        cast = cast_for(server)
        juliet = phone_of(cast)
        send(server, cast.client("romeo").online(), juliet, "one", "two")
        juliet.arrive()
        before = juliet.asked()
        juliet.drop()
        server.stop()
        server.start()
        assert juliet.arrive() == before

    @pytest.mark.parametrize("command", [("remove_mam_for_user",), ("remove_mam_for_user_with_peer",)])
    def test_after_deleting(self, server, romeo, cast, juliet, command):
        """What was deleted is not named: nothing at first, then what is true."""
        other = phone_of(cast)
        other.user = juliet.user
        other.arrive()
        send(server, romeo, juliet, "one")
        send(server, cast.client("tybalt").online(), juliet, "two")
        server.ask(*command, juliet.user, "localhost", *([romeo.bare] if "peer" in command[0] else []))
        assert juliet.arrive() is None
        assert len(juliet.asked()) == (2 if "peer" in command[0] else 0)
        send(server, romeo, juliet, "three")
        now = juliet.asked()
        juliet.leave()
        assert juliet.arrive() == now and len(now) == 2


class TestOffline:
    def test_cleared(self, server, romeo, juliet):
        """XEP-0386 3.2: they come with the archive."""
        kept(server, romeo, juliet, *(f"message {number}" for number in range(90)))
        juliet.arrive()
        assert juliet.gets(romeo) == []
        wait.until(lambda: waiting(server, juliet.user) == 0, "they are cleared")

    def test_cleared_without_presence(self, server, romeo, juliet):
        kept(server, romeo, juliet, "one")
        juliet.arrive()
        wait.until(lambda: waiting(server, juliet.user) == 0, "it is cleared")

    def test_not_by_a_bind_of_another_kind(self, server, cast, romeo, juliet):
        kept(server, romeo, juliet, "one", "two")
        old = cast.client("nobody")
        old.user = juliet.user
        old.login()
        old.presence()
        for body in ("one", "two"):
            assert old.take(lambda each: each.find(BODY) is not None).findtext(BODY) == body

    def test_what_is_not_archived_is_delivered(self, server, cast, romeo, juliet):
        """Nothing is lost: the archive does not have it."""
        tybalt = cast.client("tybalt").online()
        juliet.arrive()
        set_prefs(juliet, "always", never=f"<jid>{tybalt.bare}</jid>")
        juliet.leave()
        send(server, romeo, juliet, "archived", "archived")
        say(tybalt, juliet, "one", "two")
        send(server, romeo, juliet, "archived at last")
        wait.until(lambda: waiting(server, juliet.user) == 5, "all is kept")
        juliet.arrive()
        assert juliet.gets(romeo) == ["one", "two"]
        wait.until(lambda: waiting(server, juliet.user) == 0, "nothing is left")

    def test_what_was_deleted_from_the_archive_is_delivered(self, server, romeo, juliet):
        kept(server, romeo, juliet, "one")
        server.ask("remove_mam_for_user", juliet.user, "localhost")
        juliet.arrive()
        assert juliet.gets(romeo) == ["one"]

    def test_what_comes_after_the_bind_is_delivered(self, server, romeo, juliet):
        """Kept while the session had not sent presence."""
        kept(server, romeo, juliet, "before")
        juliet.arrive()
        send(server, romeo, juliet, "after")
        assert juliet.gets(romeo) == ["after"]

    def test_many(self, own_server, cast_for):
        """More than are looked through at once, some of them not archived."""
        server = own_server(Settings(max_offline=1000, modules=dict(SETTINGS.modules))).start()
        cast = cast_for(server)
        romeo, tybalt, juliet = cast.client("romeo").online(), cast.client("tybalt").online(), phone_of(cast)
        juliet.arrive()
        set_prefs(juliet, "always", never=f"<jid>{tybalt.bare}</jid>")
        juliet.leave()
        for number in range(MANY):
            sender = tybalt if number % 40 == 0 else romeo
            say(sender, juliet, str(number))
            sender.ping()
        wait.until(lambda: waiting(server, juliet.user) == MANY, "all is kept")
        juliet.arrive()
        assert juliet.gets(romeo) == [str(number) for number in range(0, MANY, 40)]

    def test_with_the_archive_as_storage(self, own_server, cast_for):
        """One row stands for all that was missed, and goes."""
        server = own_server(modules={**SETTINGS.modules, "mod_offline": {"use_mam_for_storage": True}}).start()
        cast = cast_for(server)
        romeo, juliet = cast.client("romeo").online(), phone_of(cast)
        send(server, romeo, juliet, "one", "two", "three")
        juliet.arrive()
        assert juliet.gets(romeo) == []

    def test_without_the_archive(self, own_server, cast_for):
        server = own_server(modules={}).start()
        cast = cast_for(server)
        romeo, juliet = cast.client("romeo").online(), phone_of(cast)
        kept(server, romeo, juliet, "one")
        assert juliet.arrive() is None
        assert juliet.gets(romeo) == ["one"]
