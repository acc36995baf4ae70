# SPDX-License-Identifier: Apache-2.0
"""mod_mam: what is archived, under which id, and what becomes of it."""
import sqlite3
import xml.etree.ElementTree as ET

import pytest

from harness import ns, wait, yaml
from harness.settings import Settings
from harness.sm import Managed

pytestmark = pytest.mark.only("stanzad")
SETTINGS = Settings(modules={"mod_mam": {"default": "always"}})
MAM, SID, RETRACT = "urn:xmpp:mam:2", "urn:xmpp:sid:0", "urn:xmpp:message-retract:1"
BODY, STANZA_ID = f"{{{ns.CLIENT}}}body", f"{{{SID}}}stanza-id"
HINTS = "xmlns='urn:xmpp:hints'"
OMEMO = "<encrypted xmlns='eu.siacs.conversations.axolotl'><payload>x</payload></encrypted>"
STATE = "<active xmlns='http://jabber.org/protocol/chatstates'/>"


@pytest.fixture
def romeo(cast):
    return cast.client("romeo").online()


@pytest.fixture
def juliet(cast):
    return cast.client("juliet").online()


def rows(server, client):
    """(id, peer, bare peer, xml, text, kind, origin id), oldest first."""
    with sqlite3.connect(server.database, timeout=20) as db:
        return db.execute("SELECT timestamp, peer, bare_peer, xml, txt, kind, origin_id FROM archive "
                          "WHERE username = ? ORDER BY timestamp", (client.user,)).fetchall()


def wait_rows(server, client, number):
    return wait.until(lambda: len(found := rows(server, client)) >= number and found,
                      f"{number} messages are archived")


def own_ids(message, client):
    return [each.get("id") for each in message.findall(STANZA_ID) if each.get("by") == client.bare]


def messages(client, *senders):
    return [each for each in client.settle(*senders) if each.tag.endswith("}message")]


def archived(server, client):
    """What is archived before a last message that is."""
    found = wait.until(lambda: [row for row in rows(server, client)] if
                       "the last one" in str(rows(server, client)) else None, "the last one is archived")
    return [row for row in found if "the last one" not in row[3]]


