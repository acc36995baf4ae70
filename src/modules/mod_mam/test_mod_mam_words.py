# SPDX-License-Identifier: Apache-2.0
"""mod_mam: the search for words and its index in SQLite, beside whatever happens to the archive."""
import sqlite3

import pytest

from harness import ns, wait
from harness.device import FORWARD, MAM, RSM
from harness.settings import Settings

pytestmark = pytest.mark.only("stanzad")
SETTINGS = Settings(modules={"mod_mam": {"default": "always"}})
FULLTEXT, DATA = "{urn:xmpp:fulltext:0}fulltext", "jabber:x:data"
RESULT = f"{{{MAM}}}result"
TEXT = f"{RESULT}/{{{FORWARD}}}forwarded/{{{ns.CLIENT}}}message/{{{ns.CLIENT}}}body"


@pytest.fixture
def romeo(cast):
    return cast.client("romeo").online()


@pytest.fixture
def juliet(cast):
    return cast.client("juliet").online()


def count(server, client):
    return int(server.ask("get_mam_count", client.user, "localhost"))


def say(server, romeo, juliet, *bodies):
    """They are in the archive then."""
    before = count(server, juliet)
    for body in bodies:
        romeo.message(juliet.bare, body)
    wait.until(lambda: count(server, juliet) == before + len(bodies), "they are archived")


def search(client, words, page=""):
    """The answer, and what was found."""
    answer = client.iq("set", f"<query xmlns='{MAM}'><x xmlns='{DATA}' type='submit'>"
                              f"<field var='FORM_TYPE'><value>{MAM}</value></field>"
                              f"<field var='{FULLTEXT}'><value>{words}</value></field></x>{page}</query>")
    results = [each for kind, each in client.events if kind == "stanza" and each.find(RESULT) is not None]
    client.events.clear()
    return answer, [each.findtext(TEXT) for each in results]


def found(client, words, page=""):
    return search(client, words, page)[1]


def in_index(server, word):
    """How many texts of all archives have it; the index has no contradictions in it."""
    with sqlite3.connect(server.database, timeout=20) as db:
        db.execute("INSERT INTO archive_text (archive_text) VALUES ('integrity-check')")
        return db.execute("SELECT COUNT(*) FROM archive_text WHERE archive_text MATCH ?", (word,)).fetchone()[0]


class TestFound:
    @pytest.mark.parametrize("text, words, misses", [
        ("Grüße aus Zürich", ["GRÜ*", "zurich", "ZÜRICH", "aus zürich"], ["gruss", "zuric"]),
        ("Ångström café", ["angstrom", "CAFE", "caf*"], ["ngstrom"]),
        ("東京都に行く", ["東京", "京都", "行", "東京都に行く"], ["京東", "大阪"]),
        ("привет, мир!", ["ПРИВЕТ", "мир", "мир привет"], ["при", "мира"]),
        ("see https://example.org/a-b_c?d=1", ["example.org", "example", "https", "1"], ["exampl"]),
        ("I'm here &amp; there", ["here there", "i'm"], ["and"]),
    ])
    def test_in_scripts(self, server, romeo, juliet, text, words, misses):
        say(server, romeo, juliet, text)
        plain = text.replace("&amp;", "&")
        assert {word: found(juliet, word) for word in words} == {word: [plain] for word in words}
        assert {word: found(juliet, word) for word in misses} == {word: [] for word in misses}

    def test_pages_both_ways(self, server, romeo, juliet):
        say(server, romeo, juliet, *(f"{'needle' if number % 3 == 0 else 'straw'} {number}" for number in range(12)))
        assert found(juliet, "needle", f"<set xmlns='{RSM}'><max>2</max></set>") == ["needle 0", "needle 3"]
        answer, last = search(juliet, "needle", f"<set xmlns='{RSM}'><max>2</max><before/></set>")
        assert last == ["needle 6", "needle 9"]
        first = answer.findtext(f".//{{{RSM}}}first")
        assert found(juliet, "needle", f"<set xmlns='{RSM}'><max>5</max><before>{first}</before></set>") \
            == ["needle 0", "needle 3"]

    def test_two_sides_of_a_message(self, server, romeo, juliet):
        """The same text is in two archives at about the same time, and each is found in its own."""
        say(server, romeo, juliet, "xyzzy one", "xyzzy two")
        assert found(juliet, "xyzzy") == found(romeo, "xyzzy") == ["xyzzy one", "xyzzy two"]
        assert in_index(server, "xyzzy") == 4


