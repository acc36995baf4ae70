# SPDX-License-Identifier: Apache-2.0
"""RFC 6121 8: where a stanza goes, every row of the tables."""
import pytest

from harness import ns
from harness.stream import show

TYPES = ("normal", "chat", "groupchat", "headline", "error")

# What may happen: S silence, E an error to the sender, O kept for later, D delivered to that
# resource, M to the most available or all non-negative ones, A to all non-negative ones.
#   condition, address: outcome for normal, chat, groupchat, headline, error
MESSAGES = {
    ("no account", "bare"): ("SE", "SE", "SE", "SE", "S"),
    ("no account", "full"): ("SE", "SE", "SE", "SE", "S"),
    ("no resource", "bare"): ("O", "O", "E", "S", "S"),
    ("no resource", "full"): ("SEO", "O", "SE", "SE", "S"),
    ("negative", "bare"): ("O", "O", "E", "S", "S"),
    ("negative", "match"): ("D", "D", "D", "D", "D"),
    ("negative", "full"): ("SEO", "O", "SE", "SE", "S"),
    ("one", "bare"): ("M", "M", "E", "A", "S"),
    ("one", "match"): ("D", "D", "D", "D", "D"),
    ("one", "full"): ("SEM", "M", "SE", "SE", "S"),
    ("two", "bare"): ("M", "M", "E", "A", "S"),
    ("two", "match"): ("D", "D", "D", "D", "D"),
    ("two", "full"): ("SEM", "M", "SE", "SE", "S"),
    ("equal", "bare"): ("M", "M", "E", "A", "S"),
    ("mixed", "bare"): ("M", "M", "E", "A", "S"),
}
PRIORITIES = {"no account": (), "no resource": (), "negative": (-1,), "one": (0,), "two": (1, 5),
              "equal": (2, 2), "mixed": (-1, 3)}


class Stage:
    """Romeo, who sends, and juliet with as many resources as the condition says."""

    def __init__(self, cast, condition):
        self.cast, self.priorities = cast, PRIORITIES[condition]
        if condition != "no account":
            cast.account("juliet")
        self.romeo = cast.online("romeo")
        self.julietta = [cast.client("juliet", f"r{number}").online(priority=priority)
                         for number, priority in enumerate(self.priorities)]
        cast.settle()
        name = cast.names.get("juliet", "no-such-user")
        self.bare = f"{name}@localhost"

    def address(self, form):
        return {"bare": self.bare, "full": self.bare + "/nowhere", "match": self.bare + "/r0"}[form]

    def outcome(self):
        """One of the letters, from who received what, and who found it at the next log-in."""
        got = [client.settle(self.romeo) for client in self.julietta]
        where = [number for number, stanzas in enumerate(got) if stanzas]
        assert all(len(stanzas) <= 1 for stanzas in got), "delivered twice"
        if where:
            return where
        errors = self.romeo.settle(via=self.bare)
        if errors:
            assert errors[0].get("type") == "error", show(errors[0])
            return "E"
        return "O" if self.stored() else "S"

    def stored(self):
        if "juliet" not in self.cast.names:
            return False
        later = self.cast.client("juliet", "later").login()
        later.presence(priority=0)
        return any(each.tag.endswith("}message") for each in later.settle(self.romeo))

    def allowed(self, letter):
        """The lists of recipients that a letter stands for."""
        fit = [number for number, priority in enumerate(self.priorities) if priority >= 0]
        best = [number for number in fit if self.priorities[number] == max(self.priorities)]
        return {"D": [[0]], "A": [fit], "M": [fit, best, best[:1], best[-1:]]}.get(letter, [letter])


@pytest.mark.parametrize("type", TYPES)
@pytest.mark.parametrize("condition, form", MESSAGES, ids=lambda value: value.replace(" ", "-"))
def test_message(cast, condition, form, type):
    stage = Stage(cast, condition)
    child = "<error type='cancel'/>" if type == "error" else ""
    stage.romeo.send(f"<message to='{stage.address(form)}' type='{type}'><body>hi</body>{child}"
                     "</message>")
    got = stage.outcome()
    letters = MESSAGES[condition, form][TYPES.index(type)]
    assert any(got in stage.allowed(letter) for letter in letters), f"wanted {letters}, got {got}"


@pytest.mark.parametrize("target", ["no-such-user@localhost", "no-such-user@localhost/x"])
def test_error_for_nobody(cast, target):
    """RFC 6121 8.5.1: when the server does answer, it says service-unavailable."""
    romeo = cast.online("romeo")
    romeo.message(target)
    for error in romeo.settle(via=target):
        assert error.get("from") == target
        assert error.find(f".//{{{ns.STANZA_ERRORS}}}service-unavailable") is not None