class TestWhatIsArchived:
    @pytest.mark.parametrize("type, content, wanted", [
        ("chat", "<body>x</body>", True),
        ("normal", "<body>x</body>", True),
        ("", "<body>x</body>", True),
        ("chat", "<subject>x</subject>", True),
        ("chat", "<body/>", False),
        ("chat", STATE, False),
        ("chat", STATE + "<thread>t</thread>", False),
        ("chat", STATE + "<body>x</body>", True),
        ("chat", OMEMO, True),
        ("chat", "<received xmlns='urn:xmpp:receipts' id='1'/>", False),
        ("chat", f"<received xmlns='urn:xmpp:receipts' id='1'/><store {HINTS}/>", True),
        ("chat", f"<store {HINTS}/>", True),
        ("chat", f"<body>x</body><no-store {HINTS}/>", False),
        ("chat", f"<body>x</body><no-permanent-store {HINTS}/>", False),
        ("chat", f"<body>x</body><no-store {HINTS}/><store {HINTS}/>", False),
        ("chat", f"<body>x</body><no-copy {HINTS}/>", True),
        ("headline", "<body>x</body>", False),
        ("headline", f"<body>x</body><store {HINTS}/>", True),
        ("error", f"<body>x</body><store {HINTS}/>", False),
        ("groupchat", f"<body>x</body><store {HINTS}/>", False),
        ("chat", f"<retract xmlns='{RETRACT}' id='1'/>", True),
    ])
    def test_rules(self, server, romeo, juliet, type, content, wanted):
        attribute = f"type='{type}'" if type else ""
        romeo.send(f"<message to='{juliet.full}' {attribute}>{content}</message>")
        romeo.message(juliet.full, "the last one")
        assert [len(archived(server, each)) for each in (romeo, juliet)] == [wanted, wanted]
        got = messages(juliet, romeo)
        assert [len(own_ids(each, juliet)) for each in got] == [int(wanted), 1]

    def test_columns(self, server, romeo, juliet):
        romeo.send(f"<message to='{juliet.bare}' type='chat' id='m1'><body>one &amp; two</body>"
                   f"<origin-id xmlns='{SID}' id='o1'/></message>")
        sent, received = wait_rows(server, romeo, 1)[0], wait_rows(server, juliet, 1)[0]
        assert sent[1:3] == (juliet.bare, juliet.bare) and received[1:3] == (romeo.full, romeo.bare)
        for row in (sent, received):
            assert row[4:] == ("one & two", "chat", "m1")
            message = ET.fromstring(row[3])
            assert (message.get("from"), message.get("to")) == (romeo.full, juliet.bare)
            assert message.get("id") == "m1" and "stanza-id" not in row[3]

    def test_to_oneself(self, server, romeo):
        romeo.message(romeo.bare, "note")
        assert len(messages(romeo)) == 1
        romeo.message("nobody@localhost", "the last one")
        assert [row[2] for row in archived(server, romeo)] == [romeo.bare]

    def test_absent_resource(self, server, romeo, juliet):
        """RFC 6121 8.5.3.2.1: what goes back is not archived by the one who did not get it."""
        romeo.message(juliet.bare + "/gone", "to nobody", type="normal")
        romeo.message(juliet.bare + "/gone", "to all")
        romeo.message(juliet.bare, "the last one")
        assert [row[4] for row in archived(server, juliet)] == ["to all"]
        assert [row[4] for row in archived(server, romeo)] == ["to nobody", "to all"]

    def test_never(self, own_server, cast_for):
        server = own_server(modules={"mod_mam": {}}).start()
        cast = cast_for(server)
        romeo, juliet = cast.client("romeo").online(), cast.client("juliet").online()
        romeo.send(f"<message to='{juliet.bare}' type='chat'><body>x</body>"
                   f"<stanza-id xmlns='{SID}' by='{juliet.bare}' id='7'/></message>")
        assert [own_ids(each, juliet) for each in messages(juliet, romeo)] == [[]]
        server.stop()
        assert rows(server, juliet) == rows(server, romeo) == []

    def test_roster(self, own_server, cast_for):
        server = own_server(modules={"mod_mam": {"default": "roster"}}).start()
        cast = cast_for(server)
        cast.friends("romeo", "juliet")
        romeo, juliet = cast.client("romeo").online(), cast.client("juliet").online()
        stranger = cast.client("stranger").online()
        stranger.message(juliet.bare, "from a stranger")
        romeo.message(juliet.bare, "from a friend")
        assert len(messages(juliet, stranger, romeo)) == 2
        server.stop()
        assert [row[4] for row in rows(server, juliet)] == ["from a friend"]
        assert rows(server, stranger) == [] and len(rows(server, romeo)) == 1