class TestIndex:
    def test_over_the_end_of_the_server(self, own_server, cast_for):
        """What was written behind the index's back, and what was in it, is found once."""
        server = own_server(SETTINGS).start()
        cast = cast_for(server)
        romeo, juliet = cast.client("romeo").online(), cast.client("juliet").online()
        say(server, romeo, juliet, "a rose before")
        assert found(juliet, "rose") == ["a rose before"]
        say(server, romeo, juliet, "a rose later")
        server.kill()
        server.start()
        again = cast.client("nobody")
        again.user = juliet.user
        again.login()
        assert found(again, "rose") == ["a rose before", "a rose later"] and in_index(server, "later") == 2

    def test_one_archive_is_removed(self, server, romeo, juliet):
        say(server, romeo, juliet, "plugh here", "plugh there")
        assert len(found(juliet, "plugh")) == 2
        server.ask("remove_mam_for_user", juliet.user, "localhost")
        assert found(juliet, "plugh") == [] and len(found(romeo, "plugh")) == 2
        assert in_index(server, "plugh") == 2

    def test_one_conversation_is_removed(self, server, cast, romeo, juliet):
        tybalt = cast.client("tybalt").online()
        say(server, romeo, juliet, "frotz from romeo")
        say(server, tybalt, juliet, "frotz from tybalt")
        assert len(found(juliet, "frotz")) == 2
        server.ask("remove_mam_for_user_with_peer", juliet.user, "localhost", tybalt.bare)
        assert found(juliet, "frotz") == ["frotz from romeo"] and in_index(server, "frotz") == 3

    def test_an_account_is_removed(self, server, romeo, juliet):
        say(server, romeo, juliet, "gnusto")
        assert found(juliet, "gnusto") == ["gnusto"]
        server.ask("unregister", juliet.user, "localhost")
        wait.until(lambda: in_index(server, "gnusto") == 1, "only the other side is left")
        assert found(romeo, "gnusto") == ["gnusto"]

    def test_what_another_program_deleted_is_not_found(self, server, romeo, juliet):
        say(server, romeo, juliet, "rezrov one", "rezrov two")
        assert len(found(juliet, "rezrov")) == 2
        with sqlite3.connect(server.database, timeout=20) as db:
            db.execute("DELETE FROM archive WHERE username = ? AND txt = 'rezrov one'", (juliet.user,))
        assert found(juliet, "rezrov") == ["rezrov two"]

    def test_removed_before_it_was_indexed(self, server, romeo, juliet):
        """Nothing is taken out of the index that was never put in."""
        say(server, romeo, juliet, "nitfol before")
        assert found(juliet, "nitfol") == ["nitfol before"]
        say(server, romeo, juliet, "nitfol after")
        server.ask("remove_mam_for_user", juliet.user, "localhost")
        assert found(juliet, "nitfol") == [] and len(found(romeo, "nitfol")) == 2
        assert in_index(server, "nitfol") == 2

    def test_where_none_may_be_made(self, own_server, cast_for):
        server = own_server(SETTINGS).start()
        server.stop()
        server.settings = Settings(modules=SETTINGS.modules, options={"update_sql_schema": False})
        server.start()
        juliet = cast_for(server).client("juliet").online()
        answer, _ = search(juliet, "rose")
        assert answer.find(f".//{{{ns.STANZA_ERRORS}}}feature-not-implemented") is not None
