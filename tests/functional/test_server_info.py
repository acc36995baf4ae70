# SPDX-License-Identifier: Apache-2.0
"""XEP-0199 ping, XEP-0202 time, XEP-0092 version, XEP-0030 discovery, XEP-0157, XEP-0115."""
import base64
import datetime
import hashlib
import re

import pytest

from harness import ns
from harness.settings import Settings
from harness.stream import show

SETTINGS = Settings(contact="mailto:abuse@localhost")
INFO = f"{{{ns.DISCO_INFO}}}"


@pytest.fixture
def romeo(cast):
    return cast.client("romeo").login()


def condition(reply):
    assert reply.get("type") == "error", show(reply)
    return {child.tag.partition("}")[2] for child in reply.find(f"{{{ns.CLIENT}}}error")}


def discover(client, to="localhost", node=None, what=ns.DISCO_INFO):
    attribute = f" node='{node}'" if node else ""
    return client.iq("get", f"<query xmlns='{what}'{attribute}/>", to=to)


def features(reply):
    return {each.get("var") for each in reply.iter(f"{INFO}feature")}


class TestPing:
    @pytest.mark.parametrize("to", ["localhost", None, "{bare}"])
    def test_answered(self, romeo, to):
        to = to.format(bare=romeo.bare) if to else None
        reply = romeo.iq("get", f"<ping xmlns='{ns.PING}'/>", to=to)
        assert reply.get("type") == "result" and len(reply) == 0
        assert reply.get("from") in (to, romeo.bare, None if to != "localhost" else to)
        assert reply.get("to") in (None, romeo.full)

    def test_set(self, romeo):
        assert condition(romeo.iq("set", f"<ping xmlns='{ns.PING}'/>", to="localhost"))

    def test_between_clients(self, cast):
        romeo, juliet = cast.online("romeo", "juliet")
        romeo.send(f"<iq type='get' id='p' to='{juliet.full}'><ping xmlns='{ns.PING}'/></iq>")
        juliet.expect("<iq type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>")


class TestTime:
    def test_now(self, romeo):
        reply = romeo.iq("get", f"<time xmlns='{ns.TIME}'/>", to="localhost")
        text = reply.findtext(f".//{{{ns.TIME}}}utc")
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", text)
        told = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
        assert abs(told - datetime.datetime.now(datetime.timezone.utc)).total_seconds() < 60
        zone = reply.findtext(f".//{{{ns.TIME}}}tzo")
        assert zone == "Z" or re.fullmatch(r"[+-]\d\d:\d\d", zone)

    def test_set(self, romeo):
        assert condition(romeo.iq("set", f"<time xmlns='{ns.TIME}'/>", to="localhost"))


class TestVersion:
    def test_names(self, romeo, server):
        query = romeo.iq("get", f"<query xmlns='{ns.VERSION}'/>", to="localhost")[0]
        assert query.findtext(f"{{{ns.VERSION}}}name").lower() == server.name
        assert query.findtext(f"{{{ns.VERSION}}}version")

    def test_set(self, romeo):
        assert condition(romeo.iq("set", f"<query xmlns='{ns.VERSION}'/>", to="localhost"))


class TestInfo:
    def test_identity(self, romeo):
        reply = discover(romeo)
        kinds = {(each.get("category"), each.get("type")) for each in reply.iter(f"{INFO}identity")}
        assert ("server", "im") in kinds

    @pytest.mark.parametrize("feature", [ns.DISCO_INFO, ns.DISCO_ITEMS, ns.PING, ns.TIME, ns.VERSION,
                                         ns.LAST, ns.REGISTER])
    def test_features(self, romeo, feature):
        assert feature in features(discover(romeo))

    def test_every_feature_once(self, romeo):
        names = [each.get("var") for each in discover(romeo).iter(f"{INFO}feature")]
        assert len(names) == len(set(names))

    def test_unknown_node(self, romeo):
        assert "item-not-found" in condition(discover(romeo, node="no-such-node"))

    def test_set(self, romeo):
        reply = romeo.iq("set", f"<query xmlns='{ns.DISCO_INFO}'/>", to="localhost")
        assert condition(reply)

    def test_own_account(self, romeo):
        reply = discover(romeo, romeo.bare)
        kinds = {(each.get("category"), each.get("type")) for each in reply.iter(f"{INFO}identity")}
        assert ("account", "registered") in kinds

    def test_account_of_a_stranger(self, cast):
        """XEP-0030 8: not for those who may not see the presence; and nobody looks the same."""
        romeo, tybalt = cast.online("romeo", "tybalt")
        answers = [condition(discover(romeo, each)) - {"text"}
                   for each in (tybalt.bare, "no-such-user@localhost")]
        assert answers[0] == answers[1]

    def test_account_of_a_friend(self, cast):
        cast.friends("romeo", "juliet")
        romeo = cast.client("romeo").online()
        reply = discover(romeo, cast.client("juliet").bare)
        assert reply.get("type") == "result", show(reply)

    def test_answer_names_node(self, romeo):
        reply = discover(romeo)
        assert reply.get("from") == "localhost" and reply[0].tag == f"{INFO}query"