class TestIds:
    def test_row_and_element_agree(self, server, romeo, juliet):
        for number in range(50):
            romeo.message(juliet.bare, number)
        got = messages(juliet, romeo)
        ids = [int(own_ids(each, juliet)[0]) for each in got]
        assert len(ids) == 50 and ids == sorted(set(ids))
        assert [(row[0], row[4]) for row in wait_rows(server, juliet, 50)] == \
            [(id, str(number)) for number, id in enumerate(ids)]

    def test_others_see_nothing_of_it(self, server, romeo, juliet):
        romeo.message(juliet.bare, "x")
        message, = messages(juliet, romeo)
        assert [each.get("by") for each in message.findall(STANZA_ID)] == [juliet.bare]

    def test_forged(self, server, romeo, juliet):
        forged = "".join(f"<stanza-id xmlns='{SID}' by='{by}' id='1'/>" for by in (
            juliet.bare, juliet.bare.upper(), romeo.bare, "room@conference.example"))
        romeo.send(f"<message to='{juliet.bare}'><body>x</body>{forged}</message>"
                   f"<message to='{juliet.bare}'><active xmlns='urn:x'/>{forged}</message>")
        one, other = messages(juliet, romeo)
        row, = wait_rows(server, juliet, 1)
        assert [(each.get("by"), each.get("id")) for each in one.findall(STANZA_ID)] == \
            [("room@conference.example", "1"), (juliet.bare, str(row[0]))]
        assert [each.get("by") for each in other.findall(STANZA_ID)] == ["room@conference.example"]

    def test_after_a_restart_and_the_future(self, own_server, cast_for):
        """Ids go on behind the greatest that there is, even if that is in the future."""
        server = own_server(modules={"mod_mam": {"default": "always"}}).start()
        cast = cast_for(server)
        romeo, juliet = cast.client("romeo").online(), cast.client("juliet")
        romeo.message(juliet.bare, "one")
        wait_rows(server, juliet, 1)
        future = 4102444800000000
        server.stop()
        with sqlite3.connect(server.database) as db:
            db.execute("UPDATE archive SET timestamp = ? WHERE username = ?", (future, juliet.user))
        server.start()
        romeo = cast.client("romeo").online()
        for number in range(3):
            romeo.message(juliet.bare, number)
        assert [row[0] for row in wait_rows(server, juliet, 4)] == [future + number for number in range(4)]


class TestOffline:
    def test_same_id(self, server, cast, romeo):
        juliet = cast.client("juliet")
        romeo.message(juliet.bare, "later")
        row, = wait_rows(server, juliet, 1)
        juliet.login()
        juliet.presence()
        message, = messages(juliet)
        assert own_ids(message, juliet) == [str(row[0])]
        assert len(rows(server, juliet)) == 1

    def test_archive_alone(self, own_server, cast_for):
        """Without mod_offline nobody hears of an error: the message is in the archive."""
        server = own_server(modules={"mod_mam": {"default": "always"}})
        configuration = server.configuration()
        del configuration["modules"]["mod_offline"]
        server.config_text = yaml.dump(configuration) + "\n"
        cast = cast_for(server.start())
        romeo, juliet = cast.client("romeo").online(), cast.client("juliet")
        romeo.message(juliet.bare, "x")
        romeo.send(f"<message to='{juliet.bare}' type='chat'>{OMEMO}<no-store {HINTS}/></message>")
        error = romeo.take(lambda each: each.tag.endswith("}message"))
        assert error.get("type") == "error"
        assert error.find("{eu.siacs.conversations.axolotl}encrypted") is not None
        assert len(wait_rows(server, juliet, 1)) == 1


