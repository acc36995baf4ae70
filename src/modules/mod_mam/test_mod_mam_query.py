# SPDX-License-Identifier: Apache-2.0
"""mod_mam: reading the archive (XEP-0313 4 and 5, XEP-0059, XEP-0431), and the commands that empty it."""
import re
import socket
import sqlite3

import pytest

from harness import match, ns, wait
from harness.settings import Settings
from harness.stream import show

pytestmark = pytest.mark.only("stanzad")
SETTINGS = Settings(modules={"mod_mam": {"default": "always"}})
MAM, RSM, DATA = "urn:xmpp:mam:2", "http://jabber.org/protocol/rsm", "jabber:x:data"
FULLTEXT = "{urn:xmpp:fulltext:0}fulltext"
FORWARDED, DELAY = "{urn:xmpp:forward:0}forwarded", "{urn:xmpp:delay}delay"
MESSAGE, BODY = f"{{{ns.CLIENT}}}message", f"{{{ns.CLIENT}}}body"
BEGIN = 1278803305000000    # 2010-07-10T23:08:25Z: when the first message of an archive was
SECOND = 1000000


def archive_id(number):
    return str(BEGIN + number * SECOND)


def fill(server, client, count, peer="witch@shakespeare.lit/heath", first=0, body="message {}", kind="chat", pad=0):
    """Puts messages into the archive, a second apart; number n has the body 'message n'."""
    peer_bare = peer.partition("/")[0]
    rows = []
    for number in range(first, first + count):
        text = body.format(number) + " " * bool(pad) + "x" * pad
        rows.append((client.user, client.host, BEGIN + number * SECOND, peer, peer_bare,
                     f"<message xmlns='jabber:client' from='{peer}' to='{client.bare}' type='chat' id='m{number}'>"
                     f"<body>{match.escape(text)}</body></message>", text, kind))
    with sqlite3.connect(server.database, timeout=20) as db:
        db.executemany("INSERT INTO archive (username, server_host, timestamp, peer, bare_peer, xml, txt, kind) "
                       "VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)


def count_rows(server, client):
    with sqlite3.connect(server.database, timeout=20) as db:
        return db.execute("SELECT COUNT(*) FROM archive WHERE username = ?", (client.user,)).fetchone()[0]


def field(var, *values):
    return f"<field var='{var}'>" + "".join(f"<value>{match.escape(each)}</value>" for each in values) + "</field>"


def form(*fields, type="submit", namespace=MAM):
    return (f"<x xmlns='{DATA}' type='{type}'><field var='FORM_TYPE' type='hidden'><value>{namespace}</value></field>"
            + "".join(fields) + "</x>")


def rsm(inside="", **numbers):
    return f"<set xmlns='{RSM}'>" + "".join(f"<{k}>{v}</{k}>" for k, v in numbers.items()) + inside + "</set>"


class Answer:
    """What came for one query: results in order, then the answer to the request."""

    def __init__(self, client, iq):
        self.iq, self.error = iq, None
        self.results = [element for kind, element in client.events
                        if kind == "stanza" and element.find(f"{{{MAM}}}result") is not None]
        client.events = [event for event in client.events if event[1] not in self.results]
        if iq.get("type") == "error":
            conditions = iq.find(f"{{{ns.CLIENT}}}error")
            self.error = next(each.tag.partition("}")[2] for each in conditions)
        self.fin = iq.find(f"{{{MAM}}}fin")
        self.complete = self.fin is not None and self.fin.get("complete") == "true"
        self.set = None if self.fin is None else self.fin.find(f"{{{RSM}}}set")

    def text(self, name):
        return self.set.findtext(f"{{{RSM}}}{name}")

    @property
    def ids(self):
        return [each.find(f"{{{MAM}}}result").get("id") for each in self.results]

    @property
    def numbers(self):
        return [(int(each) - BEGIN) // SECOND for each in self.ids]

    @property
    def bodies(self):
        return [each.findtext(f"{{{MAM}}}result/{FORWARDED}/{MESSAGE}/{BODY}") for each in self.results]


def query(client, *inside, attributes="", to=None):
    payload = f"<query xmlns='{MAM}' {attributes}>" + "".join(inside) + "</query>"
    return Answer(client, client.iq("set", payload, to=to))


@pytest.fixture
def juliet(cast):
    return cast.client("juliet", "chamber").online()


@pytest.fixture
def romeo(cast):
    return cast.client("romeo").online()


@pytest.fixture
def ten(server, juliet):
    fill(server, juliet, 10)
    return juliet


class TestResults:
    def test_all(self, server, ten):
        """4: each message in a <result/>, in order, the answer behind them."""
        got = query(ten, attributes="queryid='f27'")
        assert got.numbers == list(range(10)) and got.bodies == [f"message {n}" for n in range(10)]
        for each in got.results:
            assert (each.get("from"), each.get("to")) == (ten.bare, ten.full)
            assert each.find(f"{{{MAM}}}result").get("queryid") == "f27"
        assert got.complete and got.fin.get("stable") in (None, "true")
        assert (got.text("first"), got.text("last")) == (archive_id(0), archive_id(9))
        assert got.text("count") == "10" and got.set.find(f"{{{RSM}}}first").get("index") == "0"

    def test_one(self, server, juliet):
        fill(server, juliet, 1)
        query(juliet)
        juliet.iq("get", f"<ping xmlns='{ns.PING}'/>")
        got = query(juliet)
        pattern = (f"<message from='{juliet.bare}' to='{juliet.full}'><result xmlns='{MAM}' queryid='{{none}}' "
                   f"id='{archive_id(0)}'><forwarded xmlns='urn:xmpp:forward:0'><delay xmlns='urn:xmpp:delay' "
                   f"stamp='2010-07-10T23:08:25.000000Z'/><message xmlns='jabber:client' type='chat' id='m0' "
                   f"from='witch@shakespeare.lit/heath' to='{juliet.bare}'><body>message 0</body></message>"
                   "</forwarded></result></message>")
        match.match(match.patterns(pattern, {})[0], got.results[0], {})

    def test_empty(self, juliet):
        got = query(juliet)
        assert not got.results and got.complete and got.text("first") is None and got.text("last") is None
        got = query(juliet, form(field("with", "nobody@example.org")), rsm("<before/>"))
        assert not got.results and got.complete

    def test_to_own_address(self, ten):
        assert len(query(ten, to=ten.bare).results) == 10

    def test_queryid(self, juliet, server):
        fill(server, juliet, 1)
        got = query(juliet, attributes="queryid='a&lt;&apos;&amp;&quot;b'")
        assert got.results[0].find(f"{{{MAM}}}result").get("queryid") == "a<'&\"b"
        assert query(juliet, attributes=f"queryid='{'q' * 1025}'").error == "bad-request"

    def test_what_is_written_is_read(self, romeo, juliet):
        """What was sent before the query is among the results, also when it is being written just now."""
        for number in range(20):
            juliet.message(romeo.bare, f"note {number}")
            got = query(juliet, rsm("<before/>", max=1))
            assert got.bodies == [f"note {number}"]

    def test_only_who_asked(self, ten, cast):
        other = cast.client("juliet", "balcony").online()
        ten.settle()
        query(ten)
        other.nothing()

    def test_damaged_row(self, server, ten):
        """3.2: a message that cannot be shown is left out of its result, and nothing else is."""
        with sqlite3.connect(server.database, timeout=20) as db:
            db.execute("UPDATE archive SET xml = '</forwarded><message' WHERE username = ? AND timestamp = ?",
                       (ten.user, int(archive_id(4))))
        got = query(ten)
        assert got.numbers == list(range(10)) and got.bodies[4] is None and got.bodies[5] == "message 5"
        assert got.results[4].find(f"{{{MAM}}}result/{FORWARDED}/{DELAY}") is not None


class TestFilters:
    def test_with(self, server, juliet):
        """4.1.1: a bare JID is any of its resources, a full JID is itself."""
        fill(server, juliet, 3, peer="a@x.lit/1")
        fill(server, juliet, 3, peer="a@x.lit/2", first=3)
        fill(server, juliet, 3, peer="b@x.lit/1", first=6)
        fill(server, juliet, 1, peer=juliet.bare, first=9)
        fill(server, juliet, 1, peer="x.lit", first=10)

        def numbers(jid):
            return query(juliet, form(field("with", jid))).numbers
        assert numbers("a@x.lit") == [0, 1, 2, 3, 4, 5] and numbers("A@X.lit/2") == [3, 4, 5]
        assert numbers("a@x.lit/3") == [] and numbers("b@x.lit") == [6, 7, 8]
        assert numbers(juliet.bare) == [9] and numbers("x.lit") == [10]

    def test_time(self, ten):
        def numbers(start=None, end=None):
            return query(ten, form(*[field(name, value) for name, value in (("start", start), ("end", end))
                                     if value])).numbers
        assert numbers("2010-07-10T23:08:32Z") == [7, 8, 9]
        assert numbers(None, "2010-07-10T23:08:27Z") == [0, 1, 2]
        assert numbers("2010-07-10T23:08:27Z", "2010-07-10T23:08:28Z") == [2, 3]
        assert numbers("2010-07-10T23:08:27.000001Z", "2010-07-11T01:08:28.5+02:00") == [3]
        assert numbers("2030-07-10T23:08:27Z") == [] == numbers(None, "1969-12-31T23:59:59Z")

    def test_stamp_is_a_start(self, romeo, juliet):
        """The stamp of a result, put in as start and end, finds exactly that message."""
        for number in range(3):
            romeo.message(juliet.bare, f"number {number}")
        juliet.settle(romeo)
        got = query(juliet)
        stamp = got.results[1].find(f"{{{MAM}}}result/{FORWARDED}/{DELAY}").get("stamp")
        assert query(juliet, form(field("start", stamp), field("end", stamp))).bodies == ["number 1"]

    def test_ids(self, ten):
        """4.1.3"""
        def numbers(*fields):
            return query(ten, form(*fields)).numbers
        assert numbers(field("after-id", archive_id(7))) == [8, 9]
        assert numbers(field("before-id", archive_id(2))) == [0, 1]
        assert numbers(field("after-id", archive_id(2)), field("before-id", archive_id(5))) == [3, 4]
        assert numbers(field("after-id", archive_id(5)), field("before-id", archive_id(2))) == []
        assert numbers(field("ids", archive_id(5), archive_id(2))) == [2, 5]
        assert numbers(field("ids", archive_id(9))) == [9]

    @pytest.mark.parametrize("name", ["after-id", "before-id", "ids"])
    @pytest.mark.parametrize("value", ["1", "09af3-cc343-b409f", "-1", "99999999999999999999999"])
    def test_unknown_ids(self, ten, name, value):
        assert query(ten, form(field(name, value))).error == "item-not-found"
        assert query(ten, form(field(name, archive_id(3)))).error is None

    def test_one_unknown_id(self, ten):
        got = query(ten, form(field("ids", archive_id(3), archive_id(33))))
        assert got.error == "item-not-found" and not got.results

    def test_groupchat(self, server, juliet):
        fill(server, juliet, 2)
        fill(server, juliet, 2, first=2, kind="groupchat")
        assert query(juliet, form(field("include-groupchat", "false"))).numbers == [0, 1]
        assert query(juliet, form(field("include-groupchat", "true"))).numbers == [0, 1, 2, 3]

    def test_empty_field(self, ten):
        assert len(query(ten, form("<field var='with'/>", field("start", ""))).results) == 10

    @pytest.mark.parametrize("inside, error", [
        (form(namespace="urn:xmpp:mam:1"), "bad-request"),
        (f"<x xmlns='{DATA}' type='submit'/>", "bad-request"),
        (f"<x xmlns='{DATA}'/>", "bad-request"),
        (form(type="form"), "bad-request"),
        (form() + form(), "bad-request"),
        (form(field("with", "a@@b")), "bad-request"),
        (form(field("with", "a@b"), field("with", "a@c")), "bad-request"),
        (form(field("start", "tomorrow")), "bad-request"),
        (form(field("end", "2010-07-10")), "bad-request"),
        (form(field("include-groupchat", "x")), "bad-request"),
        (form(field("{http://example.com/}stanza-content", "x")), "feature-not-implemented"),
        (form(field("nick", "x")), "feature-not-implemented"),
    ])
    def test_refused(self, ten, inside, error):
        got = query(ten, inside)
        assert got.error == error and not got.results

    def test_node(self, ten):
        assert query(ten, attributes="node='urn:example'").error == "feature-not-implemented"


class TestPages:
    def test_forwards(self, ten):
        """4.3.2: page after page, nothing twice, nothing left out."""
        seen, after = [], ""
        while True:
            got = query(ten, rsm(after, max=4))
            seen += got.numbers
            assert got.text("count") == "10"
            if got.complete:
                break
            after = f"<after>{got.text('last')}</after>"
        assert seen == list(range(10)) and got.numbers == [8, 9]
        assert got.set.find(f"{{{RSM}}}first").get("index") == "8"

    def test_backwards(self, ten):
        """4.3.3, and from there back to the beginning."""
        seen, before = [], "<before/>"
        while True:
            got = query(ten, rsm(before, max=4))
            assert got.numbers == sorted(got.numbers)
            seen = got.numbers + seen
            if got.complete:
                break
            before = f"<before>{got.text('first')}</before>"
        assert seen == list(range(10)) and got.numbers == [0, 1]

    def test_flipped(self, ten):
        """4.3.4: other order, the same page."""
        got = query(ten, rsm(max=3), "<flip-page/>")
        assert got.numbers == [2, 1, 0] and (got.text("first"), got.text("last")) == (archive_id(0), archive_id(2))
        got = query(ten, rsm("<before/>", max=3), "<flip-page/>")
        assert got.numbers == [9, 8, 7] and got.text("first") == archive_id(7)

    def test_with_a_form(self, server, juliet):
        fill(server, juliet, 6, peer="a@x.lit/1")
        fill(server, juliet, 6, peer="b@x.lit/1", first=6)
        got = query(juliet, form(field("with", "a@x.lit")), rsm("<before/>", max=4))
        assert got.numbers == [2, 3, 4, 5] and not got.complete and got.text("count") == "6"
        got = query(juliet, form(field("with", "a@x.lit")), rsm(f"<before>{archive_id(2)}</before>", max=4))
        assert got.numbers == [0, 1] and got.complete

    def test_both(self, ten):
        got = query(ten, rsm(f"<after>{archive_id(2)}</after><before>{archive_id(6)}</before>", max=2))
        assert got.numbers == [4, 5]

    def test_count(self, ten):
        got = query(ten, rsm(max=0))
        assert not got.results and got.text("count") == "10" and got.text("first") is None and not got.complete

    def test_bounds(self, server, juliet):
        fill(server, juliet, 260)
        assert len(query(juliet).results) == 50
        assert len(query(juliet, rsm()).results) == 50
        for number in (251, 4294967296, 10 ** 40):
            got = query(juliet, rsm(max=number))
            assert len(got.results) == 250 and not got.complete

    @pytest.mark.parametrize("inside", [
        "<max>-1</max>", "<max/>", "<max>x</max>", "<max>1</max><max>2</max>", "<max>1.0</max>",
        "<before/><before/>", "<index>-1</index>", "<index>0</index><before/>", "<max><b/></max>"])
    def test_absurd(self, ten, inside):
        assert query(ten, rsm(inside)).error == "bad-request"

    def test_two_sets(self, ten):
        assert query(ten, rsm(max=1), rsm(max=1)).error == "bad-request"

    def test_index(self, ten):
        assert query(ten, rsm("<index>5</index>")).error == "feature-not-implemented"
        assert query(ten, rsm("<index>0</index>", max=2)).numbers == [0, 1]

    @pytest.mark.parametrize("name", ["after", "before"])
    def test_unknown(self, ten, name):
        for value in ("1", "x", "0" + archive_id(1), "9" * 30, "' OR 1=1 --"):
            got = query(ten, rsm(f"<{name}>{match.escape(value)}</{name}>"))
            assert got.error == "item-not-found" and not got.results

    def test_what_does_not_fit_is_known(self, server, juliet):
        fill(server, juliet, 2, peer="a@x.lit")
        fill(server, juliet, 2, peer="b@x.lit", first=2)
        assert query(juliet, form(field("with", "b@x.lit")), rsm(f"<after>{archive_id(0)}</after>")).numbers == [2, 3]

    def test_large_count(self, server, juliet):
        """More than what is worth counting: the set does not say how many, and the pages are the same."""
        fill(server, juliet, 1500)
        got = query(juliet, rsm("<before/>", max=2))
        assert got.numbers == [1498, 1499] and got.text("count") is None
        assert query(juliet, rsm(max=0)).text("count") == "1500"


class TestForm:
    def test_fields(self, juliet):
        """4.1.5"""
        answer = juliet.iq("get", f"<query xmlns='{MAM}'/>")
        fields = {each.get("var"): each for each in answer.iter(f"{{{DATA}}}field")}
        assert {name: each.get("type") for name, each in fields.items()} == {
            "FORM_TYPE": "hidden", "with": "jid-single", "start": "text-single", "end": "text-single",
            "before-id": "text-single", "after-id": "text-single", "ids": "list-multi",
            "include-groupchat": "boolean", FULLTEXT: "text-single", "withtext": "text-single"}
        assert fields["FORM_TYPE"].findtext(f"{{{DATA}}}value") == MAM
        validate = fields["ids"].find("{http://jabber.org/protocol/xdata-validate}validate")
        assert validate.get("datatype") == "xs:string" and len(validate) == 1
        assert validate[0].tag.endswith("}open") and not fields["ids"].findall(f"{{{DATA}}}option")
        assert answer.find(f".//{{{DATA}}}x").get("type") == "form" and "required" not in show(answer)

    def test_features(self, juliet):
        """7"""
        answer = juliet.iq("get", "<query xmlns='http://jabber.org/protocol/disco#info'/>", to=juliet.bare)
        features = {each.get("var") for each in answer.iter() if each.tag.endswith("}feature")}
        assert features >= {MAM, MAM + "#extended", MAM + "#groupchat-field", "urn:xmpp:fulltext:0"}

    def test_unknown_request(self, juliet):
        assert Answer(juliet, juliet.iq("get", f"<frobnicate xmlns='{MAM}'/>")).error == "feature-not-implemented"


class TestMetadata:
    def test_ends(self, ten):
        """5"""
        answer = ten.iq("get", f"<metadata xmlns='{MAM}'/>")
        start, end = answer.find(f"{{{MAM}}}metadata")
        assert (start.tag, start.attrib) == (f"{{{MAM}}}start", {"id": archive_id(0),
                                                                 "timestamp": "2010-07-10T23:08:25.000000Z"})
        assert (end.tag, end.attrib) == (f"{{{MAM}}}end", {"id": archive_id(9),
                                                           "timestamp": "2010-07-10T23:08:34.000000Z"})

    def test_empty(self, juliet):
        assert len(juliet.iq("get", f"<metadata xmlns='{MAM}'/>").find(f"{{{MAM}}}metadata")) == 0

    def test_set(self, ten):
        assert Answer(ten, ten.iq("set", f"<metadata xmlns='{MAM}'/>")).error == "bad-request"


class TestForeign:
    """8.1"""
    @pytest.mark.parametrize("type, payload", [
        ("set", f"<query xmlns='{MAM}'/>"), ("get", f"<query xmlns='{MAM}'/>"), ("get", f"<metadata xmlns='{MAM}'/>")])
    def test_forbidden(self, ten, romeo, type, payload):
        got = Answer(romeo, romeo.iq(type, payload, to=ten.bare))
        assert got.error in ("forbidden", "service-unavailable") and not got.results
        ten.nothing(romeo)

    def test_query_is_forbidden(self, ten, romeo):
        assert query(romeo, to=ten.bare).error == "forbidden"

    def test_nobody(self, romeo):
        assert query(romeo, to="nobody-at-all@localhost").error in ("forbidden", "service-unavailable")

    def test_server(self, romeo):
        assert query(romeo, to=romeo.host).error in ("feature-not-implemented", "service-unavailable")


class TestWords:
    def test_search(self, romeo, juliet):
        """XEP-0431: what was said a moment ago is found, whatever the capitals, by whole words."""
        for text in ("Wherefore art thou", "A rose by any other name", "Wherefore a rose?"):
            romeo.message(juliet.bare, text)
        juliet.settle(romeo)

        def found(words, *fields):
            return query(juliet, form(field(FULLTEXT, words), *fields)).bodies
        assert found("wherefore") == ["Wherefore art thou", "Wherefore a rose?"]
        assert found("ROSE") == ["A rose by any other name", "Wherefore a rose?"]
        assert found("wherefore rose") == ["Wherefore a rose?"] and found('"any other"') == ["A rose by any other name"]
        assert found("ros") == [] and found("ros*") != [] and found("?!") == []
        assert found("rose", field("with", romeo.bare)) == found("rose")
        assert found("rose", field("with", "tybalt@localhost")) == []
        romeo.message(juliet.bare, "a rose again")
        juliet.settle(romeo)
        assert found("again") == ["a rose again"]

    def test_retracted(self, romeo, juliet):
        """What was taken back is not found any more; its place is still there."""
        romeo.message(juliet.bare, "a secret", extra="id='s1'")
        juliet.settle(romeo)
        words = form(field(FULLTEXT, "secret"))
        assert query(juliet, words).bodies == ["a secret"]
        romeo.send(f"<message to='{juliet.bare}' type='chat'><retract xmlns='urn:xmpp:message-retract:1' id='s1'/>"
                   "</message>")
        juliet.settle(romeo)
        assert not query(juliet, words).results
        got = query(juliet)
        tombstone = got.results[0].find(f"{{{MAM}}}result/{FORWARDED}/{MESSAGE}")
        assert tombstone.find("{urn:xmpp:message-retract:1}retracted") is not None and got.bodies[0] is None

    def test_pages(self, server, juliet):
        fill(server, juliet, 30, body="the needle {}")
        fill(server, juliet, 30, body="straw {}", first=30)
        words = form(field("withtext", "needle"))
        got = query(juliet, words, rsm("<before/>", max=4))
        assert got.numbers == [26, 27, 28, 29] and not got.complete
        assert query(juliet, words, rsm(max=0)).text("count") == "30"
        got = query(juliet, words, rsm(f"<after>{got.text('first')}</after>", max=4))
        assert got.numbers == [27, 28, 29] and got.complete

    @pytest.mark.parametrize("words", ['"', '""', "a OR b", "NEAR(a b)", "body:x", "x*y*", "*", "(", "{a b}: c", "^a",
                                       "- a + b", "a' --", "\u4eac", "\U0001f980", "word " * 400])
    def test_what_people_type(self, ten, words):
        assert query(ten, form(field(FULLTEXT, words))).error is None

    def test_others_are_not_found(self, romeo, juliet):
        romeo.message("tybalt@localhost", "xyzzy")
        romeo.settle()
        assert len(query(romeo, form(field(FULLTEXT, "xyzzy"))).results) == 1
        assert not query(juliet, form(field(FULLTEXT, "xyzzy"))).results


class TestReaders:
    def test_slow(self, server, juliet, romeo):
        """Pages much larger than a queue come whole, in order, while others are served."""
        fill(server, juliet, 250, pad=60000)
        juliet.transport.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
        juliet.send(f"<iq type='set' id='slow'><query xmlns='{MAM}'>{rsm(max=250)}</query></iq>")
        for _ in range(20):
            romeo.ping()
        answer = Answer(juliet, juliet.take(lambda each: each.get("id") == "slow"))
        assert answer.numbers == list(range(250)) and answer.complete
        assert server.ask("get_offline_count", juliet.user, juliet.host).strip() == "0"

    def test_gone(self, server, juliet, romeo, cast):
        fill(server, juliet, 250, pad=60000)
        for number in range(5):
            client = cast.client("juliet", f"gone{number}").login()
            client.transport.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
            for query_number in range(4):
                client.send(f"<iq type='set' id='q{query_number}'><query xmlns='{MAM}'>{rsm(max=250)}</query></iq>")
            client.drop()
        juliet.nothing(romeo)
        assert len(query(juliet, rsm(max=3)).results) == 3
        assert server.ask("get_offline_count", juliet.user, juliet.host).strip() == "0"

    def test_many(self, ten):
        """As many queries as anybody sends are answered, in order, or refused."""
        ten.send("".join(f"<iq type='set' id='many{n}'><query xmlns='{MAM}' queryid='{n}'/></iq>" for n in range(200)))
        answers = [ten.take(lambda each, n=n: each.get("id") == f"many{n}") for n in range(200)]
        done = [n for n, each in enumerate(answers) if each.get("type") == "result"]
        got = Answer(ten, answers[done[0]])
        assert [each.find(f"{{{MAM}}}result").get("queryid") for each in got.results] == [
            str(n) for n in done for _ in range(10)]
        for each in answers:
            if each.get("type") == "error":
                assert Answer(ten, each).error == "resource-constraint"


class TestCommands:
    def test_count_and_remove(self, server, ten, romeo):
        fill(server, romeo, 2)
        assert server.ask("get_mam_count", ten.user, ten.host).strip() == "10"
        assert "MAM archive removed" in server.ask("remove_mam_for_user", ten.user, ten.host)
        assert server.ask("get_mam_count", ten.user, ten.host).strip() == "0"
        assert not query(ten).results and len(query(romeo).results) == 2

    def test_remove_with_peer(self, server, juliet):
        fill(server, juliet, 3, peer="a@x.lit/1", body="word {}")
        fill(server, juliet, 600, peer="b@x.lit/1", first=3, body="word {}")
        assert query(juliet, form(field(FULLTEXT, "word")), rsm(max=0)).text("count") == "603"
        assert "MAM archive removed" in server.ask("remove_mam_for_user_with_peer", juliet.user, juliet.host,
                                                   "B@x.lit")
        assert query(juliet).numbers == [0, 1, 2]
        assert query(juliet, form(field(FULLTEXT, "word"))).numbers == [0, 1, 2]

    def test_delete_old(self, server, ten, romeo):
        """All hosts, and only what is old."""
        fill(server, ten, 1100, first=10, kind="groupchat")
        ten.message(romeo.bare, "new")
        ten.settle()
        server.ask("delete_old_mam_messages", "groupchat", 1)
        assert server.ask("get_mam_count", ten.user, ten.host).strip() == "11"
        server.ask("delete_old_mam_messages", "chat", 10)
        assert query(ten).bodies == ["new"]
        server.ask("delete_old_mam_messages", "all", 0)
        assert not query(ten).results

    def test_batch(self, server, juliet):
        fill(server, juliet, 1200)
        started = server.ask("delete_old_mam_messages_batch", juliet.host, "all", 31, 1000, 100000000)
        assert re.search(r"Removal of \d+ messages in progress", started)
        status = wait.until(lambda: "completed" in (text := server.ask("delete_old_mam_messages_status", juliet.host))
                            and text, "the operation is over")
        assert re.search(r"completed, \d+ messages deleted", status)
        assert not query(juliet).results

    def test_abort(self, server, juliet):
        fill(server, juliet, 300)
        server.ask("delete_old_mam_messages_batch", juliet.host, "all", 31, 100, 1)
        wait.until(lambda: count_rows(server, juliet) < 300, "the first step")
        assert "in progress" in server.ask("delete_old_mam_messages_status", juliet.host)
        done = server.ctl("delete_old_mam_messages_batch", juliet.host, "all", 31, 100, 1)
        assert done.returncode != 0 and "in progress" in done.stdout + done.stderr
        assert "Operation aborted" in server.ask("abort_delete_old_mam_messages", juliet.host)
        assert "Operation aborted" in server.ask("delete_old_mam_messages_status", juliet.host)
        assert "No operation" in server.ask("abort_delete_old_mam_messages", juliet.host)
        wait.until(lambda: server.ctl("delete_old_mam_messages_batch", juliet.host, "all", 31, 500, 10 ** 9).returncode
                   == 0, "another one begins")
        wait.until(lambda: "completed" in server.ask("delete_old_mam_messages_status", juliet.host), "it is over")
        assert count_rows(server, juliet) == 0

    @pytest.mark.parametrize("arguments", [
        ("delete_old_mam_messages", "some", 1), ("delete_old_mam_messages", "all", -1),
        ("delete_old_mam_messages", "all", 10 ** 12), ("delete_old_mam_messages_batch", "localhost", "all", 1, 0, 1),
        ("delete_old_mam_messages_batch", "localhost", "all", 1, 1, 0),
        ("delete_old_mam_messages_batch", "elsewhere", "all", 1, 1, 1), ("delete_old_mam_messages_status", "elsewhere"),
        ("abort_delete_old_mam_messages", "elsewhere"), ("remove_mam_for_user", "x", "elsewhere"),
        ("remove_mam_for_user_with_peer", "x", "localhost", "a@@b"), ("get_mam_count", "x", "elsewhere")])
    def test_refused(self, server, arguments):
        assert server.ctl(*arguments).returncode != 0

    def test_account_goes_with_its_archive(self, server, ten):
        query(ten, form(field(FULLTEXT, "message")))
        server.ask("unregister", ten.user, ten.host)
        wait.until(lambda: count_rows(server, ten) == 0, "the archive is gone")


class TestLibrary:
    def test_slixmpp(self, server, ten):
        """Its XEP-0313 pages through everything by itself."""
        slixmpp = pytest.importorskip("slixmpp")
        assert slixmpp
        from harness import bots

        async def scene(bot):
            await bot.ready.wait()
            bot.register_plugin("xep_0313")
            mam = bot["xep_0313"]
            bodies = []
            async for each in mam.iterate(rsm={"max": "3"}):
                bodies.append(each["mam_result"]["forwarded"]["stanza"]["body"])
            assert bodies == [f"message {n}" for n in range(10)]
            bodies = []
            async for each in mam.iterate(rsm={"max": "4"}, reverse=True):
                bodies.append(each["mam_result"]["forwarded"]["stanza"]["body"])
            assert sorted(bodies) == [f"message {n}" for n in range(10)]
            metadata = await mam.get_archive_metadata()
            assert metadata["mam_metadata"]["start"]["id"] == archive_id(0)
            fields = await mam.get_fields()
            assert "with" in fields.get_fields()
        authority = server.certificates[0].crt
        bots.play(scene, lambda: bots.Bot(f"{ten.bare}/bot", server, authority))