class TestItems:
    def test_of_the_server(self, romeo):
        reply = discover(romeo, what=ns.DISCO_ITEMS)
        assert reply.get("type") == "result"

    def test_unknown_node(self, romeo):
        assert "item-not-found" in condition(discover(romeo, node="no-such", what=ns.DISCO_ITEMS))

    def test_own_resources(self, cast):
        one, two = cast.online("romeo/one"), cast.online("romeo/two")
        reply = discover(one, one.bare, what=ns.DISCO_ITEMS)
        found = {each.get("jid") for each in reply.iter(f"{{{ns.DISCO_ITEMS}}}item")}
        assert {one.full, two.full} <= found

    def test_of_a_stranger(self, cast):
        romeo, tybalt = cast.online("romeo", "tybalt")
        reply = discover(romeo, tybalt.bare, what=ns.DISCO_ITEMS)
        found = {each.get("jid") for each in reply.iter(f"{{{ns.DISCO_ITEMS}}}item")}
        assert tybalt.full not in found


class TestContact:
    def test_form(self, romeo):
        """XEP-0128 and XEP-0157"""
        form = discover(romeo).find(f".//{{{ns.DATA}}}x")
        values = {field.get("var"): [value.text for value in field.iter(f"{{{ns.DATA}}}value")]
                  for field in form}
        assert form.get("type") == "result"
        assert values["FORM_TYPE"] == ["http://jabber.org/network/serverinfo"]
        assert values["abuse-addresses"] == ["mailto:abuse@localhost"]
        assert form.find(f"{{{ns.DATA}}}field[@var='FORM_TYPE']").get("type") == "hidden"


def verification_string(reply):
    """XEP-0115 5.1"""
    parts = sorted("/".join((each.get("category"), each.get("type"),
                             each.get("{http://www.w3.org/XML/1998/namespace}lang") or "",
                             each.get("name") or "")) for each in reply.iter(f"{INFO}identity"))
    parts += sorted(features(reply))
    for form in reply.iter(f"{{{ns.DATA}}}x"):
        fields = {field.get("var"): sorted(value.text or "" for value in
                                           field.iter(f"{{{ns.DATA}}}value")) for field in form}
        parts += fields.pop("FORM_TYPE")
        for name in sorted(fields):
            parts += [name, *fields[name]]
    return "<".join(parts) + "<"


class TestCaps:
    def announced(self, cast):
        romeo = cast.client("romeo").connect().open()
        romeo.authenticate()
        caps = romeo.open().features.find(f"{{{ns.CAPS}}}c")
        romeo.bind()
        return romeo, caps

    def test_announced(self, cast):
        _, caps = self.announced(cast)
        assert caps.get("hash") == "sha-1" and caps.get("node") and caps.get("ver")

    def test_hash_is_that_of_disco_info(self, cast):
        romeo, caps = self.announced(cast)
        text = verification_string(discover(romeo))
        assert base64.b64encode(hashlib.sha1(text.encode()).digest()).decode() == caps.get("ver")

    def test_node_is_answered(self, cast):
        romeo, caps = self.announced(cast)
        node = f"{caps.get('node')}#{caps.get('ver')}"
        reply = discover(romeo, node=node)
        assert reply.get("type") == "result" and reply[0].get("node") == node
        assert features(reply) == features(discover(romeo))