class TestPreferences:
    def ask(self, client, type="get", default="", always=None, never=None):
        def listed(name, jids):
            inner = "".join(f"<jid>{each}</jid>" for each in jids or ())
            return "" if jids is None else f"<{name}>{inner}</{name}>"
        attribute = f" default='{default}'" if default else ""
        return client.iq(type, f"<prefs xmlns='{MAM}'{attribute}>{listed('always', always)}"
                               f"{listed('never', never)}</prefs>")

    def told(self, reply):
        prefs = reply.find(f"{{{MAM}}}prefs")
        return (prefs.get("default"), *([each.text for each in prefs.find(f"{{{MAM}}}{name}")]
                                        for name in ("always", "never")))

    def error(self, reply):
        error = reply.find(f"{{{ns.CLIENT}}}error")
        return None if error is None else error[0].tag.partition("}")[2]

    def test_asked(self, juliet):
        assert self.told(self.ask(juliet)) == ("always", [], [])

    def test_set(self, server, cast, romeo, juliet):
        mercutio = cast.client("mercutio").online()
        reply = self.ask(juliet, "set", "never", [romeo.bare, "Жук@example.com"], [mercutio.bare])
        wanted = ("never", [romeo.bare, "жук@example.com"], [mercutio.bare])
        assert self.told(reply) == wanted and self.told(self.ask(juliet)) == wanted
        romeo.message(juliet.bare, "wanted")
        mercutio.message(juliet.bare, "not wanted")
        juliet.message(mercutio.bare, "not wanted either")
        juliet.message(romeo.bare, "the last one")
        assert [row[4] for row in archived(server, juliet)] == ["wanted"]
        with sqlite3.connect(server.database, timeout=20) as db:
            row = db.execute("SELECT def, always, never FROM archive_prefs WHERE username = ?",
                             (juliet.user,)).fetchone()
        beetle = ",".join(str(each) for each in "жук".encode())
        assert row == ("never", f'[{{<<"{romeo.user}">>,<<"localhost">>,<<>>}},'
                                f'{{<<{beetle}>>,<<"example.com">>,<<>>}}]',
                       f'[{{<<"{mercutio.user}">>,<<"localhost">>,<<>>}}]')

    def test_resource(self, server, romeo, juliet):
        """XEP-0441 2.3.1"""
        self.ask(juliet, "set", "always", never=[romeo.full])
        juliet.message(romeo.bare, "to the bare JID")
        romeo.message(juliet.bare, "from the full JID")
        juliet.message("nobody@localhost", "the last one")
        messages(juliet, romeo)
        assert [row[4] for row in archived(server, juliet)] == ["to the bare JID"]

    def test_kept(self, own_server, cast_for):
        server = own_server(modules={"mod_mam": {"default": "always"}}).start()
        cast = cast_for(server)
        juliet = cast.client("juliet").online()
        self.ask(juliet, "set", "roster", ["a@b.example/r 'n \"q\" \\"], ["c@d.example"])
        server.restart()
        juliet = cast.client("juliet").online()
        assert self.told(self.ask(juliet)) == ("roster", ["a@b.example/r 'n \"q\" \\"], ["c@d.example"])

    def test_what_ejabberd_wrote(self, server, cast):
        juliet = cast.client("juliet")
        with sqlite3.connect(server.database, timeout=20) as db:
            columns = [each[1] for each in db.execute("PRAGMA table_info(archive_prefs)")]
            host = ["localhost"] if "server_host" in columns else []
            names = (["server_host"] if host else []) + ["username", "def", "always", "never"]
            db.execute(f"INSERT INTO archive_prefs ({','.join(names)}) VALUES ({','.join('?' * len(names))})",
                       [*host, juliet.user, "roster", "[]",
                        '[{<<"a">>,<<"b.example">>,<<"r\\"1">>}, {<<>>, <<99,46,100>>, <<>>}]'])
        juliet.online()
        assert self.told(self.ask(juliet)) == ("roster", [], ['a@b.example/r"1', "c.d"])

    @pytest.mark.parametrize("prefs, condition", [
        ({"default": "sometimes"}, "bad-request"),
        ({}, "bad-request"),
        ({"default": "never", "always": ["@"]}, "jid-malformed"),
        ({"default": "never", "never": [""]}, "jid-malformed"),
        ({"default": "never", "never": [f"{number}@x.example" for number in range(501)]}, "resource-constraint"),
    ])
    def test_wrong(self, juliet, prefs, condition):
        assert self.error(self.ask(juliet, "set", **prefs)) == condition
        assert self.told(self.ask(juliet)) == ("always", [], [])

    def test_not_of_others(self, romeo, juliet):
        reply = romeo.iq("get", f"<prefs xmlns='{MAM}'/>", to=juliet.bare)
        assert self.error(reply) == "forbidden"

    def test_access(self, own_server, cast_for):
        server = own_server(modules={"mod_mam": {"access_preferences": "none"}}).start()
        juliet = cast_for(server).client("juliet").online()
        assert self.error(self.ask(juliet)) == "forbidden"
        assert self.error(self.ask(juliet, "set", "always")) == "forbidden"

    def test_activation(self, own_server, cast_for):
        server = own_server(modules={"mod_mam": {"default": "always", "request_activates_archiving": True}}).start()
        cast = cast_for(server)
        romeo, juliet = cast.client("romeo").online(), cast.client("juliet").online()
        romeo.message(juliet.bare, "before")
        messages(juliet, romeo)
        assert self.told(self.ask(juliet))[0] == "always"
        romeo.message(juliet.bare, "behind")
        messages(juliet, romeo)
        server.restart()
        romeo = cast.client("romeo").online()
        romeo.message(juliet.bare, "the last one")
        wait_rows(server, juliet, 2)
        assert [row[4] for row in rows(server, juliet)] == ["behind", "the last one"]
        assert rows(server, romeo) == []