class TestIq:
    """RFC 6121 8.5 for IQs, and RFC 6120 8.2.3"""

    @pytest.mark.parametrize("type", ["get", "set"])
    @pytest.mark.parametrize("target", ["no-such-user@localhost", "no-such-user@localhost/x",
                                        "{juliet}/nowhere", "{juliet}", "localhost"])
    def test_request_that_nobody_serves(self, cast, type, target):
        romeo, juliet = cast.online("romeo", "juliet")
        target = target.format(juliet=juliet.bare)
        reply = romeo.iq(type, "<query xmlns='urn:nonsense'/>", to=target)
        assert reply.get("type") == "error" and reply.get("from") == target
        assert reply.find(f".//{{{ns.STANZA_ERRORS}}}service-unavailable") is not None, show(reply)
        cast.nothing(juliet)

    def test_unknown_query_to_the_server_without_address(self, cast):
        reply = cast.online("romeo").iq("get", "<query xmlns='urn:nonsense'/>")
        assert reply.get("type") == "error"

    @pytest.mark.parametrize("type", ["get", "set"])
    def test_request_and_answer(self, cast, type):
        romeo, juliet = cast.online("romeo", "juliet")
        romeo.send(f"<iq type='{type}' id='x1' to='{juliet.full}'><q xmlns='urn:q'/></iq>")
        juliet.expect("<iq type='%s' id='x1' from='{r}'><q xmlns='urn:q'/></iq>" % type, r=romeo.full)
        juliet.send(f"<iq type='result' id='x1' to='{romeo.full}'><a xmlns='urn:q'/></iq>")
        romeo.expect("<iq type='result' id='x1' from='{j}'><a xmlns='urn:q'/></iq>", j=juliet.full)
        cast.nothing(romeo)

    def test_error_answer_passes(self, cast):
        romeo, juliet = cast.online("romeo", "juliet")
        juliet.send(f"<iq type='error' id='x2' to='{romeo.full}'><error type='cancel'>"
                    f"<gone xmlns='{ns.STANZA_ERRORS}'/></error></iq>")
        romeo.expect("<iq type='error' id='x2'>{more}</iq>")
        cast.nothing(juliet)

    @pytest.mark.parametrize("target", ["{juliet}", "{juliet}/nowhere", "no-such-user@localhost",
                                        "localhost"])
    @pytest.mark.parametrize("type", ["result", "error"])
    def test_stray_answer_is_dropped(self, cast, type, target):
        """An answer is never answered."""
        romeo, juliet = cast.online("romeo", "juliet")
        target = target.format(juliet=juliet.bare)
        romeo.send(f"<iq type='{type}' id='stray' to='{target}'/>")
        assert not [each for each in romeo.settle(via=target) if each.get("type") == "error"]

    @pytest.mark.parametrize("text", ["<iq type='get'><ping xmlns='urn:xmpp:ping'/></iq>",
                                      "<iq id='b1' type='nonsense'><ping xmlns='urn:xmpp:ping'/></iq>",
                                      "<iq id='b1'><ping xmlns='urn:xmpp:ping'/></iq>",
                                      "<iq id='b1' type='get'/>",
                                      "<iq id='b1' type='get'><a xmlns='urn:a'/><b xmlns='urn:b'/></iq>"],
                             ids=["no id", "bad type", "no type", "no child", "two children"])
    def test_bad_request(self, cast, text):
        romeo = cast.client("romeo").login()
        romeo.send(text)
        reply = romeo.recv()
        assert reply.get("type") == "error", show(reply)
        assert reply.find(f".//{{{ns.STANZA_ERRORS}}}bad-request") is not None, show(reply)

    def test_server_answers_for_the_account(self, cast):
        """RFC 6121 8.5.2.1.3: an IQ to a bare JID never reaches a client."""
        romeo, juliet = cast.online("romeo", "juliet")
        romeo.iq("get", f"<query xmlns='{ns.DISCO_INFO}'/>", to=juliet.bare)
        cast.nothing(juliet)


class TestSender:
    def test_is_stamped(self, cast):
        """RFC 6120 8.1.2.1"""
        romeo, juliet = cast.online("romeo", "juliet")
        for text in ("<message to='{j}'><body>x</body></message>", "<presence to='{j}'/>",
                     "<iq type='get' id='s1' to='{j}'><q xmlns='urn:q'/></iq>"):
            romeo.send(text.format(j=juliet.full))
            assert juliet.recv().get("from") == romeo.full

    def test_message_without_address_is_for_oneself(self, cast):
        """RFC 6120 10.3.1"""
        one, two = cast.online("romeo/one"), cast.online("romeo/two")
        cast.settle()
        one.send("<message type='headline'><body>note</body></message>")
        for client in (one, two):
            client.expect("<message from='{one}'>{more}<body>note</body></message>", one=one.full)

    @pytest.mark.parametrize("to", ["@localhost", "a@@localhost", "a b@localhost", "localhost/",
                                    "a@" + "b" * 1100, "x" * 1100 + "@localhost"], ids=range(6))
    def test_impossible_address(self, cast, to):
        romeo = cast.client("romeo").login()
        romeo.send(f"<message to='{to}' type='chat' id='m'><body>x</body></message>")
        got = romeo.recv()
        if got.tag != f"{{{ns.STREAM}}}error":
            assert got.find(f".//{{{ns.STANZA_ERRORS}}}jid-malformed") is not None, show(got)

    def test_order_is_kept(self, cast):
        romeo, juliet = cast.online("romeo", "juliet")
        romeo.send("".join(f"<message to='{juliet.full if n % 2 else juliet.bare}' type='chat'>"
                           f"<body>{n}</body></message>" for n in range(200)))
        got = [juliet.recv().findtext(f"{{{ns.CLIENT}}}body") for _ in range(200)]
        assert got == [str(n) for n in range(200)]