class TestRetraction:
    def retract(self, client, to, id, by="r1"):
        client.send(f"<message to='{to}' type='chat' id='{by}'><retract xmlns='{RETRACT}' id='{id}'/>"
                    f"<body>/me retracted something</body></message>")

    def test_tombstone(self, server, romeo, juliet):
        romeo.message(juliet.bare, "secret", extra="id='w1'")
        romeo.message(juliet.bare, "stays", extra="id='w2'")
        self.retract(romeo, juliet.bare, "w1")
        for client in (romeo, juliet):
            found = wait_rows(server, client, 3)
            message = ET.fromstring(found[0][3])
            assert (message.get("from"), message.get("to"), message.get("id"), message.get("type")) == \
                (romeo.full, juliet.bare, "w1", "chat")
            assert [each.tag for each in message] == [f"{{{RETRACT}}}retracted"]
            assert message[0].get("id") == "r1" and message[0].get("stamp").endswith("Z")
            assert "secret" not in str(found) and found[0][4] == ""
            assert found[1][4] == "stays" and "<retract " in found[2][3]

    def test_only_by_the_sender(self, server, cast, romeo, juliet):
        mercutio = cast.client("mercutio").online()
        romeo.message(juliet.bare, "mine", extra="id='w1'")
        messages(juliet, romeo)
        self.retract(mercutio, juliet.bare, "w1")
        self.retract(juliet, romeo.bare, "w1")
        wait_rows(server, juliet, 3)
        wait_rows(server, romeo, 2)
        assert rows(server, juliet)[0][4] == rows(server, romeo)[0][4] == "mine"

    def test_twice_and_unknown(self, server, romeo, juliet):
        romeo.message(juliet.bare, "mine", extra="id='w1'")
        for by, id in (("r1", "w1"), ("r2", "w1"), ("r3", "unknown"), ("r4", "r1")):
            self.retract(romeo, juliet.bare, id, by)
        found = wait_rows(server, juliet, 5)
        assert ET.fromstring(found[0][3])[0].get("id") == "r1"
        assert all("<retract " in row[3] for row in found[1:])


def test_features(juliet):
    reply = juliet.iq("get", f"<query xmlns='{ns.DISCO_INFO}'/>", to=juliet.bare)
    features = {each.get("var") for each in reply.iter(f"{{{ns.DISCO_INFO}}}feature")}
    assert {MAM, SID, RETRACT, RETRACT + "#tombstone"} <= features


def test_unknown_request(juliet):
    reply = juliet.iq("get", f"<unheard-of xmlns='{MAM}'/>")
    assert reply.find(f".//{{{ns.STANZA_ERRORS}}}feature-not-implemented") is not None


def test_removed_with_the_account(own_server, cast_for):
    server = own_server(modules={"mod_mam": {"default": "always"}}).start()
    cast = cast_for(server)
    romeo, juliet = cast.client("romeo").online(), cast.client("juliet").online()
    juliet.iq("set", f"<prefs xmlns='{MAM}' default='always'/>")
    romeo.message(juliet.bare)
    wait_rows(server, juliet, 1)
    server.ask("unregister", juliet.user, juliet.host)
    assert rows(server, juliet) == [] and len(rows(server, romeo)) == 1
    with sqlite3.connect(server.database, timeout=20) as db:
        assert db.execute("SELECT COUNT(*) FROM archive_prefs").fetchone() == (0,)


def test_metrics(own_server, cast_for):
    server = own_server(modules={"mod_mam": {"default": "always"}}).start()
    cast = cast_for(server)
    romeo, juliet = cast.client("romeo").online(), cast.client("juliet").online()
    romeo.message(juliet.bare)
    wait_rows(server, juliet, 1)
    wait.until(lambda: "archived_messages\tcounter\t2" in server.ask("metrics", "localhost"), "both are counted")


class TestOfflineFromTheArchive:
    """use_mam_for_storage of mod_offline"""

    @pytest.fixture
    def stage(self, own_server, cast_for):
        server = own_server(modules={"mod_mam": {"default": "always"}}, max_offline=1000)
        configuration = server.configuration()
        configuration["modules"]["mod_offline"] = {"use_mam_for_storage": True}
        server.config_text = yaml.dump(configuration) + "\n"
        cast = cast_for(server.start())
        return server, cast, cast.client("romeo").online(), cast.client("juliet")

    def spool(self, server, client):
        with sqlite3.connect(server.database, timeout=20) as db:
            return [xml for xml, in db.execute("SELECT xml FROM spool WHERE username = ? ORDER BY seq",
                                               (client.user,))]

    def come(self, client):
        client.login()
        client.presence()
        return messages(client)

    def emptied(self, server, client):
        wait.until(lambda: not self.spool(server, client), "nothing is kept any more")

    def test_one_row(self, stage):
        server, cast, romeo, juliet = stage
        for number in range(200):
            romeo.message(juliet.bare, number)
        archived = wait_rows(server, juliet, 200)
        assert len(self.spool(server, juliet)) == 1
        got = self.come(juliet)
        assert [each.findtext(BODY) for each in got] == [str(number) for number in range(200)]
        assert [own_ids(each, juliet) for each in got] == [[str(row[0])] for row in archived]
        assert all(len(each.findall(f"{{{ns.DELAY}}}delay")) == 1 for each in got)
        self.emptied(server, juliet)
        romeo.message(juliet.bare, "live")
        assert [each.findtext(BODY) for each in messages(juliet, romeo)] == ["live"]
        juliet.close()
        assert self.come(cast.client("juliet", "again")) == []

    def test_after_a_restart(self, stage):
        server, cast, romeo, juliet = stage
        romeo.message(juliet.bare, "one")
        romeo.message(juliet.bare, "two")
        wait_rows(server, juliet, 2)
        server.restart()
        romeo = cast.client("romeo").online()
        romeo.message(juliet.bare, "three")
        romeo.message(juliet.bare, "four")
        wait_rows(server, juliet, 4)
        assert len(self.spool(server, juliet)) == 2
        assert sorted(each.findtext(BODY) for each in self.come(juliet)) == ["four", "one", "three", "two"]
        self.emptied(server, juliet)

    def test_what_is_not_archived(self, stage):
        server, _, romeo, juliet = stage
        secret = f"<message to='{juliet.bare}' type='chat'><body>%s</body><no-permanent-store {HINTS}/></message>"
        romeo.send(secret % "zero")
        romeo.message(juliet.bare, "one")
        romeo.message(juliet.bare, "two")
        romeo.send(secret % "three")
        wait.until(lambda: "three" in str(self.spool(server, juliet)), "it is kept")
        assert [each.findtext(BODY) for each in self.come(juliet)] == ["zero", "one", "three", "two"]
        self.emptied(server, juliet)

    def test_only_what_came(self, stage):
        """A client that is there without being available may write meanwhile."""
        server, cast, romeo, juliet = stage
        silent = cast.client("juliet", "silent").login()
        silent.presence(priority=-1)
        for number in range(3):
            romeo.message(juliet.bare, number)
            romeo.ping()
            silent.message(romeo.bare, "an answer")
            silent.ping()
        wait_rows(server, juliet, 6)
        assert [each.findtext(BODY) for each in self.come(juliet)] == ["0", "1", "2"]

    def test_client_that_vanishes(self, stage):
        """What the connection did not take comes to the next client; the marker moves along."""
        server, cast, romeo, juliet = stage
        text = "x" * 30000
        for number in range(300):
            romeo.message(juliet.bare, f"{number} {text}")
        wait_rows(server, juliet, 300)
        juliet.login()
        juliet.send("<presence/>")
        first = [juliet.take(lambda each: each.tag.endswith("}message")) for _ in range(5)]
        assert [int(each.findtext(BODY).split()[0]) for each in first] == list(range(5))
        juliet.drop()
        again = cast.client("juliet", "again").login()
        again.presence()
        got = messages(again)
        while self.spool(server, juliet):
            got += messages(again)
        got = {int(each.findtext(BODY).split()[0]) for each in got + messages(again)}
        assert got == set(range(min(got), 300))


def test_copies_carry_the_id(own_server, cast_for):
    """XEP-0313 3.5: those of what was sent, too; nobody else sees the sender's id."""
    server = own_server(modules={"mod_mam": {"default": "always"}, "mod_carboncopy": {}}).start()
    cast = cast_for(server)
    romeo, juliet = cast.client("romeo").online(), cast.client("juliet").online()
    others = [cast.client(name, "other").online(priority=-1) for name in ("romeo", "juliet")]
    for other in others:
        other.iq("set", "<enable xmlns='urn:xmpp:carbons:2'/>")
    romeo.message(juliet.bare, "x")
    romeo.message(romeo.bare, "note")
    assert len(own_ids(messages(juliet, romeo)[0], juliet)) == 1
    sent, received = wait_rows(server, romeo, 2), wait_rows(server, juliet, 1)
    forwarded = "{urn:xmpp:forward:0}forwarded/{jabber:client}message"
    for client, row in zip(others, (sent[0], received[0])):
        copy = messages(client, romeo)[0].find(f".//{forwarded}")
        assert [(each.get("by"), each.get("id")) for each in copy.findall(STANZA_ID)] == [(client.bare, str(row[0]))]
    assert [own_ids(each, romeo) for each in messages(romeo)] == [[str(sent[1][0])]]


def test_blocked(own_server, cast_for):
    """XEP-0313 6.1: what is refused is in nobody's archive but the sender's, and what may not go out in none."""
    modules = {"mod_mam": {"default": "always"}, "mod_privacy": {}, "mod_blocking": {}}
    server = own_server(modules=modules).start()
    cast = cast_for(server)
    romeo, juliet = cast.client("romeo").online(), cast.client("juliet").online()
    juliet.iq("set", f"<block xmlns='urn:xmpp:blocking'><item jid='{romeo.bare}'/></block>")
    for to in (juliet.bare, juliet.full):
        romeo.message(to, "refused")
    juliet.message(romeo.bare, "not sent")
    juliet.message("nobody@localhost", "the last one")
    romeo.message("nobody@localhost", "the last one")
    assert archived(server, juliet) == []
    assert [row[4] for row in archived(server, romeo)] == ["refused", "refused"]


def test_explained(server, romeo, juliet):
    """Nothing that is only explained is archived."""
    told = server.ask("explain", f"<message from='{romeo.full}' to='{juliet.bare}'><body>x</body></message>")
    assert "mod_mam" in told
    romeo.message(juliet.bare, "the last one")
    assert archived(server, juliet) == archived(server, romeo) == []


@pytest.mark.parametrize("assume, asked, kept", [(True, True, False), (True, False, True), (False, True, True)])
def test_assumed(own_server, cast_for, assume, asked, kept):
    """What a client did not acknowledge is not delivered anew to somebody who reads the archive."""
    modules = {"mod_mam": {"default": "always", "assume_mam_usage": assume}, "mod_stream_mgmt": {}}
    server = own_server(modules=modules).start()
    cast = cast_for(server)
    romeo, juliet = cast.client("romeo").online(), cast.client("juliet", kind=Managed).online()
    if asked:
        juliet.iq("set", f"<query xmlns='{MAM}'/>")
    juliet.manage()
    juliet.acknowledges = False
    romeo.message(juliet.bare, "not acknowledged")
    juliet.take(lambda each: each.tag.endswith("}message"))
    juliet.close()
    again = cast.client("juliet").login()
    again.presence()
    assert [each.findtext(BODY) for each in messages(again, romeo)] == ["not acknowledged"] * kept
    assert len(rows(server, juliet)) == 1
